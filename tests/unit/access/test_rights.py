"""``may``: which grants allow what, to whom, where and when. GB-C137."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from access.hours import Hours
from access.policy_store import PolicyStore
from access.rights import (
    WATCHER,
    Grant,
    Limits,
    Place,
    Policy,
    Reason,
    Right,
    Rights,
    Scope,
    ScopeKind,
    StreamChoice,
)

ZONE = timezone(timedelta(hours=8))
NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
"""A Monday."""
CAMERA = Place(("nvr~one", "platform~one"), ("340102",), frozenset({"group 1"}))
SUPERIOR = "superior:1"
ALL = Scope()


class Memory:
    """Policies that are written nowhere."""

    def __init__(self) -> None:
        self.policies: dict[str, Policy] = {}

    async def load(self) -> Mapping[str, Policy]:
        return self.policies

    async def replace(self, subject: str, policy: Policy) -> None:
        self.policies[subject] = policy

    async def remove(self, subject: str) -> None:
        self.policies.pop(subject, None)


def grant(*actions: Right, scope: Scope = ALL, hours: tuple[Hours, ...] = ()) -> Grant:
    return Grant(frozenset(actions), scope, hours)


async def rights_with(*grants: Grant) -> Rights:
    rights = Rights(Memory(), ZONE)
    await rights.replace(SUPERIOR, Policy(grants))
    return rights


def reason_of(rights: Rights, action: Right, place: Place | None = CAMERA, at: datetime = NOON) -> Reason:
    return rights.may(SUPERIOR, action, place, at).reason


@pytest.mark.parametrize("action", list(Right))
def test_who_is_new_may_see_and_neither_moves_nor_changes_nor_speaks(action: Right) -> None:
    decision = Rights(Memory(), ZONE).may("anybody", action, CAMERA, NOON)
    assert decision.allowed is (action in (Right.LIVE, Right.PLAYBACK, Right.DOWNLOAD))
    assert decision.allowed or decision.reason is Reason.NO_RIGHT


async def test_a_subject_has_what_was_decided_and_nothing_else() -> None:
    rights = await rights_with(grant(Right.PTZ))
    assert reason_of(rights, Right.PTZ) is Reason.GRANTED
    assert reason_of(rights, Right.LIVE) is Reason.NO_RIGHT
    assert rights.may("superior:2", Right.LIVE, CAMERA, NOON).allowed, "another one is still new"


async def test_without_any_grant_nothing_is_allowed() -> None:
    rights = await rights_with()
    assert {reason_of(rights, action) for action in Right} == {Reason.NO_RIGHT}


@pytest.mark.parametrize(
    ("scope", "is_included"),
    [
        (Scope(ScopeKind.ALL), True),
        (Scope(ScopeKind.REGION, "3401"), True),
        (Scope(ScopeKind.REGION, "3402"), False),
        (Scope(ScopeKind.REGION, ""), False),
        (Scope(ScopeKind.GROUP, "group 1"), True),
        (Scope(ScopeKind.GROUP, "group"), False),
        (Scope(ScopeKind.DEVICE, "platform"), True),
        (Scope(ScopeKind.DEVICE, "plat"), False),
        (Scope(ScopeKind.CHANNEL, "nvr~one"), True),
        (Scope(ScopeKind.CHANNEL, "nvr~two"), False),
    ],
)
async def test_a_grant_is_for_its_cameras(scope: Scope, is_included: bool) -> None:
    rights = await rights_with(grant(Right.LIVE, scope=scope))
    assert (reason_of(rights, Right.LIVE) is Reason.GRANTED) is is_included
    assert is_included or reason_of(rights, Right.LIVE) is Reason.OTHER_CHANNEL


async def test_the_platform_itself_is_in_what_is_for_everything_alone() -> None:
    everything = await rights_with(grant(Right.CONFIGURATION))
    region = await rights_with(grant(Right.CONFIGURATION, scope=Scope(ScopeKind.REGION, "34")))
    assert reason_of(everything, Right.CONFIGURATION, None) is Reason.GRANTED
    assert reason_of(region, Right.CONFIGURATION, None) is Reason.OTHER_CHANNEL


async def test_hours_are_local_and_one_grant_of_many_is_enough() -> None:
    morning = grant(Right.LIVE, hours=(Hours((1,), 0, 12 * 60), Hours((1,), 20 * 60, 22 * 60)))
    rights = await rights_with(grant(Right.PTZ), morning)
    assert reason_of(rights, Right.LIVE, at=NOON - timedelta(minutes=1)) is Reason.GRANTED
    assert reason_of(rights, Right.LIVE, at=NOON) is Reason.OTHER_HOURS
    assert reason_of(rights, Right.LIVE, at=NOON + timedelta(hours=8)) is Reason.GRANTED
    both = await rights_with(morning, grant(Right.LIVE, scope=Scope(ScopeKind.CHANNEL, "nvr~one")))
    assert reason_of(both, Right.LIVE) is Reason.GRANTED


scopes = st.one_of(
    st.just(ALL),
    st.builds(Scope, st.just(ScopeKind.REGION), st.sampled_from(("34", "3401", "35"))),
    st.builds(Scope, st.just(ScopeKind.GROUP), st.sampled_from(("group 1", "group 2"))),
    st.builds(Scope, st.just(ScopeKind.DEVICE), st.sampled_from(("nvr", "platform", "other"))),
    st.builds(Scope, st.just(ScopeKind.CHANNEL), st.sampled_from(("nvr~one", "platform~one", "nvr~two"))),
)


@given(st.lists(st.builds(Grant, st.frozensets(st.sampled_from(Right)), scopes)), st.booleans())
async def test_it_makes_no_difference_how_grants_are_found(grants: list[Grant], is_camera: bool) -> None:
    rights, place = await rights_with(*grants), CAMERA if is_camera else None
    for action in Right:
        fits = any(action in each.actions and each.scope.includes(place) for each in grants)
        assert rights.may(SUPERIOR, action, place, NOON).allowed is fits


async def test_changes_are_told_and_one_deaf_listener_does_no_harm() -> None:
    rights = Rights(Memory(), ZONE)
    heard: list[str] = []

    def deaf(_: str) -> None:
        raise RuntimeError("no ears")

    rights.listeners += [deaf, heard.append]
    await rights.replace(SUPERIOR, Policy())
    await rights.remove(SUPERIOR)
    await rights.remove(SUPERIOR)
    assert heard == [SUPERIOR, SUPERIOR]
    assert rights.policy(SUPERIOR) == WATCHER


async def test_policies_are_as_they_were_after_a_restart(engine: AsyncEngine) -> None:
    policy = Policy(
        (
            grant(
                Right.PTZ, Right.LIVE, scope=Scope(ScopeKind.REGION, "3401"), hours=(Hours((1, 7), 60, 30),)
            ),
            grant(Right.TALK),
        ),
        Limits(3, 20_000, StreamChoice.SUB, 90),
    )
    rights = Rights(PolicyStore(engine), ZONE)
    await rights.replace(SUPERIOR, Policy())
    await rights.replace(SUPERIOR, policy)
    await rights.replace("superior:2", Policy())
    again = Rights(PolicyStore(engine), ZONE)
    await again.open()
    assert again.policy(SUPERIOR) == policy
    assert again.policy("superior:2") == Policy()
    assert again.is_initial("superior:3")
    await again.remove(SUPERIOR)
    await again.open()
    assert again.is_initial(SUPERIOR)


async def test_what_could_not_be_written_down_does_not_count() -> None:
    class Away(Memory):
        async def replace(self, subject: str, policy: Policy) -> None:
            raise OSError("the database is away")

    rights = Rights(Away(), ZONE)
    with pytest.raises(OSError, match="away"):
        await rights.replace(SUPERIOR, Policy())
    assert rights.policy(SUPERIOR) == WATCHER
