"""The native formats held against others: our plain Python readers, and FFmpeg's formats.

Streams are generated; where two readers disagree, one of them is wrong.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine import frame_chunks, ingest_packets
from media.nal import VideoCodec, is_picture, split_nal_units
from media.ps import PsMuxer
from media.ps_demux import PsDemuxer
from media.ps_format import AudioCodec
from media.rtp import RtpPacket, TcpDeframer, frame_for_tcp, unwrap_sequence
from media.session import MediaPlane
from tests.integration.media.conftest import until
from tests.integration.media.test_outputs import fetch
from tests.support.encoded import EncodedPicture, EncodedSound, pictures, sounds
from tests.support.feeding import feed

SSRC: Final = 0x0BEBC201
START_90K: Final = (1 << 33) - 40_000
"""The counters of RTP and of PES wrap early."""
CODECS: Final = list(VideoCodec)

Shown = tuple[list[bytes], int, int, bool]
"""NAL units with picture data, PTS, DTS, key frame."""


@cache
def film(codec: VideoCodec, b_frames: int) -> tuple[EncodedPicture, ...]:
    return tuple(pictures(codec, 30, b_frames=b_frames))


def slices(annexb: bytes, codec: VideoCodec) -> list[bytes]:
    return [unit for unit in split_nal_units(annexb) if is_picture(unit, codec)]


def as_packets(
    payloads: Iterable[tuple[bytes, int, bool]], kind: int = 96, first: int = 65_500
) -> list[bytes]:
    """Payload, timestamp and marker each as a packet; the numbers wrap."""
    return [
        RtpPacket(kind, (first + number) & 0xFFFF, stamp & 0xFFFFFFFF, SSRC, payload, marker).serialize()
        for number, (payload, stamp, marker) in enumerate(payloads)
    ]


def native_pictures(events: Sequence[dict[str, Any]], codec: VideoCodec) -> list[Shown]:
    return [
        (slices(event["annexb"], codec), event["pts_90k"], event["dts_90k"], event["keyframe"])
        for event in events
        if event["kind"] == "video"
    ]


def cut(data: bytes, sizes: Sequence[int], chance: random.Random) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        size = chance.choice(sizes)
        yield data[start : start + size]
        start += size


def unwrapped(value: int) -> int:
    """A time of 33 bits near ``START_90K``."""
    return value + (1 << 33) if value < START_90K - (1 << 32) else value


@settings(deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    codec=st.sampled_from(CODECS),
    b_frames=st.sampled_from([0, 2]),
    sizes=st.lists(st.integers(20, 1_400), min_size=1, max_size=5),
    pes=st.sampled_from([900, 5_000, 65_000]),
)
def test_a_program_stream_reads_the_same_as_with_the_plain_reader(
    seed: int, codec: VideoCodec, b_frames: int, sizes: list[int], pes: int
) -> None:
    """Pictures, times, key frames and sound; any size of PES packets, any cut into RTP packets."""
    chance = random.Random(seed)
    muxer = PsMuxer(codec, AudioCodec.G711A, max_pes_payload=pes)
    payloads: list[tuple[bytes, int, bool]] = []
    for picture in film(codec, b_frames):
        pts, dts = START_90K + picture.pts_90k, START_90K + picture.dts_90k
        sound = bytes(chance.randrange(256) for _ in range(chance.choice((0, 160, 320))))
        pack = muxer.mux_video(picture.annexb, pts, dts, picture.is_key, audio=sound)
        pieces = list(cut(pack, sizes, chance))
        payloads += [(piece, pts, piece is pieces[-1]) for piece in pieces]
    plain = PsDemuxer()
    units = [unit for payload, stamp, _ in payloads for unit in plain.receive(payload, stamp & 0xFFFFFFFF)]
    units += plain.flush()
    events, stats = ingest_packets(as_packets(payloads))
    expected = [
        (slices(unit.data, codec), unwrapped(unit.pts_90k or 0), unwrapped(unit.dts_90k or 0), unit.keyframe)
        for unit in units
        if unit.is_video
    ]
    assert native_pictures(events, codec) == expected
    assert len(expected) == len(film(codec, b_frames))
    heard = [event["data"] for event in events if event["kind"] == "audio"]
    # Sound before the first key frame has nothing to be heard beside; there is none here.
    assert b"".join(heard) == b"".join(unit.data for unit in units if not unit.is_video)
    assert (stats["lost"], stats["malformed"], stats["dropped_damaged"]) == (0, 0, 0)


@settings(deadline=None)
@given(seed=st.integers(0, 1 << 32), loss=st.sampled_from([0.0, 0.01, 0.1]), spread=st.integers(0, 20))
def test_packets_out_of_order_read_as_in_the_order_of_their_numbers(
    seed: int, loss: float, spread: int
) -> None:
    """Shuffled and doubled, with losses: what comes out is what the same packets give in order."""
    chance = random.Random(seed)
    muxer = PsMuxer(VideoCodec.H264)
    payloads = [
        (piece, START_90K + picture.pts_90k, False)
        for picture in film(VideoCodec.H264, 0)
        for piece in cut(
            muxer.mux_video(picture.annexb, START_90K + picture.pts_90k, keyframe=picture.is_key),
            [100],
            chance,
        )
    ]
    first, *others = as_packets(payloads)
    kept = [first, *(packet for packet in others if chance.random() >= loss)]
    places = sorted(range(1, len(kept)), key=lambda index: index + chance.random() * spread)
    shuffled = [first] + [kept[at] for at in places for _ in range(1 + (chance.random() < 0.1))]
    highest = numbered = RtpPacket.parse(first).sequence
    order: dict[int, bytes] = {}
    for packet in shuffled:
        numbered = unwrap_sequence(highest, RtpPacket.parse(packet).sequence)
        highest = max(highest, numbered)
        order.setdefault(numbered, packet)
    in_order = [packet for _, packet in sorted(order.items())]
    expected, told = ingest_packets(in_order)
    found, stats = ingest_packets(shuffled)
    media = ("video", "audio", "video_config", "audio_config")
    assert [e for e in found if e["kind"] in media] == [e for e in expected if e["kind"] in media]
    assert stats["lost"] == told["lost"] == highest - min(order) + 1 - len(order)
    assert stats["duplicates"] + stats["late"] == len(shuffled) - len(order)


@settings(deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=300), min_size=3, max_size=40),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8),
    seed=st.integers(0, 1 << 32),
)
def test_framing_of_tcp_reads_the_same_as_with_the_plain_reader(
    payloads: list[bytes], sizes: list[int], seed: int
) -> None:
    packets = as_packets((payload, number * 3_600, False) for number, payload in enumerate(payloads))
    pieces = list(cut(b"".join(map(frame_for_tcp, packets)), sizes, random.Random(seed)))
    plain = TcpDeframer()
    expected = [packet for piece in pieces for packet in plain.receive_data(piece)]
    found, stats = frame_chunks(pieces)
    assert found == expected == packets
    assert (stats["resyncs"], stats["skipped_bytes"]) == (0, 0)


def transport_stream(codec: VideoCodec, b_frames: int, with_sound: bool) -> bytes:
    """By FFmpeg's multiplexer."""
    out = io.BytesIO()
    clock = Fraction(1, 90_000)
    with av.open(out, "w", format="mpegts") as container:
        shown = container.add_stream("h264" if codec is VideoCodec.H264 else "hevc", rate=25)
        shown.width, shown.height, shown.time_base = 320, 240, clock
        frames: list[tuple[Any, EncodedPicture | EncodedSound, int]] = [
            (shown, picture, picture.dts_90k) for picture in film(codec, b_frames)
        ]
        if with_sound:
            heard = container.add_stream("aac", rate=44_100)
            tone = list(sounds(AudioCodec.AAC, 1.2))
            heard.rate, heard.layout = tone[0].sample_rate, "mono"
            heard.codec_context.extradata = tone[0].asc
            frames += [(heard, piece, piece.pts_90k) for piece in tone]
        for stream, frame, dts in sorted(frames, key=lambda frame: frame[2]):
            made = av.Packet(frame.annexb if isinstance(frame, EncodedPicture) else frame.data)
            made.stream, made.time_base = stream, clock
            made.pts, made.dts = 90_000 + frame.pts_90k, 90_000 + dts
            made.is_keyframe = not isinstance(frame, EncodedPicture) or frame.is_key
            container.mux(made)
    return out.getvalue()


