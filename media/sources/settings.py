"""Settings of sources that do not speak GB/T 28181: the table ``[sources]`` of the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Le, Predicate

_ID: Final = re.compile(r"[0-9]{20}")


def is_gateway_id(text: str) -> bool:
    """Whether it is empty or 20 digits."""
    return not text or _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """How streams are pulled, how often they are tried, how cameras are looked for."""

    gateway_id: Annotated[str, Predicate(is_gateway_id)] = ""
    """Id of the device that stands for all of them in the catalogue; empty: made from ``sip.id``."""
    sources_max: Annotated[int, Ge(1), Le(10_000)] = 500
    """Sources on file at most; each that streams has a thread."""

    open_timeout_s: Annotated[float, Ge(1), Le(60)] = 10.0
    """Longest wait for a source to describe its stream."""
    read_timeout_s: Annotated[float, Ge(1), Le(60)] = 10.0
    """Silence after which a stream is given up. A thread that is told to end may take as long."""
    keyframe_timeout_s: Annotated[float, Ge(1), Le(120)] = 15.0
    """Longest wait for the first key frame."""
    analyze_s: Annotated[float, Ge(0), Le(10)] = 1.0
    """How much of a stream is looked at before it counts as understood."""
    linger_s: Annotated[float, Ge(0), Le(600)] = 10.0
    """How long a stream that is pulled on demand goes on after its last reader."""

    retry_first_s: Annotated[float, Ge(0.1), Le(60)] = 1.0
    """Wait after the first failure; it doubles up to ``retry_most_s``, with a random half taken off."""
    retry_most_s: Annotated[float, Ge(0.1), Le(3600)] = 60.0
    """The longest of these waits."""
    unauthorised_wait_s: Annotated[float, Ge(1), Le(86_400)] = 120.0
    """Wait after 401 or 403: cameras lock their account after some wrong passwords."""
    check_s: Annotated[float, Ge(5), Le(86_400)] = 60.0
    """How often a source that nobody watches is asked whether it is there."""
    checks_parallel: Annotated[int, Ge(1), Le(256)] = 8
    """Sources that are looked at or tested at a time."""

    discovery_s: Annotated[float, Ge(0.5), Le(30)] = 4.0
    """How long answers to a search for ONVIF cameras are collected."""
    discovery_answers_max: Annotated[int, Ge(1), Le(10_000)] = 1000
    onvif_timeout_s: Annotated[float, Ge(0.5), Le(60)] = 6.0
    """Longest wait for one answer of an ONVIF camera."""
