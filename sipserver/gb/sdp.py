"""Session descriptions with the y= and f= lines of this standard.

Written in exactly the order v o s u c t m a y f, because firmware exists that reads by position (Q54); read
in any order, with any line end, and with most of it missing.

Source: GB/T 28181-2022 annex G (2016: annex F); 6.5 of the protocol notes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from sipserver.gb import quirks
from sipserver.gb.errors import LocalViolation
from sipserver.gb.media_format import EMPTY_FORMAT, MediaFormat
from sipserver.gb.sdp_lines import SdpLines, whole_number

CONTENT_TYPE: Final = "application/sdp"


class SessionKind(StrEnum):
    """What ``s=`` says, in the case the standard prints."""

    PLAY = "Play"  # 实时点播
    PLAYBACK = "Playback"  # 历史回放
    DOWNLOAD = "Download"  # 文件下载
    TALK = "Talk"  # 语音对讲


class Setup(StrEnum):
    """Who connects, when media goes over TCP."""

    ACTIVE = "active"
    PASSIVE = "passive"

    @property
    def complement(self) -> "Setup":
        return Setup.PASSIVE if self is Setup.ACTIVE else Setup.ACTIVE


class Direction(StrEnum):
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    SENDRECV = "sendrecv"


class Protocol(StrEnum):
    UDP = "RTP/AVP"
    TCP = "TCP/RTP/AVP"


@dataclass(frozen=True, slots=True)
class Payload:
    """One ``a=rtpmap``. The name decides what is inside, never the number."""

    number: int
    name: str
    clock_rate: int = 90_000
    channels: int = 1  # Q64: Dahua writes PCMA/8000/1

    def __str__(self) -> str:
        return f"{self.number} {self.name}/{self.clock_rate}" + (
            f"/{self.channels}" if self.channels > 1 else ""
        )


PS: Final = Payload(96, "PS")
VIDEO_PAYLOADS: Final = (PS, Payload(98, "H264"), Payload(97, "MPEG4"), Payload(100, "H265"))
AUDIO_PAYLOADS: Final = (Payload(8, "PCMA", 8_000),)
# What a payload number means when there is no rtpmap for it.
_STATIC_PAYLOADS: Final = {
    payload.number: payload
    for payload in (
        *VIDEO_PAYLOADS,
        Payload(99, "SVAC"),
        Payload(0, "PCMU", 8_000),
        Payload(8, "PCMA", 8_000),
        Payload(4, "G723", 8_000),
        Payload(9, "G722", 8_000),
        Payload(18, "G729", 8_000),
        Payload(20, "SVACA", 8_000),
        Payload(102, "AAC", 8_000),
    )
}
VENDOR_STREAM_NAMES: Final = frozenset({"DAHUA", "HIKVISION"})  # Q95: a proprietary stream, not playable


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An offer or an answer.

    ``host`` is where media goes to or comes from; empty when the peer wrote none. ``start`` and ``stop`` are
    Unix seconds, 0 for live. ``ssrc`` is the y= text with ten digits, or ``None``. ``attributes`` are the
    a= lines that have no field here, as written.
    """

    owner_id: str
    host: str
    port: int
    kind: str = SessionKind.PLAY
    uri: str | None = None
    start: int = 0
    stop: int = 0
    media: str = "video"
    protocol: Protocol = Protocol.UDP
    payloads: tuple[Payload, ...] = (PS,)
    direction: Direction | None = None
    setup: Setup | None = None
    connection: str | None = None
    download_speed: int | None = None
    file_size: int | None = None
    stream_number: int | None = None
    attributes: tuple[str, ...] = ()
    ssrc: str | None = None
    format: MediaFormat | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a description, with tolerance for everything peers are known to do.

        Raises:
            MalformedSdp: too long, not SDP, or without a media line.
        """
        lines = SdpLines.parse(data)
        media, port, protocol, numbers = lines.media_line()
        setup = lines.attribute("setup").lower()
        return cls(
            owner_id=lines.owner_id,
            host=lines.host,
            port=port,
            kind=_KINDS.get(lines.first("s").lower(), lines.first("s")),
            uri=lines.first("u") or None,
            start=lines.times[0],
            stop=lines.times[1],
            media=media,
            protocol=Protocol.TCP if "TCP" in protocol else Protocol.UDP,
            payloads=tuple(_payload(lines, number) for number in numbers) or (PS,),
            direction=_direction(lines),
            setup=Setup(setup) if setup in set(Setup) else None,
            connection=lines.attribute("connection").lower() or None,
            download_speed=whole_number(lines.attribute("downloadspeed")),
            file_size=whole_number(lines.attribute("filesize")),
            stream_number=whole_number(lines.attribute("streamnumber")),
            attributes=_unknown_attributes(lines),
            ssrc=quirks.apply("ssrc-length", lines.first("y")) or None,
            format=MediaFormat.parse(lines.first("f")) if lines.first("f") else None,
        )

    def serialize(self) -> bytes:
        """Write the lines in the fixed order, each with CR LF."""
        if self.ssrc is not None and not re.fullmatch(r"[0-9]{10}", self.ssrc):
            raise LocalViolation(f"y={self.ssrc!r} has not ten digits")
        numbers = " ".join(str(payload.number) for payload in self.payloads)
        family = "IP6" if ":" in self.host else "IP4"
        lines = [
            "v=0",
            f"o={self.owner_id} 0 0 IN {family} {self.host}",
            f"s={self.kind}",
            *([f"u={self.uri}"] if self.uri is not None else []),
            f"c=IN {family} {self.host}",
            f"t={self.start} {self.stop}",
            f"m={self.media} {self.port} {self.protocol} {numbers}",
            *self._attribute_lines(),
            *([f"y={self.ssrc}"] if self.ssrc is not None else []),
            *([f"f={self.format}"] if self.format is not None else []),
        ]
        text = "\r\n".join(lines) + "\r\n"
        if any(ord(character) < 32 and character not in "\r\n" for character in text) or text.count(
            "\n"
        ) != len(lines):
            raise LocalViolation("a line of the session description holds a control character")
        return text.encode("utf-8")

    @property
    def is_tcp(self) -> bool:
        return self.protocol is Protocol.TCP

    @property
    def payload(self) -> Payload:
        """The payload that is meant first."""
        return self.payloads[0]

    def fmtp(self, number: int) -> str:
        """The parameters of ``a=fmtp`` for a payload type, empty without. RFC 8866 section 6.15."""
        for attribute in self.attributes:
            match = _FMTP.fullmatch(attribute)
            if match and int(match[1]) == number:
                return match[2].strip()
        return ""

    def _attribute_lines(self) -> list[str]:
        lines = [
            f"a={name}:{value}"
            for name, value in (("setup", self.setup), ("connection", self.connection))
            if value
        ]
        if self.direction is not None:
            lines.append(f"a={self.direction}")
        lines += [f"a=rtpmap:{payload}" for payload in self.payloads]
        numbers = (
            ("downloadspeed", self.download_speed),
            ("filesize", self.file_size),
            ("streamnumber", self.stream_number),
        )
        lines += [f"a={name}:{value}" for name, value in numbers if value is not None]
        return lines + [f"a={attribute}" for attribute in self.attributes]


def make_offer(
    owner_id: str,
    host: str,
    port: int,
    ssrc: str,
    *,
    setup: Setup | None = None,
    kind: SessionKind = SessionKind.PLAY,
    uri: str | None = None,
    start: int = 0,
    stop: int = 0,
    payloads: Sequence[Payload] = VIDEO_PAYLOADS,
    download_speed: int | None = None,
    stream_number: int | None = None,
    attributes: Sequence[str] = (),
) -> SessionDescription:
    """What a platform offers a device: where to send to. GB-C098, GB-C102.

    Args:
        setup: ``None`` for UDP; over TCP, our own part (``PASSIVE``: the device connects to us).
    """
    return SessionDescription(
        owner_id=owner_id,
        host=host,
        port=port,
        kind=kind,
        uri=uri,
        start=start,
        stop=stop,
        protocol=Protocol.UDP if setup is None else Protocol.TCP,
        payloads=tuple(payloads),
        direction=Direction.RECVONLY,
        setup=setup,
        connection=None if setup is None else "new",
        download_speed=download_speed,
        stream_number=stream_number,
        attributes=tuple(attributes),
        ssrc=ssrc,
        format=EMPTY_FORMAT,
    )


def make_answer(
    offer: SessionDescription,
    owner_id: str,
    host: str,
    port: int,
    *,
    ssrc: str | None = None,
    payload: Payload = PS,
    media_format: MediaFormat = EMPTY_FORMAT,
    file_size: int | None = None,
) -> SessionDescription:
    """What a source answers: from where it sends, with the complement of the offer's setup and its y=."""
    setup = None
    if offer.is_tcp:
        setup = (offer.setup or Setup.PASSIVE).complement
    return replace(
        offer,
        owner_id=owner_id,
        host=host,
        port=port,
        payloads=(payload,),
        direction=Direction.SENDRECV if offer.direction is Direction.SENDRECV else Direction.SENDONLY,
        setup=setup,
        connection="new" if offer.is_tcp else None,
        download_speed=None,
        file_size=file_size,
        attributes=(),
        ssrc=ssrc or offer.ssrc,
        format=media_format,
    )


