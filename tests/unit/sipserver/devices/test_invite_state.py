"""The table of invites, state by input."""

from __future__ import annotations

import itertools

import pytest

from sipserver.devices.invite_state import INVITE, Action, Input, State

ALIVE = [state for state in State if not state.is_over and state is not State.IDLE]


@pytest.mark.parametrize(
    ("state", "what"), list(itertools.product(State, Input)), ids=lambda value: value.name
)
def test_every_state_and_input_ends_in_a_known_state(state: State, what: Input) -> None:
    step = INVITE.get((state, what))
    if step is None:
        return
    action, after = step
    assert isinstance(after, State)
    assert (action is Action.CLOSE) == (after is State.CLOSING)
    assert (action is Action.FORGET) == (after is State.CLOSED)
    assert state is not State.CLOSED


@pytest.mark.parametrize("state", ALIVE)
@pytest.mark.parametrize("cause", [Input.FAILED, Input.REMOTE_BYE, Input.LOST, Input.STOPPED])
def test_what_ends_an_invite_ends_it_in_every_living_state(state: State, cause: Input) -> None:
    assert INVITE[state, cause] == (Action.CLOSE, State.CLOSING)


@pytest.mark.parametrize("state", ALIVE)
def test_the_last_holder_ends_it_at_once_before_the_picture_and_after_a_linger_afterwards(
    state: State,
) -> None:
    step = INVITE.get((state, Input.LAST_RELEASED))
    if state is State.PLAYING:
        assert step == (Action.LINGER, State.LINGERING)
    elif state is State.LINGERING:
        assert step is None
    else:
        assert step == (Action.CLOSE, State.CLOSING)


def test_closing_is_left_by_nothing_but_its_end() -> None:
    assert [what for state, what in INVITE if state is State.CLOSING] == [Input.ENDED]
