"""Times that FFmpeg leaves out are worked out."""

from __future__ import annotations

from media.sources.stamps import HELD_MAX, PictureTimes

Given = tuple[int | None, int | None]


def _times(*given: Given, duration: int = 3600) -> list[tuple[int, int]]:
    times = PictureTimes[int]()
    return [
        (shown, decoded)
        for number, (pts, dts) in enumerate(given)
        for _, shown, decoded in times.take(number, pts, dts, duration)
    ]


def test_the_first_picture_without_time_is_before_the_second() -> None:
    assert _times((None, None), (3600, 3600), (7200, 7200)) == [(0, 0), (3600, 3600), (7200, 7200)]


def test_with_b_pictures_decoding_begins_before_showing() -> None:
    given: list[Given] = [(None, None), (10800, None), (3600, None), (7200, 3600), (21600, 7200)]
    assert _times(*given) == [(0, -7200), (10800, -3600), (3600, 0), (7200, 3600), (21600, 7200)]


def test_times_that_are_known_pass() -> None:
    assert _times((100, 50), (3700, 3650)) == [(100, 50), (3700, 3650)]


def test_a_stream_that_never_tells_decoding_times_still_has_rising_ones() -> None:
    given: list[Given] = [(number * 3600, None) for number in range(HELD_MAX + 10)]
    times = _times(*given)
    assert len(times) == HELD_MAX + 10
    decoded = [each[1] for each in times]
    assert decoded == sorted(set(decoded))
    assert times[-1][1] <= times[-1][0]


def test_decoding_times_rise_even_when_the_source_repeats_one() -> None:
    assert [decoded for _, decoded in _times((0, 0), (0, 0), (3600, 3600))] == [0, 1, 3600]


def test_a_new_clock_is_taken() -> None:
    assert _times((900_000, 900_000), (0, 0))[-1] == (0, 0)
    assert _times((900_000, 900_000), (0, None))[-1] == (0, 0)


def test_without_any_duration_pictures_are_a_25th_of_a_second() -> None:
    assert _times((None, None), (7200, 7200), duration=0)[0] == (3600, 3600)
