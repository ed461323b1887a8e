"""What an outage is, and the causes that are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """Why something is not there (故障原因)."""

    NETWORK = "network"  # one device, or an uplink: nothing comes, and the devices kept running
    POWER = "power"  # a whole site at once
    SIP = "sip"  # signalling is silent, and media still flows
    MEDIA = "media"  # registered, and no picture
    CREDENTIAL = "credential"  # it comes, and its password is wrong
    STORAGE = "storage"  # a disk or a card of the device
    LEFT = "left"  # it unregistered: switched off or set anew by somebody
    UNKNOWN = "unknown"  # not judged yet, or nothing to judge by


ADVICE = {
    Cause.NETWORK: "Check the camera's cable, its switch port and the uplink of its site.",
    Cause.POWER: "Check the power and the switch of the site before driving to single cameras.",
    Cause.SIP: "Media still flows: restart signalling on the device, or check what blocks port 5060.",
    Cause.MEDIA: "Signalling works: run the diagnosis of the channel for the exact reason.",
    Cause.CREDENTIAL: "Enter the right password in the device, or set the device's password here.",
    Cause.STORAGE: "Check the disk or card of the device; its recordings have a gap since then.",
    Cause.LEFT: "The device said good-bye: ask whoever maintains it.",
    Cause.UNKNOWN: "Wait for the judgement, or look at the device's SIP trace.",
}


@dataclass(frozen=True, slots=True)
class Outage:
    """One stretch of time in which a device, or one of its channels, was not as it should be."""

    outage_id: str
    device_id: str
    channel_id: str
    """Empty: the device as a whole."""
    site: str
    began_time: datetime
    """When the last sign of life came, not when we noticed."""
    ended_time: datetime | None
    cause: Cause
    evidence: str
    is_site_wide: bool = False


@dataclass(frozen=True, slots=True)
class SiteOutage:
    """A site whose devices were lost together."""

    site: str
    began_time: datetime
    ended_time: datetime | None
    cause: Cause
    devices_lost: int
    devices: int
    evidence: str
