"""What a device does with the SSRC that it was asked to use: learned from the media that came (GB-C106)."""

from __future__ import annotations

from typing import Final

from media.session import ReceiveOn
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb import ssrc

# Such devices never send what was agreed: the first valid source of their port is taken at once.
OWN_WAYS: Final = frozenset({"own", "zero", "constant"})
REMEMBERED_MAX: Final = 65_536


class SsrcBehaviour:
    """Learns from each first picture. Constant is what sends the same unasked number twice (Q57)."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._unasked: dict[str, int] = {}
        # Devices whose packets a shared port could not tell from those of others.
        self._needs_own_port: set[str] = set()

    def expected(self, device_id: str, agreed: str) -> int | None:
        """The SSRC to wait for, None: take any."""
        known = self._profiles.value(device_id, Facet.SSRC)
        return None if known in OWN_WAYS else ssrc.to_int(agreed)

    def receive_on(self, device_id: str) -> ReceiveOn | None:
        """A port of its own for a device that a shared port does not do for; None: as the settings say."""
        return ReceiveOn.OWN_PORT if device_id in self._needs_own_port else None

    def needs_own_port(self, device_id: str) -> None:
        """Its SSRCs are not those that were agreed, or are another session's."""
        if len(self._needs_own_port) >= REMEMBERED_MAX:
            self._needs_own_port.clear()
        self._needs_own_port.add(device_id)

    def forget(self, device_id: str) -> None:
        self._unasked.pop(device_id, None)
        self._needs_own_port.discard(device_id)

    def learn(self, device_id: str, evidence: InviteEvidence) -> None:
        """The first picture is there."""
        offer, answer, media = evidence.offer, evidence.answer, evidence.media
        if offer is None or offer.ssrc is None or answer is None or media is None or media.ssrc is None:
            return
        asked = ssrc.to_int(offer.ssrc)
        text = f"y={offer.ssrc} offered, y={answer.ssrc or 'none'} answered, SSRC {media.ssrc:010d} came"
        self._profiles.learn(
            device_id, Facet.SSRC, self._name(device_id, asked, answer.ssrc, media.ssrc), text
        )

    def _name(self, device_id: str, asked: int, answered: str | None, came: int) -> str:
        if came == asked:
            return "echoed" if answered is not None else "absent"
        if came == 0:
            return "zero"
        before = self._unasked.get(device_id)
        if len(self._unasked) >= REMEMBERED_MAX:
            self._unasked.clear()
        self._unasked[device_id] = came
        if before == came:
            return "constant"
        known = self._profiles.value(device_id, Facet.SSRC)
        return "constant" if known == "constant" and before is None else "own"
