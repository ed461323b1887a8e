"""Puts the answers to one ConfigDownload together: one for each type, in any order, or fewer.

A collection ends when every type was answered, or when nothing came for a while. What a device does with a
type that it does not know is not defined: it says ERROR, leaves it out, or stays silent.

Source: GB/T 28181-2022 A.2.6.8; GB-C070.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import MAX_BLOCKS, find_block, name_of
from sipserver.gb.messages.config_download import ConfigDownloadResponse

QUIET_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class CollectedConfig:
    """``blocks`` as they came; ``missing`` types had no block; ``refusals`` counts answers with ERROR."""

    blocks: tuple[Block, ...]
    missing: tuple[str, ...]
    refusals: int


class ConfigCollector:
    """Collects the answers to one query.

    Args:
        types: what was asked for.
        now: monotonic seconds.
        first_s: how long to wait for the first answer.
        quiet_s: how long to wait for another answer after the last one.
    """

    def __init__(self, types: Sequence[str], now: float, first_s: float, quiet_s: float = QUIET_S) -> None:
        self._types = tuple(types)
        self._quiet_s = quiet_s
        self._until = now + first_s
        self._blocks: list[Block] = []
        self._refusals = 0
        self.answers = 0
        self.is_done = False

    def receive(self, response: ConfigDownloadResponse, now: float) -> None:
        """Take an answer; one that comes after the end still adds its blocks."""
        self.answers += 1
        self._refusals += not response.ok
        # What stands under an ERROR is not to be trusted.
        self._blocks += response.blocks[: MAX_BLOCKS - len(self._blocks)] if response.ok else ()
        self._until = now + self._quiet_s
        if len(self._missing()) <= self._refusals:
            self.is_done = True

    def next_timer(self) -> float | None:
        return None if self.is_done else self._until

    def handle_timer(self, now: float) -> None:
        if now >= self._until:
            self.is_done = True

    def result(self) -> CollectedConfig:
        return CollectedConfig(tuple(self._blocks), tuple(self._missing()), self._refusals)

    def _missing(self) -> list[str]:
        have = {name_of(block).lower() for block in self._blocks}
        return [name for name in self._types if _canonical(name) not in have]


def _canonical(name: str) -> str:
    row = find_block(name)
    return (name if row is None else row.name).lower()
