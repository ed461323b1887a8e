"""The tables of cases are whole."""

from __future__ import annotations

import pytest

from console.conformance.cases import DEVICE_CASES, chosen
from console.conformance.device_side import ACTS
from console.conformance.model import Case, Side
from console.conformance.server_cases import SERVER_CASES
from console.conformance.server_judges import JUDGES
from console.conformance.server_provoked import PROVOKED


def test_every_case_of_a_device_is_carried_out() -> None:
    assert [case.case_id for case in DEVICE_CASES] == list(
        dict.fromkeys(case.case_id for case in DEVICE_CASES)
    )
    assert {case.case_id for case in DEVICE_CASES} == set(ACTS)


def test_every_case_of_a_server_is_provoked_or_watched_for() -> None:
    by_device = {case.case_id for case in SERVER_CASES if case.begun_by is Side.DEVICE}
    by_operator = {case.case_id for case in SERVER_CASES if case.begun_by is Side.OPERATOR}
    assert (by_device, by_operator) == (set(PROVOKED), set(JUDGES))
    assert all(case.instruction for case in SERVER_CASES if case.begun_by is Side.OPERATOR)


@pytest.mark.parametrize("case", [*DEVICE_CASES, *SERVER_CASES], ids=lambda case: case.case_id)
def test_every_case_has_titles_and_proves_something(case: Case) -> None:
    assert case.proves
    assert case.title.english.isascii()
    assert not case.title.chinese.isascii() or "OPTIONS" in case.title.chinese
    assert case.timeout_s >= 30


def test_cases_are_chosen_in_the_order_of_the_table() -> None:
    assert [case.case_id for case in chosen(DEVICE_CASES, ["live", "device-info"])] == ["device-info", "live"]
    assert chosen(DEVICE_CASES, []) == DEVICE_CASES
    with pytest.raises(ValueError, match="no-such-case"):
        chosen(DEVICE_CASES, ["live", "no-such-case"])
