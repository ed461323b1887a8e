"""The platform as an object: what a failed start leaves behind, and pages and API on one listener."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from access.settings import AccessSettings
from config.schema import Settings
from config.tables import DatabaseSettings, HttpSettings
from console.app import Platform
from console.client import Client, ProblemError
from console.errors import StartFailed
from media.settings import MediaSettings
from sipserver.devices.settings import DeviceSettings
from storage.settings import StorageSettings
from tests.support.port_ranges import rtp_ports

PASSWORD = {"TONGSHI_ADMIN_PASSWORD": "integration password"}
HOST = "127.0.0.1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        sip=DeviceSettings(host=HOST, port=0, password="integration cameras"),
        http=HttpSettings(host=HOST, port=0, close_timeout_s=0.5),
        media=MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports()),
        storage=StorageSettings(path=tmp_path / "recordings", free_floor_bytes=1_000_000),
        database=DatabaseSettings(url=f"sqlite:///{tmp_path}/platform.db"),
        access=AccessSettings(hash_memory_kib=32, hash_rounds=1),
    )


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    platform = Platform(settings, PASSWORD)
    await platform.open()
    yield platform
    await platform.close()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


async def test_pages_and_api_share_one_listener(platform: Platform) -> None:
    base = f"http://{HOST}:{platform.http_port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as browser:
        front = await browser.get("/")
        assert (front.status_code, front.headers["location"]) == (303, "/login")
        assert "text/html" in (await browser.get("/login")).headers["content-type"]
        nothing = await browser.get("/api/v1/nothing")
        assert nothing.headers["content-type"] == "application/problem+json"
        login = {"username": "admin", "password": PASSWORD["TONGSHI_ADMIN_PASSWORD"]}
        assert (await browser.post("/api/v1/login", json=login)).status_code == 200
        page = await browser.get("/")
        assert (page.status_code, "text/html" in page.headers["content-type"]) == (200, True)
        # Every asset comes from this listener.
        assert "https://" not in page.text.replace("https://nicegui.io", "").replace("http://www.w3.org", "")


async def test_the_overview_of_an_empty_platform(platform: Platform) -> None:
    async with Client.over_http(f"http://{HOST}:{platform.http_port}") as client:
        await client.login("admin", PASSWORD["TONGSHI_ADMIN_PASSWORD"])
        overview = await client.overview()
        assert (overview.cameras, overview.online_rate, overview.recordings) == (0, None, 0)
        assert overview.disk_free_bytes
        server = await client.server()
        assert server.sip_id == platform.settings.sip.id
        assert server.sip_addresses[0].startswith("udp:127.0.0.1:")
        with pytest.raises(ProblemError, match="No such device"):
            await client.sync_catalog("34020000001110000001")


async def test_a_first_password_is_made_when_none_is_given(settings: Settings) -> None:
    platform = Platform(settings, {})
    await platform.open()
    try:
        assert platform.first_password is not None
        async with Client.over_http(f"http://{HOST}:{platform.http_port}") as client:
            assert (await client.login("admin", platform.first_password)).role == "admin"
    finally:
        await platform.close()
    again = Platform(settings, {})
    await again.open()
    assert again.first_password is None
    await again.close()


async def test_a_failed_start_leaves_nothing_open(settings: Settings, platform: Platform) -> None:
    taken = platform.media.address[1]
    http_port = socket.socket()
    http_port.bind((HOST, 0))
    free = http_port.getsockname()[1]
    http_port.close()
    second = replace(
        settings,
        http=replace(settings.http, port=free),
        media=replace(settings.media, port=taken),
        database=DatabaseSettings(
            url="sqlite:///:memory:", secrets_path=str(settings.storage.path.parent / "k")
        ),
    )
    with pytest.raises(
        StartFailed, match=rf"media cannot listen on 127\.0\.0\.1:{taken}: another program has it"
    ):
        await Platform(second, PASSWORD).open()
    assert not _accepts(free)
    with socket.socket() as probe:
        probe.bind((HOST, free))


async def test_keys_that_others_may_read_stop_the_start(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    key = tmp_path / "secrets" / "signing.key"
    key.write_text("00" * 32)
    key.chmod(0o644)
    with pytest.raises(StartFailed, match="others may read it; run chmod 600"):
        await Platform(settings, PASSWORD).open()
