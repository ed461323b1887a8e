"""What superiors may do, through the API. GB-C137."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access.rights import Right, StreamChoice
from cascade.rights.permits import subject_of
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import DeviceControl, PtzCommand
from sipserver.gb.ptz import Move
from tests.integration.console.test_superiors import SIP, superior
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

SUPERIOR = "34019999002000000001"
OFFICE = {"weekdays": [1, 2, 3, 4, 5], "start": "08:00", "end": "18:00"}
DECIDED: dict[str, Any] = {
    "grants": [
        {"actions": ["live", "ptz"], "scope": "region", "value": "3401", "hours": [OFFICE]},
        {"actions": ["live"], "scope": "channel", "value": f"{SUPERIOR}~{SUPERIOR}", "hours": []},
        {"actions": ["talk"], "scope": "group", "value": SUPERIOR, "hours": []},
    ],
    "limits": {"streams": 4, "kbps": 20_000, "stream": "sub", "priority": 60},
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    above = SmallPlatform()
    async with small_site(tmp_path, sip=SIP) as opened:
        await above.transport.open()
        assert (await opened.api.post("/superiors", json=superior(above, enabled=False))).status_code == 201
        yield opened
        await above.transport.close()


async def test_what_was_decided_is_told_and_kept(site: SmallSite) -> None:
    path = f"/superiors/{SUPERIOR}/grants"
    first = (await site.api.get(path)).json()
    assert first["is_initial"]
    assert first["grants"] == [
        {"actions": ["live", "playback", "download"], "scope": "all", "value": "", "hours": []}
    ]
    assert first["limits"] == {"streams": None, "kbps": None, "stream": "as_asked", "priority": 40}
    decided = await site.api.put(path, json=DECIDED)
    assert decided.status_code == 200, decided.text
    found = (await site.api.get(path)).json()
    assert found == decided.json()
    assert not found["is_initial"]
    assert {name: found[name] for name in DECIDED} == DECIDED
    assert found["usage"] == {"streams": 0, "kbps": 0.0, "moving": 0, "refused": 0}
    policy = site.platform.rights.policy(subject_of(SUPERIOR))
    assert policy.grants[0].actions == {Right.LIVE, Right.PTZ}
    assert (policy.limits.kbps, policy.limits.stream) == (20_000, StreamChoice.SUB)
    assert (await site.api.delete(path)).status_code == 204
    assert (await site.api.get(path)).json() == first


async def test_decisions_are_in_the_audit_log_of_the_superior(site: SmallSite) -> None:
    for _ in range(3):
        assert (await site.api.put(f"/superiors/{SUPERIOR}/grants", json=DECIDED)).status_code == 200
    page = (await site.api.get(f"/superiors/{SUPERIOR}/audit?limit=2")).json()
    assert [each["detail"]["did"] for each in page["items"]] == ["decide rights"] * 2
    assert page["items"][0]["detail"]["rights"]["limits"]["streams"] == 4
    rest = (await site.api.get(f"/superiors/{SUPERIOR}/audit?cursor={page['next']}")).json()
    assert [each["detail"]["did"] for each in rest["items"]] == ["decide rights", "enter superior"]
    assert rest["next"] is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"grants": [{"actions": []}]}, "actions"),
    ({"grants": [{"actions": ["fly"]}]}, "actions"),
    ({"grants": [{"actions": ["live", "live"]}]}, "twice"),
    ({"grants": [{"actions": ["live"], "scope": "region", "value": "x"}]}, "region"),
    ({"grants": [{"actions": ["live"], "scope": "region"}]}, "region"),
    ({"grants": [{"actions": ["live"], "scope": "channel", "value": SUPERIOR}]}, "device~channel"),
    ({"grants": [{"actions": ["live"], "value": "3401"}]}, "other than all"),
    ({"grants": [{"actions": ["live"], "hours": [{"weekdays": []}]}]}, "weekdays"),
    ({"grants": [{"actions": ["live"], "hours": [{"weekdays": [8]}]}]}, "weekdays"),
    ({"grants": [{"actions": ["live"], "hours": [OFFICE | {"start": "24:00"}]}]}, "start"),
    ({"grants": [{"actions": ["live"], "hours": [OFFICE | {"end": "00:00"}]}]}, "24:00"),
    ({"grants": [], "limits": {"streams": -1}}, "streams"),
    ({"grants": [], "limits": {"priority": 101}}, "priority"),
    ({"grants": [], "limit": {}}, "limit"),
    ({}, "grants"),
]


async def test_what_makes_no_sense_is_refused_and_said(site: SmallSite) -> None:
    for wrong, says in WRONG:
        answer = await site.api.put(f"/superiors/{SUPERIOR}/grants", json=wrong)
        assert answer.status_code == 422, wrong
        assert says in answer.json()["detail"], wrong
    assert (await site.api.get(f"/superiors/{SUPERIOR}/grants")).json()["is_initial"]


async def test_of_a_superior_that_is_not_there(site: SmallSite) -> None:
    path = "/superiors/34019999002000000002"
    for method, end in (("get", "grants"), ("delete", "grants"), ("get", "audit")):
        assert (await getattr(site.api, method)(f"{path}/{end}")).json()["code"] == "unknown-superior"
    assert (await site.api.put(f"{path}/grants", json=DECIDED)).json()["code"] == "unknown-superior"


async def test_what_is_decided_here_is_what_the_superior_can_do(tmp_path: Path) -> None:
    """From the API to the camera's head and back, and all of it to be read afterwards."""
    above = SmallPlatform()
    await above.transport.open()
    async with small_site(tmp_path, sip=SIP) as site:
        camera = await site.add_camera(edition=Edition.V3_0)
        (channel,) = camera.settings.all_channel_ids
        path = f"/superiors/{PLATFORM_ID}"
        entered = superior(above, superior_id=PLATFORM_ID, own_id="34010000002000000001")
        assert (await site.api.post("/superiors", json=entered)).status_code == 201
        post = site.platform.superiors.get(PLATFORM_ID)
        await above.until(lambda: post.link.is_online)

        async def turn(move: Move) -> int:
            command = DeviceControl("7", GbId(channel), PtzCommand(move.to_frame().serialize()))
            return (await above.send(channel, command.to_xml())).status

        assert await turn(Move(pan=50)) == 403
        may_move = {"grants": [{"actions": ["ptz"]}], "limits": {"priority": 90}}
        assert (await site.api.put(f"{path}/grants", json=may_move)).status_code == 200
        assert await turn(Move(pan=50)) == 200
        usage = (await site.api.get(f"{path}/grants")).json()["usage"]
        assert (usage["moving"], usage["refused"]) == (1, 1)
        assert (await site.api.put(f"{path}/grants", json={"grants": []})).status_code == 200
        heard = camera.control.received
        await above.until(lambda: len(heard) == 2)
        assert [each.command for each in heard] == [
            PtzCommand(move.to_frame().serialize()) for move in (Move(pan=50), Move())
        ]
        found: list[dict[str, Any]] = []

        async def is_written() -> bool:
            found[:] = (await site.api.get(f"{path}/audit")).json()["items"]
            return any(each["detail"].get("ended") == "no_right" for each in found)

        await eventually(is_written, "the log says that the movement ended")
        done = [(each["action"], each["outcome"], each["actor"]) for each in reversed(found)]
        me = subject_of(PLATFORM_ID)
        assert done.index(("superior.ptz", "refused", me)) < done.index(("superior.ptz", "done", me))
    await above.transport.close()
