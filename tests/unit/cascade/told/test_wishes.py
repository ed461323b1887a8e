"""What superiors want of devices is asked for once, and cancelled when nobody wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from cascade.told import wishes as room
from cascade.told.wishes import REQUESTED_BY, Wishes
from sipserver.devices.errors import UnknownDevice
from sipserver.devices.subscriptions.kinds import Kind

PLACE = Kind.MOBILE_POSITION


class FakeSubscriptions:
    """See ``DeviceSubscriptions``."""

    def __init__(self) -> None:
        self.by: dict[tuple[str, Kind], str] = {}
        self.calls: list[str] = []
        self.failures: list[Exception] = []

    def wants(self, device_id: str, kind: Kind) -> bool:
        return (device_id, kind) in self.by

    def views(self, device_id: str | None = None) -> list[Any]:
        return [
            SimpleNamespace(
                wanted=SimpleNamespace(
                    key=SimpleNamespace(device_id=each, kind=kind), is_wanted=True, requested_by=by
                )
            )
            for (each, kind), by in self.by.items()
            if device_id in (None, each)
        ]

    async def want(self, device_id: str, kind: Kind, *, requested_by: str = "") -> None:
        self.calls.append(f"want {device_id}")
        if self.failures:
            raise self.failures.pop(0)
        self.by[device_id, kind] = requested_by

    async def cancel(self, device_id: str, kind: Kind, *, requested_by: str = "") -> None:
        self.calls.append(f"cancel {device_id}")
        del self.by[device_id, kind]


@pytest.fixture
def below() -> FakeSubscriptions:
    return FakeSubscriptions()


@pytest.fixture
async def wishes(below: FakeSubscriptions) -> AsyncIterator[Wishes]:
    opened = Wishes(cast(Any, below))
    opened.open()
    yield opened
    await opened.close()


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not claim():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_two_superiors_share_one_wish_and_the_last_ends_it(
    wishes: Wishes, below: FakeSubscriptions
) -> None:
    wishes.want("a", PLACE, ["1", "2"])
    wishes.want("b", PLACE, ["2"])
    await until(lambda: len(below.by) == 2)
    wishes.drop("a")
    await until(lambda: set(below.by) == {("2", PLACE)})
    wishes.drop("b")
    wishes.drop("b")
    await until(lambda: not below.by)
    assert sorted(below.calls) == ["cancel 1", "cancel 2", "want 1", "want 2"]


async def test_what_cannot_be_is_not_asked_for_again_until_somebody_wants_it_anew(
    wishes: Wishes, below: FakeSubscriptions
) -> None:
    below.failures.append(UnknownDevice("nobody knows it", device_id="1"))
    wishes.want("a", PLACE, ["1"])
    await until(lambda: below.calls == ["want 1"])
    wishes.want("b", PLACE, ["2"])
    await until(lambda: below.calls == ["want 1", "want 2"])
    wishes.want("a", PLACE, ["1"])
    await until(lambda: ("1", PLACE) in below.by)


async def test_a_database_that_is_away_is_asked_again(
    wishes: Wishes, below: FakeSubscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RETRY_S", 0.01)
    below.failures.append(OperationalError("x", None, Exception("locked")))
    wishes.want("a", PLACE, ["1"])
    await until(lambda: ("1", PLACE) in below.by)


async def test_what_was_wanted_before_our_restart_has_a_time_of_grace(
    below: FakeSubscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "GRACE_S", 0.05)
    monkeypatch.setattr(room, "RETRY_S", 0.02)
    below.by = {("1", PLACE): REQUESTED_BY, ("2", PLACE): REQUESTED_BY, ("3", PLACE): "operator"}
    wishes = Wishes(cast(Any, below))
    wishes.open()
    wishes.want("a", PLACE, ["1", "3"])
    await until(lambda: set(below.by) == {("1", PLACE), ("3", PLACE)})
    assert below.calls == ["cancel 2"]
    await wishes.close()
    assert set(below.by) == {("1", PLACE), ("3", PLACE)}, "a short restart changes nothing"
