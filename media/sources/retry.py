"""How long to wait before a source is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from media.sources.errors import SourceFailed, SourceForbidden, SourceUnauthorised
from media.sources.settings import SourceSettings

MAX_DOUBLINGS: Final = 20


class Retries:
    """Doubles from failure to failure, with up to half of it taken off at random; a success starts anew."""

    def __init__(self, settings: SourceSettings, chance: Callable[[], float] = random.random) -> None:
        self._settings = settings
        self._chance = chance
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def after(self, failure: SourceFailed) -> float:
        """Seconds to wait after this failure."""
        settings = self._settings
        doubled = settings.retry_first_s * 2.0 ** min(self.failures, MAX_DOUBLINGS)
        wait_s = min(doubled, settings.retry_most_s) * (1.0 - self._chance() / 2)
        self.failures += 1
        if isinstance(failure, SourceUnauthorised | SourceForbidden):
            # Asking again with the same wrong password locks the account of many cameras.
            return max(wait_s, settings.unauthorised_wait_s)
        return wait_s
