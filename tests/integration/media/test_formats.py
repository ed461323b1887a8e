"""What is inside the packets: transport streams, sound alone or beside, damage by policy."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
from fractions import Fraction
from pathlib import Path

import av
import pytest

from media.errors import EngineError, NoKeyframe
from media.facts import RecorderDetached, RecorderFact, SegmentClosed
from media.nal import VideoCodec, nal_type, parameter_sets, split_nal_units
from media.ps_format import AudioCodec
from media.rtp import RtpPacket
from media.session import MediaPlane, MediaSession, MediaTransport
from media.settings import OnLoss
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import FRAME_TICKS, PretendCamera, encoded, tone
from tests.integration.media.test_outputs import fetch
from tests.integration.media.test_recording import of, probe

SSRC, SOUND_SSRC = 0x0BEBC201, 0x0BEBC2FF
SEVEN = 7 * 188


async def open_camera(plane: MediaPlane) -> MediaSession:
    return await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")


def packet(payload: bytes, kind: int, sequence: int, timestamp: int, ssrc: int = SSRC) -> bytes:
    return RtpPacket(
        payload_type=kind,
        sequence=sequence & 0xFFFF,
        timestamp=timestamp & 0xFFFFFFFF,
        ssrc=ssrc,
        payload=payload,
        marker=False,
    ).serialize()


def send(sender: socket.socket, session: MediaSession, packets: list[bytes]) -> None:
    for each in packets:
        sender.sendto(each, ("127.0.0.1", session.port))


def transport_stream(codec: VideoCodec, count: int) -> bytes:
    """Made by FFmpeg's multiplexer, not by ours."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        stream = container.add_stream("h264" if codec is VideoCodec.H264 else "hevc", rate=25)
        stream.width, stream.height, stream.time_base = 320, 240, Fraction(1, 90_000)
        for index, picture in enumerate(encoded(codec)[:count]):
            made = av.Packet(picture.annexb)
            made.stream, made.time_base = stream, Fraction(1, 90_000)
            made.pts = made.dts = 90_000 + index * FRAME_TICKS
            made.is_keyframe = picture.keyframe
            container.mux(made)
    return out.getvalue()


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_q94_a_transport_stream_under_the_type_of_ps_is_shown_and_recorded(
    plane: MediaPlane, sender: socket.socket, tmp_path: Path, codec: VideoCodec
) -> None:
    """GB-C124, Q94."""
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("ts", tmp_path, metadata=b"{}", on_fact=facts.append)
    stream = transport_stream(codec, 50)
    pieces = [stream[at : at + SEVEN] for at in range(0, len(stream), SEVEN)]
    for number, piece in enumerate(pieces):
        send(sender, session, [packet(piece, 96, number, 90_000 + number * 900)])
        if number % 20 == 19:
            await asyncio.sleep(0.002)
    info = await session.wait_first_keyframe(20)
    assert (info.codec, info.width) == ("H264" if codec is VideoCodec.H264 else "H265", 320)
    assert session.stats().format == "ts"
    await until(lambda: session.stats().access_units >= 48)
    await session.close("enough")
    await until(lambda: of(facts, RecorderDetached))
    (closed,) = of(facts, SegmentClosed)
    shown = probe(tmp_path / f"{closed.segment_id}.mp4")
    assert int(shown["streams"][0]["nb_read_frames"]) >= 48


