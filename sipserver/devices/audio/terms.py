"""What is agreed about sound: read from a device's description, and written into ours. Pure.

Source: GB/T 28181-2022 9.12 and annexes C and G; 6.5, 6.11 and 6.12 of the protocol notes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from media.audio.errors import UnsupportedAudio
from media.audio.packing import AudioForm, AudioFormat
from sipserver.gb import sdp
from sipserver.gb.media_format import MediaFormat
from sipserver.gb.sdp import Direction, Payload, Protocol, SessionDescription, SessionKind, Setup

G711_FORMAT: Final = MediaFormat(audio_codec="1", audio_bitrate="8", audio_rate="1")
"""``f=v/////a/1/8/1``; some platforms refuse a description without it (Q77)."""
PCMA: Final = sdp.AUDIO_PAYLOADS[0]

_FORMS: Final[Mapping[str, AudioForm]] = {
    "PCMA": AudioForm.PCMA,
    "PCMU": AudioForm.PCMU,
    "PS": AudioForm.PS,
}
_DISCARD_PORT: Final = 9


def choose(offer: SessionDescription) -> tuple[Payload, AudioFormat]:
    """The payload that is answered: the first of the offer that is spoken here, PCMA before all.

    Raises:
        UnsupportedAudio: the offer has none of ours.
    """
    known = [payload for payload in offer.payloads if payload.name in _FORMS]
    if not known:
        names = ", ".join(payload.name for payload in offer.payloads)
        raise UnsupportedAudio(f"the device offers {names or 'no payload'}; G.711 and PS are spoken here")
    payload = next((each for each in known if each.name == PCMA.name), known[0])
    return payload, AudioFormat(_FORMS[payload.name], payload.number)


def is_sound(offer: SessionDescription) -> bool:
    """Whether this asks for, or gives, sound alone."""
    return offer.media == "audio"


def with_setup(offer: SessionDescription) -> SessionDescription:
    """The offer with its part over TCP made plain: who offers without a=setup connects (RFC 4145 4)."""
    return replace(offer, setup=Setup.ACTIVE) if offer.is_tcp and offer.setup is None else offer


def peer_address(description: SessionDescription, signalling_host: str) -> tuple[str, int] | None:
    """Where the device listens: as it says, unless it names a private address from behind NAT.

    A name is no address: looking it up would hold up everybody else. None: it names no port, so its first
    packet has to show where it is.
    """
    host = description.host
    if not _is_address(host) or (_is_private(host) and not _is_private(signalling_host)):
        host = signalling_host
    return (host, description.port) if description.port and host else None


def peer_hosts(description: SessionDescription, signalling_host: str) -> frozenset[str]:
    """Addresses that the device's packets may come from."""
    return frozenset(host for host in (description.host, signalling_host) if host)


def answer_to(
    offer: SessionDescription, own_id: str, host: str, port: int, ssrc: str, payload: Payload
) -> SessionDescription:
    """Our answer to a device that wants to listen: y= and f= always (Q77), PCMA plain in RTP.

    A device's own y= is echoed, as devices of this domain do with ours.
    """
    # Nothing of the device's own wording is said back: it may hold what no line can.
    plain = replace(
        offer, kind=SessionKind.PLAY, media="audio", uri=None, start=0, stop=0, stream_number=None
    )
    return sdp.make_answer(
        plain, own_id, host, port or _DISCARD_PORT, ssrc=ssrc, payload=payload, media_format=G711_FORMAT
    )


def speaking_offer(own_id: str, host: str, port: int, ssrc: str) -> SessionDescription:
    """Our offer to a device that sent an INVITE without one (GB-C101): we send, over UDP."""
    return _audio(own_id, host, port, ssrc, SessionKind.PLAY, Direction.SENDONLY, None)


def listening_offer(own_id: str, host: str, port: int, ssrc: str, *, over_tcp: bool) -> SessionDescription:
    """Our offer to a superior whose sound is to come to us, as a device makes it (6.11, GB-C115)."""
    setup = Setup.PASSIVE if over_tcp else None
    return _audio(own_id, host, port, ssrc, SessionKind.PLAY, Direction.RECVONLY, setup)


def talk_offer(own_id: str, host: str, port: int, ssrc: str, *, over_tcp: bool) -> SessionDescription:
    """Our offer of s=Talk: both ways over one pair of ports or one connection (6.12, GB-C116)."""
    setup = Setup.PASSIVE if over_tcp else None
    return _audio(own_id, host, port, ssrc, SessionKind.TALK, Direction.SENDRECV, setup)


def _audio(
    own_id: str,
    host: str,
    port: int,
    ssrc: str,
    kind: SessionKind,
    direction: Direction,
    setup: Setup | None,
) -> SessionDescription:
    return SessionDescription(
        owner_id=own_id,
        host=host,
        port=port,
        kind=kind,
        media="audio",
        protocol=Protocol.UDP if setup is None else Protocol.TCP,
        payloads=(PCMA,),
        direction=direction,
        setup=setup,
        connection=None if setup is None else "new",
        ssrc=ssrc,
        format=G711_FORMAT,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False
