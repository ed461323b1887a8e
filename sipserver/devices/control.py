"""Asking for a key frame, in the spelling that the device knows (Q42, GB-C065)."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.model import ChannelKey
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import Refused
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.gb.control_commands import KEYFRAME_ELEMENTS, KeyframeCommand
from sipserver.gb.editions import keyframe_commands
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import DeviceControl


class Control:
    """Sends what needs no Response: only the answer to the MESSAGE is waited for (GB-C063)."""

    def __init__(
        self, settings: DeviceSettings, signalling: Signalling, profiles: Profiles, gate: EditionGate
    ) -> None:
        self._settings = settings
        self._signalling = signalling
        self._profiles = profiles
        self._gate = gate

    async def request_keyframe(self, key: ChannelKey) -> None:
        """Ask a channel for a key frame: as its profile says, else as its edition prints it.

        A device that refuses one spelling is asked in the other; that it takes this one is remembered.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        known = self._profiles.value(key.device_id, Facet.KEYFRAME)
        names = _spellings(known) or keyframe_commands(self._gate.edition(key.device_id))
        refusal = await self._ask(key, names)
        if refusal is None:
            return
        others = [name for name in KEYFRAME_ELEMENTS if name not in names]
        if known is not None or not others or await self._ask(key, others) is not None:
            raise refusal
        evidence = f"{names[0]} was answered {refusal.status}, {others[0]} 200"
        self._profiles.learn(key.device_id, Facet.KEYFRAME, others[0], evidence)

    async def _ask(self, key: ChannelKey, names: Sequence[str]) -> Refused | None:
        """Send each spelling; the refusal when none was taken."""
        refusals = []
        for name in names:
            command = DeviceControl(self._signalling.next_sn(), GbId(key.channel_id), KeyframeCommand(name))
            try:
                await self._signalling.send_document(
                    key.device_id, command.to_xml(), timeout_s=self._settings.query_timeout_s, abandon=True
                )
            except Refused as error:
                refusals.append(error)
        return refusals[0] if len(refusals) == len(names) else None


def _spellings(known: str | None) -> tuple[str, ...]:
    if known == "both":
        return KEYFRAME_ELEMENTS
    return (known,) if known in KEYFRAME_ELEMENTS else ()
