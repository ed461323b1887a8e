"""Sources that do not speak GB/T 28181, through the API: on file, watched, recorded, counted, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from access.roles import Role
from access.settings import AccessSettings
from config.schema import Settings
from config.tables import DatabaseSettings, HttpSettings
from console.app import Platform
from media.settings import MediaSettings
from media.sources.settings import SourceSettings
from sipserver.devices.settings import DeviceSettings
from storage.settings import StorageSettings
from tests.support.port_ranges import free_ports_in_a_row, rtp_ports
from tests.support.rtsp_source import Habits, RtspSource

PASSWORD = "integration password"
HOST = "127.0.0.1"
PATIENCE_S = 30.0

Probe = Callable[[], Awaitable[Any]]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    settings = Settings(
        sip=DeviceSettings(host=HOST, port=0, password="integration cameras"),
        http=HttpSettings(host=HOST, port=0, close_timeout_s=0.5),
        media=MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports(), rtmp_port=free_ports_in_a_row(2).start),
        storage=StorageSettings(
            path=tmp_path / "recordings", free_floor_bytes=1_000_000, flush_s=0.2, reconcile_s=0.5
        ),
        database=DatabaseSettings(url=f"sqlite:///{tmp_path}/platform.db"),
        access=AccessSettings(hash_memory_kib=32, hash_rounds=1),
        sources=SourceSettings(
            open_timeout_s=3, read_timeout_s=2, linger_s=0.5, retry_first_s=0.2, check_s=5
        ),
    )
    platform = Platform(settings, {"TONGSHI_ADMIN_PASSWORD": PASSWORD})
    await platform.open()
    yield platform
    await platform.close()


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://{HOST}:{platform.http_port}/api/v1"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as client:
        answer = await client.post("/login", json={"username": "admin", "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {answer.json()['token']}"
        yield client


@pytest.fixture
async def make_camera() -> AsyncIterator[Callable[..., Awaitable[RtspSource]]]:
    async with AsyncExitStack() as stack:

        async def make(**habits: Any) -> RtspSource:
            return await stack.enter_async_context(RtspSource(Habits(**habits)))

        yield make


async def eventually(probe: Probe) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await probe()):  # noqa: ASYNC110  (asked over HTTP)
            await asyncio.sleep(0.1)
    return found


async def _add(api: httpx.AsyncClient, camera: RtspSource, **fields: Any) -> dict[str, Any]:
    answer = await api.post(
        "/sources", json={"name": "东门", "url": camera.url, "civil_code": "340200"} | fields
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_source_is_a_channel_like_any_other(
    platform: Platform, api: httpx.AsyncClient, make_camera: Any
) -> None:
    camera = await make_camera(username="admin", password="camera secret", audio="AAC")
    made = await _add(api, camera, username="admin", password="camera secret", place="街道 1 号")
    channel_id = made["channel_id"]
    assert (made["has_password"], made["username"]) == (True, "admin")
    assert "secret" not in str(made)

    async def online() -> Any:
        found = (await api.get(f"/channels/{channel_id}")).json()
        return found if found["online"] else None

    channel = await eventually(online)
    assert (channel["name"], channel["kind"], channel["address"]) == ("东门", "camera", "街道 1 号")
    rates = (await api.get("/rates")).json()["items"][0]
    assert (rates["cameras"], rates["online"]) == (1, 1)

    live = (await api.post(f"/channels/{channel_id}/live")).json()
    assert (live["video"]["codec"], live["audio"]["codec"]) == ("H264", "AAC")
    watched = await asyncio.to_thread(_watch, live["urls"]["fmp4_http"])
    assert watched >= 25
    still = await api.get(f"/channels/{channel_id}/snapshot.jpg")
    assert (still.status_code, still.content[:2]) == (200, b"\xff\xd8")
    assert (await api.delete(f"/sessions/{live['session_id']}")).status_code == 204
    assert (await api.put(f"/channels/{channel_id}/recording")).status_code in (200, 202, 204)

    async def recorded() -> Any:
        items = (await api.get(f"/channels/{channel_id}/recordings")).json()["items"]
        return items[0] if items and items[0]["duration_s"] > 1 else None

    item = await eventually(recorded)
    assert item["video_codec"] == "H264"
    await api.delete(f"/channels/{channel_id}/recording")
    assert (await api.delete(f"/sources/{channel_id}")).status_code == 204
    gone = (await api.get(f"/channels/{channel_id}")).json()
    assert gone["present"] is False
    assert (await api.get(f"/sources/{channel_id}")).status_code == 404


def _watch(url: str) -> int:
    """Pictures that FFmpeg decodes from an address."""
    with av.open(url, timeout=10) as container:
        count = 0
        for _ in container.decode(video=0):
            count += 1
            if count == 25:
                break
    return count


async def test_a_recording_goes_on_after_its_source_was_away(
    platform: Platform, api: httpx.AsyncClient, make_camera: Any
) -> None:
    camera = await make_camera()
    channel_id = (await _add(api, camera, mode="always"))["channel_id"]
    await api.put(f"/channels/{channel_id}/recording")

    async def is_recording() -> bool:
        return bool((await api.get(f"/channels/{channel_id}")).json()["recording"])

    await eventually(is_recording)
    await camera.kill()

    async def is_away() -> bool:
        return not await is_recording()

    await eventually(is_away)
    await camera.start()
    await eventually(is_recording)


async def test_trying_an_address_is_a_verdict(
    platform: Platform, api: httpx.AsyncClient, make_camera: Any
) -> None:
    camera = await make_camera(codec="H265", username="u", password="right one")
    body = {"url": camera.url, "username": "u", "password": "right one"}
    good = (await api.post("/sources/test", json=body)).json()
    assert (good["ok"], good["verdict"], good["video"]["codec"]) == (True, "ok", "H265")
    bad = (await api.post("/sources/test", json=body | {"password": "wrong one"})).json()
    assert (bad["ok"], bad["verdict"]) == (False, "unauthorised")
    assert "wrong one" not in str(bad)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"url": "file:///etc/passwd"}, 422, "unsuitable-source"),
        ({"url": "http://127.0.0.1/x"}, 422, "unsuitable-source"),
        ({"url": ""}, 422, "unsuitable-source"),
        ({"channel_id": "34020000001110000001"}, 422, "unsuitable-source"),
        ({"channel_id": "123"}, 422, "invalid-request"),
        ({"civil_code": "34020"}, 422, "invalid-request"),
        ({"kind": "push", "url": "", "push_path": "../x"}, 422, "unsuitable-source"),
        ({"kind": "push", "url": "", "push_path": "a/b", "push_key": "short"}, 422, "unsuitable-source"),
        ({"colour": "red"}, 422, "invalid-request"),
    ],
)
async def test_what_makes_no_source_is_refused(
    platform: Platform, api: httpx.AsyncClient, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = await api.post("/sources", json={"name": "x", "url": "rtsp://192.0.2.1/1"} | fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await api.get("/sources")).json()["items"] == []
    assert (await api.get("/devices")).json()["items"] == []


async def test_ids_are_assigned_once_and_never_twice(platform: Platform, api: httpx.AsyncClient) -> None:
    given = {"name": "x", "url": "rtsp://192.0.2.1/1", "channel_id": "34020000001310000007", "enabled": False}
    assert (await api.post("/sources", json=given)).json()["channel_id"] == given["channel_id"]
    again = await api.post("/sources", json=given)
    assert (again.status_code, again.json()["code"]) == (409, "source-exists")
    made = [(await api.post("/sources", json=given | {"channel_id": ""})).json() for _ in range(3)]
    assert [each["channel_id"][-6:] for each in made] == ["900001", "900002", "900003"]
    # The id of one that was removed is not given to another: its recordings are still there.
    await api.delete(f"/sources/{made[2]['channel_id']}")
    last = (await api.post("/sources", json=given | {"channel_id": ""})).json()
    assert last["channel_id"][-6:] == "900004"


async def test_a_password_on_file_does_not_go_to_another_host(
    platform: Platform, api: httpx.AsyncClient
) -> None:
    body = {
        "name": "x",
        "url": "rtsp://192.0.2.1/1?token=abc",
        "username": "u",
        "password": "pw pw pw",
        "enabled": False,
    }
    made = (await api.post("/sources", json=body)).json()
    assert made["url"] == "rtsp://192.0.2.1:554/1?token=***"
    path = f"/sources/{made['channel_id']}"
    same = (await api.patch(path, json={"url": made["url"], "name": "y"})).json()
    assert (same["has_password"], same["name"]) == (True, "y")
    stored = platform.gateway.get(made["channel_id"]).address
    assert stored is not None
    assert stored.full == "rtsp://u:pw%20pw%20pw@192.0.2.1:554/1?token=abc"
    other_path = (await api.patch(path, json={"url": "rtsp://192.0.2.1/2"})).json()
    assert other_path["has_password"] is True
    moved = (await api.patch(path, json={"url": "rtsp://192.0.2.2/1"})).json()
    assert (moved["has_password"], moved["username"]) == (False, "")


async def test_nobody_registers_with_the_gateways_id(platform: Platform, api: httpx.AsyncClient) -> None:
    refusal = platform.devices._admission.refusal(platform.gateway.device_id, HOST, "")
    assert refusal is not None
    await api.post("/sources", json={"name": "x", "url": "rtsp://192.0.2.1/1", "enabled": False})
    refused = await api.post(f"/devices/{platform.gateway.device_id}/catalog")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-a-gb-device")
    device = (await api.get(f"/devices/{platform.gateway.device_id}")).json()
    assert (device["online"], device["channels"]) == (True, 1)
    assert platform.devices.presence.get(platform.gateway.device_id) is None


async def test_sources_survive_a_restart_and_their_secrets_are_sealed(
    platform: Platform, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    body = {
        "name": "x",
        "url": "rtsp://192.0.2.1/1",
        "username": "u",
        "password": "pw-on-disk",
        "enabled": False,
    }
    made = (await api.post("/sources", json=body)).json()
    assert b"pw-on-disk" not in _database(tmp_path)
    await platform.close()
    again = Platform(platform.settings, {})
    await again.open()
    try:
        address = again.gateway.get(made["channel_id"]).address
        assert address is not None
        assert address.password == "pw-on-disk"
        assert again.devices.presence.get(again.gateway.device_id) is None
    finally:
        await again.close()


def _database(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("platform.db*"))


async def test_the_key_of_a_push_is_told_once_with_its_addresses(
    platform: Platform, api: httpx.AsyncClient
) -> None:
    body = {"name": "car", "kind": "push", "push_path": "/push/car/"}
    made = (await api.post("/sources", json=body)).json()
    key = made["push_key"]
    assert (made["push_path"], len(key) >= 24) == ("push/car", True)
    port = platform.settings.media.rtmp_port
    assert made["push_urls"] == [f"rtmp://{HOST}:{port}/push/car?key={key}"]
    shown = (await api.get(f"/sources/{made['channel_id']}")).json()
    assert (shown["push_key"], shown["push_urls"]) == (None, [])
    assert key.encode() not in _database(platform.settings.storage.path.parent)
    changed = (await api.patch(f"/sources/{made['channel_id']}", json={"push_key": ""})).json()
    assert changed["push_key"] not in (None, key)


async def test_only_who_manages_devices_may_change_sources(
    platform: Platform, api: httpx.AsyncClient
) -> None:
    await platform.users.create("watcher", "another password 1", Role.VIEWER)
    answer = await api.post("/login", json={"username": "watcher", "password": "another password 1"})
    headers = {"authorization": f"Bearer {answer.json()['token']}"}
    assert (await api.get("/sources", headers=headers)).status_code == 200
    for method, path in (("POST", "/sources"), ("POST", "/sources/test"), ("POST", "/sources/discover")):
        refused = await api.request(method, path, json={}, headers=headers)
        assert refused.status_code == 403, path
