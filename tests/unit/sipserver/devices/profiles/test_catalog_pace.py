"""How long the next fragment of a catalogue is waited for."""

from __future__ import annotations

from datetime import UTC, datetime

from sipserver.devices.profiles.catalog_pace import QUIET_MAX_S, CatalogPace
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles

DEVICE = "34020000001180000001"


def _profiles() -> Profiles:
    return Profiles(wall=lambda: datetime(2026, 5, 1, tzinfo=UTC))


def _run(profiles: Profiles, *heard_at: float, complete: bool = True) -> CatalogPace:
    pace = CatalogPace(profiles, DEVICE, 15.0, 0.0)
    for now in heard_at:
        pace.heard(now)
    pace.ended(complete=complete, collected=3, announced=5)
    return pace


def test_a_quick_device_teaches_nothing() -> None:
    profiles = _profiles()
    assert _run(profiles, 0.1, 0.2, 5.0).quiet_s == 15.0
    assert profiles.value(DEVICE, Facet.CATALOG_QUIET_S) is None


def test_a_slow_device_is_given_three_times_its_longest_gap() -> None:
    profiles = _profiles()
    _run(profiles, 1.0, 12.0)
    assert profiles.value(DEVICE, Facet.CATALOG_QUIET_S) == "33"
    assert _run(profiles, 1.0).quiet_s == 33.0


def test_an_answer_with_holes_lengthens_the_wait_by_one_step_and_no_more() -> None:
    profiles = _profiles()
    _run(profiles, 1.0, complete=False)
    assert _run(profiles, 1.0, complete=False).quiet_s == 45.0
    assert _run(profiles, 1.0, complete=False).quiet_s == 45.0
    assert "3 of 5 items" in profiles.of_device(DEVICE).values[Facet.CATALOG_QUIET_S].learned.evidence


def test_the_wait_has_a_limit_and_is_never_shorter_than_the_setting() -> None:
    profiles = _profiles()
    profiles.pin_device(DEVICE, Facet.CATALOG_QUIET_S, "999", "ann")
    assert _run(profiles).quiet_s == QUIET_MAX_S
    profiles.pin_device(DEVICE, Facet.CATALOG_QUIET_S, "1", "ann")
    assert _run(profiles).quiet_s == 15.0
