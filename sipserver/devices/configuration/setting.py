"""DeviceConfig: change settings, and know whether the device took them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import fields
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.configuration.asking import ask_result
from sipserver.devices.configuration.download import ConfigDownloads, demand_edition
from sipserver.devices.configuration.outcomes import Confirmation, SetOutcome
from sipserver.devices.configuration.targets import Targets
from sipserver.devices.errors import DeviceError, NoAnswer, Refused
from sipserver.devices.events import DeviceCameOnline, DeviceEvent, DeviceRefreshed, DeviceRestarted
from sipserver.devices.features import Parts
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import name_of
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_config import DeviceConfig

BASIC: Final = "BasicParam"
REGISTERED_AGAIN_S: Final = 20.0
"""How long after an unanswered BasicParam a new registration counts as its answer."""


class ConfigSetter:
    """Sends blocks and waits for the Response (GB-C064)."""

    def __init__(self, parts: Parts, targets: Targets, downloads: ConfigDownloads) -> None:
        self._parts = parts
        self._targets = targets
        self._downloads = downloads
        self._waiting: Counter[str] = Counter()
        self._registered: dict[str, asyncio.Event] = {}

    def listen(self, event: DeviceEvent) -> None:
        if not self._registered:
            return
        match event:
            case DeviceRefreshed(device_id) | DeviceRestarted(device_id) | DeviceCameOnline(device_id):
                if (registered := self._registered.get(device_id)) is not None:
                    registered.set()

    async def set(
        self, key: ChannelKey, block: Block, *, read_back: bool = False, despite_edition: bool = False
    ) -> SetOutcome:
        """Change one block.

        Args:
            read_back: ask for the block afterwards and compare.
            despite_edition: send it also when the device's edition does not have it.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition
        """
        name = name_of(block)
        edition = self._parts.signalling.entry_of(key.device_id).edition
        if not despite_edition:
            demand_edition(key.device_id, edition, [name])
        target_id, confirmation = await self.send(key, block)
        outcome = SetOutcome(name, target_id, confirmation)
        if not read_back:
            return outcome
        after = await self._read_back(key, name)
        return _compared(outcome, block, after)

    async def send(self, key: ChannelKey, block: Block) -> tuple[str, Confirmation]:
        """Send a block to the ids that the device may listen to, until one answers.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        device_id = key.device_id
        self._waiting[device_id] += 1
        registered = self._registered.setdefault(device_id, asyncio.Event())
        registered.clear()
        try:
            return await self._send(key, block, registered)
        finally:
            self._waiting[device_id] -= 1
            if not self._waiting[device_id]:
                del self._waiting[device_id]
                self._registered.pop(device_id, None)

    # ---------------------------------------------------------------- inside

    async def _send(
        self, key: ChannelKey, block: Block, registered: asyncio.Event
    ) -> tuple[str, Confirmation]:
        name = name_of(block)
        targets = self._targets.of(key)
        refusal: Refused | None = None
        taken_by = ""
        for target_id in targets:
            try:
                is_ok = await self._ask(key.device_id, target_id, block)
            except Refused as error:
                refusal = refusal or error
                continue
            if is_ok is None:
                taken_by = taken_by or target_id
                if registered.is_set():
                    break
                continue
            if not is_ok:
                text = (
                    f"device {key.device_id} answered DeviceConfig {name} for {target_id} with Result ERROR"
                )
                raise Refused(text, status=0, device_id=key.device_id)
            if len(targets) > 1:
                self._targets.worked(key, target_id, f"DeviceConfig {name} to {target_id}: Result OK")
            return target_id, Confirmation.ANSWERED
        if not taken_by:
            assert refusal is not None  # noqa: S101 - each target was refused, or taken, or raised
            raise refusal
        if name == BASIC and await _within(registered, REGISTERED_AGAIN_S):
            return taken_by, Confirmation.REGISTERED_AGAIN
        return taken_by, Confirmation.NONE

    async def _ask(self, device_id: str, target_id: str, block: Block) -> bool | None:
        """The device's Result; None when it took the MESSAGE and said nothing more.

        A device that applies BasicParam by registering anew may not even answer the MESSAGE; its registration
        shows that it had arrived.
        """
        sn = self._parts.signalling.next_sn()
        document = DeviceConfig(sn, GbId(target_id), (block,)).to_xml()
        try:
            return await ask_result(self._parts, device_id, "DeviceConfig", sn, document)
        except NoAnswer:
            registered = self._registered.get(device_id)
            if name_of(block) != BASIC or registered is None or not registered.is_set():
                raise
            return None

    async def _read_back(self, key: ChannelKey, name: str) -> Block | None:
        try:
            report = await self._downloads.download(key, [name], despite_edition=True)
        except DeviceError:
            return None
        return next((answer.block for answer in report.answers if answer.name == name), None)


def _compared(outcome: SetOutcome, sent: Block, after: Block | None) -> SetOutcome:
    if after is None:
        return outcome
    differences = tuple(_differences(sent, after))
    confirmation = outcome.confirmation
    if confirmation is Confirmation.NONE and not differences:
        confirmation = Confirmation.READ_BACK
    return SetOutcome(outcome.name, outcome.target_id, confirmation, after, differences)


def _differences(sent: Block, after: Block) -> list[str]:
    """Fields that were sent and are not what the device reports; what was not sent cannot differ."""
    wrong = []
    for each in fields(sent):
        value = getattr(sent, each.name)
        if value is None:
            continue
        if each.name == "unknown":
            wrong += [path for path, text in value.items() if after.unknown.get(path) != text]
        elif getattr(after, each.name, None) != value:
            wrong.append(each.name)
    return wrong


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