def expected_ssrc(offer: SessionDescription, answer: SessionDescription) -> str | None:
    """The y= of the answer, else that of the offer (Q55, Q58, GB-C106). A zero in the answer says nothing."""
    if answer.ssrc is not None and answer.ssrc.strip("0"):
        return answer.ssrc
    return offer.ssrc


def answered_setup(offer: SessionDescription, answer: SessionDescription) -> Setup | None:
    """The device's part over TCP; the complement of the offer when it does not say (Q60); none over UDP."""
    if not answer.is_tcp:
        return None
    return answer.setup or (offer.setup or Setup.PASSIVE).complement


_KINDS: Final = {kind.value.lower(): kind for kind in SessionKind}
_KNOWN_ATTRIBUTES: Final = frozenset(
    {"rtpmap", "setup", "connection", "downloadspeed", "filesize", "streamnumber", *Direction}
)
_RTPMAP: Final = re.compile(
    r"rtpmap\s{0,4}:\s{0,4}([0-9]{1,3})\s{1,4}([A-Za-z0-9._-]{1,32})(?:/([0-9]{1,7}))?(?:/([0-9]{1,2}))?.{0,64}",
    re.IGNORECASE,
)

_FMTP: Final = re.compile(r"fmtp\s{0,4}:\s{0,4}([0-9]{1,3})\s{1,4}(.{1,4096})", re.IGNORECASE)


def _payload(lines: SdpLines, number: int) -> Payload:
    for attribute in lines.attributes:
        match = _RTPMAP.fullmatch(attribute)
        if match and int(match[1]) == number:
            return Payload(number, match[2].upper(), int(match[3] or 90_000), int(match[4] or 1))
    return _STATIC_PAYLOADS.get(number, Payload(number, "PS"))


def _direction(lines: SdpLines) -> Direction | None:
    words = {attribute.strip().lower() for attribute in lines.attributes}
    return next((direction for direction in Direction if direction in words), None)


def _unknown_attributes(lines: SdpLines) -> tuple[str, ...]:
    return tuple(
        attribute
        for attribute in lines.attributes
        if attribute.partition(":")[0].strip().lower() not in _KNOWN_ATTRIBUTES
    )
