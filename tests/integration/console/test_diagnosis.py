"""\"Why is there no picture?\" through the API: each reason, shown by a camera that goes wrong that way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.settings import MediaSettings
from sipserver.devices.diagnosis import probe
from sipserver.devices.settings import DeviceSettings, MediaPreference
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.settings import camera_settings
from sipserver.sip.flow import Transport
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

SIP = DeviceSettings(
    host=HOST,
    port=0,
    password=SIP_PASSWORD,
    catalog_quiet_s=1.0,
    linger_s=0.0,
    query_timeout_s=2.0,
    probe_timeout_s=1.0,
    invite_timeout_s=1.5,
    # Long: simulated cameras encode their pictures first, which takes seconds on a busy machine.
    keyframe_timeout_s=8.0,
    tcp_keyframe_timeout_s=8.0,
)


@pytest.fixture(autouse=True)
def short_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "OBSERVE_S", 0.8)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP) as opened:
        yield opened


async def _diagnose(site: SmallSite, camera: SimulatedDevice) -> dict[str, Any]:
    channel = camera.settings.all_channel_ids[0]
    answer = await site.api.post(f"/channels/{camera.settings.device_id}~{channel}/diagnosis")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _outcomes(found: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in found["steps"]}


async def test_a_healthy_camera_is_found_healthy(site: SmallSite) -> None:
    found = await _diagnose(site, await site.add_camera())
    assert found["verdict"]["reason"] == "ok"
    assert found["warnings"] == []
    assert set(_outcomes(found).values()) == {"passed"}
    assert list(_outcomes(found)) == [
        "registered", "answers", "addresses", "listed", "invited", "picture", "quality",
    ]  # fmt: skip
    trace = (await site.api.get("/trace/sessions", params={"call_id": found["call_id"]})).json()
    assert [step["what"] for step in trace["steps"]][:3] == ["INVITE", "200 OK", "ACK"]


# Large enough that a key frame takes many packets.
PICTURES = PictureSettings(loop_s=2, gop_s=1.0, width=1280, height=720, bitrate_kbps=2000)
# What the fault is called, over which signalling (and so media) transport, the verdict, and what its
# evidence must name.
FAULTS = [
    ("no-answer", Transport.UDP, "no-answer", "no final answer to INVITE"),
    ("refuse=486", Transport.UDP, "refused", "486"),
    ("refuse=404", Transport.UDP, "refused", "404"),
    ("garbled-sdp", Transport.UDP, "bad-answer", "no usable SDP"),
    ("private-sdp", Transport.UDP, "sdp-unreachable", "10.255.255.1"),
    ("tcp-blocked", Transport.TCP, "tcp-refused", "did not connect"),
    ("no-rtp", Transport.UDP, "strange-source", "no RTP"),
    ("no-pack", Transport.UDP, "no-pack-header", "no pack header"),
    ("vendor-stream", Transport.UDP, "unsupported-stream", "DAHUA"),  # Q95
    ("no-keyframe", Transport.UDP, "no-keyframe", "no whole key frame"),
    ("encrypted", Transport.UDP, "encrypted", "nothing in them that is a picture"),
    ("thin-bandwidth", Transport.UDP, "bandwidth-short", "never came"),
]


async def test_each_reason_for_no_picture_is_named_with_its_evidence(site: SmallSite) -> None:
    """GB-C113: the failures of devices are told apart, and 486 and 488 are what they are."""
    for index, (fault, transport, _, _) in enumerate(FAULTS):
        # Over UDP nothing comes either, or the other transport would bring the picture.
        faults = (fault, "udp-blocked") if fault == "tcp-blocked" else (fault,)
        await site.add_camera(index, faults=faults, transport=transport, pictures=PICTURES)
    for at in range(0, len(FAULTS), 4):
        rows, cameras = FAULTS[at : at + 4], site.devices[at : at + 4]
        await asyncio.gather(*(_check(site, camera, row) for camera, row in zip(cameras, rows, strict=True)))


async def _check(site: SmallSite, camera: SimulatedDevice, row: tuple[str, Transport, str, str]) -> None:
    fault, _, reason, evidence = row
    found = await _diagnose(site, camera)
    verdict = found["verdict"]
    assert verdict["reason"] == reason, (fault, found)
    assert any(evidence in line for line in verdict["evidence"]), (fault, verdict["evidence"])
    assert verdict["advice"]
    assert found["steps"][-1]["outcome"] == "failed"
    assert found["call_id"]
    live = (await site.api.post(f"/channels/{camera.settings.all_channel_ids[0]}/live")).json()
    assert live["code"] == reason, "the API's problem has the same name"
    assert live.get("sip_code") == (int(fault[7:]) if fault.startswith("refuse=") else None)


async def test_a_picture_with_flaws_is_ok_with_warnings(site: SmallSite) -> None:
    for index, (fault, warning, evidence) in enumerate(
        [
            ("wrong-ssrc", "other-ssrc", "was agreed"),
            ("zero-ssrc", "other-ssrc", "SSRC 0000000000"),
            ("other-source", "other-source", "127.0.0.2"),
            ("audio-promised", "audio-absent", "announced"),
        ]
    ):
        camera = await site.add_camera(index, faults=(fault,))
        found = await _diagnose(site, camera)
        assert found["verdict"]["reason"] == "ok", found
        assert [each["reason"] for each in found["warnings"]] == [warning]
        assert any(evidence in line for line in found["warnings"][0]["evidence"]), found["warnings"]
        assert _outcomes(found)["quality"] == "warned"


async def test_a_strict_platform_names_the_wrong_ssrc(tmp_path: Path) -> None:
    strict = MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports(), strict_ssrc=True)
    async with small_site(tmp_path, sip=SIP, media=strict) as site:
        found = await _diagnose(site, await site.add_camera(faults=("wrong-ssrc",)))
    assert found["verdict"]["reason"] == "wrong-ssrc"


async def test_our_own_unreachable_address_is_named(tmp_path: Path) -> None:
    wrong = replace(SIP, media_advertised_host="203.0.113.9", media_preference=MediaPreference.UDP)
    async with small_site(tmp_path, sip=wrong) as site:
        found = await _diagnose(site, await site.add_camera())
    assert found["verdict"]["reason"] == "sdp-unreachable"
    assert _outcomes(found)["addresses"] == "warned"
    assert {"place": "platform", "key": "sip.media_advertised_host", "value": ""} in found["verdict"][
        "settings"
    ]


async def test_a_device_that_left_and_one_whose_password_was_changed_are_told_apart(site: SmallSite) -> None:
    camera = await site.add_camera()
    await camera.stop()
    found = await _diagnose(site, camera)
    assert found["verdict"]["reason"] == "device-offline"
    assert [step["name"] for step in found["steps"]] == ["registered"]
    assert any("unregistered" in line for line in found["verdict"]["evidence"])

    mistyped = SimulatedDevice(
        replace(camera.settings, faults=("wrong-password",), register_retry_s=0.2), site._pacer
    )
    site.devices.append(mistyped)
    await mistyped.start()

    async def refused() -> bool:
        return (await _diagnose(site, camera))["verdict"]["reason"] == "wrong-credentials"

    await eventually(refused, "the wrong password is seen")


async def test_a_device_that_never_came_and_one_that_is_deaf(site: SmallSite) -> None:
    never = camera_settings(7, site.platform.settings.sip.id, HOST, site.sip_port, SIP_PASSWORD)
    assert (await site.api.put(f"/devices/{never.device_id}", json={"name": "planned"})).is_success
    found = (await site.api.post(f"/devices/{never.device_id}/diagnosis")).json()
    assert found["verdict"]["reason"] == "never-registered"

    camera = await site.add_camera()
    found = (await site.api.post(f"/devices/{camera.settings.device_id}/diagnosis")).json()
    assert found["verdict"]["reason"] == "ok"
    await camera._signalling.transport.close()  # it is registered, and gone without a word
    camera._tasks, tasks = [], camera._tasks
    for task in tasks:
        task.cancel()
    found = await _diagnose(site, camera)
    assert found["verdict"]["reason"] == "no-sip-answer"
    assert _outcomes(found) | {"listed": "", "addresses": ""} == {
        "registered": "passed", "answers": "failed", "invited": "failed", "listed": "", "addresses": "",
    }  # fmt: skip


async def test_an_unknown_channel_is_a_problem_and_not_a_probe(site: SmallSite) -> None:
    answer = await site.api.post("/channels/34020000001310000077/diagnosis")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-channel")
