"""WS-Discovery as ONVIF uses it: the question, and what cameras answer. No sockets.

Source: WS-Discovery (April 2005) sections 5.2 and 5.3; ONVIF Core Specification chapter 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from lxml import etree

from media.onvif import xml
from media.onvif.xml import NETWORK, SOAP, WSA, WSD

MAX_DATAGRAM: Final = 65_535
MAX_MATCHES: Final = 64
"""Matches in one answer: a proxy may answer for several cameras."""
SCOPE: Final = "onvif://www.onvif.org/"
TO: Final = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
PROBE: Final = "http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe"


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera that answered. ``endpoint`` tells two answers of one camera apart from those of two."""

    endpoint: str
    addresses: tuple[str, ...]
    """Where its device service is."""
    name: str = ""
    hardware: str = ""
    location: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.addresses[0]).hostname or ""


def probe(message_id: str) -> bytes:
    """The question for every video transmitter of the network.

    Args:
        message_id: ``uuid:...``, another one for each question.
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "a": WSA, "d": WSD, "dn": NETWORK})
    header = xml.child(envelope, SOAP, "Header")
    xml.child(header, WSA, "Action", PROBE)
    xml.child(header, WSA, "MessageID", message_id)
    reply_to = xml.child(header, WSA, "ReplyTo")
    xml.child(reply_to, WSA, "Address", "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous")
    xml.child(header, WSA, "To", TO)
    question = xml.child(xml.child(envelope, SOAP, "Body"), WSD, "Probe")
    xml.child(question, WSD, "Types", "dn:NetworkVideoTransmitter")
    return xml.serialize(envelope)


def matches(datagram: bytes, asked: Iterable[str] = ()) -> list[FoundCamera]:
    """The cameras of an answer; those without a usable address are left out.

    Args:
        asked: our message ids; an answer that relates to another question is no answer. Empty: take all.

    Raises:
        MalformedOnvif: not XML.
    """
    root = xml.parse(datagram)
    relates = xml.text(root, "Header", "RelatesTo")
    ids = {_bare(each) for each in asked}
    if ids and relates and _bare(relates) not in ids:
        return []
    found = []
    for match in xml.below(root, "ProbeMatch"):
        if (camera := _camera(match)) is not None:
            found.append(camera)
        if len(found) >= MAX_MATCHES:
            break
    return found


def _camera(match: xml.Element) -> FoundCamera | None:
    addresses = tuple(each for each in xml.text(match, "XAddrs").split() if _is_service(each))
    if not addresses:
        return None
    scopes = xml.text(match, "Scopes").split()
    endpoint = xml.text(match, "EndpointReference", "Address") or addresses[0]
    return FoundCamera(
        endpoint, addresses, _scope(scopes, "name"), _scope(scopes, "hardware"), _scope(scopes, "location")
    )


def _is_service(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _scope(scopes: Iterable[str], kind: str) -> str:
    """The last part of ``onvif://www.onvif.org/<kind>/...``; some write several, the first counts."""
    head = f"{SCOPE}{kind}/"
    found = (unquote(scope[len(head) :]) for scope in scopes if scope.lower().startswith(head))
    return next(found, "").replace("_", " ").strip()[:128]


def _bare(message_id: str) -> str:
    return message_id.removeprefix("urn:").removeprefix("uuid:").lower()