@settings(deadline=None, max_examples=20)
@given(
    codec=st.sampled_from(CODECS),
    b_frames=st.sampled_from([0, 2]),
    with_sound=st.booleans(),
    count=st.integers(1, 7),
)
def test_a_transport_stream_reads_the_same_as_with_ffmpeg(
    codec: VideoCodec, b_frames: int, with_sound: bool, count: int
) -> None:
    stream = transport_stream(codec, b_frames, with_sound)
    size = 188 * count
    payloads = [(stream[at : at + size], at, False) for at in range(0, len(stream), size)]
    events, stats = ingest_packets(as_packets(payloads, kind=33))
    with av.open(io.BytesIO(stream), format="mpegts") as container:
        read = [packet for packet in container.demux() if packet.size]
        expected = [
            (slices(bytes(packet), codec), packet.pts, packet.dts, packet.is_keyframe)
            for packet in read
            if packet.stream.type == "video"
        ]
        sound = b"".join(bytes(packet)[7:] for packet in read if packet.stream.type == "audio")
    assert native_pictures(events, codec) == expected
    assert len(expected) == len(film(codec, b_frames))
    assert b"".join(event["data"] for event in events if event["kind"] == "audio") == sound
    assert stats["dropped_damaged"] == 0


def h264_payloads(units: list[bytes], limit: int) -> Iterator[bytes]:
    """RFC 6184: single units, STAP-A of small ones, FU-A of large ones."""
    small: list[bytes] = []
    for unit in [*units, b""]:
        if unit and len(unit) <= limit // 3:
            small.append(unit)
            continue
        if len(small) == 1:
            yield small[0]
        elif small:
            head = max(each[0] & 0x60 for each in small) | 24
            yield bytes([head]) + b"".join(len(each).to_bytes(2) + each for each in small)
        small = []
        if len(unit) <= limit:
            yield from [unit] * bool(unit)
            continue
        # No piece is the first and the last.
        body, step = unit[1:], min(limit, len(unit) - 1 - 1)
        for at in range(0, len(body), step):
            ends = 0x40 * (at + step >= len(body)) | 0x80 * (at == 0)
            yield bytes([unit[0] & 0xE0 | 28, ends | unit[0] & 0x1F]) + body[at : at + step]


