"""Presence with time as a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.device_entry import DeviceEntry, LoadedDevice, Registration
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceFlapping,
    DeviceMoved,
    DeviceRefreshed,
    DeviceRestarted,
    DeviceWentOffline,
    ProbeWanted,
)
from sipserver.devices.presence_state import OfflineReason, State
from sipserver.devices.presence_table import PresenceLimits, PresenceTable
from sipserver.sip.flow import Flow, Transport

ID = "34020000001180000005"
FLOW = Flow(Transport.UDP, ("192.0.2.1", 5060), ("198.51.100.20", 5060))
TCP = Flow(Transport.TCP, ("192.0.2.1", 5060), ("198.51.100.20", 40000), 7)


def flow_at(host: str, port: int = 5060) -> Flow:
    return FLOW._replace(remote=(host, port))


def registered(
    table: PresenceTable,
    now: float = 0.0,
    *,
    flow: Flow = FLOW,
    expires_s: float = 86_400,
    call_id: str = "c",
) -> DeviceEntry:
    entry = table.registered(Registration(ID, flow, expires_s, call_id), now)
    table.events()
    return entry


def run_until(table: PresenceTable, end: float) -> None:
    while (due := table.next_timer()) is not None and due <= end:
        table.handle_timer(due)


def test_three_missed_periods_and_an_unanswered_probe_make_a_device_offline() -> None:
    """GB-C046."""
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    run_until(table, 179.9)
    assert table.events() == []
    run_until(table, 180.0)
    assert table.events() == [ProbeWanted(ID)]
    assert entry.state is State.SUSPECT
    assert entry.is_online
    table.probe_failed(ID, 188.0)
    assert table.events() == [DeviceWentOffline(ID, OfflineReason.SILENT)]
    assert entry.flow is None


def test_a_keepalive_in_time_puts_the_check_off_without_a_timer_of_its_own() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    for now in range(60, 3600, 60):
        table.keepalive(entry, FLOW, float(now))
        run_until(table, now)
    assert table.events() == []
    assert entry.state is State.ONLINE


def test_any_evidence_confirms_a_suspect() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    run_until(table, 180.0)
    table.events()
    table.heard(entry, 181.0)
    assert table.events() == [DeviceConfirmed(ID)]
    run_until(table, 181.0 + 179.0)
    assert table.events() == []


def test_an_interval_of_15_seconds_does_not_shorten_the_patience() -> None:
    """Unknown intervals are learned, with a floor of count times the configured one (gb28181.md 2.7)."""
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    for now in range(15, 300, 15):
        table.keepalive(entry, FLOW, float(now))
    assert entry.interval_s == pytest.approx(15.0)
    run_until(table, 285.0 + 179.0)
    assert table.events() == []


def test_a_longer_interval_is_learned_and_lengthens_the_patience() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    for now in (150.0, 300.0, 450.0, 600.0):
        table.keepalive(entry, FLOW, now)
        run_until(table, now)
    assert entry.interval_s == pytest.approx(150.0)
    run_until(table, 600.0 + 449.0)
    assert table.events() == []
    run_until(table, 600.0 + 450.0)
    assert table.events() == [ProbeWanted(ID)]


def test_a_learned_interval_is_clamped() -> None:
    table = PresenceTable(PresenceLimits(keepalive_interval_max_s=120.0))
    entry = registered(table)
    for now in (1000.0, 2000.0, 3000.0):
        table.keepalive(entry, FLOW, now)
    assert entry.interval_s == 120.0


def test_doubled_keepalives_do_not_count_as_an_interval() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    for now in (60.0, 60.1, 120.0, 120.1, 180.0):
        table.keepalive(entry, FLOW, now)
    assert entry.interval_s == pytest.approx(60.0, abs=0.1)


def test_a_lost_keepalive_hardly_changes_the_learned_interval() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    for now in (30.0, 60.0, 90.0, 150.0, 180.0):
        table.keepalive(entry, FLOW, now)
    assert entry.interval_s == pytest.approx(32.25, abs=0.5)


def test_an_expired_registration_ends_even_with_keepalives() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table, expires_s=100)
    table.keepalive(entry, FLOW, 60.0)
    run_until(table, 99.0)
    assert entry.is_online
    run_until(table, 100.0)
    assert table.events() == [DeviceWentOffline(ID, OfflineReason.EXPIRED)]


def test_a_shorter_registration_replaces_a_longer_one() -> None:
    table = PresenceTable(PresenceLimits(keepalive_interval_s=600.0))
    registered(table, expires_s=1500)
    registered(table, 10.0, expires_s=60)
    run_until(table, 70.0)
    assert table.events() == [DeviceWentOffline(ID, OfflineReason.EXPIRED)]


def test_first_refresh_and_return_are_told_apart() -> None:
    table = PresenceTable(PresenceLimits())

    def events(now: float, call_id: str = "c", flow: Flow = FLOW) -> list[object]:
        table.registered(Registration(ID, flow, 3600, call_id), now)
        return list(table.events())

    assert events(0.0) == [DeviceCameOnline(ID)]
    assert events(1.0) == [DeviceRefreshed(ID)]
    assert events(2.0, call_id="rebooted") == [DeviceRestarted(ID)]
    moved = flow_at("198.51.100.20", 5070)
    assert events(3.0, "rebooted", moved) == [
        DeviceMoved(ID, "198.51.100.20:5060", "198.51.100.20:5070"),
        DeviceRestarted(ID),
    ]
    table.unregistered(ID, 4.0)
    assert table.events() == [DeviceWentOffline(ID, OfflineReason.UNREGISTERED)]
    assert events(5.0) == [DeviceCameOnline(ID)]


def test_a_closed_connection_takes_only_its_own_device_offline() -> None:
    table = PresenceTable(PresenceLimits())
    registered(table, flow=TCP)
    table.flow_closed(TCP._replace(connection=6), 1.0)
    assert table.events() == []
    table.flow_closed(TCP, 1.0)
    assert table.events() == [DeviceWentOffline(ID, OfflineReason.CONNECTION_LOST)]
    assert table.at_remote(TCP.remote) is None


def test_a_source_address_names_a_device_only_when_it_is_alone_there() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    assert table.at_remote(FLOW.remote) is entry
    table.registered(Registration("34020000001180000006", FLOW, 3600, "d"), 0.0)
    assert table.at_remote(FLOW.remote) is None
    table.unregistered("34020000001180000006", 1.0)
    assert table.at_remote(FLOW.remote) is entry


def test_two_devices_with_one_id_flap_and_a_rebinding_nat_does_not() -> None:
    """Q5."""
    table = PresenceTable(PresenceLimits(moves_per_hour_max=3))
    for now in range(20):
        table.registered(Registration(ID, flow_at("198.51.100.20", 5000 + now), 3600, "c"), float(now))
    assert not any(isinstance(event, DeviceFlapping) for event in table.events())
    for now in range(20, 26):
        table.registered(Registration(ID, flow_at(f"198.51.100.{now}"), 3600, "c"), float(now))
    assert [event for event in table.events() if isinstance(event, DeviceFlapping)] == [DeviceFlapping(ID, 4)]


def loaded(**values: object) -> LoadedDevice:
    fields: dict[str, object] = {
        "device_id": ID,
        "was_online": True,
        "transport": Transport.UDP,
        "remote": FLOW.remote,
        "local": FLOW.local,
        "flow": FLOW,
        "expires_at": 10_000.0,
        "last_heard_at": -5000.0,
    }
    return LoadedDevice(**(fields | values))  # type: ignore[arg-type]


def test_what_was_online_stays_online_for_its_full_time_after_our_restart() -> None:
    """However long we were down ourselves."""
    table = PresenceTable(PresenceLimits())
    table.load(loaded(), 0.0)
    entry = table.get(ID)
    assert entry is not None
    assert entry.state is State.RESTORED
    assert entry.is_online
    run_until(table, 179.0)
    assert table.events() == []
    run_until(table, 180.0)
    assert table.events() == [ProbeWanted(ID)]


def test_a_registration_that_lapsed_while_we_were_down_is_saved_as_offline() -> None:
    table = PresenceTable(PresenceLimits())
    table.load(loaded(expires_at=-1.0), 0.0)
    entry = table.get(ID)
    assert entry is not None
    assert not entry.is_online
    assert table.take_dirty(0.0) == [entry]


def test_a_device_that_registered_before_it_was_loaded_keeps_its_registration() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    table.load(loaded(flow=None), 0.0)
    assert entry.flow == FLOW
    assert entry.state is State.ONLINE


def test_the_first_registration_after_our_restart_is_no_sign_of_a_reboot() -> None:
    table = PresenceTable(PresenceLimits())
    table.load(loaded(), 0.0)
    table.registered(Registration(ID, FLOW, 3600, "whatever"), 1.0)
    assert table.events() == [DeviceRefreshed(ID)]


def test_keepalives_are_saved_now_and_then_and_changes_at_once() -> None:
    table = PresenceTable(PresenceLimits())
    entry = registered(table)
    assert table.take_dirty(0.0) == [entry]
    table.keepalive(entry, FLOW, 10.0)
    assert table.take_dirty(10.0) == []
    table.keepalive(entry, FLOW, 31.0)
    table.keepalive(entry, FLOW, 32.0)
    assert table.take_dirty(32.0) == [entry]
    table.keepalive(entry, flow_at("198.51.100.20", 5070), 33.0)
    assert table.take_dirty(33.0) == [entry]
    table.put_back([entry, entry])
    assert table.take_dirty(34.0) == [entry]


def test_a_forgotten_device_leaves_nothing_behind() -> None:
    table = PresenceTable(PresenceLimits())
    registered(table)
    table.forget(ID)
    table.forget(ID)
    assert len(table) == 0
    assert table.at_remote(FLOW.remote) is None
    run_until(table, 1e6)
    table.probe_failed(ID, 1e6)
    assert table.events() == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["register", "tcp", "keepalive", "heard", "unregister", "probe failed", "closed", "time"]
        ),
        st.floats(0.0, 400.0),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_the_table_stays_consistent(steps: list[tuple[str, float]]) -> None:
    table = PresenceTable(PresenceLimits())
    now = 0.0
    for what, pause in steps:
        now += pause
        entry = table.get(ID)
        if what in ("register", "tcp"):
            flow = TCP if what == "tcp" else FLOW
            table.registered(Registration(ID, flow, 3600, "c"), now)
        elif what == "time":
            table.handle_timer(now)
        elif what == "probe failed":
            table.probe_failed(ID, now)
        elif what == "unregister":
            table.unregistered(ID, now)
        elif what == "closed":
            table.flow_closed(TCP, now)
        elif entry is not None and entry.is_online:
            if what == "keepalive":
                table.keepalive(entry, FLOW, now)
            else:
                table.heard(entry, now)
        entry = table.get(ID)
        if entry is not None:
            assert entry.is_online == (entry.flow is not None)
            found = table.at_remote(entry.remote) if entry.remote else None
            assert (found is entry) == entry.is_online
            # An online device is always looked at again.
            assert not entry.is_online or table.next_timer() is not None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 400.0), st.sampled_from([60, 100, 600, 3600]), st.booleans()), max_size=12
    )
)
def test_the_quick_refresh_is_looked_at_as_early_as_any_other(steps: list[tuple[float, int, bool]]) -> None:
    """After a refresh there is a check before the device could be silent too long or expired."""
    table, now = PresenceTable(PresenceLimits()), 0.0
    registered(table, now)
    for pause, expires_s, is_keepalive in steps:
        now += pause
        run_until(table, now)
        entry = table.get(ID)
        assert entry is not None
        if is_keepalive and entry.is_online:
            table.keepalive(entry, FLOW, now)
        else:
            registered(table, now, expires_s=expires_s)
            assert entry.check_at <= min(entry.expires_at, now + PresenceLimits().silence_s(entry.interval_s))


def test_a_turn_looks_at_no_more_devices_than_it_may() -> None:
    table = PresenceTable(PresenceLimits())
    for number in range(5):
        flow = Flow(Transport.UDP, ("10.0.0.1", 5060), ("10.1.0.1", 6000 + number))
        table.registered(Registration(f"3402000000132000000{number}", flow, 60.0, "call"), 0.0)
    table.events()
    assert table.handle_timer(61.0, 2)
    assert len(table.events()) == 2
    assert table.handle_timer(61.0, 2)
    assert not table.handle_timer(61.0, 2)
    assert len(table.events()) == 3
