"""ConfigDownload: the settings of a device, one type at a time until it is known to manage several."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.configuration.outcomes import ConfigReport, TypeAnswer, TypeState
from sipserver.devices.configuration.targets import Targets
from sipserver.devices.errors import NoAnswer, NotInEdition, Refused
from sipserver.devices.features import Parts
from sipserver.devices.profiles.facets import Facet
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import find_block, name_of, types_of
from sipserver.gb.config_collector import CollectedConfig, ConfigCollector
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse

TOTAL_S: Final = 90.0
"""For all types of one call; what is left then is skipped."""
SILENCES_MAX: Final = 2
"""So many types without any answer, and the device is taken to know none."""
QUIET_S: Final = 2.0
JOINED: Final = "joined"
SINGLE: Final = "single"


class ConfigDownloads:
    """Asks for settings and remembers, until the device comes online anew, which types it does not know."""

    def __init__(self, parts: Parts, targets: Targets) -> None:
        self._parts = parts
        self._targets = targets
        self._unknown: dict[str, set[str]] = {}
        self._answered: dict[str, set[str]] = {}

    def forget(self, device_id: str) -> None:
        """The device started again: its firmware may be another."""
        self._unknown.pop(device_id, None)
        self._answered.pop(device_id, None)

    async def download(
        self, key: ChannelKey, types: Sequence[str] = (), *, despite_edition: bool = False
    ) -> ConfigReport:
        """The settings of a channel, or of the device when the key names it twice.

        Args:
            types: ConfigTypes; none: all that the device's edition has.
            despite_edition: also ask for types that its edition does not have.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition
        """
        edition = self._parts.signalling.entry_of(key.device_id).edition
        wanted = [_canonical(name) for name in types] or types_of(edition)
        wanted = list(dict.fromkeys(wanted))
        if types and not despite_edition:
            demand_edition(key.device_id, edition, wanted)
        run = _Run(wanted, self._parts.clock() + TOTAL_S)
        if not types:
            run.skip(self._unknown.get(key.device_id, ()), "it did not know this type before")
        if self._may_join(key.device_id) and len(run.left) > 1:
            await self._ask_joined(key, run)
        targets: tuple[str, ...] = self._targets.of(key)
        for name in list(run.left):
            if self._parts.clock() >= run.deadline:
                run.skip(run.left, "the time for this call was over")
                break
            targets = await self._ask_one(key, targets, name, run)
            if not run.blocks and run.silences >= SILENCES_MAX:
                raise NoAnswer(
                    f"device {key.device_id} took {run.silences} questions for settings and answered none",
                    device_id=key.device_id,
                )
        self._learn(key.device_id, run)
        return run.report(targets[0])

    # ---------------------------------------------------------------- inside

    def _may_join(self, device_id: str) -> bool:
        """Known to manage several, or answered several one by one and never showed that it cannot."""
        known = self._parts.profiles.value(device_id, Facet.CONFIG_TYPES)
        return known == JOINED or (known is None and len(self._answered.get(device_id, ())) > 1)

    async def _ask_joined(self, key: ChannelKey, run: _Run) -> None:
        """All at once; what does not come is asked for one by one afterwards."""
        target_id = self._targets.of(key)[0]
        names = tuple(run.left)
        try:
            collected = await self._collect(key.device_id, target_id, names)
        except Refused:
            collected = CollectedConfig((), names, 1)
        run.take(collected.blocks)
        known = self._answered.get(key.device_id, set())
        if not known & set(run.left) and len(collected.blocks) > 1:
            evidence = f"ConfigDownload {'/'.join(names)} was answered with {len(collected.blocks)} blocks"
            self._parts.profiles.learn(key.device_id, Facet.CONFIG_TYPES, JOINED, evidence)
        else:
            evidence = f"ConfigDownload {'/'.join(names)} left out {'/'.join(run.left)}"
            self._parts.profiles.learn(key.device_id, Facet.CONFIG_TYPES, SINGLE, evidence)

    async def _ask_one(
        self, key: ChannelKey, targets: tuple[str, ...], name: str, run: _Run
    ) -> tuple[str, ...]:
        """Ask for one type; the targets for the next, only one as soon as it is known which."""
        for target_id in targets:
            try:
                collected = await self._collect(key.device_id, target_id, (name,))
            except Refused as error:
                run.refused(name, f"answered {error.status}")
                continue
            run.take(collected.blocks)
            if name in run.blocks:
                if len(targets) > 1:
                    self._targets.worked(key, target_id, f"ConfigDownload {name} to {target_id} was answered")
                return (target_id,)
            if collected.refusals or collected.blocks:
                run.refused(name, "Result ERROR" if collected.refusals else "answered without this block")
                return (target_id,)
            run.silent(name)
        return targets

    async def _collect(self, device_id: str, target_id: str, types: tuple[str, ...]) -> CollectedConfig:
        parts = self._parts
        timeout_s = parts.settings.query_timeout_s
        sn = parts.signalling.next_sn()
        collector = ConfigCollector(types, parts.clock(), timeout_s, QUIET_S)
        came = asyncio.Event()

        def receive(document: Document) -> None:
            try:
                collector.receive(ConfigDownloadResponse.from_xml(document.element), parts.clock())
            except MalformedText:
                parts.stats.malformed_bodies += 1
            came.set()

        query = ConfigDownloadQuery(sn, GbId(target_id), types).to_xml()
        with parts.queries.expect(device_id, "ConfigDownload", sn, receive):
            await parts.signalling.send_document(device_id, query, timeout_s=timeout_s)
            while (timer := collector.next_timer()) is not None:
                came.clear()
                try:
                    async with asyncio.timeout(max(timer - parts.clock(), 0.0)):
                        await came.wait()
                except TimeoutError:
                    collector.handle_timer(parts.clock())
        return collector.result()

    def _learn(self, device_id: str, run: _Run) -> None:
        self._answered.setdefault(device_id, set()).update(run.blocks)
        self._unknown.setdefault(device_id, set()).update(
            name for name, state in run.states.items() if state in {TypeState.SILENT, TypeState.REFUSED}
        )
        self._unknown[device_id] -= set(run.blocks)


class _Run:
    """One call: what is wanted, what came."""

    def __init__(self, wanted: Sequence[str], deadline: float) -> None:
        self._wanted = tuple(wanted)
        self.deadline = deadline
        self.blocks: dict[str, Block] = {}
        self.states: dict[str, TypeState] = {}
        self._details: dict[str, str] = {}
        self.silences = 0

    @property
    def left(self) -> list[str]:
        return [name for name in self._wanted if name not in self.blocks and name not in self.states]

    def take(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self.blocks[name_of(block)] = block

    def skip(self, names: Iterable[str], why: str) -> None:
        for name in list(names):
            self.states[name] = TypeState.SKIPPED
            self._details[name] = why

    def refused(self, name: str, how: str) -> None:
        self.states[name] = TypeState.REFUSED
        self._details[name] = how

    def silent(self, name: str) -> None:
        self.silences += 1
        self.states[name] = TypeState.SILENT
        self._details[name] = "no answer"

    def report(self, target_id: str) -> ConfigReport:
        answers = tuple(self._answer(name) for name in self._wanted)
        others = tuple(block for name, block in self.blocks.items() if name not in self._wanted)
        return ConfigReport(target_id, answers, others)

    def _answer(self, name: str) -> TypeAnswer:
        block = self.blocks.get(name)
        if block is not None:
            return TypeAnswer(name, TypeState.ANSWERED, block)
        return TypeAnswer(name, self.states[name], None, self._details.get(name, ""))


def demand_edition(device_id: str, edition: Edition, names: Iterable[str]) -> None:
    """Refuse what the device's edition does not have; a block that no edition has is a vendor's own.

    Raises:
        NotInEdition
    """
    for name in names:
        row = find_block(name)
        if row is not None and not row.is_in(edition):
            raise NotInEdition(
                f"device {device_id} speaks {edition.value}; {row.name} is of {row.since.value}"
                + (f" to {row.until.value}" if row.until is not Edition.V3_0 else ""),
                device_id=device_id,
            )


def _canonical(name: str) -> str:
    row = find_block(name)
    return name if row is None else row.name
