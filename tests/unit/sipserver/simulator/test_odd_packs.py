"""Packs in odd shapes hold the same pictures."""

from __future__ import annotations

import json
import subprocess

import pytest

from media.nal import VideoCodec
from media.ps import AudioCodec, PsDemuxer, PsMuxer
from sipserver.simulator.odd_packs import PACK_FAULTS, units
from sipserver.simulator.wire import MediaTransport, WireBuffer, WirePacker

KEYFRAME = b"\0\0\0\1\x67\x42\0\x1e\x01" + b"\0\0\0\1\x68\xce\x3c\x80" + b"\0\0\0\1\x65" + b"\x88" * 3_000
OTHER = b"\0\0\0\1\x41" + b"\x9a" * 800
SOUND = b"\xd5" * 320


def packs() -> list[bytes]:
    muxer = PsMuxer(VideoCodec.H264, AudioCodec.G711A)
    return [
        muxer.mux_video(picture, number * 3_600, keyframe=not number % 2, audio=SOUND)
        for number, picture in enumerate([KEYFRAME, OTHER] * 3)
    ]


def read(stream: bytes) -> list[bytes]:
    """The pictures, without the start codes that packing may lengthen."""
    demuxer = PsDemuxer()
    found = [*demuxer.receive(stream, 0), *demuxer.flush()]
    return [unit.data.replace(b"\0\0\0\1", b"\0\0\1") for unit in found if isinstance(unit.codec, VideoCodec)]


NOT_FOR_THE_ORACLE = {"elementary", "map-length", "transport-stream"}


@pytest.mark.parametrize("name", sorted(PACK_FAULTS.keys() - NOT_FOR_THE_ORACLE))
def test_the_oracle_reads_the_same_pictures(name: str) -> None:
    change = PACK_FAULTS[name]()
    ordinary, odd = b"".join(packs()), b"".join(map(change, packs()))
    assert odd != ordinary
    assert b"".join(read(odd)) == b"".join(read(ordinary))


def test_what_is_odd_about_each() -> None:
    key, other = packs()[:2]
    made = {name: change() for name, change in PACK_FAULTS.items()}
    stuffing = made["stuffing"]
    assert [stuffing(key)[13:21], stuffing(other)[13:21]] == [b"\xff" + n.to_bytes(7) for n in (1, 2)]
    maps = [next(unit for unit in units(made["map-crc"](pack)) if unit[3] == 0xBC) for pack in (key,)]
    assert maps[0][:-4] in key
    assert maps[0] not in key
    assert {0xBD, 0xBF} <= {unit[3] for unit in units(made["private"](key))}
    assert made["empty"](other).count(b"\0\0\1\xba") == 4
    assert [unit[3] for unit in units(made["separate"](key))].count(0xE0) == 3
    flips = made["map-flips"]
    assert [next(u for u in units(flips(key)) if u[3] == 0xBC)[12] for _ in range(3)] == [0x1B, 0x24, 0x1B]
    assert b"\0\0\1\xaf" in made["map-length"](key)
    assert b"\0\0\1\xe0\0\0" in made["no-length"](key)
    assert made["bare-sound"](key).index(b"\0\0\1\xc0") % 1400 == 0
    assert made["elementary"](key) == KEYFRAME


def test_a_transport_stream_is_read_by_ffmpeg() -> None:
    change = PACK_FAULTS["transport-stream"]()
    made = b"".join(map(change, packs()))
    assert len(made) % 188 == 0
    command = (
        "ffprobe -v error -f mpegts -count_packets -show_entries stream=codec_name,nb_read_packets -of json -"
    )
    shown = subprocess.run(command.split(), input=made, capture_output=True, check=True, timeout=60)
    video, sound = json.loads(shown.stdout)["streams"]
    assert video == {"codec_name": "h264", "nb_read_packets": str(len(packs()))}
    assert sound == {"nb_read_packets": str(len(packs()))}, "ffmpeg has no name for G.711 in it"


@pytest.mark.parametrize("transport", MediaTransport)
@pytest.mark.parametrize("name", PACK_FAULTS)
def test_times_are_written_where_the_pack_has_them(name: str, transport: MediaTransport) -> None:
    packer = WirePacker(VideoCodec.H264, True, transport, fault=name)
    picture = packer.pack(KEYFRAME, True, SOUND)
    data = bytes(WireBuffer(transport).fill(picture, 1, 90_000, 7, 90_000))
    assert len(picture.stamps) == (0 if name == "elementary" else 2)
    assert len(data) == len(picture.data)
