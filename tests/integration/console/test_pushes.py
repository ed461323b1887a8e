"""A channel pushed to another server over RTMP, which is ffmpeg."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.media.conftest import tool
from tests.support.platform_process import eventually
from tests.support.port_ranges import free_ports_in_a_row
from tests.support.small_site import SmallSite, small_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path) as opened:
        yield opened


async def _view(site: SmallSite, push_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await site.api.get(f"/pushes/{push_id}")).json()
    return found


async def test_a_channel_is_pushed_until_it_is_stopped(site: SmallSite, tmp_path: Path) -> None:
    camera = await site.add_camera()
    channel = f"{camera.settings.device_id}~{camera.settings.all_channel_ids[0]}"
    (port,), taken = free_ports_in_a_row(1), tmp_path / "taken.flv"
    url = f"rtmp://127.0.0.1:{port}/live/gate?key=secret"
    started = await site.api.post(f"/channels/{channel}/pushes", json={"url": url})
    assert started.status_code == 201, started.text
    push_id = started.json()["push_id"]
    assert started.json()["address"] == f"127.0.0.1:{port}/live"

    async def refused() -> bool:
        """Nobody listens yet."""
        return "refused" in (await _view(site, push_id))["trouble"]

    await eventually(refused, "the push says what is wrong")
    server = await asyncio.create_subprocess_exec(
        tool("ffmpeg"), "-v", "error", "-listen", "1", "-i", url, "-t", "2", "-c", "copy", "-y", str(taken)
    )
    try:
        async with asyncio.timeout(60):
            assert await server.wait() == 0
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
    probe = f"{tool('ffprobe')} -v error -show_streams -of json {taken}".split()
    shown = await asyncio.create_subprocess_exec(*probe, stdout=asyncio.subprocess.PIPE)
    output, _ = await shown.communicate()
    assert {stream["codec_name"] for stream in json.loads(output)["streams"]} == {"h264"}
    (listed,) = (await site.api.get("/pushes")).json()["items"]
    assert (listed["push_id"], listed["channel"], listed["requested_by"]) == (push_id, channel, "admin")
    assert listed["connections"] >= 1
    assert "secret" not in json.dumps(listed)
    assert (await site.api.delete(f"/pushes/{push_id}")).status_code == 204
    assert (await site.api.get("/pushes")).json()["items"] == []
    missing = await site.api.delete(f"/pushes/{push_id}")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown-push")
    entries = await site.platform.app.state.context.audit.list()
    told = [entry.detail for entry in entries if entry.target == channel and "push" in entry.detail]
    assert len(told) == 2
    assert not any("secret" in detail for detail in told)


@pytest.mark.parametrize(
    "url", ["http://h/a/b", "rtmps://h/a/b", "rtmp://h/a", "rtmp://h", "rtmp:///a/b", ""]
)
async def test_other_addresses_are_refused(site: SmallSite, url: str) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    assert (await site.api.post(f"/channels/{channel}/pushes", json={"url": url})).status_code == 422
