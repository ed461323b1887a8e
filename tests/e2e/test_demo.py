"""``tongshi demo``: four cameras on the page within seconds, recorded, and a clean end on Ctrl-C."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from console.client import Channel, Client
from tests.support.platform_process import ROOT, STOP_TIMEOUT_S, eventually


@pytest.fixture
def demo(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "console", "demo", "--data", str(tmp_path / "demo"), "--port", "0"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TONGSHI_")}
    with (tmp_path / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )
    yield process
    process.kill()
    process.wait(STOP_TIMEOUT_S)
    assert process.stdout is not None
    process.stdout.close()


async def test_the_demo_shows_four_cameras_and_ends_cleanly(
    demo: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    page, username, password = await asyncio.to_thread(_told, demo)
    async with Client.over_http(page) as client:
        await client.login(username, password)

        async def recorded() -> list[Channel]:
            channels = [channel async for channel in client.all_channels()]
            return channels if sum(channel.recording for channel in channels) == 4 else []

        channels = await eventually(recorded, "four cameras are recorded", timeout_s=60)
        assert sorted(channel.video_codec or "" for channel in channels) == ["H264"] * 3 + ["H265"]
        transports = [device.transport async for device in client.all_devices()]
        assert sorted(str(transport) for transport in transports) == ["TCP", "UDP", "UDP", "UDP"]
        assert {channel.camera_class for channel in channels} == {1, 2, 3}
        for channel in channels:
            live = await client.open_live(channel.key)
            assert live.video.width == 640
            assert (await client.snapshot(channel.key)).startswith(b"\xff\xd8\xff")

        async def long_enough() -> bool:
            for channel in channels:
                items = (await client.recordings(channel.key)).items
                if not items or items[0].duration_s < 1.0:
                    return False
            return True

        await eventually(long_enough, "a second of each camera is on disk")
    demo.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(demo.wait, STOP_TIMEOUT_S) == 0
    log = (tmp_path / "demo.log").read_text("utf-8")
    assert "Traceback" not in log
    assert password not in log
    files = list((tmp_path / "demo" / "recordings").rglob("*.mp4"))
    assert len(files) == 4
    for file in files:
        with av.open(str(file)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 10


def _told(demo: "subprocess.Popen[str]") -> tuple[str, str, str]:
    """Address, name and password as they are printed for the person."""
    assert demo.stdout is not None
    text = ""
    for line in demo.stdout:
        text += line
        if match := re.search(r"Page: +(http://\S+)/\n.*Log in: +(\S+) +(\S+)\n.*Stop:", text, re.DOTALL):
            return match[1], match[2], match[3]
    raise AssertionError(f"the demo ended: {text}")
