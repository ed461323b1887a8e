"""Why there is no picture, or a bad one: each reason with what to do about it.

The names are those of the API's problems, so that what a viewer is told and what a probe finds agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sipserver.devices import errors


class Reason(StrEnum):
    """What a probe can find, in the order in which it looks."""

    OK = "ok"
    NEVER_REGISTERED = "never-registered"
    WRONG_CREDENTIALS = "wrong-credentials"
    OFFLINE = "device-offline"
    UNKNOWN_CHANNEL = "unknown-channel"
    CHANNEL_OFF = "channel-off"
    NO_SIP_ANSWER = "no-sip-answer"
    NO_ANSWER = "no-answer"
    REFUSED = "refused"
    BAD_ANSWER = "bad-answer"
    SDP_UNREACHABLE = "sdp-unreachable"
    TCP_REFUSED = "tcp-refused"
    NO_MEDIA = "no-media"
    STRANGE_SOURCE = "strange-source"
    OTHER_SOURCE = "other-source"
    WRONG_SSRC = "wrong-ssrc"
    OTHER_SSRC = "other-ssrc"
    UNSUPPORTED_STREAM = "unsupported-stream"
    NO_PACK_HEADER = "no-pack-header"
    ENCRYPTED = "encrypted"
    BANDWIDTH_SHORT = "bandwidth-short"
    NO_KEYFRAME = "no-keyframe"
    LATE_KEYFRAME = "late-keyframe"
    AUDIO_ABSENT = "audio-absent"
    TRANSPORT_CHANGED = "transport-changed"
    NO_CAPACITY = "no-capacity"
    ENDED = "stream-ended"


class Place(StrEnum):
    """Where a setting is."""

    PROFILE = "profile"  # PUT devices/{device_id}/profile/{facet}
    PLATFORM = "platform"  # tongshi.toml
    DEVICE = "device"  # the pages of the device itself
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set; ``value`` is empty when only the operator knows it."""

    place: Place
    key: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means and what helps."""

    title: str
    advice: str
    settings: tuple[Setting, ...] = ()


REASONS: Final[Mapping[Reason, Explanation]] = {
    Reason.OK: Explanation("The picture is there", "Nothing to do."),
    Reason.NEVER_REGISTERED: Explanation(
        "The device never registered",
        "Enter this platform's address, port, SIP server id and domain at the device, and its password.",
        (
            Setting(Place.DEVICE, "SIP server address, port and id"),
            Setting(Place.NETWORK, "sip.port", "open"),
        ),
    ),
    Reason.WRONG_CREDENTIALS: Explanation(
        "The device's password is wrong",
        "It is asked for its password and gives a wrong one: set the same at the device and here.",
        (Setting(Place.DEVICE, "SIP password"), Setting(Place.PLATFORM, "devices/{device_id}.password")),
    ),
    Reason.OFFLINE: Explanation(
        "The device is offline",
        "Check its power and network; it counts as online again from its next registration.",
        (Setting(Place.NETWORK, "way from the device to this platform"),),
    ),
    Reason.UNKNOWN_CHANNEL: Explanation(
        "The device has no such channel", "Ask it for its catalogue; the channel may have been removed."
    ),
    Reason.CHANNEL_OFF: Explanation(
        "The device itself calls the channel off",
        "An NVR has lost the camera behind it: check that camera's power, network and password in the NVR.",
        (Setting(Place.DEVICE, "camera behind this channel"),),
    ),
    Reason.NO_SIP_ANSWER: Explanation(
        "The device registers, and does not answer",
        "The way back is closed: a NAT binding ran out, or a firewall lets SIP through one way only."
        " Shorten the device's keepalive interval, or register it over TCP.",
        (Setting(Place.DEVICE, "SIP transport", "TCP"), Setting(Place.DEVICE, "keepalive interval", "30 s")),
    ),
    Reason.NO_ANSWER: Explanation(
        "No answer to INVITE",
        "Other requests are answered: the device does not like this INVITE, or is stuck. Restart it, and"
        " compare the trace with its manual.",
        (Setting(Place.DEVICE, "firmware"),),
    ),
    Reason.REFUSED: Explanation(
        "The device refuses",
        "404: the channel id is unknown to it. 480 or 503: the camera behind it is off. 486: too many"
        " streams, raise its limit. 488: it cannot send what is asked for; try the other media transport.",
        (Setting(Place.DEVICE, "greatest number of streams"),),
    ),
    Reason.BAD_ANSWER: Explanation(
        "The device's answer cannot be used",
        "Download the trace of this call and give it to the vendor, with model and firmware.",
    ),
    Reason.SDP_UNREACHABLE: Explanation(
        "A media address cannot be reached",
        "The address that one side names is private to its own network, or wrong. Name one that the device"
        " reaches, or use TCP media, where the device connects to us.",
        (
            Setting(Place.PLATFORM, "sip.media_advertised_host"),
            Setting(Place.PROFILE, "media_transport", "tcp_passive"),
        ),
    ),
    Reason.TCP_REFUSED: Explanation(
        "No TCP connection for media came about",
        "A firewall closes our media ports for TCP, or the device cannot do it.",
        (
            Setting(Place.NETWORK, "media.rtp_ports over TCP", "open"),
            Setting(Place.PROFILE, "media_transport", "udp"),
        ),
    ),
    Reason.NO_MEDIA: Explanation(
        "The device accepts and sends nothing that arrives",
        "A firewall closes our media ports, or the device sends to another address.",
        (
            Setting(Place.NETWORK, "media.rtp_ports over UDP", "open"),
            Setting(Place.PROFILE, "media_transport", "tcp_passive"),
        ),
    ),
    Reason.STRANGE_SOURCE: Explanation(
        "What arrives is not the device's media",
        "Something else than RTP reaches our port, or only packets of another sender.",
        (Setting(Place.DEVICE, "GB28181 stream format", "PS over RTP"),),
    ),
    Reason.OTHER_SOURCE: Explanation(
        "Media comes from another address than SIP",
        "It is taken, but a firewall between might not take it. The device has several network cards, or NAT"
        " stands before it.",
        (Setting(Place.DEVICE, "network card of GB28181"),),
    ),
    Reason.WRONG_SSRC: Explanation(
        "The media carries another SSRC, and is refused",
        "The device ignores y=. Take what it sends.",
        (Setting(Place.PLATFORM, "media.strict_ssrc", "false"), Setting(Place.PROFILE, "ssrc", "own")),
    ),
    Reason.OTHER_SSRC: Explanation(
        "The media carries another SSRC than agreed",
        "It is taken, because the port belongs to this stream alone. Nothing to do here; a superior platform"
        " that is stricter may refuse the device.",
    ),
    Reason.UNSUPPORTED_STREAM: Explanation(
        "The device sends a stream of its own kind",
        "Set the channel to H.264 or H.265 in a standard stream, and switch smart codecs off.",
        (
            Setting(Place.DEVICE, "video coding", "H.264"),
            Setting(Place.DEVICE, "GB28181 stream format", "PS"),
        ),
    ),
    Reason.NO_PACK_HEADER: Explanation(
        "Packets arrive, but no program stream in them",
        "Set the device's GB28181 stream format to PS.",
        (Setting(Place.DEVICE, "GB28181 stream format", "PS"),),
    ),
    Reason.ENCRYPTED: Explanation(
        "The pictures are encrypted",
        "Switch stream encryption off at the device.",
        (Setting(Place.DEVICE, "stream encryption", "off"),),
    ),
    Reason.BANDWIDTH_SHORT: Explanation(
        "Too much is lost on the way",
        "The line carries less than the camera sends. Lower its bit rate, take its sub-stream, or use TCP.",
        (
            Setting(Place.DEVICE, "bit rate", "half"),
            Setting(Place.PROFILE, "media_transport", "tcp_passive"),
        ),
    ),
    Reason.NO_KEYFRAME: Explanation(
        "Media flows, and no key frame comes",
        "Shorten the key-frame interval; two seconds are usual.",
        (Setting(Place.DEVICE, "key-frame interval", "2 s"),),
    ),
    Reason.LATE_KEYFRAME: Explanation(
        "Key frames are far apart",
        "Every viewer waits for the next one: shorten the key-frame interval; two seconds are usual.",
        (Setting(Place.DEVICE, "key-frame interval", "2 s"),),
    ),
    Reason.AUDIO_ABSENT: Explanation(
        "Sound is announced and does not come",
        "Switch the microphone on, or the sound of the stream off.",
        (Setting(Place.DEVICE, "audio of the stream"),),
    ),
    Reason.TRANSPORT_CHANGED: Explanation(
        "Media came over the other transport only",
        "It is remembered and asked for at once from now on. A firewall closes the first, if it should work.",
    ),
    Reason.NO_CAPACITY: Explanation(
        "This platform has no free port or stream number",
        "Close streams, or widen the range of ports.",
        (Setting(Place.PLATFORM, "media.rtp_ports"),),
    ),
    Reason.ENDED: Explanation(
        "The stream ended before a picture came",
        "The device hung up, or somebody stopped it: see the trace, and try again.",
    ),
}

# An error's own class is looked up first, then its bases in order.
OF_ERROR: Final[Mapping[type[BaseException], Reason]] = {
    errors.UnknownDevice: Reason.NEVER_REGISTERED,
    errors.UnknownChannel: Reason.UNKNOWN_CHANNEL,
    errors.DeviceOffline: Reason.OFFLINE,
    errors.NoAnswer: Reason.NO_ANSWER,
    errors.Refused: Reason.REFUSED,
    errors.BadAnswer: Reason.BAD_ANSWER,
    errors.SdpUnreachable: Reason.SDP_UNREACHABLE,
    errors.TcpRefused: Reason.TCP_REFUSED,
    errors.StrangeSource: Reason.STRANGE_SOURCE,
    errors.NoMedia: Reason.NO_MEDIA,
    errors.WrongSsrc: Reason.WRONG_SSRC,
    errors.UnsupportedStream: Reason.UNSUPPORTED_STREAM,
    errors.NoPackHeader: Reason.NO_PACK_HEADER,
    errors.Encrypted: Reason.ENCRYPTED,
    errors.BandwidthShort: Reason.BANDWIDTH_SHORT,
    errors.NoKeyframe: Reason.NO_KEYFRAME,
    errors.NoCapacity: Reason.NO_CAPACITY,
    errors.DeviceError: Reason.ENDED,
}


def reason_of(error: errors.DeviceError) -> Reason:
    """The reason that an error stands for."""
    return next(OF_ERROR[base] for base in type(error).__mro__ if base in OF_ERROR)
