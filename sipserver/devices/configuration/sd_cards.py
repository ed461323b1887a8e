"""Storage cards of devices: their state, and formatting them."""

from __future__ import annotations

from catalog.model import ChannelKey
from sipserver.devices.errors import BadAnswer, NotInEdition, Refused
from sipserver.devices.features import Parts
from sipserver.gb.editions import Feature, allows
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import DeviceControl, FormatSdCard
from sipserver.gb.messages.sd_card import SdCard, SdCardStatusQuery, SdCardStatusResponse


class SdCards:
    """Asks and commands; a format that runs shows its progress in each answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def status(self, key: ChannelKey, *, despite_edition: bool = False) -> tuple[SdCard, ...]:
        """The cards of a channel, or of the device when the key names it twice.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition, BadAnswer
        """
        self._demand(key.device_id, despite_edition)
        parts = self._parts
        sn = parts.signalling.next_sn()
        query = SdCardStatusQuery(sn, GbId(key.channel_id)).to_xml()
        document = await parts.queries.ask(
            key.device_id, "SDCardStatus", sn, query, timeout_s=parts.settings.query_timeout_s
        )
        try:
            answer = SdCardStatusResponse.from_xml(document.element)
        except MalformedText as error:
            parts.stats.malformed_bodies += 1
            raise BadAnswer(
                f"device {key.device_id} answered SDCardStatus with what cannot be read: {error}",
                device_id=key.device_id,
            ) from error
        if not answer.ok:
            raise Refused(
                f"device {key.device_id} answered SDCardStatus with Result ERROR",
                status=0,
                device_id=key.device_id,
            )
        return answer.cards

    async def format(self, key: ChannelKey, card: int, *, despite_edition: bool = False) -> None:
        """Erase a card; 0 means all. The device answers the MESSAGE alone (GB-C063).

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition
        """
        self._demand(key.device_id, despite_edition)
        signalling = self._parts.signalling
        command = DeviceControl(signalling.next_sn(), GbId(key.channel_id), FormatSdCard(card))
        await signalling.send_document(
            key.device_id, command.to_xml(), timeout_s=self._parts.settings.query_timeout_s
        )

    def _demand(self, device_id: str, despite_edition: bool) -> None:
        edition = self._parts.signalling.entry_of(device_id).edition
        if not despite_edition and not allows(edition, Feature.COMMANDS_OF_2022):
            raise NotInEdition(
                f"device {device_id} speaks {edition.value}; storage cards are of 3.0", device_id=device_id
            )