def h265_payloads(units: list[bytes], limit: int) -> Iterator[bytes]:
    """RFC 7798: single units, AP of small ones, FU of large ones."""
    small: list[bytes] = []
    for unit in [*units, b""]:
        if unit and len(unit) <= limit // 3:
            small.append(unit)
            continue
        if len(small) == 1:
            yield small[0]
        elif small:
            yield bytes([48 << 1, 1]) + b"".join(len(each).to_bytes(2) + each for each in small)
        small = []
        if len(unit) <= limit:
            yield from [unit] * bool(unit)
            continue
        # No piece is the first and the last.
        body, step = unit[2:], min(limit, len(unit) - 2 - 1)
        for at in range(0, len(body), step):
            ends = 0x40 * (at + step >= len(body)) | 0x80 * (at == 0)
            yield (
                bytes([unit[0] & 0x81 | 49 << 1, unit[1], ends | unit[0] >> 1 & 0x3F]) + body[at : at + step]
            )


@settings(deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    codec=st.sampled_from(CODECS),
    b_frames=st.sampled_from([0, 2]),
    limit=st.integers(40, 1_400),
    spread=st.integers(0, 10),
)
def test_elementary_streams_read_as_they_were_cut(
    seed: int, codec: VideoCodec, b_frames: int, limit: int, spread: int
) -> None:
    """Every way of RFC 6184 and RFC 7798 to cut a picture, slightly out of order."""
    chance = random.Random(seed)
    make = h264_payloads if codec is VideoCodec.H264 else h265_payloads
    payloads: list[tuple[bytes, int, bool]] = []
    for picture in film(codec, b_frames):
        pieces = list(make(split_nal_units(picture.annexb), limit))
        payloads += [(piece, START_90K + picture.pts_90k, piece is pieces[-1]) for piece in pieces]
    first, *others = as_packets(payloads, kind=98 if codec is VideoCodec.H264 else 100)
    order = sorted(range(len(others)), key=lambda index: index + chance.random() * spread)
    events, stats = ingest_packets([first, *(others[index] for index in order)])
    found = native_pictures(events, codec)
    assert [each[0] for each in found] == [slices(p.annexb, codec) for p in film(codec, b_frames)]
    assert [each[3] for each in found] == [picture.is_key for picture in film(codec, b_frames)]
    shown = sorted(each[1] for each in found)
    assert {b - a for a, b in itertools.pairwise(shown)} == {3_600}
    assert (stats["lost"], stats["dropped_damaged"], stats["malformed"]) == (0, 0, 0)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", ["fmp4_http", "flv_http"])
async def test_what_viewers_are_sent_reads_with_ffmpeg_as_it_was_given(
    plane: MediaPlane, way: str, codec: VideoCodec, b_frames: int
) -> None:
    """Every picture from the key frame on: its bytes, order, distance and key mark."""
    session = await plane.open_fed(label="program")
    frames = film(codec, b_frames)
    for picture in frames[:26]:
        feed(session, picture)
    await session.wait_first_keyframe(10)
    await until(lambda: session.stats().access_units == 26)
    answer = asyncio.ensure_future(asyncio.to_thread(fetch, session.grant("v")[way]))
    await until(lambda: session.viewers == 1)
    for picture in frames[26:]:
        feed(session, picture)
        await asyncio.sleep(0)
    await until(lambda: session.stats().access_units == len(frames))
    await session.close("enough")
    status, body, _ = await answer
    assert status == 200
    with av.open(io.BytesIO(body), format="mp4" if way == "fmp4_http" else "flv") as container:
        read = [packet for packet in container.demux(video=0) if packet.size]
    # The cache begins at the newest key frame, which is picture 25.
    expected = frames[25:]
    assert [packet.is_keyframe for packet in read] == [picture.is_key for picture in expected]
    for packet, picture in zip(read, expected, strict=True):
        assert with_start_codes(bytes(packet), codec) == slices(picture.annexb, codec)
    tick = read[0].time_base
    assert tick is not None
    shown = [round(((packet.pts or 0) - (read[0].pts or 0)) * tick * 1_000) for packet in read]
    assert shown == [(picture.pts_90k - expected[0].pts_90k) // 90 for picture in expected]


def with_start_codes(data: bytes, codec: VideoCodec) -> list[bytes]:
    """Picture data of units behind lengths of four bytes."""
    units, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return [unit for unit in units if is_picture(unit, codec)]
