"""Who may register at all, with which password, and what else an operator decided about a device.

Says nothing about the password given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from catalog.codes import is_platform_id
from catalog.model import DEFAULT_PATH_RANK, Device
from sipserver.devices.settings import DeviceSettings, MediaPreference


class Refusal(StrEnum):
    """Why a REGISTER gets 403, and the key under which it is counted."""

    OWN_ID = "own id"
    BAD_ID = "bad id"
    BLOCKED_ID = "blocked id"
    BLOCKED_ADDRESS = "blocked address"
    BLOCKED_USER_AGENT = "blocked user agent"
    OTHER_ADDRESS = "not an address that it may register from"
    NOT_ALLOWED = "not on the allow-list"
    NO_PASSWORD = "no password is set for it"  # noqa: S105
    WRONG_PASSWORD = "wrong password"  # noqa: S105
    WRONG_USERNAME = "user name is not the id, or not its account"


Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(slots=True)
class _Known:
    is_allowed: bool
    is_blocked: bool
    password_sealed: str | None
    sends_date: bool
    media_transport: MediaPreference | None
    account: str = ""
    expected: tuple[Network, ...] = ()
    is_subordinate: bool = False
    catalog_every_s: int | None = None
    path_rank: int = DEFAULT_PATH_RANK
    password: str | None = None


class Admission:
    """The allow-list, the block-lists and the passwords.

    Args:
        unseal: opens a stored password; a device's own password is unsealed on first use and kept.
    """

    def __init__(self, settings: DeviceSettings, unseal: Callable[[str], str] | None = None) -> None:
        self._settings = settings
        self._unseal = unseal
        self._known: dict[str, _Known] = {}
        self._own_ids = {settings.id}
        self._blocked_ids = frozenset(settings.blocked_ids)
        self._date_off = frozenset(settings.date_off_ids)
        self._blocked_networks = networks_of(" ".join(settings.blocked_networks))
        self._blocked_user_agents = tuple(text.casefold() for text in settings.blocked_user_agents)

    def load(self, devices: Iterable[Device]) -> None:
        for device in devices:
            self.set(device)

    def set(self, device: Device) -> None:
        """An operator entered or changed a device."""
        self._known[device.device_id] = _Known(
            device.allowed,
            device.blocked,
            device.password_sealed,
            device.send_date,
            None if device.media_transport is None else MediaPreference(device.media_transport),
            device.account,
            networks_of(device.expected_hosts),
            device.is_subordinate or is_platform_id(device.device_id),
            device.catalog_every_s,
            device.path_rank,
        )

    def forget(self, device_id: str) -> None:
        self._known.pop(device_id, None)

    def reserve(self, device_id: str) -> None:
        """An id of the platform itself: nobody registers with it."""
        self._own_ids.add(device_id)

    def is_platform(self, device_id: str) -> bool:
        """Whether it is a whole platform, by an operator's word, else by its id."""
        known = self._known.get(device_id)
        return is_platform_id(device_id) or (known is not None and known.is_subordinate)

    def platforms(self) -> dict[str, float]:
        """The platforms on file, with how often each is asked for its whole catalogue, s."""
        default_s = self._settings.platform_catalog_s
        return {
            device_id: float(known.catalog_every_s or default_s)
            for device_id, known in self._known.items()
            if known.is_subordinate
        }

    def path_rank(self, device_id: str) -> int:
        """Of several that bring one camera the lowest is asked first; the camera itself goes before all."""
        if not self.is_platform(device_id):
            return -1
        known = self._known.get(device_id)
        return DEFAULT_PATH_RANK if known is None else known.path_rank

    def is_known(self, device_id: str) -> bool:
        return device_id in self._known

    def refusal(self, device_id: str, host: str, user_agent: str) -> Refusal | None:
        """Why this device may not even try, or None."""
        if device_id in self._own_ids:
            return Refusal.OWN_ID
        known = self._known.get(device_id)
        if device_id in self._blocked_ids or (known is not None and known.is_blocked):
            return Refusal.BLOCKED_ID
        if self._blocked_networks and _is_in(host, self._blocked_networks):
            return Refusal.BLOCKED_ADDRESS
        if known is not None and host and known.expected and not _is_in(host, known.expected):
            return Refusal.OTHER_ADDRESS
        if self._blocked_user_agents:
            folded = user_agent.casefold()
            if any(text in folded for text in self._blocked_user_agents):
                return Refusal.BLOCKED_USER_AGENT
        if self._settings.allow_list and (known is None or not known.is_allowed):
            return Refusal.NOT_ALLOWED
        return None

    def password_of(self, device_id: str) -> str | None:
        """Its own password, else the common one; None when one is stored that cannot be opened."""
        known = self._known.get(device_id)
        if known is None or not known.password_sealed:
            return self._settings.password
        if known.password is None and self._unseal is not None:
            known.password = self._unseal(known.password_sealed)
        return known.password

    def gets_date(self, device_id: str) -> bool:
        """Whether the 200 to its REGISTER carries a Date (GB-C036)."""
        known = self._known.get(device_id)
        return device_id not in self._date_off and (known is None or known.sends_date)

    def media_preference_of(self, device_id: str) -> MediaPreference | None:
        """What was decided for this device about how its media is asked for; None: nothing of its own."""
        known = self._known.get(device_id)
        if known is not None and known.media_transport is not None:
            return known.media_transport
        return self._settings.media_preference_of.get(device_id)

    def username_of(self, device_id: str) -> str | None:
        """The user name that its digest must carry; None: any."""
        known = self._known.get(device_id)
        if known is not None and known.account:
            return known.account
        return device_id if self._settings.username_must_be_id else None


def networks_of(text: str) -> tuple[Network, ...]:
    """Addresses and networks with blanks between.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ip_network(each, strict=False) for each in text.split())


def _is_in(host: str, networks: Iterable[Network]) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address.version == each.version and address in each for each in networks)
