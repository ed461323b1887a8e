"""Settings of registration beyond admission: the table ``[registration]`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from sipserver.gb.registration_client import ServerAddress


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Where devices are sent to, and what is done when more come than can be served."""

    redirect_targets: Mapping[str, Annotated[int, Ge(1), Le(1000)]] = field(default_factory=dict)
    """Other servers, ``"34020000002000000002@198.51.100.7:5060"``, to their weights; empty: none is sent
    away.
    """
    redirect_kept_ids: tuple[str, ...] = ()
    """Devices that stay here all the same."""
    redirect_before_password: bool = False
    """Send away without a challenge: cheaper, and tells everybody who asks where the others are."""
    redirect_expires_s: Annotated[int, Ge(60), Le(86_400)] = 3600
    redirect_return_s: Annotated[float, Ge(0)] = 120.0
    """A device that is back so soon did not get in where it was sent, and is sent to the next server."""

    overload_loop_delay_s: Annotated[float, Ge(0.01)] = 0.5
    overload_database_s: Annotated[float, Ge(0.1)] = 10.0
    overload_queue_fraction: Annotated[float, Ge(0.05), Le(1)] = 0.5
    """How full the kernel's queue of unread datagrams may be."""
    paced_per_second: Annotated[int, Ge(1), Le(100_000)] = 1000
    """To how many a second devices are spread that are put off, and from how many on refreshes are spread."""
    retry_after_min_s: Annotated[int, Ge(1), Le(3600)] = 5
    retry_after_max_s: Annotated[int, Ge(1), Le(3600)] = 300
    expires_spread: Annotated[float, Ge(0), Le(0.5)] = 0.2
    """By up to which part a registration is granted for less than asked when many come at once."""

    def __post_init__(self) -> None:
        for text in self.redirect_targets:
            ServerAddress.parse(text)
        if self.retry_after_max_s < self.retry_after_min_s:
            raise ValueError("retry_after_max_s is less than retry_after_min_s")
