"""What a superior asks about a camera itself: the camera is asked, and its answer goes up under other ids.

For a camera that is not presented, or that cannot answer, the answer says Result ERROR.
Source: gb28181.md 3.5, 3.7, 8.6; GB-C133, GB-C137, GB-C138.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from access.rights import Right
from cascade.asked.answers import Answer, Ask
from cascade.asked.camera_ports import Cameras
from cascade.asked.camera_settings import download_settings, own_settings, refused_download
from cascade.asked.ways import by_ways
from cascade.link import SuperiorLink
from cascade.rights.permits import Permits
from cascade.rights.trail import Asker
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedChannel
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.config_download import ConfigDownloadQuery
from sipserver.gb.messages.cruise_track import (
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.preset_query import PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPositionQuery, PtzPositionResponse
from sipserver.gb.messages.sd_card import SdCardStatusQuery, SdCardStatusResponse

AskCamera: TypeAlias = Callable[[ChannelKey], Awaitable[Sequence[Element]]]

logger = logging.getLogger(__name__)


class CameraAnswers:
    """Asks cameras for one superior. ``table`` has an entry for each kind of query."""

    def __init__(
        self, link: SuperiorLink, catalogue: PresentedCatalogue, permits: Permits, cameras: Cameras
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._cameras = cameras
        self.table: Final[Mapping[str, Ask]] = {
            "PresetQuery": self._presets,
            "HomePositionQuery": self._home_position,
            "CruiseTrackListQuery": self._cruises,
            "CruiseTrackQuery": self._cruise,
            "PTZPosition": self._position,
            "SDCardStatus": self._cards,
            "ConfigDownload": self._settings,
        }

    # ---------------------------------------------------------------- one for each kind

    def _presets(self, element: Element, asker: Asker) -> Answer:
        query = PresetQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.commands.presets(key)
            edition = self._link.superior.edition
            return [PresetQueryResponse(query.sn, query.device_id, found).to_xml(edition)]

        return self._answer(
            query.device_id,
            ask,
            PresetQueryResponse(query.sn, query.device_id, ok=False).to_xml(),
            asker,
        )

    def _home_position(self, element: Element, asker: Asker) -> Answer:
        query = HomePositionQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.commands.home_position(key)
            return [HomePositionResponse(query.sn, query.device_id, found).to_xml()]

        return self._answer(
            query.device_id,
            ask,
            HomePositionResponse(query.sn, query.device_id, ok=False).to_xml(),
            asker,
        )

    def _cruises(self, element: Element, asker: Asker) -> Answer:
        query = CruiseTrackListQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.commands.cruises(key)
            return [CruiseTrackListResponse(query.sn, query.device_id, found).to_xml()]

        return self._answer(
            query.device_id,
            ask,
            CruiseTrackListResponse(query.sn, query.device_id, ok=False).to_xml(),
            asker,
        )

    def _cruise(self, element: Element, asker: Asker) -> Answer:
        query = CruiseTrackQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.commands.cruise(key, query.number)
            number = query.number if found.number is None else found.number
            answer = CruiseTrackResponse(query.sn, query.device_id, number, found.name, found.points)
            return [answer.to_xml()]

        refusal = CruiseTrackResponse(query.sn, query.device_id, query.number, ok=False).to_xml()
        return self._answer(query.device_id, ask, refusal, asker)

    def _position(self, element: Element, asker: Asker) -> Answer:
        query = PtzPositionQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.commands.position(key)
            return [PtzPositionResponse(query.sn, query.device_id, found).to_xml()]

        return self._answer(
            query.device_id,
            ask,
            PtzPositionResponse(query.sn, query.device_id, ok=False).to_xml(),
            asker,
        )

    def _cards(self, element: Element, asker: Asker) -> Answer:
        query = SdCardStatusQuery.from_xml(element)

        async def ask(key: ChannelKey) -> Sequence[Element]:
            found = await self._cameras.configuration.sd_cards.status(key)
            return [SdCardStatusResponse(query.sn, query.device_id, found).to_xml()]

        return self._answer(
            query.device_id,
            ask,
            SdCardStatusResponse(query.sn, query.device_id, ok=False).to_xml(),
            asker,
        )

    def _settings(self, element: Element, asker: Asker) -> Answer:
        """Settings are read by whoever may change them."""
        query = ConfigDownloadQuery.from_xml(element)
        query = replace(query, types=tuple(dict.fromkeys(query.types)))
        if not query.types:
            raise MalformedDocument("ConfigDownload names no ConfigType")
        if query.device_id == self._link.superior.own_id:
            return self._send(own_settings(self._link.superior, query))

        async def ask(key: ChannelKey) -> Sequence[Element]:
            return await download_settings(self._cameras.configuration, key, query)

        refusal = refused_download(query.sn, query.device_id)
        return self._answer(query.device_id, ask, refusal, asker, Right.CONFIGURATION)

    # ---------------------------------------------------------------- all of them

    async def _answer(
        self,
        presented: GbId,
        ask: AskCamera,
        refusal: Element,
        asker: Asker,
        right: Right | None = None,
    ) -> None:
        """Send what the camera answers, or the refusal."""
        entry = (await self._catalogue.tree()).channels.get(presented)
        found: Sequence[Element] = (refusal,)
        if entry is None:
            self._permits.refuse_unknown("query", presented, asker)
        elif self._may(right, entry, asker):
            try:
                found = await by_ways(entry, ask)
            except DeviceError as error:
                logger.info("superior %s is not answered about %s: %s", self._superior_id, presented, error)
        await self._send(found)

    async def _send(self, elements: Sequence[Element]) -> None:
        for element in elements:
            await self._link.send_document(element)

    def _may(self, right: Right | None, entry: PresentedChannel, asker: Asker) -> bool:
        return right is None or self._permits.ask(right, entry, asker).allowed

    @property
    def _superior_id(self) -> str:
        return self._link.superior.superior_id
