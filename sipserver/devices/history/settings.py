"""Settings of recordings at devices: the table ``[history]`` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

Seconds = Annotated[float, Ge(0.1), Le(3600)]


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How recordings are searched, played and downloaded, and how long devices are waited for."""

    queries_at_once: Annotated[int, Ge(1), Le(1000)] = 16
    """RecordInfo queries at a time, over all devices; each device is asked one at a time."""
    query_first_s: Seconds = 15.0
    """Longest wait for the first part of an answer: a full disk is searched for long."""
    query_quiet_s: Seconds = 8.0
    """Silence after which an answer that is not whole is taken as ended."""
    query_total_s: Seconds = 60.0
    """Longest wait for one answer."""
    query_deadline_s: Seconds = 180.0
    """Longest time for a search that is made of several queries; what is found by then is the result."""
    query_window_s: Annotated[float, Ge(600), Le(604_800)] = 86_400.0
    """Longest time that one query asks for; a longer search is cut into several."""
    search_days_max: Annotated[float, Ge(1), Le(366)] = 31.0
    """Longest time that one search may ask for, days."""

    invite_timeout_s: Annotated[float, Ge(0.1), Le(32)] = 20.0
    """Wait for the answer to the INVITE of a playback or download."""
    media_timeout_s: Seconds = 20.0
    """Wait for the first key frame after it."""
    control_timeout_s: Annotated[float, Ge(0.1), Le(32)] = 5.0
    """Wait for the answer to pause, seek and speed."""
    silence_timeout_s: Seconds = 20.0
    """Silence of the media that ends a playback or download that is not paused."""
    end_silence_s: Seconds = 3.0
    """The same when everything that was asked for has come: many devices do not tell the end."""
    drain_s: Annotated[float, Ge(0), Le(30)] = 1.0
    """After the device told the end: silence of the media before BYE, because some tell it early."""
    pause_max_s: Annotated[float, Ge(1), Le(86_400)] = 900.0
    """Longest pause of a playback."""
    playbacks_max: Annotated[int, Ge(1), Le(10_000)] = 200
    """Playbacks at a time, over all devices."""
    playback_linger_s: Annotated[float, Ge(1), Le(3600)] = 20.0
    """How long a playback without viewers is kept."""
    download_speed_max: Annotated[int, Ge(1), Le(64)] = 16
    """Highest speed that a download may be asked for at."""
