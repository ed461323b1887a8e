"""Recordings of a device that are passed on, against a device made of text. GB-C108, GB-C109, GB-C131."""

from __future__ import annotations

import asyncio

import pytest

from media.session import MediaSession
from sipserver.devices.errors import InviteEnded, KnownRefusal, NoAnswer, NoCapacity, NotInEdition, Refused
from sipserver.devices.history.relays import HistoryRelay
from sipserver.devices.history.stream import Outcome
from sipserver.devices.profiles.facets import Facet
from sipserver.gb.mansrtsp import Control
from sipserver.gb.sdp import SessionDescription, SessionKind
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import Message
from tests.integration.sipserver.test_history import END, KEY, START, accept, recorder, session_of

SEEK = b"PLAY RTSP/1.0\r\nCSeq: 31\r\nRange: npt=100-\r\n\r\n"
FAST = b"PLAY RTSP/1.0\r\nX-Their: own\r\nCSeq: 32\r\nScale: 4.0\r\n\r\n"


class Receiver:
    """Whoever is to get the pictures: ready when a test says so."""

    def __init__(self) -> None:
        self.answers: list[SessionDescription] = []
        self.ready = asyncio.Event()
        self.failure: Exception | None = None

    async def take(self, session: MediaSession, answer: SessionDescription) -> None:
        self.answers.append(answer)
        await self.ready.wait()
        if self.failure is not None:
            raise self.failure


async def relay(
    bench: Bench,
    receiver: Receiver | None = None,
    kind: SessionKind = SessionKind.PLAYBACK,
    speed: int | None = None,
) -> HistoryRelay:
    if receiver is None:
        receiver = Receiver()
        receiver.ready.set()
    return await bench.service.history_relays.open(
        KEY, START, END, kind, tag="superior", speed=speed, on_answer=receiver.take
    )


async def say(played: HistoryRelay, body: bytes) -> int:
    return (await played.pass_on(Control.parse(body), body)).status


async def test_the_device_is_acknowledged_when_the_receiver_is_ready(make_bench: MakeBench) -> None:
    """It sends from the ACK on, so nothing of the beginning is lost."""
    bench, device = await recorder(make_bench)
    receiver = Receiver()
    async with device:
        opening = asyncio.ensure_future(relay(bench, receiver, SessionKind.DOWNLOAD, 4))
        await until(lambda: receiver.answers)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any(each.method == "ACK" for each in device.seen if each.is_request)
        receiver.ready.set()
        played = await opening
        assert (await device.request("ACK")).get("CSeq") == "1 ACK"
        assert "a=downloadspeed:4" in (await device.request("INVITE")).body.decode()
        await played.stream.close()
        await device.request("BYE")


async def test_controls_are_passed_on_word_for_word(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        played = await relay(bench)
        assert await say(played, FAST) == 200
        assert (await device.request("INFO")).body == FAST
        assert (played.stream.scale, session_of(bench).retimed) == (4.0, [True])
        assert await say(played, b"PAUSE RTSP/1.0\r\nCSeq: 33\r\nPauseTime: now\r\n\r\n") == 200
        assert played.stream.paused_at is not None
        assert await say(played, SEEK) == 200
        assert (played.stream.position_s, played.stream.paused_at) == (100.0, None)
        played.stream.finish(Outcome.STOPPED)
        await played.stream.close()


async def test_a_device_of_2011_is_told_with_its_own_start_line(make_bench: MakeBench) -> None:
    """Q71: refused once, and from then on known."""
    bench, device = await recorder(make_bench)

    def obey(request: Message) -> bytes:
        return device.response(request, 200 if b"MANSRTSP/1.0" in request.body else 400)

    device.answers["INFO"] = obey
    async with device:
        played = await relay(bench)
        assert await say(played, SEEK) == 200
        assert await say(played, FAST) == 200
        said = [each.body for each in device.seen if each.is_request and each.method == "INFO"]
        assert [body.split(b"\r\n")[0] for body in said] == [
            b"PLAY RTSP/1.0", b"PLAY MANSRTSP/1.0", b"PLAY MANSRTSP/1.0",
        ]  # fmt: skip
        assert b"CSeq: 31" in said[1]


async def test_what_the_device_is_known_not_to_do_is_not_asked(make_bench: MakeBench) -> None:
    """GB-C109: backwards goes to devices of 2022 alone."""
    bench, device = await recorder(make_bench)
    async with device:
        played = await relay(bench)
        with pytest.raises(NotInEdition):
            await say(played, b"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: -1.0\r\n\r\n")
        bench.service.profiles.learn(DEVICE_ID, Facet.SEEK, "clock", "a test")
        assert await say(played, SEEK) == 200
        assert b"Range: clock=20240501T080140-" in (await device.request("INFO")).body
        bench.service.profiles.learn(DEVICE_ID, Facet.SEEK, "none", "a test")
        with pytest.raises(KnownRefusal):
            await say(played, SEEK)


async def test_a_refusal_and_a_silence_reach_the_receiver(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        played = await relay(bench)
        device.answers["INFO"] = lambda request: device.response(request, 503)
        assert await say(played, FAST) == 503
        assert played.stream.scale == 1.0
        device.answers["INFO"] = lambda request: None
        with pytest.raises(NoAnswer):
            await say(played, SEEK)


async def test_a_receiver_that_fails_ends_the_stream_at_the_device(make_bench: MakeBench) -> None:
    """ACK, then BYE: the device had accepted."""
    bench, device = await recorder(make_bench)
    receiver = Receiver()
    receiver.ready.set()
    receiver.failure = InviteEnded("the receiver is gone")
    async with device:
        with pytest.raises(InviteEnded, match="gone"):
            await relay(bench, receiver)
        await device.request("ACK")
        await device.request("BYE")
        await until(lambda: bench.service.invites.all() == [])


async def test_a_refusal_of_the_device_and_too_many_at_once(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        device.answers["INVITE"] = lambda request: device.response(request, 404)
        with pytest.raises(Refused):
            await relay(bench)
        device.answers["INVITE"] = lambda request: accept(device, request)
        for _ in range(2):
            await relay(bench)
        with pytest.raises(NoCapacity, match="playbacks_max"):
            await relay(bench)


async def test_an_answer_that_is_no_answer_asks_no_receiver(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    device.answers["INVITE"] = lambda request: device.response(
        request,
        200,
        headers="Contact: <sip:a@10.1.2.3>\r\nContent-Type: application/sdp\r\n",
        body=b"v=0\r\n",
    )
    receiver = Receiver()
    async with device:
        with pytest.raises(Exception, match="SDP"):
            await relay(bench, receiver)
        assert receiver.answers == []
        await device.request("BYE")
