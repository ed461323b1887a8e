"""Settings of the learned profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """How much is learned by itself. What an operator pins counts in any case."""

    learn: bool = True
    devices_to_agree: Annotated[int, Ge(1), Le(100)] = 2
    """So many devices of one model and firmware must show the same before it counts for all of them."""
    try_other_transport: bool = True
    """When accepted media does not arrive, try UDP instead of TCP, or TCP instead of UDP, once."""
    retry_transport_s: Annotated[float, Ge(60), Le(604_800)] = 3600.0
    """How long a transport that brought nothing either is not tried again with that device."""
    save_interval_s: Annotated[float, Ge(0.1), Le(60)] = 1.0
