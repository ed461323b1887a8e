"""Counters of the devices' side. Only sipserver.health knows how they are exposed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class DeviceStats:
    """Totals since the start; the Counters have closed sets of keys."""

    keepalives: int = 0
    empty_keepalives: int = 0
    registrations: int = 0
    refreshes: int = 0
    unregistrations: int = 0
    challenges: int = 0
    registrations_silenced: int = 0
    registrations_put_off: int = 0
    registrations_redirected: int = 0
    registrations_refused: Counter[str] = field(default_factory=Counter)
    strangers_refused: int = 0
    forged_sources: int = 0
    malformed_bodies: int = 0
    repaired_bodies: int = 0
    unknown_commands: int = 0
    unknown_methods: int = 0
    unexpected_responses: int = 0
    probes: int = 0
    probes_answered: int = 0
    went_offline: Counter[str] = field(default_factory=Counter)
    flapping: int = 0
    presence_rows_saved: int = 0
    presence_save_failures: int = 0
    catalogs_complete: int = 0
    catalogs_partial: int = 0
    platform_items_refused: int = 0
    """Items of platforms that were ourselves, or hung under us there."""
    catalog_failures: int = 0
    invites: int = 0
    invites_failed: Counter[str] = field(default_factory=Counter)
    invites_ended: Counter[str] = field(default_factory=Counter)
    streams_stalled: Counter[str] = field(default_factory=Counter)
    """Live pictures that stood still, by reason."""
    stream_repairs: Counter[str] = field(default_factory=Counter)
    """Devices asked anew because of that: ``worked`` or ``failed``."""
    byes_unanswered: int = 0
    stale_dialogs_ended: int = 0
    reconcile_repairs: Counter[str] = field(default_factory=Counter)
    ptz_frames: int = 0
    ptz_stops: Counter[str] = field(default_factory=Counter)
    ptz_stops_lost: int = 0
    subscriptions: Counter[str] = field(default_factory=Counter)
    notifies: Counter[str] = field(default_factory=Counter)
    catalog_changes: Counter[str] = field(default_factory=Counter)
    positions: Counter[str] = field(default_factory=Counter)
    audio_opened: Counter[str] = field(default_factory=Counter)
    audio_failed: Counter[str] = field(default_factory=Counter)
    audio_invites_refused: int = 0
    history_ended: Counter[str] = field(default_factory=Counter)
    media_status_unused: int = 0
    alarms: int = 0
    alarm_repeats: int = 0
    alarms_left_out: int = 0
    alarms_lost: int = 0
    alarms_saved: int = 0
    alarm_save_failures: int = 0
    alarm_answers: int = 0
    alarm_answers_failed: int = 0
    alarm_answers_left_out: int = 0
    alarm_resets: int = 0
    alarm_actions: Counter[str] = field(default_factory=Counter)
