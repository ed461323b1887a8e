"""What the media room misses, in the words of this room, with what the signalling adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from media import errors as media
from media.stats import SessionStats
from sipserver.devices.errors import (
    BandwidthShort,
    DeviceError,
    Encrypted,
    InviteEnded,
    NoCapacity,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    SdpUnreachable,
    StrangeSource,
    TcpRefused,
    UnsupportedStream,
    WrongSsrc,
)
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.gb.sdp import VENDOR_STREAM_NAMES
from sipserver.transport.addresses import is_own_address

# Looked up from top to bottom; subclasses are covered by their parents.
VERDICTS: Final[Mapping[type[media.MediaError], type[DeviceError]]] = {
    media.OnlyStrangers: StrangeSource,
    media.NoMedia: NoMedia,
    media.WrongSsrc: WrongSsrc,
    media.UnsupportedMedia: UnsupportedStream,
    media.NoPackHeader: NoPackHeader,
    media.NoKeyframe: NoKeyframe,
    media.ConnectRefused: TcpRefused,
    media.NoPortFree: NoCapacity,
    media.PortUnavailable: NoCapacity,
    media.SsrcTaken: NoCapacity,
}

# From this share on, what is lost explains that no key frame comes whole.
LOSS_THAT_MATTERS: Final = 0.02
_LOCAL: Final = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
_NOWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104


def error_type(error: media.MediaError) -> type[DeviceError]:
    """The error of this room for an error of the media room."""
    for theirs, ours in VERDICTS.items():
        if isinstance(error, theirs):
            return ours
    return InviteEnded


def explained(error: media.MediaError, evidence: InviteEvidence) -> tuple[type[DeviceError], str]:
    """The most special error that the evidence supports, and the text that says so."""
    kind, text = error_type(error), str(error)
    if kind is NoMedia:
        if (why := unreachable(evidence)) is not None:
            return SdpUnreachable, f"{text}; {why}"
        if evidence.media is not None and evidence.transport.is_tcp and evidence.media.connections == 0:
            return TcpRefused, text
    if kind is NoPackHeader and (name := vendor_stream(evidence)) is not None:
        return UnsupportedStream, f"{text}; the answer announces {name}, a stream of the vendor's own"
    if kind is NoKeyframe and evidence.media is not None:
        return _without_keyframe(evidence.media, text)
    return kind, text


def vendor_stream(evidence: InviteEvidence) -> str | None:
    """The encoding name of a proprietary stream that the answer announces (Q95)."""
    name = evidence.answer.payload.name if evidence.answer is not None else ""
    return name if name in VENDOR_STREAM_NAMES else None


def loss_ratio(stats: SessionStats) -> float:
    """Of what the device sent, the share that never came."""
    expected = stats.packets + stats.lost
    return stats.lost / expected if expected else 0.0


def unreachable(evidence: InviteEvidence) -> str | None:
    """Why media cannot find its way by the addresses that were written, or None."""
    device, offer, answer = evidence.device_host, evidence.offer, evidence.answer
    if offer is not None and (why := _cannot_be_reached(offer.host, device)) is not None:
        return f"we asked for media to {offer.host}, {why} from the device at {device}"
    if answer is None or answer.host in (device, ""):
        return None
    if answer.host in _NOWHERE or network_class(answer.host) != network_class(device):
        return f"the device is reached at {device}, but its answer says that it sends from {answer.host}"
    return None


def network_class(host: str) -> str:
    """``loopback``, ``private``, ``public``, or empty for a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _LOCAL):
        return "loopback"
    return "private" if any(address in network for network in _PRIVATE) else "public"


def _cannot_be_reached(host: str, device: str) -> str | None:
    ours, theirs = network_class(host), network_class(device)
    if host in _NOWHERE:
        return "which is no address"
    if ours == "loopback" and theirs not in ("loopback", ""):
        return "which cannot be reached"
    if ours == "private" and theirs == "public":
        return "a private address that cannot be reached"
    if theirs == "loopback" and not is_own_address(host):
        return "which is no address of this machine, and cannot be reached"
    return None


def _without_keyframe(stats: SessionStats, text: str) -> tuple[type[DeviceError], str]:
    ratio = loss_ratio(stats)
    if ratio >= LOSS_THAT_MATTERS:
        return BandwidthShort, f"{text}; {ratio:.0%} of the packets never came"
    seen = stats.access_units + stats.dropped_before_keyframe + stats.dropped_damaged
    if stats.packs and not seen:
        return Encrypted, f"{text}; whole packs, and nothing in them that is a picture of any known codec"
    return NoKeyframe, text