async def test_a_stream_whose_map_lists_no_sound_starts_with_its_second_picture(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    """The wait for sound would be 5 s; three pictures are all that ever come."""
    plane = await make_plane(audio_wait_s=5.0)
    session = await open_camera(plane)
    PretendCamera().send_udp(sender, session.port, 3)
    info = await session.wait_first_keyframe(4)
    assert info.audio is None


async def test_a_stream_that_lists_sound_and_sends_none_waits_for_five_pictures_at_most(
    make_plane: MakePlane, sender: socket.socket
) -> None:
    plane = await make_plane(audio_wait_s=5.0)
    session = await open_camera(plane)
    camera = PretendCamera(audio=AudioCodec.G711A)
    silent = PretendCamera()
    for _ in range(8):
        # The map of the one, the pictures of both: sound is listed and never comes.
        listed = camera.muxer.mux_video(
            silent.pictures()[silent.index % 50].annexb,
            900_000 + silent.index * FRAME_TICKS,
            keyframe=silent.pictures()[silent.index % 50].keyframe,
            audio=b"",
        )
        for at in range(0, len(listed), 1_400):
            silent.sequence += 1
            send(
                sender,
                session,
                [packet(listed[at : at + 1_400], 96, silent.sequence, 900_000 + silent.index * FRAME_TICKS)],
            )
        silent.index += 1
    info = await session.wait_first_keyframe(4)
    assert info.audio is None


async def speak(
    sender: socket.socket, session: MediaSession, count: int, ssrc: int = SSRC, first: int = 0
) -> None:
    for number in range(first, first + count):
        send(sender, session, [packet(tone(number * 160, 160), 8, number, number * 160, ssrc)])
        if number % 25 == 24:
            await asyncio.sleep(0.001)


async def test_sound_alone_is_shown_recorded_and_has_no_snapshot(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path
) -> None:
    plane = await make_plane()
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("sound", tmp_path, metadata=b"{}", on_fact=facts.append)
    # No map says that there is no video: a second of nothing else is the proof.
    talking = asyncio.ensure_future(_talk(sender, session))
    try:
        info = await session.wait_first_keyframe(20)
        assert (info.codec, info.width, info.mime) == ("", 0, 'audio/mp4; codecs="flac"')
        assert info.audio is not None
        assert info.audio.codec == "G711A"
        with pytest.raises(NoKeyframe, match="sound alone"):
            await session.jpeg()
        url = session.grant("listener")["fmp4_http"]
        fetching = asyncio.to_thread(fetch, url)
        answer = asyncio.ensure_future(fetching)
        await until(lambda: session.viewers == 1)
        before = session.stats().audio_frames
        await until(lambda: session.stats().audio_frames >= before + 100)
        await session.close("enough")
        status, heard, _ = await answer
    finally:
        talking.cancel()
    assert status == 200
    path = tmp_path / "heard.mp4"
    path.write_bytes(heard)
    shown = probe(path)
    assert [stream["codec_name"] for stream in shown["streams"]] == ["flac"]
    await until(lambda: of(facts, RecorderDetached))
    (closed,) = of(facts, SegmentClosed)
    assert (closed.video_codec, closed.audio_codec) == ("", "G711A")
    recorded = probe(tmp_path / f"{closed.segment_id}.mp4")
    (stream,) = recorded["streams"]
    assert (stream["codec_name"], stream["sample_rate"]) == ("flac", "8000")
    assert float(recorded["format"]["duration"]) == pytest.approx(closed.duration_s, abs=0.1)


async def _talk(sender: socket.socket, session: MediaSession) -> None:
    number = 0
    while True:
        send(sender, session, [packet(tone(number * 160, 160), 8, number, number * 160)])
        number += 1
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("sound_first", [False, True])
async def test_sound_in_a_source_of_its_own_joins_the_pictures(
    make_plane: MakePlane, sender: socket.socket, sound_first: bool
) -> None:
    """Another SSRC and payload type on the same port, from another port of the same device."""
    plane = await make_plane(audio_wait_s=5.0)
    session = await open_camera(plane)
    camera = PretendCamera(ssrc=SSRC)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as microphone:
        microphone.bind(("127.0.0.1", 0))
        spoken = 0
        if sound_first:
            await speak(microphone, session, 5, SOUND_SSRC)
            spoken = 5
            await until(lambda: session.stats().ssrc == SOUND_SSRC)
        for _ in range(60):
            camera.send_udp(sender, session.port, 1)
            await speak(microphone, session, 2, SOUND_SSRC, spoken)
            spoken += 2
            await asyncio.sleep(0.001)
        await until(lambda: session.stats().audio_frames >= 100)
        await until(lambda: session.info is not None and session.info.audio is not None)
    stats = session.stats()
    assert (stats.ssrc, stats.codec, stats.audio_codec) == (SSRC, "H264", "G711A")
    assert stats.sound_packets >= 100
    assert stats.wrong_ssrc == 0


def lossy(camera: PretendCamera, count: int, lost: int) -> list[bytes]:
    """All packets but one in the middle of picture number ``lost``."""
    packets: list[bytes] = []
    for index in range(count):
        made = camera.next_picture()
        if index == lost:
            del made[len(made) // 2]
        packets += made
    return packets


@pytest.mark.parametrize("on_loss", list(OnLoss))
@pytest.mark.parametrize("by_setting", [True, False])
async def test_damaged_pictures_are_dropped_or_passed_on_by_policy(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path, on_loss: OnLoss, by_setting: bool
) -> None:
    plane = await make_plane(on_loss=on_loss) if by_setting else await make_plane()
    session = await open_camera(plane)
    if not by_setting:
        session.set_on_loss(on_loss)
    facts: list[RecorderFact] = []
    session.attach_recorder("damage", tmp_path, metadata=b"{}", on_fact=facts.append)
    for each in lossy(PretendCamera(max_payload=300), 60, 10):
        send(sender, session, [each])
    await until(lambda: session.stats().keyframes >= 3)
    stats = session.stats()
    assert stats.on_loss == on_loss
    assert stats.lost == 1
    # Pictures 10 to 24 of a group of 25.
    damaged = (stats.dropped_damaged, stats.passed_damaged)
    assert damaged == ((15, 0) if on_loss is OnLoss.DROP else (0, 15))
    await session.close("enough")
    await until(lambda: of(facts, RecorderDetached))
    shown = probe(tmp_path / f"{of(facts, SegmentClosed)[0].segment_id}.mp4")
    assert int(shown["streams"][0]["nb_read_frames"]) == (45 if on_loss is OnLoss.DROP else 60)


async def test_the_description_of_a_payload_type_is_taken_and_nonsense_is_refused(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    session.describe_payload(97, "mpeg4-generic", 16_000, "config=1408;sizeLength=13;indexLength=3")
    with pytest.raises(EngineError, match="payload type"):
        session.describe_payload(200, "PS")


def nal_packets(codec: VideoCodec, *, with_sets: bool, count: int) -> list[bytes]:
    """RFC 6184 and RFC 7798, units cut into fragments by the test itself."""
    packets: list[bytes] = []
    for index, picture in enumerate(encoded(codec)[:count]):
        units = split_nal_units(picture.annexb)
        if not with_sets:
            units = [unit for unit in units if unit not in parameter_sets(picture.annexb, codec)]
        for unit in units:
            for payload in fragments(unit, codec):
                packets.append(packet(payload, 98, len(packets), 90_000 + index * FRAME_TICKS))
    return packets


def fragments(unit: bytes, codec: VideoCodec) -> list[bytes]:
    if len(unit) <= 1_400:
        return [unit]
    head = 1 if codec is VideoCodec.H264 else 2
    body, kind = unit[head:], nal_type(unit, codec)
    pieces = [body[at : at + 1_300] for at in range(0, len(body), 1_300)]
    out = []
    for number, piece in enumerate(pieces):
        flags = (0x80 if number == 0 else 0) | (0x40 if number == len(pieces) - 1 else 0) | kind
        if codec is VideoCodec.H264:
            out.append(bytes([unit[0] & 0xE0 | 28, flags]) + piece)
        else:
            out.append(bytes([unit[0] & 0x81 | 49 << 1, unit[1], flags]) + piece)
    return out


def sprop(codec: VideoCodec) -> str:
    sets = parameter_sets(encoded(codec)[0].annexb, codec)
    texts = [base64.b64encode(each).decode() for each in sets]
    if codec is VideoCodec.H264:
        return f"packetization-mode=1;sprop-parameter-sets={','.join(texts)}"
    names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
    return ";".join(f"{names[nal_type(each, codec)]}={text}" for each, text in zip(sets, texts, strict=True))


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_parameter_sets_of_the_description_do_where_the_stream_has_none(
    plane: MediaPlane, sender: socket.socket, codec: VideoCodec, tmp_path: Path
) -> None:
    """RFC 6184 section 8.1, RFC 7798 section 7.1: out of band alone."""
    session, facts = await open_camera(plane), list[RecorderFact]()
    session.describe_payload(98, codec.value, 90_000, sprop(codec))
    session.attach_recorder("sets", tmp_path, metadata=b"{}", on_fact=facts.append)
    send(sender, session, nal_packets(codec, with_sets=False, count=30))
    info = await session.wait_first_keyframe(20)
    assert (info.codec, info.width, info.height) == (codec.value.upper(), 320, 240)
    await until(lambda: session.stats().access_units >= 28)
    await session.close("enough")
    await until(lambda: of(facts, RecorderDetached))
    shown = probe(tmp_path / f"{of(facts, SegmentClosed)[0].segment_id}.mp4")
    assert int(shown["streams"][0]["nb_read_frames"]) >= 28


async def test_without_them_such_a_stream_has_no_picture_and_wrong_ones_are_replaced(
    plane: MediaPlane, sender: socket.socket
) -> None:
    bare = await open_camera(plane)
    send(sender, bare, nal_packets(VideoCodec.H264, with_sets=False, count=10))
    with pytest.raises(NoKeyframe):
        await bare.wait_first_keyframe(1)
    stale = await open_camera(plane)
    stale.describe_payload(98, "H264", 90_000, "sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==")
    send(sender, stale, nal_packets(VideoCodec.H264, with_sets=True, count=30))
    info = await stale.wait_first_keyframe(20)
    await until(lambda: stale.stats().access_units >= 28)
    assert (stale.stats().width, stale.stats().height, info.codec) == (320, 240, "H264")


@pytest.mark.parametrize("name", ["MPEG4", "SVAC", "H264", "H265", "PCMA", "DAHUA"])
async def test_q94_whatever_the_answer_says_a_program_stream_is_shown(
    plane: MediaPlane, sender: socket.socket, name: str
) -> None:
    session = await open_camera(plane)
    session.describe_payload(96, name, 90_000)
    PretendCamera().send_udp(sender, session.port, 30)
    assert (await session.wait_first_keyframe(20)).codec == "H264"
