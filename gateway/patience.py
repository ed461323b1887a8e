"""When a source that failed may be tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.sources.errors import SourceFailed, SourceForbidden, SourceUnauthorised
from media.sources.retry import Retries
from media.sources.settings import SourceSettings

IMPATIENCE_S: Final = 2.0
"""Somebody who asks need not wait for the next attempt, but none comes sooner after a failure than this."""


class Patience:
    """The last failure, and the wait that follows it."""

    def __init__(self, settings: SourceSettings, clock: Callable[[], float]) -> None:
        self.failure: SourceFailed | None = None
        """Of the last attempt; None after one that succeeded."""
        self._retries = Retries(settings)
        self._clock = clock
        self._failed_at = 0.0
        self._next_at = 0.0

    @property
    def failures(self) -> int:
        """In a row."""
        return self._retries.failures

    @property
    def wait_s(self) -> float:
        """Until the next attempt that nobody asked for."""
        return max(0.0, self._next_at - self._clock())

    def failed(self, failure: SourceFailed) -> bool:
        """Note a failure; True when it is another one than before."""
        is_news = self.failure is None or type(self.failure) is not type(failure)
        self.failure = failure
        self._failed_at = self._clock()
        self._next_at = self._failed_at + self._retries.after(failure)
        return is_news

    def succeeded(self) -> None:
        self.failure = None
        self._retries.succeeded()

    def shorten(self) -> None:
        """Somebody waits: do not take longer than an impatient person gets."""
        self._next_at = min(self._next_at, self._failed_at + IMPATIENCE_S)

    def end(self) -> None:
        """The next attempt may be now."""
        self._next_at = self._clock()

    def demand(self) -> None:
        """Raise the last failure again while it is too early for another attempt.

        After a refused password it is, until the whole wait is over: some more lock a camera's account.
        """
        if self.failure is None:
            return
        is_lockable = isinstance(self.failure, SourceUnauthorised | SourceForbidden)
        not_before = self._next_at if is_lockable else min(self._next_at, self._failed_at + IMPATIENCE_S)
        wait_s = not_before - self._clock()
        if wait_s > 0:
            raise type(self.failure)(f"{self.failure}; tried a moment ago, again in {wait_s:.0f} s")
