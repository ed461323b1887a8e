from __future__ import annotations

from health.inputs import Camera
from health.rates import ONLINE_RATE_FORMULA, online_rates


def cameras(camera_class: int | None, online: int, offline: int) -> list[Camera]:
    return [
        Camera("d", f"{camera_class}{number}", camera_class=camera_class, online=number < online)
        for number in range(online + offline)
    ]


def test_rates_are_counted_by_class_and_over_all() -> None:
    lines = online_rates(cameras(1, 98, 2) + cameras(2, 1, 1) + cameras(None, 0, 5))
    assert [(line.camera_class, line.cameras, line.online, line.rate) for line in lines] == [
        ("all", 107, 99, 99 / 107),
        ("1", 100, 98, 0.98),
        ("2", 2, 1, 0.5),
        ("3", 0, 0, None),
        ("unclassified", 5, 0, 0.0),
    ]


def test_no_camera_gives_no_rate() -> None:
    assert [line.rate for line in online_rates([])] == [None] * 4


def test_a_class_that_the_rules_do_not_know_counts_as_unclassified() -> None:
    assert online_rates(cameras(9, 1, 0))[-1].camera_class == "unclassified"


def test_the_formula_is_there_in_both_languages() -> None:
    assert ONLINE_RATE_FORMULA.keys() == {"en", "zh"}
