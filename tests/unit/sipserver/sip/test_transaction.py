"""The four machines as tables: RFC 3261 section 17 with RFC 6026."""

from __future__ import annotations

from itertools import product

import pytest

from sipserver.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Action,
    Input,
    State,
    Table,
    Transaction,
)
from tests.unit.sipserver.sip.builders import UDP

# By machine: the states of its figure, first one first.
MACHINES: dict[str, tuple[Table, tuple[State, ...]]] = {
    "INVITE client": (
        INVITE_CLIENT,
        (State.CALLING, State.PROCEEDING, State.COMPLETED, State.ACCEPTED, State.TERMINATED),
    ),
    "non-INVITE client": (
        NON_INVITE_CLIENT,
        (State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED),
    ),
    "INVITE server": (
        INVITE_SERVER,
        (State.PROCEEDING, State.COMPLETED, State.ACCEPTED, State.CONFIRMED, State.TERMINATED),
    ),
    "non-INVITE server": (
        NON_INVITE_SERVER,
        (State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED),
    ),
}
CASES = [
    (name, state, happened)
    for name, (_, states) in MACHINES.items()
    for state, happened in product(states, Input)
]


def at(table: Table, state: State) -> Transaction:
    kind = type("Machine", (Transaction,), {"__slots__": (), "table": table})
    transaction: Transaction = kind(state, UDP)
    return transaction


@pytest.mark.parametrize(("name", "state", "happened"), CASES)
def test_every_input_in_every_state_leads_to_a_state_of_the_figure(
    name: str, state: State, happened: Input
) -> None:
    table, states = MACHINES[name]
    transaction = at(table, state)
    action = transaction.step(happened)
    assert transaction.state in states
    if (state, happened) not in table:
        assert (action, transaction.state) == (Action.IGNORE, state)


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_happens_after_the_end(name: str) -> None:
    table, _ = MACHINES[name]
    assert not any(state is State.TERMINATED for state, _ in table)


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached_and_left(name: str) -> None:
    table, states = MACHINES[name]
    reached = {states[0]}
    while more := {end for (start, _), (_, end) in table.items() if start in reached} - reached:
        reached |= more
    assert reached == set(states)
    for state in states[:-1]:
        assert any(start is state and end is not state for (start, _), (_, end) in table.items())


@pytest.mark.parametrize("name", MACHINES)
def test_every_waiting_state_is_bounded_by_a_timer(name: str) -> None:
    """No state can last for ever: some timer leads out of each."""
    table, states = MACHINES[name]
    for state in states[:-1]:
        ways_out = [
            happened
            for (start, happened), (action, end) in table.items()
            if start is state and (end is not state or action is Action.REFUSE)
        ]
        assert any(happened.name.startswith("TIMER") for happened in ways_out), state


@pytest.mark.parametrize("name", MACHINES)
def test_a_lost_connection_ends_every_state(name: str) -> None:
    table, states = MACHINES[name]
    for state in states[:-1]:
        assert table[state, Input.TRANSPORT_ERROR][1] is State.TERMINATED
