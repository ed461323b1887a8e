"""What simulated cameras show and sound like, judged by ffmpeg as an outside reader."""

import itertools
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import nal
from media.nal import VideoCodec
from media.ps import AudioCodec, PsDemuxer, PsMuxer
from sipserver.simulator import encoder
from sipserver.simulator.encoder import PictureEncoder
from sipserver.simulator.errors import EncoderMissing
from sipserver.simulator.font import text_bitmap
from sipserver.simulator.loops import (
    EncodedLoop,
    PictureSettings,
    cached_loop,
    encode_loop,
    load_loop,
    sound_of_picture,
)
from sipserver.simulator.pictures import Painter
from sipserver.simulator.sound import SAMPLE_RATE, beeps, encode_alaw
from tests.unit.sipserver.simulator.small_platform import SMALL

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None,
    reason="ffmpeg and ffprobe are not installed; they judge the pictures from outside",
)
LOOP = replace(SMALL, loop_s=2, gop_s=1.0, width=320, height=180)


def muxed(loop: EncodedLoop, turns: int = 2) -> bytes:
    settings = loop.settings
    muxer = PsMuxer(settings.codec, AudioCodec.G711A if settings.with_audio else None)
    count = len(loop.pictures)
    return b"".join(
        muxer.mux_video(
            loop.pictures[number % count].annexb,
            90_000 * number // settings.fps,
            keyframe=loop.pictures[number % count].keyframe,
            audio=loop.sound[number % count],
        )
        for number in range(count * turns)
    )


@needs_ffmpeg
@pytest.mark.parametrize("codec", list(VideoCodec))
def test_muxed_loop_decodes_without_an_error_over_its_seam(codec: VideoCodec, tmp_path: Path) -> None:
    path = tmp_path / "loop.ps"
    path.write_bytes(muxed(encode_loop(replace(LOOP, codec=codec, with_audio=False))))
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert probe.stderr == ""
    [stream] = json.loads(probe.stdout)["streams"]
    assert stream["codec_name"] == {"h264": "h264", "h265": "hevc"}[codec]
    assert (stream["width"], stream["height"], stream["has_b_frames"]) == (320, 180, 0)
    assert int(stream["nb_read_frames"]) == 100
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        check=False,
    )
    assert (decoded.returncode, decoded.stderr) == (0, b"")


@needs_ffmpeg
def test_sound_in_the_pack_does_not_disturb_the_picture(tmp_path: Path) -> None:
    """ffmpeg does not know the stream type of A-law in a program stream, so the sound is ours to check."""
    stream = muxed(encode_loop(LOOP))
    demuxer = PsDemuxer()
    units = demuxer.receive(stream) + demuxer.flush()
    sound = b"".join(unit.data for unit in units if unit.codec is AudioCodec.G711A)
    assert sound == beeps(LOOP.loop_s, LOOP.index) * 2
    path = tmp_path / "loop.ps"
    path.write_bytes(stream)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"]
    decoded = subprocess.run(command, capture_output=True, check=True, text=True)
    assert len([line for line in decoded.stdout.splitlines() if not line.startswith("#")]) == 100


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_loop_begins_with_a_key_frame_and_has_one_each_gop(codec: VideoCodec) -> None:
    loop = encode_loop(replace(LOOP, codec=codec))
    assert [number for number, picture in enumerate(loop.pictures) if picture.keyframe] == [0, 25]
    for number in (0, 25):
        sets = nal.parameter_sets(loop.pictures[number].annexb, codec)
        sps = next(unit for unit in sets if nal.nal_type(unit, codec) in {nal.H264_SPS, nal.H265_SPS})
        info = nal.parse_sps(sps, codec)
        assert (info.width, info.height) == (320, 180)
    assert sum(len(sound) for sound in loop.sound) == 2 * SAMPLE_RATE


def test_bitrate_is_about_what_was_asked_for() -> None:
    loop = encode_loop(replace(LOOP, bitrate_kbps=4_000, width=640, height=360))
    assert 2_500 < loop.bitrate_kbps < 6_500


def test_equal_settings_share_one_loop() -> None:
    assert cached_loop(SMALL) is cached_loop(replace(SMALL))
    assert cached_loop(SMALL) is not cached_loop(replace(SMALL, index=1))


async def test_loop_is_encoded_beside_the_event_loop() -> None:
    assert (await load_loop(SMALL)).settings == SMALL


def test_odd_sizes_become_even() -> None:
    settings = PictureSettings(width=641, height=361)
    assert (settings.width, settings.height) == (640, 360)


def test_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encoder._ENCODERS, VideoCodec.H264, "no-such-encoder")
    with pytest.raises(EncoderMissing, match="no-such-encoder"):
        PictureEncoder(VideoCodec.H264, 64, 64, 25, 25, 64)


def test_every_picture_differs_from_the_one_before() -> None:
    painter = Painter(320, 180, 3, "CAMERA 04", period_s=10.0)
    pictures = [painter.draw(number / 25, "12:34:56.7").copy() for number in range(50)]
    assert all((one != two).any() for one, two in itertools.pairwise(pictures))
    assert (painter.draw(0.0, "12:34:56.7") == painter.draw(10.0, "12:34:56.7")).all()


def test_cameras_have_colours_of_their_own_and_the_clock_is_drawn() -> None:
    chroma = {
        bytes(Painter(320, 180, index, "A", 10.0).draw(0.0, "").reshape(-1)[320 * 180 :: 320 * 45])
        for index in range(12)
    }
    assert len(chroma) == 12
    painter = Painter(320, 180, 0, "A", 10.0)
    assert (painter.draw(0.0, "12:00:00.0").copy() != painter.draw(0.0, "12:00:00.1")).any()


@pytest.mark.parametrize("size", [(64, 64), (160, 90), (1920, 1080)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    painter = Painter(*size, 0, "A RATHER LONG CAMERA NAME 01", 10.0, grain=20)
    for number in range(30):
        assert painter.draw(number / 3, "23:59:59.9").shape == (size[1] * 3 // 2, size[0])


def test_text_has_one_cell_for_each_character() -> None:
    assert text_bitmap("12:3", 2).shape == (14, 4 * 12)
    assert not text_bitmap("中", 1).any()
    assert not text_bitmap("", 1).any()
    assert text_bitmap("a", 1).tolist() == text_bitmap("A", 1).tolist()


def test_a_law_is_that_of_the_standard() -> None:
    """ITU-T G.711 table 1a, both signs, even bits inverted."""
    samples = np.array([0, -1, 8, 32_767, -32_768, 1_000, -1_000], dtype=np.int16)
    assert encode_alaw(samples).hex() == "d555d5aa2afa7a"


def test_sound_is_quiet_and_has_no_seam() -> None:
    sound = beeps(2, 0)
    assert len(sound) == 2 * SAMPLE_RATE
    assert sound[:SAMPLE_RATE] == sound[SAMPLE_RATE:]
    assert beeps(1, 0) != beeps(1, 1)


def test_sound_of_each_picture_adds_up_at_any_rate() -> None:
    for fps in (7, 15, 25, 30):
        settings = replace(SMALL, fps=fps)
        parts = [sound_of_picture(settings, number) for number in range(2 * fps)]
        assert b"".join(parts) == beeps(1, 0) * 2
    assert sound_of_picture(replace(SMALL, with_audio=False), 0) == b""
