"""Our own recordings for superiors: as RTP with a program stream, over UDP and TCP, judged from outside."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
from pathlib import Path

import pytest

from media.outputs.rtp import RtpSender, SenderRequest
from media.ps_format import AudioCodec
from media.recordings import Play, RecordingStream
from media.rtp import TcpDeframer
from media.session import MediaPlane
from media.transport import MediaTransport
from tests.integration.media.conftest import tool, until
from tests.integration.media.far_platform import FarPlatform, slices, tcp_server_platform, udp_platform
from tests.integration.media.recorded_film import Film, LongCamera, film

SSRC = 0x0BEBC299


def judged(stream: bytes, path: Path) -> int:
    """Pictures that ffmpeg decodes of a program stream."""
    path.write_bytes(stream)
    command = [tool("ffprobe"), "-v", "error", "-count_frames", "-select_streams", "v", "-show_streams"]
    shown = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, timeout=60)
    complaints = [line for line in shown.stderr.splitlines() if b"h264" in line or b"hevc" in line]
    assert not complaints, complaints
    return int(json.loads(shown.stdout)["streams"][0]["nb_read_frames"])


def pictures_of(platform: FarPlatform) -> list[int]:
    """Which pictures came, each compared bit for bit."""
    camera = LongCamera()
    known = {
        b"".join(slices(picture.annexb, camera.codec)): index
        for index, picture in enumerate(camera.pictures())
    }
    return [known[b"".join(slices(unit.data, camera.codec))] for unit in platform.pictures()]


async def send(stream: RecordingStream, transport: MediaTransport, port: int) -> RtpSender:
    await stream.wait_started(10)
    relay = stream.session.attach_sender(
        SenderRequest(transport=transport, ssrc=SSRC, host="127.0.0.1", port=port, label="superior")
    )
    relay.start()
    await until(lambda: relay.stats().frames >= 1, "the first picture is on its way")
    stream.resume()
    return relay


async def to_the_end(stream: RecordingStream, relay: RtpSender) -> None:
    """As an owner does it: MediaStatus and BYE after the last picture (GB-C110)."""
    await asyncio.wait_for(stream.wait_ended(), 30)
    await until(lambda: relay.stats().queued_bytes == 0, "the figures are those of the end")
    assert (relay.stats().state, relay.stats().dropped_frames) == ("sending", 0)
    await stream.close("the superior has said BYE")


@pytest.fixture
async def recorded(plane: MediaPlane, tmp_path: Path) -> Film:
    return await film(plane, tmp_path / "film", 100, audio=AudioCodec.G711A)


async def test_a_playback_goes_up_over_udp_and_tcp(plane: MediaPlane, recorded: Film, tmp_path: Path) -> None:
    """GB-C125, GB-C126: a pack for each picture, the agreed SSRC, whole and in order."""
    over_udp, over_tcp = [await recorded.play(plane, Play(paused=True)) for _ in range(2)]
    with udp_platform() as (udp, udp_port, _):
        async with tcp_server_platform() as (tcp, tcp_port):
            relays = [
                await send(over_udp, MediaTransport.UDP, udp_port),
                await send(over_tcp, MediaTransport.TCP_ACTIVE, tcp_port),
            ]
            await asyncio.gather(to_the_end(over_udp, relays[0]), to_the_end(over_tcp, relays[1]))
            await until(lambda: tcp.ended, "the connection is closed behind the last picture")
        platforms: list[FarPlatform] = [udp, tcp]
    for number, platform in enumerate(platforms):
        assert pictures_of(platform) == list(range(100))
        assert {packet.ssrc for packet in platform.packets} == {SSRC}
        # ffprobe takes G.711 in a program stream for MPEG audio: it judges the pictures.
        assert len(platform.sounds()) == recorded.sounds
        assert judged(platform.stream, tmp_path / f"{number}.ps") == 100


@pytest.mark.parametrize(("scale", "whole_groups"), [(4.0, False), (-4.0, True), (-8.0, False)])
async def test_other_paces_and_backwards(
    plane: MediaPlane, recorded: Film, tmp_path: Path, scale: float, whole_groups: bool
) -> None:
    play = Play(scale=scale, whole_groups=whole_groups, paused=True)
    stream = await recorded.play(plane, play)
    async with tcp_server_platform() as (tcp, port):
        relay = await send(stream, MediaTransport.TCP_ACTIVE, port)
        await to_the_end(stream, relay)
        await until(lambda: tcp.ended, "the connection is closed")
    groups = [list(range(begin, begin + 25)) for begin in range(0, 100, 25)]
    expected = {
        4.0: [index for group in groups for index in group],
        -4.0: [index for group in reversed(groups) for index in group],
        -8.0: [group[0] for group in reversed(groups)],
    }[scale]
    assert pictures_of(tcp) == expected
    stamps = [unit.pts_90k for unit in tcp.pictures()]
    assert all(former < latter for former, latter in itertools.pairwise(stamps) if former and latter)
    assert judged(tcp.stream, tmp_path / "play.ps") == len(expected)


async def test_a_download_is_as_fast_as_its_receiver_and_loses_nothing(
    plane: MediaPlane, tmp_path: Path
) -> None:
    """A receiver that reads slowly holds the reading back: nothing is dropped, and little waits."""
    recorded = await film(plane, tmp_path / "long", 250, width=1280, height=720)
    total = sum(segment.path.stat().st_size for segment in recorded.segments)
    stream = await recorded.play(plane, Play(scale=0.0, download=True, paused=True))
    platform, relays, most = FarPlatform(), list[RtpSender](), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        deframer = TcpDeframer()
        while data := await reader.read(65_536):
            for packet in deframer.receive_data(data):
                platform.take(packet)
            most = max([most, *(relay.stats().queued_bytes for relay in relays)])
            await asyncio.sleep(0.005)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=65_536)
    async with server:
        relay = await send(stream, MediaTransport.TCP_ACTIVE, server.sockets[0].getsockname()[1])
        relays.append(relay)
        await to_the_end(stream, relay)
        await until(lambda: len(platform.pictures()) == 250, "all of it is there")
    assert most < total / 2, f"{most:,} of {total:,} bytes"
    assert judged(platform.stream, tmp_path / "download.ps") == 250
