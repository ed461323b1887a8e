"""Moments come in order, whatever the order in which they were put."""

from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.subscriptions.agenda import Agenda


@given(st.lists(st.floats(0, 100)), st.floats(0, 100))
def test_what_is_due_comes_in_order(moments: list[float], now: float) -> None:
    agenda: Agenda[int] = Agenda()
    for number, at in enumerate(moments):
        agenda.put(at, number)
    found = []
    while (due := agenda.pop_due(now)) is not None:
        found.append(due)
    assert found == sorted((at, number) for number, at in enumerate(moments) if at <= now)
    assert len(agenda) == len(moments) - len(found)
