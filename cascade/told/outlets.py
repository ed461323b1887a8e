"""Ways by which a superior is told something."""

from __future__ import annotations

from typing import Final, TypeAlias

from cascade.told.feeds import Feed
from cascade.told.subscriptions import Subscription


class Push:
    """What goes by MESSAGE because nobody subscribed to it."""

    def __init__(self, feed: Feed) -> None:
        self.feed: Final = feed
        self.unanswered = 0
        self.not_before = 0.0
        self.notices = 0
        self.ended = ""


Outlet: TypeAlias = Subscription | Push
