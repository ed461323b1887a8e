"""Who hears what: each listener the kinds it named, in the order in which they subscribed."""

from __future__ import annotations

from typing import Any

from sipserver.devices.events import (
    EVERY_EVENT,
    DeviceCameOnline,
    DeviceEvent,
    DeviceMoved,
    DeviceRefreshed,
    OwnIdUsed,
)
from sipserver.devices.presence import Presence
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats

ID = "34020000001320000001"


def presence() -> Presence:
    """Without a catalogue: nothing is opened or saved."""
    settings = DeviceSettings(password="Abc-12345")
    catalog: Any = None
    return Presence(settings, catalog, DeviceStats(), clock=lambda: 0.0, open_flow=lambda *_: None)


def test_a_listener_hears_the_kinds_that_it_named_and_no_others() -> None:
    heard: list[DeviceEvent] = []
    table = presence()
    table.subscribe(heard.append, (DeviceCameOnline, OwnIdUsed))
    for event in (DeviceRefreshed(ID), DeviceCameOnline(ID), DeviceMoved(ID, "a", "b"), OwnIdUsed("c")):
        table.announce(event)
    assert heard == [DeviceCameOnline(ID), OwnIdUsed("c")]


def test_one_that_names_none_hears_everything_until_it_leaves() -> None:
    heard: list[DeviceEvent] = []
    table = presence()
    table.subscribe(heard.append)
    table.announce(DeviceRefreshed(ID))
    table.unsubscribe(heard.append)
    table.unsubscribe(heard.append)
    table.announce(DeviceCameOnline(ID))
    assert heard == [DeviceRefreshed(ID)]
    assert DeviceRefreshed in EVERY_EVENT


def test_who_subscribed_first_hears_first() -> None:
    heard: list[str] = []
    table = presence()
    table.subscribe(lambda _: heard.append("first"), (DeviceCameOnline,))
    table.subscribe(lambda _: heard.append("second"))
    table.announce(DeviceCameOnline(ID))
    assert heard == ["first", "second"]
