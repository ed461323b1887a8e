"""Settings of subscriptions: the table ``[subscriptions]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from sipserver.devices.subscriptions.kinds import Kind


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """Which subscriptions every device gets, how long they last, and when one is given up. Seconds."""

    automatic: tuple[str, ...] = ()
    """Kinds that each device is subscribed to when it registers, unless an operator cancelled it there."""
    automatic_platforms: tuple[str, ...] = ("catalog",)
    """The same for platforms below us: what they list changes all the time (gb28181.md 8.2)."""
    expires_s: Annotated[int, Ge(30), Le(86_400)] = 600
    position_interval_s: Annotated[int, Ge(1), Le(86_400)] = 5
    answer_timeout_s: Annotated[float, Ge(0.1), Le(32)] = 8.0
    at_once: Annotated[int, Ge(1), Le(1000)] = 32
    """SUBSCRIBEs on their way at the same time: thousands of devices may register in one minute."""
    retry_s: Annotated[float, Ge(0.05)] = 60.0
    """First pause after a refusal; each further one doubles it."""
    retry_max_s: Annotated[float, Ge(1)] = 3600.0
    never_notified_s: Annotated[float, Ge(0)] = 900.0
    """After so long without any NOTIFY a catalogue subscription is taken as not implemented (Q46)."""
    catalog_query_s: Annotated[float, Ge(1)] = 3600.0
    """How often such a device is asked for its catalogue instead."""
    query_pause_s: Annotated[float, Ge(0)] = 30.0
    """Shortest time between two catalogue queries that notifications cause at one device."""

    def __post_init__(self) -> None:
        for setting in ("automatic", "automatic_platforms"):
            for name in getattr(self, setting):
                if name not in set(Kind):
                    allowed = ", ".join(Kind)
                    raise ValueError(f"subscriptions.{setting} holds {name!r}: allowed are {allowed}")

    def automatic_kinds(self, *, of_platforms: bool) -> tuple[Kind, ...]:
        """Which every device gets, or every platform."""
        names = (*self.automatic, *self.automatic_platforms) if of_platforms else self.automatic
        return tuple(Kind(name) for name in dict.fromkeys(names))
