"""XML of cameras: read without entities and without network, found by local names, bounded.

Cameras differ in prefixes, in namespaces of several versions, and in blanks around every value; local names
are what they agree on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from media.onvif.errors import MalformedOnvif

MAX_BYTES: Final = 1 << 20
MAX_TEXT: Final = 2048

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
WSA: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSD: Final = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
MEDIA: Final = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2: Final = "http://www.onvif.org/ver20/media/wsdl"
SCHEMA: Final = "http://www.onvif.org/ver10/schema"
NETWORK: Final = "http://www.onvif.org/ver10/network/wsdl"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"

Element = etree._Element


def parse(document: bytes) -> Element:
    """The root of a document.

    Raises:
        MalformedOnvif: too long, not XML, or with a document type (entities live there; nobody needs one).
    """
    if len(document) > MAX_BYTES:
        raise MalformedOnvif(f"a document of {len(document)} bytes, at most {MAX_BYTES} are read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(document.strip(b"\x00 \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedOnvif(f"not XML: {error}"[:300]) from None
    if root.getroottree().docinfo.doctype:
        raise MalformedOnvif("a document with a document type is not read")
    return root


def name_of(element: Element) -> str:
    """The local name; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def each(parent: Element, *path: str) -> Iterator[Element]:
    """The descendants by a path of local names, each a child of the one before."""
    found = [parent]
    for name in path:
        found = [child for element in found for child in element if name_of(child) == name]
    yield from found


def first(parent: Element, *path: str) -> Element | None:
    return next(each(parent, *path), None)


def below(parent: Element, name: str) -> Iterator[Element]:
    """The descendants of a local name, however deep."""
    for element in parent.iter():
        if name_of(element) == name:
            yield element


def text(parent: Element | None, *path: str) -> str:
    """The text of the first such descendant without blanks around it; empty when there is none."""
    element = first(parent, *path) if parent is not None else None
    if element is None:
        return ""
    return " ".join("".join(str(part) for part in element.itertext()).split())[:MAX_TEXT]


def number(parent: Element | None, *path: str) -> int | None:
    """A whole number, also one written as 25.0; None when there is none."""
    try:
        value = float(text(parent, *path))
        return int(value) if abs(value) < 1e12 else None
    except ValueError:
        return None


def child(parent: Element, namespace: str, name: str, content: str = "") -> Element:
    """A new child, with its text."""
    made = etree.SubElement(parent, f"{{{namespace}}}{name}")
    if content:
        made.text = content
    return made


def serialize(root: Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
