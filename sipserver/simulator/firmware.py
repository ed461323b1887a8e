"""Firmware and storage cards of a simulated device: fetches, restarts, reports; formats with progress."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

import httpx

from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_control import DeviceControl, DeviceUpgrade, FormatSdCard
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.sd_card import SdCard, SdCardStatusQuery, SdCardStatusResponse
from sipserver.simulator.features import DeviceParts

FETCH_TIMEOUT_S: Final = 60.0
REGISTER_TIMEOUT_S: Final = 60.0
PROGRESS_STEP: Final = 25
"""Per cent by which a format advances each time that somebody looks."""
CARD_MB: Final = 65_536

logger = logging.getLogger(__name__)


class Firmware:
    """One upgrade at a time."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._upgrade: asyncio.Task[None] | None = None
        self.version = parts.settings.firmware
        self.fetched = b""
        """The file that was fetched last."""
        parts.controls["DeviceUpgrade"] = self._begin
        parts.commands["Query", "DeviceInfo"] = self._info

    async def open(self) -> None:
        """Waits for a command."""

    async def close(self) -> None:
        if self._upgrade is not None:
            self._upgrade.cancel()
            await asyncio.gather(self._upgrade, return_exceptions=True)

    def _begin(self, control: DeviceControl) -> bool:
        is_busy = self._upgrade is not None and not self._upgrade.done()
        if is_busy or not isinstance(control.command, DeviceUpgrade):
            return False
        self._upgrade = asyncio.get_running_loop().create_task(self._run(control.device_id, control.command))
        return True

    async def _run(self, target_id: GbId, command: DeviceUpgrade) -> None:
        failure = await self._fetch(command.file_url)
        if not failure and self._parts.behaviour.upgrade_failure:
            failure = f"{self._parts.behaviour.upgrade_failure:02d}"
        if not failure:
            self.version = command.firmware
        registration = self._parts.registration
        await registration.unregister()
        registration.wake()
        async with asyncio.timeout(REGISTER_TIMEOUT_S):
            await registration.registered.wait()
        if self._parts.behaviour.upgrade_silent:
            return
        serial = self._parts.signalling.next_sn()
        result = DeviceUpgradeResult(
            serial, target_id, command.session_id, not failure, self.version, failure
        )
        self._parts.say(result.to_xml())

    async def _fetch(self, url: str) -> str:
        """Load the file; the code of a failure, or nothing."""
        try:
            async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, trust_env=False) as client:
                answer = await client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            logger.info("%s could not fetch its firmware: %s", self._parts.settings.device_id, error)
            return "01"
        self.fetched = answer.content
        return "" if answer.status_code == httpx.codes.OK and answer.content else "02"

    def _info(self, document: Document) -> list[Element]:
        query = DeviceInfoQuery.from_xml(document.element)
        settings = self._parts.settings
        answer = DeviceInfoResponse(
            query.sn,
            query.device_id,
            name=settings.name,
            manufacturer=settings.manufacturer,
            model=settings.model,
            firmware=self.version,
            channels=len(self._parts.channels),
        )
        return [answer.to_xml()]


class SdCards:
    """Two cards, one of them with recordings. A format ends after some looks at it."""

    def __init__(self, parts: DeviceParts) -> None:
        self.cards = [
            SdCard("1", "SD1", "ok", None, CARD_MB, CARD_MB // 2),
            SdCard("2", "SD2", "unformatted", None, CARD_MB, 0),
        ]
        parts.commands["Query", "SDCardStatus"] = self._status
        parts.controls["FormatSDCard"] = self._format

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Nothing to give back."""

    def _status(self, document: Document) -> list[Element]:
        query = SdCardStatusQuery.from_xml(document.element)
        answer = SdCardStatusResponse(query.sn, query.device_id, tuple(self.cards)).to_xml()
        self.cards = [_advanced(card) for card in self.cards]
        return [answer]

    def _format(self, control: DeviceControl) -> None:
        if isinstance(control.command, FormatSdCard):
            wanted = control.command.card
            self.cards = [
                replace(card, status="formatting", progress_percent=0, free_mb=0)
                if wanted in {0, number}
                else card
                for number, card in enumerate(self.cards, 1)
            ]


def _advanced(card: SdCard) -> SdCard:
    if card.status != "formatting":
        return card
    progress = (card.progress_percent or 0) + PROGRESS_STEP
    if progress < 100:
        return replace(card, progress_percent=progress)
    return replace(card, status="ok", progress_percent=None, free_mb=card.capacity_mb)
