"""What goes wrong around the platform: kills, a camera that vanishes, a full disk, a locked database."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from console.client import Client, ProblemError, RecordingItem
from tests.support.hostile_peers import watching
from tests.support.platform_process import ROOT, SIP_PASSWORD, PlatformProcess, eventually
from tests.support.platform_scene import camera, cameras, grown, known_channel, logged_in, metric, pictures_in
from tests.support.small_disk import small_disk_at

DEVICE_ID = "34020000001320000001"
CHANNEL_ID = "34020000001310000001"
DISK_BYTES = 24 << 20
QUICK_STOP_S = 10.0


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    process.environment.update(
        {
            "TONGSHI_SIP__SILENCE_TIMEOUT_S": "2",
            "TONGSHI_SIP__RECONCILE_INTERVAL_S": "0.5",
            "TONGSHI_STORAGE__RECONCILE_S": "0.5",
            "TONGSHI_STORAGE__RETRY_MAX_S": "2",
        }
    )
    yield process
    process.kill()


@contextlib.asynccontextmanager
async def camera_process(platform: PlatformProcess) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A camera of its own, so that it can be killed without a word."""
    arguments = ("--server", f"127.0.0.1:{platform.sip_port}", "--keepalive", "1", "--width", "320")
    process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once and is waited for in a thread
        platform.command("simulate", "camera", *arguments),
        cwd=ROOT,
        env={**platform.env(), "TONGSHI_SIP__PASSWORD": SIP_PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def newer(client: Client, known: set[str], timeout_s: float = 40.0) -> RecordingItem:
    """A recording that was not there before, once it has more than a second."""

    async def probe() -> RecordingItem | None:
        items = (await client.recordings(CHANNEL_ID)).items
        new = [item for item in items if item.segment_id not in known and item.duration_s > 1]
        return new[-1] if new else None

    found = await eventually(probe, "a new recording of more than a second", timeout_s)
    assert found is not None
    return found


async def decodes(platform: PlatformProcess, client: Client, segment_id: str) -> bool:
    saved = platform.directory / f"saved-{segment_id}.mp4"
    saved.write_bytes(await client.download(segment_id))
    return pictures_in(saved) > 10


def gaps(platform: PlatformProcess) -> list[tuple[str, bool]]:
    """Cause of each gap, and whether it is over."""
    with contextlib.closing(sqlite3.connect(platform.directory / "platform.db", timeout=10)) as database:
        rows = database.execute("SELECT cause, end_time IS NOT NULL FROM recording_gaps ORDER BY gap_id")
        return [(cause, bool(over)) for cause, over in rows]


async def test_a_camera_and_the_platform_are_killed_and_come_back(platform: PlatformProcess) -> None:
    await platform.start()
    async with camera_process(platform) as first, logged_in(platform) as client:
        await known_channel(client, CHANNEL_ID)
        live = await client.open_live(CHANNEL_ID)
        await client.start_recording(CHANNEL_ID)
        before = await grown(client, CHANNEL_ID)
        first.kill()

        async def ended() -> bool:
            return not (await client.channel(CHANNEL_ID)).streaming

        await eventually(ended, "the session of a camera that is gone ends", timeout_s=10)

        async def lease_is_over() -> bool:
            try:
                await client.session(live.session_id)
            except ProblemError as problem:
                return problem.code == "unknown-session"
            return False

        await eventually(lease_is_over, "the viewer's session is over", timeout_s=10)
        assert f"{CHANNEL_ID}: media stopped: no packet for" in platform.log()
        channel = await client.channel(CHANNEL_ID)
        assert (channel.recording, channel.recording_wanted) == (False, True)

    async with camera_process(platform):
        async with logged_in(platform) as client:
            after = await newer(client, {before.segment_id})
            assert after.start >= before.end
            assert gaps(platform)[-1][1]
        await platform.stop(signal.SIGKILL)
        await platform.start()
        async with logged_in(platform) as client:
            again = await newer(client, {before.segment_id, after.segment_id})
            for item in (before, after, again):
                assert await decodes(platform, client, item.segment_id)
            live = await client.open_live(CHANNEL_ID)
            async with watching(live.urls.fmp4_http):
                asked = time.monotonic()
                assert await platform.stop() == 0
                took_s = time.monotonic() - asked
    print(f"SIGTERM with a viewer and a recording: {took_s:.1f} s; gaps: {gaps(platform)}")
    assert took_s < QUICK_STOP_S
    assert len(gaps(platform)) >= 2
    with contextlib.closing(sqlite3.connect(platform.directory / "platform.db")) as database:
        states = dict(database.execute("SELECT segment_id, state FROM segments"))
    assert states[again.segment_id] == "closed"
    assert "open" not in states.values()
    for file in (platform.directory / "recordings").rglob("*.mp4"):
        assert pictures_in(file) > 0
    assert "Traceback" not in platform.log()


@pytest.fixture
def small_disk(platform: PlatformProcess) -> Iterator[Path]:
    """A file system of its own for the recordings."""
    with small_disk_at(platform.directory / "recordings", DISK_BYTES) as path:
        yield path
        platform.kill()


async def test_a_full_disk_stops_recording_alone_until_there_is_room(
    platform: PlatformProcess, small_disk: Path
) -> None:
    await platform.start()
    filler = small_disk / "filler"
    made = camera(platform, keepalive_interval_s=0.5)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, CHANNEL_ID)
        live = await client.open_live(CHANNEL_ID)
        async with watching(live.urls.fmp4_http) as watcher:
            await client.start_recording(CHANNEL_ID)
            before = await grown(client, CHANNEL_ID)
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"\0" * 65_536):
                    pass

            async def told() -> bool:
                return (
                    await metric(platform, "gb28181_storage_writable") == 0
                    and not (await client.channel(CHANNEL_ID)).recording
                )

            await eventually(told, "the full disk is told and the recording has stopped", timeout_s=15)
            assert (await client.channel(CHANNEL_ID)).recording_wanted
            assert (await client.overview()).disk_writable is False
            with pytest.raises(ProblemError) as full:
                await client.start_recording(CHANNEL_ID)
            assert (full.value.status, full.value.code) == (507, "disk-full")
            await watcher.more(10)
            assert (await client.device(DEVICE_ID)).online

            filler.unlink()
            after = await newer(client, {before.segment_id})
            assert await metric(platform, "gb28181_storage_writable") == 1
            for item in (before, after):
                assert await decodes(platform, client, item.segment_id)
        assert ("disk_full", True) in gaps(platform)
        assert " disk" in platform.log()
    assert await platform.stop() == 0
    assert "Traceback" not in platform.log()


