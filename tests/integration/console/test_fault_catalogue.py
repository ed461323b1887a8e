"""Oddities of section 10 of the protocol notes, a simulated device each: the platform copes with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.nal import VideoCodec
from sipserver.devices.events import DeviceEvent, DeviceMoved
from sipserver.devices.settings import DeviceSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.sip.flow import Transport
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

SIP = DeviceSettings(
    host=HOST,
    port=0,
    password=SIP_PASSWORD,
    digest_algorithms=("MD5", "SHA-256"),
    catalog_quiet_s=1.0,
    catalog_retries=0,
    linger_s=0.0,
    query_timeout_s=3.0,
    keyframe_timeout_s=8.0,
    tcp_keyframe_timeout_s=8.0,
)
UDP, TCP = Transport.UDP, Transport.TCP
H264, H265 = VideoCodec.H264, VideoCodec.H265
PICTURES = (
    ("strict-sdp", UDP, H264),  # Q54
    ("strict-sdp", TCP, H264),
    ("early-media", TCP, H264),  # Q59
    ("early-media", UDP, H264),
    ("pack-stuffing", UDP, H264),  # Q82
    ("map-crc", UDP, H264),  # Q83
    ("private-packets", UDP, H265),  # Q84
    ("empty-packs", UDP, H265),  # Q85
    ("separate-pes", UDP, H264),  # Q86
    ("separate-pes", TCP, H265),
    ("map-flips", UDP, H264),  # Q87
    ("map-flips", UDP, H265),
    ("aac-as-g711", UDP, H264),  # Q88
    ("map-length", UDP, H264),  # Q89
    ("pes-length-0", UDP, H264),  # Q91
    ("no-markers", UDP, H264),  # Q92
    ("raw-h264", UDP, H264),  # Q94
    ("transport-stream", UDP, H264),
    ("transport-stream", TCP, H265),
    ("prefix-256", TCP, H264),  # Q97
    ("tcp-garbage", TCP, H264),  # Q98
    ("bare-sound", UDP, H264),  # Q101
    ("swapped-packets", UDP, H264),  # Q103
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP) as opened:
        yield opened


def _channel(camera: SimulatedDevice) -> str:
    return camera.settings.all_channel_ids[0]


async def _live(site: SmallSite, camera: SimulatedDevice) -> dict[str, Any]:
    answer = await site.api.post(f"/channels/{_channel(camera)}/live")
    assert answer.is_success, (camera.settings.faults, answer.text)
    found: dict[str, Any] = answer.json()
    return found


async def test_the_picture_comes_in_spite_of_it(site: SmallSite) -> None:
    for index, (fault, transport, codec) in enumerate(PICTURES):
        base = (
            (await site.add_camera(99)).settings.pictures if not index else site.devices[0].settings.pictures
        )
        await site.add_camera(
            index, faults=(fault,), transport=transport, pictures=replace(base, codec=codec)
        )
    for at in range(1, len(site.devices), 7):
        await asyncio.gather(*(_shows(site, camera) for camera in site.devices[at : at + 7]))


async def _shows(site: SmallSite, camera: SimulatedDevice) -> None:
    live = await _live(site, camera)
    said = (camera.settings.faults, live)
    assert (live["video"]["codec"], live["video"]["width"]) == (camera.settings.pictures.codec.name, 640), (
        said
    )

    async def sounds() -> bool:
        session = (await site.api.get(f"/sessions/{live['session_id']}")).json()
        return bool(session["audio"]) or camera.settings.faults == ("raw-h264",)

    await eventually(sounds, f"sound with {camera.settings.faults}")
    session = (await site.api.get(f"/sessions/{live['session_id']}")).json()
    if camera.settings.faults == ("aac-as-g711",):
        assert "aac" in str(session["audio"]).lower(), session


@pytest.mark.parametrize(
    "fault",
    [
        "new-port", "sha-256", "junk", "xml-type", "raw-markup", "mislabelled", "head-attributes",
        "small-sum", "vendor-words", "parent-platform", "several-parents", "civil-code",
        "organisation-parent", "alarm-status-case", "lan-contact",
    ],
)  # fmt: skip
async def test_the_catalogue_is_complete_and_the_device_answers(site: SmallSite, fault: str) -> None:
    """Q1, Q2, Q14, Q20, Q24 to Q27, Q31 to Q36, Q53."""
    nvr = await site.add_nvr(
        channels=4, faults=(fault,), keepalive_interval_s=0.2, fragment_size=2, charset="GB2312"
    )
    listed = (await site.api.get(f"/devices/{nvr.settings.device_id}/channels")).json()["items"]
    assert {each["channel_id"] for each in listed} == set(nvr.settings.all_channel_ids)
    for each in listed:
        assert each["name"].startswith(nvr.channels[each["channel_id"]].item.name), each["name"]
        assert each["online"] is True
    devices = site.platform.devices
    before = devices.stats.keepalives

    async def heard() -> bool:
        return devices.stats.keepalives >= before + 2

    await eventually(heard, "it is heard where it is now")
    assert (await devices.query_info(nvr.settings.device_id)).manufacturer == "Tongshi"
    status = await devices.query_status(nvr.settings.device_id)
    assert (status.online, status.healthy) == (True, True)
    if fault == "alarm-status-case":
        assert [each.device_id for each in status.alarms] == [nvr.settings.device_id]


async def test_a_catalogue_with_a_lost_part_takes_nothing_away(site: SmallSite) -> None:
    """Q30, Q10; GB-C059."""
    for fault in ("catalog-loss", "large-lost"):
        nvr = await _started(
            site, channels=4, faults=(fault,), fragment_size=4 if fault == "large-lost" else 1
        )
        device_id = nvr.settings.device_id

        async def asked(device_id: str = device_id) -> bool:
            answer = await site.api.post(f"/devices/{device_id}/catalog")
            return answer.status_code == 504 or (answer.is_success and not answer.json()["complete"])

        await eventually(asked, f"a catalogue with holes: {fault}")
        listed = (await site.api.get(f"/devices/{device_id}/channels")).json()["items"]
        assert len(listed) == 3, "what the first one left"
        await nvr.stop()
        site.devices.remove(nvr)


async def _started(site: SmallSite, **changes: Any) -> SimulatedDevice:
    """An NVR that is registered, whatever comes of its catalogue."""
    whole = await site.add_nvr(7)
    nvr = SimulatedDevice(
        replace(whole.settings, device_id=whole.settings.device_id[:-1] + "9", **changes), site._pacer
    )
    await whole.stop()
    site.devices[:] = [each for each in site.devices if each is not whole] + [nvr]
    await nvr.start()
    await nvr.wait_registered(10.0)
    return nvr


async def test_a_device_that_was_forgotten_registers_again_when_it_is_refused(site: SmallSite) -> None:
    """Q11, GB-C047."""
    camera = await site.add_camera(faults=("waits-for-refusal",), keepalive_interval_s=0.2)
    site.platform.devices.device_removed(camera.settings.device_id)

    async def back() -> bool:
        return site.platform.devices.presence.is_online(camera.settings.device_id)

    await eventually(back, "it is back")
    assert camera.stats.registrations >= 2


@pytest.mark.parametrize("fault", ["bye-481", "keeps-sending"])
async def test_the_end_of_a_stream_is_the_end(site: SmallSite, fault: str) -> None:
    """Q18, Q81: whatever the device makes of BYE, ports come back and the next picture comes."""
    camera = await site.add_camera(faults=(fault,))
    for _ in range(2):
        live = await _live(site, camera)
        assert (await site.api.delete(f"/sessions/{live['session_id']}")).is_success

        async def ended() -> bool:
            sessions = (await site.api.get("/sessions")).json()["items"]
            return not sessions and not site.platform.devices.invites.snapshot()

        await eventually(ended, f"the stream is ended with {fault}")
    assert camera.streams == (2 if fault == "keeps-sending" else 0)


async def test_reports_keep_a_stream_alive(site: SmallSite) -> None:
    """Q100: receiver reports come sooner than the device loses patience."""
    camera = await site.add_camera(faults=("needs-reports=7",))
    live = await _live(site, camera)
    sender = camera._invites.open[0].sender
    assert sender is not None

    async def longer_than_its_patience() -> bool:
        return site.platform.media.sessions[session_id].stats().media_s > 8.0

    session_id = site.platform.devices.invites.snapshot()[0].session_id or ""
    await eventually(longer_than_its_patience, "more than seven seconds of pictures came")
    assert sender.is_open
    session = (await site.api.get(f"/sessions/{live['session_id']}")).json()
    assert session["video"]


async def test_the_smaller_picture_is_asked_for_as_the_device_wants_it(site: SmallSite) -> None:
    """Q62, Q63: the fault is the setting, whose forms test_substreams.py plays through."""
    camera = await site.add_camera(faults=("sub-profile",))
    answer = await site.api.post(f"/channels/{_channel(camera)}/live", json={"stream": "sub"})
    assert answer.is_success, answer.text
    assert answer.json()["video"]["width"] < 640
    assert camera.settings.substream_form == "streamprofile"
    other = SimulatedDevice(replace(camera.settings, faults=("sub-mode",)))
    assert other.settings.substream_form == "streamMode"


async def test_of_two_devices_with_one_id_the_newest_counts_and_it_is_told(site: SmallSite) -> None:
    """Q5."""
    events: list[DeviceEvent] = []
    site.platform.devices.presence.subscribe(events.append)
    first = await site.add_camera()
    second = SimulatedDevice(first.settings, site._pacer)
    site.devices.append(second)
    await second.start()
    await second.wait_registered(10.0)
    seen = site.platform.devices.presence.get(first.settings.device_id)
    assert seen is not None
    assert seen.remote == (HOST, second._signalling.transport.addresses[0].port)
    assert any(isinstance(event, DeviceMoved) for event in events)


async def test_a_channel_whose_id_is_shorter_shows_its_picture(site: SmallSite) -> None:
    """Q80."""
    camera = await site.add_camera(channel_ids=("340200000013",))
    live = await _live(site, camera)
    assert live["video"]["width"] == 640
