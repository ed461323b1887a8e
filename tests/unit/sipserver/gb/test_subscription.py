"""The subscriber's state table and the headers beside it. GB-C090, GB-C092, GB-C096."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.subscription import (
    MAX_EXPIRES_S,
    SUBSCRIBER,
    Action,
    Input,
    State,
    SubscriptionState,
    granted_s,
    refresh_delay_s,
)

REQUESTS = {Action.SUBSCRIBE: State.ASKING, Action.REFRESH: State.REFRESHING, Action.CANCEL: State.ENDING}
UNDER_WAY = {State.ASKING, State.REFRESHING, State.DROPPING, State.ENDING, State.REVIVING}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given_input", Input)
def test_every_input_in_every_state_ends_in_a_state_that_fits_its_action(
    state: State, given_input: Input
) -> None:
    action, after = SUBSCRIBER.get((state, given_input), (Action.NOTHING, state))
    if action in REQUESTS:
        assert after is REQUESTS[action]
    if action is Action.FORGET:
        assert after is State.OFF
    if action in (Action.RETRY_LATER, Action.AWAIT_DEVICE):
        assert after is State.WAITING
    if action is Action.ARM:
        assert after is State.ACTIVE
    if action is Action.NOTHING and after is not state:
        assert state in UNDER_WAY  # the request that is out goes on, its outcome counts


@pytest.mark.parametrize("state", sorted(UNDER_WAY, key=lambda state: state.value))
@pytest.mark.parametrize("outcome", [Input.ACCEPTED, Input.GONE, Input.REFUSED, Input.UNREACHABLE])
def test_no_request_stays_without_a_consequence(state: State, outcome: Input) -> None:
    action, _ = SUBSCRIBER[state, outcome]
    assert action is not Action.NOTHING


def _run(state: State, *inputs: Input) -> State:
    for each in inputs:
        state = SUBSCRIBER.get((state, each), (Action.NOTHING, state))[1]
    return state


@given(st.lists(st.sampled_from(Input)))
def test_what_is_wanted_in_the_end_becomes_active_when_the_device_agrees(inputs: list[Input]) -> None:
    """GB-C096: whatever happened before."""
    state = _run(State.OFF, *inputs, Input.WANTED)
    assert state is not State.OFF
    state = _run(state, Input.ACCEPTED, Input.TIMER, Input.ACCEPTED)
    assert state is State.ACTIVE


@given(st.lists(st.sampled_from(Input)))
def test_what_is_not_wanted_in_the_end_is_over_when_the_device_answered(inputs: list[Input]) -> None:
    state = _run(State.OFF, *inputs, Input.UNWANTED)
    assert _run(state, Input.ACCEPTED, Input.ACCEPTED) is State.OFF


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SubscriptionState()),
        ("active", SubscriptionState()),
        ("active;expires=590", SubscriptionState(expires_s=590)),
        ("pending ; EXPIRES = 5", SubscriptionState(expires_s=5)),
        ("active;expires=-1", SubscriptionState()),
        (
            'Terminated;reason="Probation"; retry-after=30',
            SubscriptionState(is_terminated=True, reason="probation", retry_after_s=30),
        ),
        ("terminated", SubscriptionState(is_terminated=True)),
    ],
)
def test_subscription_state_is_read_in_any_form(text: str, expected: SubscriptionState) -> None:
    """GB-C092."""
    assert SubscriptionState.parse(text) == expected


@given(st.text(max_size=2000))
def test_no_subscription_state_is_an_error(text: str) -> None:
    state = SubscriptionState.parse(text)
    assert state.expires_s is None or state.expires_s >= 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", 600), ("300", 300), (" 0 ", 0), ("x", 600), ("999999999", MAX_EXPIRES_S), ("1" * 40, 600)],
)
def test_the_granted_period_is_bounded(header: str, expected: int) -> None:
    assert granted_s(header, 600) == expected


def test_refreshed_at_three_quarters_and_never_in_a_tight_circle() -> None:
    assert [refresh_delay_s(seconds) for seconds in (0, 1, 600)] == [1.0, 1.0, 450.0]
