"""Speeds that a device takes, refuses or ignores. Q70."""

import pytest

from sipserver.devices.history.scales import Pace, format_scales, judge, parse_scales


@pytest.mark.parametrize(
    ("pictures_per_s", "clock_rate", "scale", "verdict"),
    [
        (100.0, 4.0, 4.0, True),  # all pictures, stamps of the recording
        (100.0, 1.0, 4.0, True),  # all pictures, stamps rewritten
        (4.0, 4.0, 4.0, True),  # key frames alone, stamps of the recording
        (25.0, -1.0, -1.0, True),  # backwards, stamps go back
        (25.0, 1.0, 4.0, False),  # nothing has changed
        (26.0, 1.05, 2.0, False),
        (4.0, 1.0, 4.0, None),  # key frames alone, stamps rewritten
        (12.5, 0.5, 0.5, True),
        (25.0, 1.0, 0.5, False),
    ],
)
def test_what_comes_shows_whether_a_speed_is_kept(
    pictures_per_s: float, clock_rate: float, scale: float, verdict: bool | None
) -> None:
    assert judge(Pace(pictures_per_s, clock_rate), scale, 25.0) is verdict


def test_lists_of_speeds_come_back_and_nonsense_is_passed_over() -> None:
    assert parse_scales(format_scales({4.0, 0.25, -1.0})) == {4.0, 0.25, -1.0}
    assert format_scales({2.0, 0.5}) == "0.5,2"
    assert parse_scales("1,fast,,2") == {1.0, 2.0}
    assert parse_scales("") == set()
    assert len(parse_scales(",".join(str(number) for number in range(100)))) == 32
