"""News for listeners: in order, bounded, and not for ever."""

import asyncio

import pytest

from console import event_hub
from console.event_hub import EventHub, EventKind, TooManyListeners


def publish(hub: EventHub, *numbers: int, kind: EventKind = EventKind.ALARM) -> None:
    for number in numbers:
        hub.publish(kind, "news", {"n": number})


async def heard(listening: event_hub.Listening) -> list[int]:
    found = []
    while (event := await listening.next(0.01)) is not None:
        found.append(event.data["n"])
    return found


async def test_a_listener_hears_its_kinds_in_order() -> None:
    hub = EventHub()
    alarms, all_kinds = hub.listen([EventKind.ALARM]), hub.listen(list(EventKind))
    publish(hub, 1, 2)
    publish(hub, 3, kind=EventKind.PRESENCE)
    assert await heard(alarms) == [1, 2]
    assert await heard(all_kinds) == [1, 2, 3]


async def test_news_wake_who_waits() -> None:
    hub = EventHub()
    listening = hub.listen([EventKind.ALARM])
    waiting = asyncio.create_task(listening.next(10))
    await asyncio.sleep(0)
    publish(hub, 7)
    event = await waiting
    assert event is not None
    assert event.data == {"n": 7}


async def test_who_comes_back_gets_what_it_missed() -> None:
    hub = EventHub()
    first = hub.listen([EventKind.ALARM])
    publish(hub, 1)
    event = await first.next(1)
    assert event is not None
    first.close()
    publish(hub, 2)
    publish(hub, 3, kind=EventKind.POSITION)
    assert await heard(hub.listen([EventKind.ALARM], event.event_id)) == [2]


@pytest.mark.parametrize("after", ["", "nonsense", "ffffffff-0", "-1", "a-" + "9" * 40, "x-²"])
async def test_ids_of_another_run_bring_nothing_back(after: str) -> None:
    hub = EventHub()
    publish(hub, 1)
    assert await heard(hub.listen([EventKind.ALARM], after)) == []


async def test_a_slow_listener_loses_the_oldest_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "WAITING_MAX", 3)
    hub = EventHub()
    slow = hub.listen([EventKind.ALARM])
    publish(hub, 1, 2, 3, 4, 5)
    assert slow.lost == 2
    assert await heard(slow) == [3, 4, 5]


async def test_listeners_are_bounded_and_a_closed_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "LISTENERS_MAX", 2)
    hub = EventHub()
    first, _ = hub.listen([EventKind.ALARM]), hub.listen([EventKind.ALARM])
    with pytest.raises(TooManyListeners):
        hub.listen([EventKind.ALARM])
    first.close()
    hub.listen([EventKind.ALARM])
    assert len(hub) == 2


async def test_closing_ends_every_listener() -> None:
    hub = EventHub()
    listening = hub.listen([EventKind.ALARM])
    waiting = asyncio.create_task(listening.next(10))
    await asyncio.sleep(0)
    await hub.close()
    assert await waiting is None
    assert listening.is_closed
    with pytest.raises(TooManyListeners):
        hub.listen([EventKind.ALARM])
