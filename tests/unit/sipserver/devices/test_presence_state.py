"""The table of presence, state by input."""

from __future__ import annotations

import itertools

import pytest

from sipserver.devices.presence_state import PRESENCE, REASON_OF, Action, Input, State

PAIRS = list(itertools.product(State, Input))


@pytest.mark.parametrize(("state", "what"), PAIRS, ids=lambda value: value.name)
def test_every_state_and_input_ends_in_a_known_state(state: State, what: Input) -> None:
    step = PRESENCE.get((state, what))
    if step is None:
        return
    action, after = step
    assert isinstance(after, State)
    assert (action is Action.GO_OFFLINE) == (after is State.OFFLINE)
    assert after is not State.UNKNOWN
    if action is Action.GO_OFFLINE:
        assert state.is_online
        assert what in REASON_OF


def test_a_sign_of_life_does_not_bring_an_unregistered_device_back() -> None:
    for state in (State.OFFLINE, State.UNKNOWN):
        assert (state, Input.HEARD) not in PRESENCE


def test_silence_alone_never_makes_a_device_offline() -> None:
    assert all(
        after is not State.OFFLINE
        for (_, what), (_, after) in PRESENCE.items()
        if what is Input.PERIODS_MISSED
    )


def test_a_registration_brings_every_state_online() -> None:
    assert all(PRESENCE[state, Input.REGISTERED][1] is State.ONLINE for state in State)


def test_whatever_ends_a_registration_ends_it_in_every_online_state() -> None:
    for state in State:
        for what in (Input.UNREGISTERED, Input.EXPIRED, Input.FLOW_CLOSED):
            assert ((state, what) in PRESENCE) == state.is_online
