"""Clips, and frames that are pushed."""

from hypothesis import given
from hypothesis import strategies as st

from media.audio.g711 import FRAME_BYTES, SILENCE
from media.audio.sources import ClipSource, PushedSource


def frames_of(source: ClipSource) -> list[bytes]:
    frames = []
    while (frame := source.next_frame()) is not None:
        frames.append(frame)
    return frames


def test_clip_ends_with_silence_up_to_a_whole_frame() -> None:
    frames = frames_of(ClipSource(b"\x01" * 250))
    assert b"".join(frames) == b"\x01" * 250 + SILENCE[:70]


def test_clip_is_repeated_with_a_pause_between() -> None:
    frames = frames_of(ClipSource(b"\x01" * FRAME_BYTES, times=2, pause_frames=3))
    assert frames == [b"\x01" * FRAME_BYTES, SILENCE, SILENCE, SILENCE, b"\x01" * FRAME_BYTES]


def test_empty_clip_is_over_at_once() -> None:
    assert ClipSource(b"", times=5).next_frame() is None


def test_first_frames_are_gathered_before_one_leaves() -> None:
    source = PushedSource(prefill_frames=2)
    source.push(b"\x01" * FRAME_BYTES)
    assert source.next_frame() == SILENCE
    source.push(b"\x02" * FRAME_BYTES)
    assert source.next_frame() == b"\x01" * FRAME_BYTES


def test_too_much_loses_its_oldest() -> None:
    """What is heard must not lag behind: at most the queue's length waits."""
    source = PushedSource(prefill_frames=1, queue_frames=3)
    for number in range(10):
        source.push(bytes([number]) * FRAME_BYTES)
    assert source.dropped_frames == 7
    assert source.next_frame() == bytes([7]) * FRAME_BYTES


def test_a_hole_is_silence_and_is_counted_once() -> None:
    source = PushedSource(prefill_frames=1)
    source.push(b"\x01" * FRAME_BYTES)
    assert [source.next_frame() for _ in range(3)] == [b"\x01" * FRAME_BYTES, SILENCE, SILENCE]
    assert source.missing_frames == 1


def test_what_waits_is_played_after_the_end() -> None:
    source = PushedSource(prefill_frames=3)
    source.push(b"\x01" * FRAME_BYTES)
    source.end()
    source.push(b"\x02" * FRAME_BYTES)
    assert source.next_frame() == b"\x01" * FRAME_BYTES
    assert source.next_frame() is None


@given(st.lists(st.binary(max_size=500), max_size=20))
def test_pieces_of_any_length_are_the_same_sound(pieces: list[bytes]) -> None:
    source = PushedSource(prefill_frames=1, queue_frames=1_000)
    for piece in pieces:
        source.push(piece)
    source.end()
    heard = b""
    while (frame := source.next_frame()) is not None:
        heard += frame
    whole = b"".join(pieces)
    assert heard == whole[: len(whole) // FRAME_BYTES * FRAME_BYTES]
