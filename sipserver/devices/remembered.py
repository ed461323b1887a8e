"""A dictionary for what may be forgotten: full, it drops its oldest entries."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

MOST: Final = 65_536

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Remembered(OrderedDict[KeyT, ValueT]):
    """Holds the entries that were set last, ``MOST`` of them."""

    def __setitem__(self, key: KeyT, value: ValueT) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > MOST:
            self.popitem(last=False)
