"""The platform as its users run it: a process, a configuration file, a camera, no access to its insides."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.client import Client, ProblemError, RecordingItem
from sipserver.sip.flow import Transport
from tests.support.platform_process import (
    ADMIN_PASSWORD,
    ROOT,
    SIP_PASSWORD,
    PlatformProcess,
    eventually,
)
from tests.support.platform_scene import (
    camera,
    cameras,
    grown,
    known_channel,
    logged_in,
    metrics,
    pictures_in,
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    yield process
    process.kill()


async def test_a_camera_is_played_recorded_and_counted(platform: PlatformProcess) -> None:
    addresses = await platform.start()
    assert addresses["http"] == f"127.0.0.1:{platform.http_port}"
    assert addresses["sip_udp"] == addresses["sip_tcp"] == f"127.0.0.1:{platform.sip_port}"
    made = camera(platform)
    channel_id = made.all_channel_ids[0]
    async with cameras(made), logged_in(platform) as client:
        channel = await known_channel(client, channel_id)
        assert (channel.device_id, channel.streaming, channel.recording) == (made.device_id, False, False)

        live = await client.open_live(channel_id)
        assert (live.video.codec, live.video.width, live.video.height) == ("H264", 640, 360)
        assert live.audio is not None
        assert await _first_bytes(live.urls.fmp4_http) == b"ftyp"
        assert (await client.session(live.session_id)).packets > 0
        assert (await client.snapshot(channel_id)).startswith(b"\xff\xd8\xff")

        await client.start_recording(channel_id)
        item = await grown(client, channel_id)
        assert item.video_codec == "H264"
        assert (await client.channel(channel_id)).recording
        text = await metrics(platform)
        assert f'gb28181_camera_recording{{channel_id="{channel_id}"}} 1' in text
        assert f'gb28181_camera_online{{channel_id="{channel_id}"}} 1' in text

        await client.close_session(live.session_id)
        with pytest.raises(ProblemError, match="No such session"):
            await client.session(live.session_id)
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(live.urls.fmp4_http)).status_code in (403, 404, 410)

        await client.stop_recording(channel_id)
        (item,) = (await client.recordings(channel_id)).items
        assert item.complete
        assert item.end > item.start
        saved = platform.directory / "saved.mp4"
        saved.write_bytes(await client.download(item.segment_id))
        assert saved.stat().st_size == item.size_bytes
        assert pictures_in(saved) > 20
    assert await platform.stop() == 0
    assert "Traceback" not in platform.log()
    assert SIP_PASSWORD not in platform.log()
    assert ADMIN_PASSWORD not in platform.log()


async def test_the_camera_is_told_to_stop_when_the_last_viewer_leaves(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, transport=Transport.TCP)
    channel_id = made.all_channel_ids[0]
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, channel_id)
        first, second = await client.open_live(channel_id), await client.open_live(channel_id)
        shared = (await client.channel(channel_id)).session_id
        await client.close_session(first.session_id)
        assert (await client.channel(channel_id)).session_id == shared
        await client.close_session(second.session_id)

        async def ended() -> bool:
            return not (await client.channel(channel_id)).streaming

        await eventually(ended, "the stream ended")
    assert await platform.stop() == 0


async def test_recording_survives_a_kill_and_goes_on_after_the_restart(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, keepalive_interval_s=1.0, keepalive_misses=2)
    channel_id = made.all_channel_ids[0]
    async with cameras(made):
        async with logged_in(platform) as client:
            await known_channel(client, channel_id)
            await client.start_recording(channel_id)
            before = await grown(client, channel_id)
        await platform.stop(signal.SIGKILL)
        (file,) = (platform.directory / "recordings").rglob(f"{before.segment_id}.mp4")
        assert pictures_in(file) > 20

        await platform.start()
        async with logged_in(platform) as client:

            async def later() -> RecordingItem | None:
                items = (await client.recordings(channel_id)).items
                new = [item for item in items if item.segment_id != before.segment_id]
                return new[-1] if new and new[-1].duration_s > 1 else None

            after = await eventually(later, "a new segment is written", timeout_s=60)
            assert after is not None
            items = {item.segment_id: item for item in (await client.recordings(channel_id)).items}
            assert items[before.segment_id].complete
            assert items[before.segment_id].end <= after.start
            recovered = platform.directory / "recovered.mp4"
            recovered.write_bytes(await client.download(before.segment_id))
            assert pictures_in(recovered) > 20
    assert await platform.stop() == 0


async def test_reasons_for_no_picture(platform: PlatformProcess) -> None:
    await platform.start()
    silent = camera(platform, 1, faults=("no-answer",))
    async with logged_in(platform) as client:
        with pytest.raises(ProblemError) as unknown:
            await client.open_live("34020000001310009999")
        assert (unknown.value.status, unknown.value.code) == (404, "unknown-channel")
        channel_id = silent.all_channel_ids[0]
        async with cameras(silent):
            await known_channel(client, channel_id)
            with pytest.raises(ProblemError) as no_answer:
                await client.open_live(channel_id)
            assert (no_answer.value.status, no_answer.value.code) == (504, "no-answer")

        async def offline() -> bool:
            return not (await client.device(silent.device_id)).online

        await eventually(offline, "the device is offline after its unregistration")
        with pytest.raises(ProblemError) as gone:
            await client.open_live(channel_id)
        assert (gone.value.status, gone.value.code) == (503, "device-offline")
    assert await platform.stop() == 0


async def test_a_wrong_password_never_gets_a_camera_in(platform: PlatformProcess) -> None:
    await platform.start()
    wrong = camera(platform, 2, faults=("wrong-password",))
    async with cameras(wrong), logged_in(platform) as client:

        async def refused() -> bool:
            return "gb28181_devices_registrations_refused_total" in await metrics(platform)

        await eventually(refused, "the registration is refused and counted")
        assert [device async for device in client.all_devices() if device.online] == []
    assert await platform.stop() == 0


async def test_a_wrong_configuration_stops_the_start_with_the_line_to_change(
    platform: PlatformProcess,
) -> None:
    text = platform.config.read_text("utf-8").replace("rtp_ports", "rtp_port")
    platform.config.write_text(text, "utf-8")
    platform.environment["TONGSHI_HTTP__PORT"] = "http"
    code, output = await platform.run("serve", "--config", str(platform.config))
    assert code == 2
    assert (
        f'media.rtp_port = "{platform.rtp_ports}": the key is unknown, did you mean rtsp_port or rtp_ports?'
        in output
    )
    assert (
        'TONGSHI_HTTP__PORT: http.port = "http" is wrong: allowed is a whole number from 0 to 65535' in output
    )
    assert "Traceback" not in output


@pytest.mark.parametrize("table", ["http", "sip", "media"])
async def test_a_taken_port_stops_the_start_with_one_line(platform: PlatformProcess, table: str) -> None:
    port = {"http": platform.http_port, "sip": platform.sip_port, "media": platform.media_port}[table]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        code, output = await platform.run("serve", "--config", str(platform.config))
    assert code == 1
    (line,) = [line for line in output.splitlines() if line.startswith("tongshi: ")]
    assert str(port) in line
    assert f"{table}.port" in line
    assert "Traceback" not in output


async def test_users_are_managed_from_the_command_line(platform: PlatformProcess) -> None:
    config = ("--config", str(platform.config), "--password-stdin")
    code, output = await platform.run(
        "user", "add", "guard", "--role", "operator", *config, text="guards long one\n"
    )
    assert (code, "guard may log in as operator" in output) == (0, True)
    code, output = await platform.run("user", "add", "guard", *config, text="guards long one\n")
    assert (code, "already" in output) == (1, True)
    code, output = await platform.run("user", "password", "guard", *config, text="another long one\n")
    assert code == 0, output
    code, output = await platform.run("user", "password", "nobody", *config, text="another long one\n")
    assert (code, "nobody" in output) == (1, True)
    await platform.start()
    async with Client.over_http(platform.base_url) as client:
        assert (await client.login("guard", "another long one")).role == "operator"
    assert await platform.stop(signal.SIGINT) == 0


async def test_a_simulated_nvr_from_the_command_line(platform: PlatformProcess) -> None:
    await platform.start()
    platform.environment["TONGSHI_SIP__PASSWORD"] = SIP_PASSWORD
    nvr = await asyncio.create_subprocess_exec(
        *platform.command("simulate", "nvr", "--server", f"127.0.0.1:{platform.sip_port}", "--channels", "3"),
        cwd=ROOT,
        env=platform.env(),
    )
    try:
        async with logged_in(platform) as client:

            async def channels() -> bool:
                return len([channel async for channel in client.all_channels() if channel.online]) == 3

            await eventually(channels, "three channels of the NVR are online")
            nvr.send_signal(signal.SIGTERM)
            assert await nvr.wait() == 0

            async def offline() -> bool:
                return not any([device.online async for device in client.all_devices()])

            await eventually(offline, "the NVR has unregistered")
    finally:
        if nvr.returncode is None:
            nvr.kill()
            await nvr.wait()
    assert await platform.stop() == 0


async def test_check_looks_at_everything_and_changes_nothing(platform: PlatformProcess) -> None:
    code, output = await platform.run("check", "--config", str(platform.config))
    assert code == 0, output
    for what in ("sip udp", "sip tcp", "http", "media", "media.rtp_ports", "disk of", "clock", "database"):
        assert what in output
    assert not (platform.directory / "platform.db").exists()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", platform.http_port))
        taken.listen()
        code, output = await platform.run("check", "--config", str(platform.config))
    assert (code, "failed" in output) == (1, True)


async def _first_bytes(url: str) -> bytes:
    async with httpx.AsyncClient(trust_env=False) as http, http.stream("GET", url) as answer:
        assert answer.status_code == 200
        async for chunk in answer.aiter_bytes():
            return chunk[4:8]
    raise AssertionError("the stream had no bytes")
