"""Commands to devices. So far one: ask for a key frame."""

from __future__ import annotations

from catalog.model import ChannelKey
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.gb.editions import keyframe_commands
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import keyframe_requests


class Control:
    """Sends commands that wait for the answer to the MESSAGE only (GB-C063)."""

    def __init__(self, settings: DeviceSettings, signalling: Signalling) -> None:
        self._settings = settings
        self._signalling = signalling

    async def request_keyframe(self, key: ChannelKey) -> None:
        """Ask a channel for a key frame, in the spelling that its edition knows.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        edition = self._signalling.entry_of(key.device_id).edition
        sns = [self._signalling.next_sn() for _ in keyframe_commands(edition)]
        for command in keyframe_requests(sns, GbId(key.channel_id), edition):
            await self._signalling.send_document(
                key.device_id, command.to_xml(), timeout_s=self._settings.query_timeout_s
            )
