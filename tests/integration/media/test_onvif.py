"""Cameras that are found and asked over ONVIF, on real sockets."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from media.onvif.client import OnvifClient
from media.onvif.errors import MalformedOnvif, OnvifUnauthorised, OnvifUnreachable
from media.onvif.search import own_addresses, search
from tests.support.onvif_camera import HOST, OnvifCamera, OnvifHabits
from tests.support.port_ranges import free_ports_in_a_row

SECRET = "onvif secret"


def _client(camera: OnvifCamera, password: str = SECRET, timeout_s: float = 5.0) -> OnvifClient:
    return OnvifClient(camera.address, "admin", password, timeout_s)


async def test_cameras_are_found_once_each() -> None:
    group = ("239.255.255.250", free_ports_in_a_row(2)[0])
    async with OnvifCamera(group=group) as first, OnvifCamera(group=group) as second:
        found = await search(2.0, 100, [HOST], group)
    assert {camera.addresses[0] for camera in found} == {first.address, second.address}
    assert {(camera.name, camera.hardware, camera.location) for camera in found} == {
        ("Yard Cam", "DS-2CD", "East")
    }


async def test_an_interface_that_cannot_be_asked_is_passed_over() -> None:
    group = ("239.255.255.250", free_ports_in_a_row(2)[0])
    async with OnvifCamera(group=group):
        assert len(await search(1.0, 100, ["203.0.113.9", HOST], group)) == 1


async def test_answers_are_bounded() -> None:
    group = ("239.255.255.250", free_ports_in_a_row(2)[0])
    async with OnvifCamera(group=group):
        assert await search(0.5, 0, [HOST], group) == []


def test_this_machine_knows_its_addresses() -> None:
    addresses = own_addresses()
    assert addresses
    assert all(socket.inet_aton(address) for address in addresses)
    assert addresses[-1].startswith("127.") or not any(each.startswith("127.") for each in addresses)


@pytest.mark.parametrize(
    "habits",
    [
        {},
        {"has_media2": False},
        {"has_get_services": False},
        {"uses_http_digest": True},
        {"clock_offset": timedelta(hours=-9)},
    ],
)
async def test_a_camera_tells_its_streams(habits: dict[str, object]) -> None:
    async with OnvifCamera(OnvifHabits(**habits)) as camera, _client(camera) as client:  # type: ignore[arg-type]
        told = await client.describe()
    assert (told.information.manufacturer, told.information.model) == ("HIKVISION", "DS-2CD3T46")
    streams = {each.profile.name: each for each in told.streams}
    assert streams.keys() == {"mainStream", "subStream"}
    main = streams["mainStream"]
    assert (main.profile.codec, main.profile.width, main.profile.fps) == ("H265", 2560, 25)
    # The camera names an address of its own network: the one that was asked stands in its place.
    assert main.uri == f"rtsp://{HOST}:554/Profile_1?a=1&b=2"
    offset = habits.get("clock_offset", timedelta(0))
    assert isinstance(offset, timedelta)
    assert told.clock_offset_s == pytest.approx(offset.total_seconds(), abs=3)


async def test_a_wrong_password_is_told_as_such() -> None:
    async with OnvifCamera() as camera, _client(camera, "wrong one") as client:
        with pytest.raises(OnvifUnauthorised, match="Sender not Authorized") as refused:
            await client.describe()
    assert "wrong one" not in str(refused.value)
    async with (
        OnvifCamera(OnvifHabits(uses_http_digest=True)) as camera,
        OnvifClient(camera.address, "", "", 5.0) as client,
    ):
        with pytest.raises(OnvifUnauthorised, match="401"):
            await client.describe()


async def test_nobody_there_and_nobody_answering_are_unreachable() -> None:
    async with OnvifCamera(OnvifHabits(is_mute=True)) as camera, _client(camera, timeout_s=0.3) as client:
        with pytest.raises(OnvifUnreachable, match=rf"no answer of the camera at http://{HOST}"):
            await client.describe()
    async with OnvifClient(camera.address, "", "", 2.0) as client:
        with pytest.raises(OnvifUnreachable):
            await client.describe()
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "nonsense"):
        async with OnvifClient(address, "", "", 2.0) as client:
            with pytest.raises(OnvifUnreachable):
                await client.describe()


async def test_something_else_at_that_port_is_malformed() -> None:
    async with OnvifCamera() as camera, OnvifClient(camera.address + "/x", "", "", 2.0) as client:
        camera._answer = lambda head, body: (200, [], b"<html>hello</html>")  # type: ignore[method-assign]
        with pytest.raises(MalformedOnvif, match="without SOAP"):
            await client.describe()
