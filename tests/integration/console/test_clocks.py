"""Clocks of devices, through the whole platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sipserver.gb import gb_time, manscdp
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_status import DeviceStatusResponse
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import small_site


def answer_with_time(camera: SimulatedDevice, offset: timedelta) -> None:
    """From now on the camera's DeviceStatus shows a clock that is off."""

    def answer(document: Document) -> list[Element]:
        moment = datetime.now(UTC) + offset
        status = DeviceStatusResponse(
            document.sn, camera.settings.device_id, online=True, healthy=True, device_time=moment
        )
        return [status.to_xml()]

    camera.parts.commands["Query", "DeviceStatus"] = answer


async def test_a_wrong_clock_is_found_logged_and_found_right_again(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        address = f"/devices/{camera.settings.device_id}/clock"
        answer_with_time(camera, timedelta(seconds=90))
        wrong = (await site.api.post(address)).json()
        assert 85 < wrong["offset_s"] < 95
        assert wrong["source"] == "status"
        assert wrong["drifting_since"] is not None
        listed = (await site.api.get("/clocks")).json()["items"]
        assert [each["device_id"] for each in listed] == [camera.settings.device_id]
        answer_with_time(camera, timedelta())
        right = (await site.api.post(address)).json()
        assert right["drifting_since"] is None
        assert [each["change"] for each in right["changes"]] == ["corrected", "drifted"]
        assert (await site.api.get("/clocks")).json()["items"] == []


async def test_times_in_other_messages_are_evidence_and_nonsense_is_none(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        device_id = camera.settings.device_id
        for said in ("not a time", "", "9999-99-99T99:99:99"):
            camera.parts.say(_position(device_id, said))
        camera.parts.say(
            _position(device_id, gb_time.format_datetime(datetime.now(UTC) - timedelta(hours=8)))
        )

        async def heard() -> bool:
            return (await site.api.get(f"/devices/{device_id}/clock")).json()["source"] == "position"

        await eventually(heard, "the position's time is taken")
        clock = (await site.api.get(f"/devices/{device_id}/clock")).json()
        assert clock["zone_hours"] == -8


async def test_a_clock_is_known_after_a_restart(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        device_id = camera.settings.device_id
        answer_with_time(camera, timedelta(minutes=5))
        await site.api.post(f"/devices/{device_id}/clock")
    async with small_site(tmp_path) as site:
        clock = (await site.api.get(f"/devices/{device_id}/clock")).json()
        assert clock["drifting_since"] is not None
        assert 290 < clock["offset_s"] < 310


def _position(device_id: str, said: str) -> Element:
    notify = manscdp.new_document("Notify", "MobilePosition", "7", device_id)
    manscdp.add_text(notify, "Time", said)
    manscdp.add_text(notify, "Longitude", "117.3")
    manscdp.add_text(notify, "Latitude", "31.8")
    return notify
