"""Which server a device is sent to with 302 (注册重定向).

Source: GB/T 28181-2022 9.1.2; gb28181.md 2.6.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.gb.registration_client import ServerAddress

MAX_REMEMBERED: Final = 65_536


class Redirects:
    """Chooses by weight, and always the same server for a device, as long as that server takes it.

    Each server gets a number for each device (rendezvous hashing), so that a server more or less moves only
    the devices that it gains or loses. A device that soon comes back is sent to the server with the next
    number.
    """

    def __init__(self, settings: RegistrationSettings) -> None:
        self.expires_s: Final = settings.redirect_expires_s
        self.before_password: Final = settings.redirect_before_password
        self._kept = frozenset(settings.redirect_kept_ids)
        self._return_s = settings.redirect_return_s
        self._targets = [
            (ServerAddress.parse(text), weight) for text, weight in settings.redirect_targets.items()
        ]
        # Device to the place of the server it was sent to last, and when; the longest ago first.
        self._sent: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._once: dict[str, ServerAddress] = {}

    @property
    def is_on(self) -> bool:
        return bool(self._targets)

    def takes(self, device_id: str) -> bool:
        """Whether this device is to be sent away."""
        return device_id in self._once or (bool(self._targets) and device_id not in self._kept)

    def send_once(self, device_id: str, target: ServerAddress) -> None:
        """Send a device elsewhere at its next registration, and only then; for the conformance run."""
        self._once[device_id] = target

    def keep(self, device_id: str) -> None:
        """Forget ``send_once``, when the device did not come."""
        self._once.pop(device_id, None)

    def forget(self, device_id: str) -> None:
        self._once.pop(device_id, None)
        self._sent.pop(device_id, None)

    def target_for(self, device_id: str, now: float) -> ServerAddress:
        """Where to send a device; to be asked only when ``takes`` says so."""
        if (once := self._once.pop(device_id, None)) is not None:
            return once
        place, at = self._sent.pop(device_id, (-1, -math.inf))
        place = place + 1 if now - at < self._return_s else 0
        ranked = sorted(self._targets, key=lambda each: _score(device_id, *each), reverse=True)
        self._sent[device_id] = (place, now)
        if len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)
        return ranked[place % len(ranked)][0]


def _score(device_id: str, target: ServerAddress, weight: int) -> float:
    """Weighted rendezvous hashing: the largest wins, each as often as its weight says."""
    digest = blake2b(f"{device_id} {target}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -weight / math.log(share)