HOLD_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


async def test_a_locked_database_delays_and_loses_nothing(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, keepalive_interval_s=0.3)
    newcomer = camera(platform, 1)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, CHANNEL_ID)
        live = await client.open_live(CHANNEL_ID)
        await client.start_recording(CHANNEL_ID)
        before = await grown(client, CHANNEL_ID)
        locker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            HOLD_LOCK,
            str(platform.directory / "platform.db"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert locker.stdout is not None
        assert await locker.stdout.readline() == b"locked\n"
        try:
            async with watching(live.urls.fmp4_http) as watcher:
                heard = await metric(platform, "gb28181_devices_keepalives_total")
                async with cameras(newcomer):
                    # Pictures and keepalives for three seconds, a registration among them.
                    await watcher.more(75, timeout_s=20)
                    assert await metric(platform, "gb28181_devices_keepalives_total") > heard + 3
                    assert (await client.channel(CHANNEL_ID)).streaming
                    await locker.communicate(b"")
                    await known_channel(client, newcomer.all_channel_ids[0])
        finally:
            if locker.returncode is None:
                locker.kill()
                await locker.wait()

        async def stored() -> bool:
            (item, *_) = (await client.recordings(CHANNEL_ID)).items
            return item.duration_s > before.duration_s + 3

        await eventually(stored, "what was recorded during the lock is in the index")
        assert len((await client.recordings(CHANNEL_ID)).items) == 1
        await client.stop_recording(CHANNEL_ID)
        assert await decodes(platform, client, before.segment_id)
    assert await platform.stop() == 0
    assert "Traceback" not in platform.log()
