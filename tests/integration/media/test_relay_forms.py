"""What goes out for each kind of source, judged by ffprobe and by a second plane. GB-C125."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from media.nal import VideoCodec, split_nal_units
from media.ps_format import AudioCodec
from media.rtp import rtp_packetize
from media.session import MediaPlane, MediaSession, MediaTransport, SenderRequest
from media.tap import Described, TappedUnit
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.far_platform import indexes, received, slices, udp_platform
from tests.integration.media.pretend_camera import AUDIO_SAMPLES, FRAME_TICKS, PretendCamera
from tests.integration.media.test_relay import SSRC, passing, play, running, to
from tests.support.feeding import ORIGIN, feed, film

CODECS = {VideoCodec.H264: "h264", VideoCodec.H265: "hevc"}
UDP, ACTIVE, PASSIVE = MediaTransport.UDP, MediaTransport.TCP_ACTIVE, MediaTransport.TCP_PASSIVE


def probe(path: Path) -> dict[str, dict[str, str]]:
    """The streams of a file by kind, every frame decoded; ffprobe complains of nothing."""
    command = f"{tool('ffprobe')} -v error -f mpeg -count_frames -show_streams -of json".split()
    shown = subprocess.run([*command, str(path)], capture_output=True, check=True, timeout=60)
    # ffmpeg takes G.711 in a program stream for MP2, and complains of that alone.
    complaints = [line for line in shown.stderr.splitlines() if not line.startswith(b"[mp2 @")]
    assert not complaints, complaints
    return {stream["codec_type"]: stream for stream in json.loads(shown.stdout)["streams"]}


@pytest.mark.parametrize(
    ("video", "audio"),
    [
        (VideoCodec.H264, AudioCodec.AAC),
        (VideoCodec.H265, AudioCodec.AAC),
        (VideoCodec.H264, AudioCodec.G711A),
        (VideoCodec.H265, AudioCodec.G711U),
        (VideoCodec.H264, None),
    ],
)
async def test_given_frames_with_b_pictures_are_packed_and_every_frame_decodes(
    plane: MediaPlane, tmp_path: Path, video: VideoCodec, audio: AudioCodec | None
) -> None:
    """Q102: times of decoding and showing go out apart."""
    session = await plane.open_fed(label="program")
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port, from_cache=False))
        relay.start()
        await until(lambda: relay.stats().state == "sending", "it is open")
        frames = film(video, audio, 3)
        for frame in frames:
            feed(session, frame, ORIGIN)
            await asyncio.sleep(0.0005)
        await session.wait_first_keyframe(10)
        await until(lambda: session.stats().access_units == 75, "all pictures are read")
        await session.close("done")
        await until(lambda: relay.is_closed, "the rest is sent")
        stats = relay.stats()
        await until(lambda: len(platform.packets) == stats.packets, "all packets")
        # The sound behind the last picture is a frame of its own.
        assert (stats.passed_frames, stats.frames) == (0, 75 + (audio is not None))
        path = tmp_path / "stream.ps"
        path.write_bytes(platform.stream)
    streams = await asyncio.to_thread(probe, path)
    assert streams["video"]["codec_name"] == CODECS[video]
    assert streams["video"]["nb_read_frames"] == "75"
    if audio is AudioCodec.AAC:
        assert streams["audio"]["codec_name"] == "aac"
        assert int(streams["audio"]["nb_read_frames"]) >= 40
    elif audio is not None:
        # ffmpeg knows no G.711 in program streams: the sound is counted by the Python demuxer.
        sound = b"".join(unit.data for unit in platform.sounds())
        fed = b"".join(frame.data for frame in frames if hasattr(frame, "sample_rate"))
        assert sound in fed
        assert len(sound) >= len(fed) * 9 // 10


def elementary(camera: PretendCamera, count: int) -> Iterator[bytes]:
    """The pictures as RTP packets of RFC 6184 or RFC 7798 without a program stream."""
    h264 = camera.codec is VideoCodec.H264
    for index in range(camera.index, camera.index + count):
        units = split_nal_units(camera.pictures()[index % len(camera.pictures())].annexb)
        stamp = camera.first_pts + index * FRAME_TICKS
        payloads = [payload for unit in units for payload in _fragments(unit, h264)]
        for number, payload in enumerate(payloads):
            marker = number + 1 == len(payloads)
            head = bytes([0x80, (98 if h264 else 100) | marker << 7])
            numbers = camera.sequence.to_bytes(2) + stamp.to_bytes(4) + camera.ssrc.to_bytes(4)
            yield head + numbers + payload
            camera.sequence = (camera.sequence + 1) & 0xFFFF
    camera.index += count


def _fragments(unit: bytes, h264: bool) -> Iterator[bytes]:
    if len(unit) <= 1_300:
        yield unit
        return
    if h264:
        head, kind, body = bytes([unit[0] & 0xE0 | 28]), unit[0] & 0x1F, unit[1:]
    else:
        head, kind, body = bytes([unit[0] & 0x81 | 49 << 1, unit[1]]), unit[0] >> 1 & 0x3F, unit[2:]
    for start in range(0, len(body), 1_300):
        flags = (start == 0) << 7 | (start + 1_300 >= len(body)) << 6
        yield head + bytes([flags | kind]) + body[start : start + 1_300]


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_a_raw_stream_is_packed(
    plane: MediaPlane, sender: socket.socket, tmp_path: Path, codec: VideoCodec
) -> None:
    camera = PretendCamera(codec=codec)
    session = await plane.open_session(transport=UDP, ssrc=camera.ssrc, label="camera")
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        for _ in range(60):
            for packet in elementary(camera, 1):
                sender.sendto(packet, ("127.0.0.1", session.port))
            await asyncio.sleep(0.002)
        found = await received(platform, 57, camera)
        assert found == list(range(found[-1] + 1))
        assert relay.stats().passed_frames == 0
        path = tmp_path / "stream.ps"
        path.write_bytes(platform.stream)
    streams = await asyncio.to_thread(probe, path)
    assert streams["video"]["codec_name"] == CODECS[codec]


async def test_a_passed_stream_is_judged_by_ffprobe(
    plane: MediaPlane, sender: socket.socket, tmp_path: Path
) -> None:
    camera = PretendCamera(width=640, height=480)
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 45)
        await until(lambda: session.stats().packets == camera.sequence, "the last packet is read")
        await session.close("done")
        await until(lambda: relay.is_closed, "the rest is sent")
        await until(lambda: len(platform.packets) == relay.stats().packets, "all packets")
        assert relay.stats().passed_frames > 30
        path = tmp_path / "stream.ps"
        path.write_bytes(platform.stream)
    streams = await asyncio.to_thread(probe, path)
    assert streams["video"]["nb_read_frames"] == "50"


async def tapped(session: MediaSession, units: list[TappedUnit]) -> None:
    async for item in session.tap():
        if isinstance(item, TappedUnit):
            units.append(item)
        elif isinstance(item, Described):
            assert item.info.audio is not None


@pytest.mark.parametrize("transport", [UDP, ACTIVE, PASSIVE])
async def test_a_second_plane_receives_every_picture_as_it_was(
    make_plane: MakePlane, sender: socket.socket, transport: MediaTransport
) -> None:
    near, far = await make_plane(), await make_plane()
    camera = PretendCamera(audio=AudioCodec.G711A)
    session = await running(near, sender, camera)
    role = {UDP: UDP, ACTIVE: PASSIVE, PASSIVE: ACTIVE}[transport]
    reception = await far.open_session(transport=role, ssrc=SSRC, label="from below")
    port = 0 if transport is PASSIVE else reception.port
    relay = session.attach_sender(SenderRequest(transport=transport, ssrc=SSRC, host="127.0.0.1", port=port))
    relay.start()
    if transport is PASSIVE:
        await reception.connect("127.0.0.1", relay.local_port)
    await reception.wait_first_keyframe(10)
    units: list[TappedUnit] = []
    tap = asyncio.ensure_future(tapped(reception, units))
    await play(camera, sender, session, 40)
    await passing(relay)
    await play(camera, sender, session, 30)
    await until(lambda: len(units) >= 70, "pictures arrive")
    pictures = camera.pictures()
    for index, unit in enumerate(units, 25):
        expected = pictures[index % len(pictures)]
        assert slices(unit.annexb, camera.codec) == slices(expected.annexb, camera.codec), index
        assert unit.dts_90k == (index - 25) * FRAME_TICKS
    sound = [piece.time for unit in units for piece in unit.sound]
    assert sound == list(range(sound[0], sound[0] + 320 * len(sound), 320)), "sound without a seam"
    stats = reception.stats()
    assert (stats.lost, stats.duplicates, stats.dropped_damaged, stats.malformed) == (0, 0, 0, 0)
    assert stats.ssrc == SSRC
    tap.cancel()


def noise(index: int) -> bytes:
    """Sound of which no two pieces are alike."""
    return random.Random(index).randbytes(AUDIO_SAMPLES)


def packed(camera: PretendCamera, way: str, marked: bool) -> Iterator[bytes]:
    """The packets of the next picture and its sound: in one pack, or each in a pack of its own."""
    picture = camera.pictures()[camera.index % len(camera.pictures())]
    pts = camera.first_pts + camera.index * FRAME_TICKS
    sound = noise(camera.index)
    pack = camera.muxer.mux_video(picture.annexb, pts, keyframe=picture.keyframe, audio=sound)
    at = pack.rindex(b"\0\0\1\xc0")
    first = pack.index(b"\0\0\1\xe0")
    head, video, heard = pack[:first], pack[first:at], pack[at:]
    frames = {
        "behind": [(pts, pack)],
        "before": [(pts, head + heard + video)],
        "apart": [(pts, head + video), (pts + FRAME_TICKS // 2, pack[:14] + heard)],
        "bare": [(pts, head + video), (pts + FRAME_TICKS // 2, heard)],
    }[way]
    for stamp, frame in frames:
        made = rtp_packetize(
            frame, sequence=camera.sequence, timestamp=stamp, ssrc=camera.ssrc, max_payload=1_400
        )
        camera.sequence = (camera.sequence + len(made)) & 0xFFFF
        for packet in made:
            yield replace(packet, marker=packet.marker and marked).serialize()
    camera.index += 1


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("way", ["behind", "before", "apart", "bare"])
async def test_who_goes_over_to_the_sources_frames_hears_every_sound_once(
    plane: MediaPlane, sender: socket.socket, way: str, marked: bool
) -> None:
    """However a camera packs its sound, and whether its marker bits tell where a picture ends. Q92, Q101."""
    camera = PretendCamera(audio=AudioCodec.G711A)
    session = await plane.open_session(transport=UDP, ssrc=camera.ssrc, label="camera")

    async def send(count: int) -> None:
        for _ in range(count):
            for packet in packed(camera, way, marked):
                sender.sendto(packet, ("127.0.0.1", session.port))
            # Slow enough that most pictures are given out before the next one comes.
            await asyncio.sleep(0.02)
        await until(lambda: session.stats().packets == camera.sequence, "the pictures are read")

    await send(40)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await send(40)
        await passing(relay)
        await send(10)
        await until(lambda: relay.stats().passed_frames > 20, "they are sent")
        found = indexes(platform.pictures(), camera)
        assert found == list(range(25, found[-1] + 1))
        heard = b"".join(unit.data for unit in platform.sounds())
    whole = b"".join(noise(index) for index in range(camera.index))
    at = whole.find(heard[: 3 * AUDIO_SAMPLES])
    assert at >= 0
    assert whole[at : at + len(heard)] == heard, "each sound once and in order"
    assert at + len(heard) >= len(whole) - 6 * AUDIO_SAMPLES
    assert at <= 26 * AUDIO_SAMPLES


async def test_sound_that_the_receiver_does_not_know_is_left_out(
    plane: MediaPlane, sender: socket.socket
) -> None:
    camera = PretendCamera(audio=AudioCodec.G711U)
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port, audio=frozenset({"G711A"})))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await play(camera, sender, session, 30)
        found = await received(platform, 55, camera)
        assert found == list(range(25, found[-1] + 1))
        assert platform.sounds() == []
        assert relay.stats().form == "remuxed"


async def test_a_start_at_the_next_key_frame(plane: MediaPlane, sender: socket.socket) -> None:
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform() as (platform, port, _):
        relay = session.attach_sender(to(port, from_cache=False))
        relay.start()
        await until(lambda: relay.stats().form == "waiting_for_keyframe", "it waits")
        await play(camera, sender, session, 40)
        found = await received(platform, 65, camera)
        assert found == list(range(50, found[-1] + 1))


async def test_over_ipv6(make_plane: MakePlane, sender: socket.socket) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    plane = await make_plane(rtp_host="0.0.0.0")  # noqa: S104
    camera = PretendCamera()
    session = await running(plane, sender, camera)
    with udp_platform("::1") as (platform, port, _):
        relay = session.attach_sender(to(port, host="::1"))
        relay.start()
        await until(lambda: platform.packets, "the start of the stream")
        await until(lambda: str(relay.stats().peer).startswith("[::1]:"), "the peer is told")
