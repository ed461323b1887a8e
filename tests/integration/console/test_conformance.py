"""Conformance runs against simulated devices, through the API: good ones, and one fault at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from access.roles import Role
from console.conformance import device_history
from console.conformance.cases import DEVICE_CASES
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.devices.uploads.settings import UploadSettings
from sipserver.gb.editions import Edition
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

SIP = DeviceSettings(
    host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.2, query_timeout_s=2.0
)
QUICK = {
    "sip": SIP,
    "history": HistorySettings(query_first_s=2.0, query_quiet_s=1.0, end_silence_s=1.0),
    "uploads": UploadSettings(burst_grace_s=2.0, notice_grace_s=0.5),
}
OF_2022 = {case.case_id for case in DEVICE_CASES if case.since is Edition.V3_0}


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallSite]:
    monkeypatch.setattr(device_history, "TO_THE_END_S", 3.0)
    async with small_site(tmp_path, **QUICK) as opened:
        yield opened


async def start(site: SmallSite, device: SimulatedDevice, **order: Any) -> httpx.Response:
    return await site.api.post(f"/devices/{device.settings.device_id}/conformance", json=order)


async def finished(site: SmallSite, device: SimulatedDevice, **order: Any) -> dict[str, Any]:
    """The run, when it has come to its end."""
    answer = await start(site, device, **order)
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    path = f"/devices/{device.settings.device_id}/conformance/{run['run_id']}"
    async with asyncio.timeout(180):
        while run["end"] is None:
            await asyncio.sleep(0.2)
            run = (await site.api.get(path)).json()
    return run


def case_of(run: dict[str, Any], case_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for case in run["cases"] if case["case_id"] == case_id)
    return found


def verdicts(run: dict[str, Any], *but: str) -> dict[str, tuple[str, str]]:
    """What is none of these, by case."""
    return {
        case["case_id"]: (case["verdict"], case["reason"])
        for case in run["cases"]
        if case["verdict"] not in but
    }


async def test_good_devices_of_both_editions_pass_every_case(site: SmallSite) -> None:
    quick = {"keepalive_interval_s": 2.0}
    camera = await site.add_camera(0, edition=Edition.V3_0, **quick)
    old_camera = await site.add_camera(1, edition=Edition.V2_0, **quick)
    nvr = await site.add_nvr(2, edition=Edition.V3_0, **quick)
    old_nvr = await site.add_nvr(3, edition=Edition.V2_0, **quick)
    channel = camera.settings.all_channel_ids[0]
    path = f"/channels/{camera.settings.device_id}~{channel}"
    assert (await site.api.put(f"{path}/cruises/1/points/1", json={})).status_code == 204
    assert (await site.api.delete(f"{path}/ptz/lock")).status_code == 204
    firmware = await site.api.post(
        "/firmware",
        params={"file_name": "a.bin", "manufacturer": "Tongshi", "version": "V2"},
        content=bytes(1000),
    )

    new, old, recorder, old_recorder = await asyncio.gather(
        finished(site, camera, reboot=True, firmware_id=firmware.json()["firmware_id"], format_card=1),
        finished(site, old_camera),
        finished(site, nvr),
        finished(site, old_nvr, reboot=True),
    )

    assert verdicts(new, "passed") == {}
    not_asked = {"format-card", "upgrade", "reboot", "redirect"}
    assert set(verdicts(recorder, "passed")) == not_asked
    for run, asked in ((old, set()), (old_recorder, {"redirect"})):
        assert not run["failed"]
        not_supported = (OF_2022 - not_asked) | asked
        assert set(verdicts(run, "passed", "skipped")) == not_supported, verdicts(run, "passed")
        assert case_of(run, "snapshot-upload")["reason"] == "of 3.0; the device states 2.0"
    assert case_of(old_recorder, "reboot")["verdict"] == "passed"
    assert all(case["messages"] for case in new["cases"])
    # Nothing is left behind.
    for device in site.devices:
        device_id = device.settings.device_id
        views = site.platform.devices.subscriptions.views(device_id)
        assert [view for view in views if view.wanted.requested_by] == []
        assert not device.control.is_armed
        assert not device.control.recording
        assert not site.platform.devices.trace.is_watched(device_id)
    assert site.platform.devices.ptz.moving == 0
    assert not site.platform.devices.audio.sessions
    assert not site.platform.devices.invites.all()


@dataclass(frozen=True)
class Faulty:
    """A device with a fault, the case that must show it, and what its evidence must say."""

    fault: str
    case: str
    says: str
    verdict: str = "failed"
    edition: Edition = Edition.V3_0
    changes: dict[str, Any] = field(default_factory=dict)


LONG_GOP = PictureSettings(loop_s=10, gop_s=10.0)
FAULTY = [
    Faulty("empty-keepalive", "heartbeat", "empty body", changes={"keepalive_interval_s": 1.0}),
    Faulty("no-y", "live", "the answer has y="),
    Faulty("own-y", "live", "y= is that of the offer"),
    Faulty("wrong-ssrc", "live", "RTP carries"),
    Faulty("refuse=486", "live", "486"),
    Faulty("garbled-sdp", "live", "no usable SDP"),
    Faulty("old-keyframe", "keyframe", "none came within", changes={"pictures": LONG_GOP}),
    Faulty("no-record-answer", "record-query", "sent no answer"),
    Faulty("record-loss", "record-query", "the answer is whole"),
    Faulty("no-media-status", "playback-end", "not told by MediaStatus 121"),
    Faulty("bye-at-end", "playback-end", "not told by MediaStatus 121"),
    Faulty("no-media-status", "download", "not told by MediaStatus 121"),
    Faulty("scale-refused", "playback-fast", "400"),
    Faulty("scale-ignored", "playback-fast", "kept their old pace"),
    Faulty("scale-refused", "playback-slow", "400", verdict="not supported"),
    Faulty("no-seek", "playback-drag", "400"),
    Faulty("silent-control", "manual-record", "no Response"),
    Faulty("failing-control", "manual-record", "reported ERROR", verdict="not supported"),
    Faulty("never-notifies", "catalog-subscription", "no NOTIFY came"),
    Faulty("upload-missing", "snapshot-upload", "1 of 2 stills"),
    Faulty("no-upload-notice", "snapshot-upload", "never told"),
    Faulty("no-loudspeaker", "broadcast", "ERROR", verdict="not supported"),
    Faulty("talk-silent", "talk", "no final answer"),
]


async def test_each_fault_fails_its_case_with_evidence(site: SmallSite) -> None:
    async def examined(index: int, faulty: Faulty) -> tuple[Faulty, dict[str, Any]]:
        device = await site.add_camera(
            index, faults=(faulty.fault,), edition=faulty.edition, **faulty.changes
        )
        return faulty, await finished(site, device, cases=[faulty.case])

    at_once = asyncio.Semaphore(8)

    async def in_turn(index: int, faulty: Faulty) -> tuple[Faulty, dict[str, Any]]:
        async with at_once:
            return await examined(index, faulty)

    for faulty, run in await asyncio.gather(*(in_turn(*row) for row in enumerate(FAULTY))):
        case = case_of(run, faulty.case)
        name = f"{faulty.fault}: {case}"
        assert case["verdict"] == faulty.verdict, name
        said = [f"{step['text']} {step['detail']}" for step in case["steps"] if step["verdict"] != "passed"]
        assert any(faulty.says in text for text in [case["reason"], *said]), name
        assert case["messages"], name
        assert run["failed"] is (faulty.verdict == "failed" and case["mandatory"]), name


async def test_a_run_leaves_what_an_operator_had_set(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0)
    device_id = camera.settings.device_id
    for kind, body in (("alarm", {"expires_s": 700}), ("catalog", {"expires_s": 800})):
        answer = await site.api.put(f"/devices/{device_id}/subscriptions/{kind}", json=body)
        assert answer.status_code == 200, answer.text
    armed = await site.api.put(f"/devices/{device_id}/guard", json={"armed": True})
    assert armed.status_code == 200, armed.text
    before = camera.control.heads[camera.settings.all_channel_ids[0]].position(0.0)
    run = await finished(site, camera, cases=["alarm-subscription", "catalog-subscription", "ptz-directions"])
    assert verdicts(run, "passed") == {}
    assert camera.control.is_armed
    kept = {view.key.kind: view.wanted for view in site.platform.devices.subscriptions.views(device_id)}
    assert {kind: kept[kind].expires_s for kind in (Kind.ALARM, Kind.CATALOG)} == {
        Kind.ALARM: 700,
        Kind.CATALOG: 800,
    }
    after = camera.control.heads[camera.settings.all_channel_ids[0]].position(0.0)
    assert after.pan == pytest.approx(before.pan, abs=0.5)
    assert after.tilt == pytest.approx(before.tilt, abs=0.5)


async def test_what_somebody_at_the_device_causes_is_waited_for(site: SmallSite) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    running = asyncio.create_task(
        finished(site, camera, cases=["alarm-subscription", "catalog-subscription"], operator_wait_s=20.0)
    )

    async def alarm_is_taken() -> bool:
        return bool(camera.subscriptions.of("Alarm")) and camera.raise_alarm(method=5)

    await eventually(alarm_is_taken, "the run subscribes to alarms")

    async def change_is_taken() -> bool:
        return camera.set_channel_state(channel, "OFF")

    await eventually(change_is_taken, "the run subscribes to the catalogue")
    await asyncio.sleep(0)
    run = None
    while run is None:
        camera.set_channel_state(channel, "ON")
        done, _ = await asyncio.wait({running}, timeout=0.3)
        run = running.result() if done else None
    assert verdicts(run, "passed") == {}
    steps = [step["text"] for case in run["cases"] for step in case["steps"]]
    assert "its method is 1 to 7" in steps
    assert any(text.startswith("it is reported: change the catalogue") for text in steps)


async def test_a_channel_that_is_watched_is_not_disturbed(site: SmallSite) -> None:
    camera = await site.add_camera()
    channel = f"{camera.settings.device_id}~{camera.settings.all_channel_ids[0]}"
    live = await site.api.post(f"/channels/{channel}/live")
    assert live.status_code == 200, live.text
    run = await finished(site, camera, cases=["live", "media-keepalive", "keyframe"])
    assert case_of(run, "live")["verdict"] == "skipped"
    assert "not disturbed" in case_of(run, "live")["reason"]
    assert case_of(run, "media-keepalive")["verdict"] == "skipped"
    assert case_of(run, "keyframe")["verdict"] == "passed"
    session = live.json()["session_id"]
    assert (await site.api.get(f"/sessions/{session}")).status_code == 200


async def test_one_run_per_device_and_it_can_be_broken_off(site: SmallSite) -> None:
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    first = (await start(site, camera, cases=["playback-fast", "download"])).json()
    second = await start(site, camera)
    assert (second.status_code, second.json()["code"]) == (409, "run-under-way")
    path = f"/devices/{device_id}/conformance/{first['run_id']}"

    async def is_playing() -> bool:
        return bool(site.platform.devices.playbacks.all())

    await eventually(is_playing, "the run plays a recording")
    assert (await site.api.delete(path)).status_code == 204
    run = (await site.api.get(path)).json()
    assert (run["failed"], bool(run["broken_off"])) == (True, True)
    assert case_of(run, "download")["verdict"] == "skipped"
    assert not site.platform.devices.playbacks.all()
    listed = (await site.api.get(f"/devices/{device_id}/conformance")).json()["items"]
    assert [each["run_id"] for each in listed] == [first["run_id"]]


async def test_the_report_is_a_page_that_loads_nothing(site: SmallSite) -> None:
    camera = await site.add_camera(name="<b>门口</b>")
    run = await finished(site, camera, cases=["device-info", "register-authenticated", "config-basic"])
    path = f"/devices/{camera.settings.device_id}/conformance/{run['run_id']}/report.html"
    answer = await site.api.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = answer.text
    assert "<b>门口</b>" not in page
    assert "&lt;CmdType&gt;DeviceInfo&lt;/CmdType&gt;" in page
    assert SIP_PASSWORD not in page
    assert "response=&quot;***" in page
    missing = await site.api.get(path.replace(run["run_id"], "0" * 16))
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown-run")


async def test_rights_and_wrong_orders(site: SmallSite) -> None:
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    unknown = await start(site, camera, cases=["no-such-case"])
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid-request")
    assert "device-info" in unknown.json()["detail"]
    elsewhere = await start(site, camera, channel_id="34020000001310000099")
    assert elsewhere.status_code == 404
    users = site.platform.users
    await users.create("op", "operator password", Role.OPERATOR)
    await users.create("eye", "viewer password", Role.VIEWER)
    tokens = {}
    for name, password in (("op", "operator password"), ("eye", "viewer password")):
        answer = await site.api.post("/login", json={"username": name, "password": password})
        tokens[name] = {"Authorization": f"Bearer {answer.json()['token']}"}
    path = f"/devices/{device_id}/conformance"
    assert (await site.api.post(path, json={}, headers=tokens["eye"])).status_code == 403
    refused = await site.api.post(path, json={"format_card": 1}, headers=tokens["op"])
    assert refused.status_code == 403
    run = await finished(site, camera, cases=["device-info"])
    page = (await site.api.get(f"{path}/{run['run_id']}/report.html", headers=tokens["op"])).text
    assert "DeviceInfo" in page
    assert "&lt;CmdType&gt;" not in page  # whole messages are for those who may see the trace
