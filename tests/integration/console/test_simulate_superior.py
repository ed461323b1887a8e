"""The simulated superior against a real platform with a simulated camera: what it sees is what is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from access.rights import Right
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.editions import Edition
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.run import KINDS, StepResult, run_steps
from sipserver.simulator.superior.settings import SuperiorSettings
from sipserver.simulator.superior.steps import parse_line
from sipserver.transport.settings import listen_pair
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

SIP = DeviceSettings(host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.0)
SUPERIOR_ID = "34000000002000000001"
OWN_ID = "34010000002000000001"
PASSWORD = "Province-1"
SMALL = PictureSettings(width=128, height=96, fps=10, gop_s=1.0, loop_s=2)


def recorded() -> tuple[RecordedSpan, ...]:
    """An hour that ended a while ago."""
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    return (RecordedSpan(end - timedelta(hours=1), end),)


@pytest.fixture
async def above() -> AsyncIterator[SimulatedSuperior]:
    settings = SuperiorSettings(
        superior_id=SUPERIOR_ID, listens=listen_pair(HOST, 0), password=PASSWORD, media_host=HOST
    )
    opened = SimulatedSuperior(settings)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def site(tmp_path: Path, above: SimulatedSuperior) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP) as opened:
        entered = {
            "superior_id": SUPERIOR_ID,
            "own_id": OWN_ID,
            "host": HOST,
            "port": above.transport.addresses[0].port,
            "password": PASSWORD,
            "shares": [{"kind": "all"}],
        }
        assert (await opened.api.post("/superiors", json=entered)).status_code == 201
        yield opened


async def do(above: SimulatedSuperior, directory: Path, *lines: str) -> list[StepResult]:
    steps = [parse_line(KINDS, line) for line in lines]
    return await run_steps(above, steps, directory=directory)


async def test_a_platform_passes_the_steps_and_its_pictures_are_written_to_files(
    site: SmallSite, above: SimulatedSuperior, tmp_path: Path
) -> None:
    """GB-C128, GB-C129, GB-C131."""
    camera = await site.add_camera()
    (channel,) = camera.settings.all_channel_ids
    results = await do(
        above,
        tmp_path,
        "wait-registered timeout_s=20",
        "options",
        f"catalogue at_least=2 contains={channel} timeout_s=5",
        "device-info",
        "device-status",
        f"device-info channel={channel}",
        "live seconds=1.2 save=udp.ps",
        "live seconds=1.2 transport=tcp-passive save=passive.ps",
        "live seconds=1.2 transport=tcp-active save=active.ps",
    )
    assert [str(each) for each in results if not each.passed] == []
    assert len(results) == 9
    assert results[0].told.startswith(OWN_ID)
    assert results[2].figures["ids"] == [OWN_ID, channel]
    for name in ("udp", "passive", "active"):
        with av.open(str(tmp_path / f"{name}.ps")) as container:
            assert sum(1 for _ in container.decode(video=0)) >= 20, name
    assert results[6].figures["lost"] == 0
    json.dumps([each.as_json() for each in results])


async def test_a_superior_that_misbehaves_is_answered_and_does_no_harm(
    site: SmallSite, above: SimulatedSuperior, tmp_path: Path
) -> None:
    """Repeated INVITEs, BYE twice, a flood, an unknown id, unknown elements, a false SumNum."""
    await site.add_camera()
    results = await do(
        above,
        tmp_path,
        "wait-registered timeout_s=20",
        "catalogue timeout_s=5",
        "bad-repeat-invite times=3",
        "bad-bye-twice",
        "bad-flood count=100",
        "bad-wrong-to",
        "bad-elements-2022",
        "bad-false-sum",
        "device-status",
    )
    assert [str(each) for each in results if not each.passed] == []
    assert results[3].told.startswith("answered with 200")
    assert results[5].told.startswith("refused with 404")
    assert (await site.api.get(f"/superiors/{SUPERIOR_ID}/streams")).json()["items"] == []


async def test_what_goes_wrong_is_told_with_its_reason(
    site: SmallSite, above: SimulatedSuperior, tmp_path: Path
) -> None:
    await site.add_camera()
    steps = ["wait-registered", "live", "catalogue at_least=50 timeout_s=5", "wait-notify timeout_s=0.2"]
    steps += ["live channel=34010000001329999999", "live save=no/such/directory.ps", "options subordinate=1"]
    results = await run_steps(
        above, [parse_line(KINDS, line) for line in steps], directory=tmp_path, keep_going=True
    )
    told = [each.told for each in results if not each.passed]
    assert len(told) == 6
    for text, reason in zip(
        told,
        (
            "no camera is known",
            "fewer than 50: 2 items",
            "no Catalog within 0.2 s",
            "answered with 404",
            "pictures cannot be written",
            "subordinate 1 is not registered",
        ),
        strict=True,
    ):
        assert reason in text
    assert len(await do(above, tmp_path, "wait-gone timeout_s=0.1", "options")) == 1


async def test_everything_that_a_superior_may_ask_for_is_asked_for(
    site: SmallSite, above: SimulatedSuperior, tmp_path: Path
) -> None:
    """GB-C131, GB-C133, GB-C134: controls, recordings, playback, download, subscriptions, announcements."""
    camera = await site.add_camera(edition=Edition.V3_0, pictures=SMALL, recordings=recorded())
    await site.api.put(f"/superiors/{SUPERIOR_ID}/grants", json={"grants": [{"actions": list(Right)}]})
    (channel,) = camera.settings.all_channel_ids
    first = [
        "wait-registered timeout_s=20",
        "catalogue at_least=2 timeout_s=5",
        "ptz seconds=0.2",
        "preset action=set number=3",
        "presets",
        "preset number=3",
        "control command=guard",
        "control command=keyframe",
        "query kind=HomePositionQuery",
        "query kind=ConfigDownload",
        "records at_least=1 hours=2",
        "playback seconds=1 pause_s=1.5 seek_s=30 scale=4 save=playback.ps",
        "download speed=4 longest_s=8 transport=tcp-passive save=download.ps",
        "bad-ten-years",
        "subscribe event=alarm",
        "subscribe event=catalogue",
    ]
    results = await do(above, tmp_path, *first)
    assert [str(each) for each in results if not each.passed] == []
    assert results[12].figures["end_of_file"] is True
    for name, least in (("playback", 10), ("download", 70)):
        with av.open(str(tmp_path / f"{name}.ps")) as container:
            assert sum(1 for _ in container.decode(video=0)) >= least, name
    assert len(camera.history.controls) >= 4

    camera.alarms.raise_alarm(method=5, alarm_type=2, priority=2)
    results = await do(above, tmp_path, "wait-notify event=alarm timeout_s=10")
    await camera.stop()
    results += await do(
        above, tmp_path, f"wait-notify event=catalogue contains={channel} timeout_s=10", "unsubscribe"
    )
    assert [str(each) for each in results if not each.passed] == []
    assert results[1].figures["events"] == ["OFF"]


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_a_camera_is_spoken_to(
    site: SmallSite, above: SimulatedSuperior, tmp_path: Path, over_tcp: bool
) -> None:
    settings = (await site.api.get(f"/superiors/{SUPERIOR_ID}")).json()
    kept = {name: settings[name] for name in ("own_id", "host", "port", "shares")}
    changed = await site.api.put(f"/superiors/{SUPERIOR_ID}", json=kept | {"speech_tcp": over_tcp})
    assert changed.status_code == 200, changed.text
    camera = await site.add_camera(edition=Edition.V3_0)
    await site.api.put(f"/superiors/{SUPERIOR_ID}/grants", json={"grants": [{"actions": list(Right)}]})
    lines = ["wait-registered", "catalogue timeout_s=5", "broadcast seconds=1"]
    results = await do(above, tmp_path, *lines)
    assert [str(each) for each in results if not each.passed] == []
    assert ("TCP" in results[-1].told) is over_tcp
    call = camera.audio.calls[-1]
    assert call.heard.tone_hz == pytest.approx(400, abs=20)
    assert call.heard.gaps == 0
