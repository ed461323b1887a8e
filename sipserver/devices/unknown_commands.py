"""Commands that are not used here: counted always, logged once for each device and command."""

from __future__ import annotations

import logging
from typing import Final

from sipserver.devices.stats import DeviceStats
from sipserver.gb.manscdp import Document

NAMES_MAX: Final = 16
"""Of one device: one that makes names up fills no log."""
DEVICES_MAX: Final = 10_000
_NAME_MAX: Final = 40

logger = logging.getLogger(__name__)


class UnknownCommands:
    """Remembers what was said about whom. GB-C080."""

    def __init__(self, stats: DeviceStats) -> None:
        self._stats = stats
        self._said: dict[str, set[tuple[str, str]]] = {}

    def note(self, device_id: str, document: Document) -> None:
        """A device sent something that is answered and otherwise left alone."""
        self._stats.unknown_commands += 1
        said = self._of(device_id)
        command = (document.root, document.cmd_type[:_NAME_MAX])
        if command in said or len(said) >= NAMES_MAX:
            return
        said.add(command)
        logger.warning("device %s sent %s %r, which is not used here", device_id, *command)

    def forget(self, device_id: str) -> None:
        self._said.pop(device_id, None)

    def _of(self, device_id: str) -> set[tuple[str, str]]:
        said = self._said.get(device_id)
        if said is None:
            if len(self._said) >= DEVICES_MAX:
                del self._said[next(iter(self._said))]
            said = self._said[device_id] = set()
        return said
