"""A lying or broken device can lose only its own answers: every command and method of a whole platform.

After each document the platform still answers another device, no handler and no task failed, and at the end
nothing is changed of what is known of that other device. ``HYPOTHESIS_PROFILE=fuzz`` tries harder.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from pathlib import Path
from typing import Final

import pytest

from tests.support.damage import DAMAGES, damaged
from tests.support.lying_device import (
    LIAR,
    LIAR_CHANNEL,
    NAMES,
    OTHER_CHANNELS,
    CrookedAnswers,
    Stage,
    ladder,
    liar_on_stage,
)
from tests.support.valid_bodies import COMMANDS, valid_body

TRIES: Final = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 2
SEED: Final = int(os.environ.get("TONGSHI_FUZZ_SEED", "28181"))
XML: Final = "Content-Type: Application/MANSCDP+xml\r\n"
QUESTIONS: Final = (
    ("POST", f"/devices/{LIAR}/catalog", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/presets?despite_edition=true", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/cruises?despite_edition=true", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/cruises/0?despite_edition=true", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/ptz/position?despite_edition=true", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/home-position?despite_edition=true", None),
    ("GET", f"/devices/{LIAR}/configuration", None),
    ("GET", f"/channels/{LIAR_CHANNEL}/sd-cards", None),
    ("PUT", f"/devices/{LIAR}/guard", {"armed": True}),
    ("POST", f"/devices/{LIAR}/alarms/reset", {}),
    ("PUT", f"/channels/{LIAR_CHANNEL}/home-position?despite_edition=true", {"enabled": True, "preset": 1}),
    (
        "GET",
        f"/channels/{LIAR_CHANNEL}/device-records?start=2026-05-01T00:00:00%2B08:00&end=2026-05-01T12:00:00%2B08:00",
        None,
    ),
    ("POST", f"/devices/{LIAR}/clock", None),
)


def _unheard(caplog: pytest.LogCaptureFixture) -> None:
    loud = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not loud, [record.getMessage() for record in loud][:3]


def _nothing_left_alone(stage: Stage) -> None:
    commands = set(stage.site.platform.devices._router.commands)
    assert commands <= set(COMMANDS), "tests/support/valid_bodies.py misses commands"


async def _send(stage: Stage, method: str, body: bytes, said: str) -> int:
    try:
        answer = await stage.liar.ask(method, headers=XML, body=body)
    except TimeoutError:
        pytest.fail(f"{said}: no answer to\n{ladder(body)}")
    finally:
        stage.liar.seen.clear()
        stage.liar.inbox.clear()
    return answer.status


async def test_damaged_documents_of_every_command(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(SEED)
    # Over TCP: some of these are too long for a datagram.
    async with liar_on_stage(tmp_path, "TCP") as stage:
        _nothing_left_alone(stage)
        before = await stage.others_rows()
        for command in COMMANDS:
            for name in DAMAGES:
                for number in range(TRIES):
                    text = valid_body(*command, device=LIAR, channel=LIAR_CHANNEL, sn=str(number))
                    body = damaged(text, name, dice, NAMES)
                    method = "NOTIFY" if number % 2 else "MESSAGE"
                    said = f"{method} {command} with {name}, seed {SEED}"
                    assert await _send(stage, method, body, said) in (200, 400, 481), said
                await stage.another_is_served()
        await _let_it_settle(stage)
        assert await stage.others_rows() == before
        _unheard(caplog)
        assert stage.site.platform.devices.presence.is_online(LIAR)


async def _let_it_settle(stage: Stage) -> None:
    """What was enqueued on the SIP path is stored: one more alarm and position of the liar's come through."""
    for command in (("Notify", "Alarm"), ("Notify", "MobilePosition")):
        body = valid_body(*command, device=LIAR, channel=LIAR_CHANNEL, sn="1")
        await _send(stage, "MESSAGE", body.encode("gb18030"), "whole")
    await asyncio.sleep(1.5)  # writers of every feature have had their turn
    await stage.another_is_served()


async def test_damaged_answers_to_every_question(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(SEED)
    async with liar_on_stage(tmp_path) as stage:
        before = await stage.others_rows()
        kinds = list(DAMAGES)
        crooked = CrookedAnswers(
            stage.liar, dice, lambda text: damaged(text, dice.choice(kinds), dice, NAMES)
        )
        stage.liar.answers["MESSAGE"] = crooked

        async def ask(method: str, path: str, body: object) -> None:
            answer = await stage.site.api.request(method, path, json=body)
            assert answer.status_code != 500, (path, answer.text)
            assert answer.is_success or "application/problem+json" in answer.headers["Content-Type"], path

        for _ in range(2 * min(TRIES, 20)):
            await asyncio.gather(*(ask(*question) for question in QUESTIONS))
            await stage.another_is_served()
        assert len(crooked.asked) >= 11, crooked.asked
        assert await stage.others_rows() == before
        _unheard(caplog)


_SDP: Final = (
    "v=0\r\no={channel} 0 0 IN IP4 127.0.0.2\r\ns=Play\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=recvonly\r\ny=0100000001\r\nf=v/////a/1/8/1\r\n"
)
_MANSRTSP: Final = "PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: 1.0\r\nRange: npt=0-\r\n\r\n"
METHODS: Final = {
    "REGISTER": ("", ""),
    "INVITE": ("Content-Type: application/sdp\r\n", _SDP),
    "INFO": ("Content-Type: Application/MANSRTSP\r\n", _MANSRTSP),
    "BYE": ("", ""),
    "OPTIONS": ("", ""),
    "SUBSCRIBE": (XML + "Event: presence\r\nExpires: 60\r\n", "Query"),
    "NOTIFY": (XML + "Event: presence\r\nSubscription-State: active;expires=9\r\n", "Notify"),
    "MESSAGE": (XML, "Notify"),
    "CANCEL": ("", ""),
    "ACK": ("", ""),
    "PRACK": ("", ""),
    "UPDATE": ("", ""),
}
_HEADERS: Final = (
    "Expires: 99999999999999999999\r\n", "Expires: -5\r\n", "Contact: *\r\n", "Contact: <<>>\r\n",
    "Event: \r\n", "Event: Catalog;id=" + "9" * 500 + "\r\n", "Subscription-State: terminated\r\n",
    "Subscription-State: \xff;expires=x\r\n", "Subject: " + "1:2," * 300 + "\r\n", "Subject: ,:,\r\n",
    "Content-Type: text/plain\r\n", "Content-Type: ;charset=\r\n", "Content-Type: a;charset=utf-16\r\n",
    "Authorization: Digest x\r\n", "Authorization: Note realm=\r\n", "X-GB-Ver: 99.9\r\n", "Date: never\r\n",
    "Require: 100rel\r\n", "Record-Route: <sip:127.0.0.3;lr>\r\n", "Max-Forwards: 0\r\n", "Via: x\r\n",
    "Note: Digest nonce=\"\"\r\n", "Monitor-User-Identity: " + "x" * 900 + "\r\n",
)  # fmt: skip


async def test_damaged_requests_of_every_method(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(SEED)
    async with liar_on_stage(tmp_path) as stage:
        methods = set(stage.site.platform.devices._router._methods) | {"CANCEL", "ACK"}
        assert methods <= set(METHODS), "a method of the router is not tried here"
        before = await stage.others_rows()
        for method, (headers, body) in METHODS.items():
            for number in range(25 * TRIES):
                stage.liar.send(_crooked_request(stage, method, headers, body, number, dice))
                if number % 10 == 9:
                    await stage.another_is_served()
            stage.liar.seen.clear()
            stage.liar.inbox.clear()
        await stage.another_is_served()
        assert await stage.others_rows() == before
        _unheard(caplog)


def _crooked_request(
    stage: Stage, method: str, headers: str, body: str, number: int, dice: random.Random
) -> bytes:
    if body in ("Query", "Notify"):
        body = valid_body(body, "Catalog", device=LIAR, channel=LIAR_CHANNEL)
    text = body.replace("{channel}", LIAR_CHANNEL)
    for _ in range(dice.choice((0, 1, 1, 3))):
        if text:
            at = dice.randrange(len(text))
            piece = dice.choice(("", "", "9" * 30, "\r\n", "-1", ":", "=", "\0", text[:at]))
            text = text[:at] + piece + text[at + dice.randrange(1, 40) :]
    extra = "".join(dice.sample(_HEADERS, dice.choice((0, 1, 1, 2, 4))))
    sender = dice.choice((LIAR, LIAR, LIAR_CHANNEL, *OTHER_CHANNELS, "x", ""))
    to = dice.choice((None, None, "<sip:x>;tag=1", f"<sip:{OTHER_CHANNELS[0]}@3402000000>;tag=2"))
    whole = stage.liar.text(
        method,
        branch=stage.liar.branch(),
        call_id=f"crooked-{method}-{number // 3}",
        cseq=dice.choice((1, 2, number, 2**31 - 1, 2**32)),
        headers=headers + extra,
        body=text.encode("gb18030", "replace"),
        from_=f"<sip:{sender}@3402000000>;tag=c{number % 5}",
        to=to,
    )
    if dice.random() < 0.2:
        at = dice.randrange(len(whole))
        whole = whole[:at] + dice.randbytes(3) + whole[at + 3 :]
    return whole
