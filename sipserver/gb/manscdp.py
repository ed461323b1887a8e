"""MANSCDP+xml documents: the one place where XML is read and written.

Reading is tolerant (charset by evidence, raw ``&``, attributes instead of children, any case, cut-off ends)
and still safe: no DTD, no entities, no network, and a limit on everything that could grow.

Source: GB/T 28181-2022 annex A; 3.1 of the protocol notes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from sipserver.gb import charset as charsets
from sipserver.gb import quirks, repair
from sipserver.gb.errors import LocalViolation, MalformedDocument, MalformedId
from sipserver.gb.ids import GbId

Element = etree._Element

CONTENT_TYPE: Final = "Application/MANSCDP+xml"
MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024
MAX_TAGS: Final = 600_000
MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 10_000
MAX_SN: Final = 2_147_483_647

ROOTS: Final = {name.lower(): name for name in ("Control", "Query", "Notify", "Response")}
_COMMANDS: Final = {
    name.lower(): name
    for name in (
        "DeviceControl", "DeviceConfig", "DeviceStatus", "DeviceInfo", "Catalog", "RecordInfo", "Alarm",
        "ConfigDownload", "PresetQuery", "MobilePosition", "HomePositionQuery", "CruiseTrackListQuery",
        "CruiseTrackQuery", "PTZPosition", "SDCardStatus", "Keepalive", "MediaStatus", "Broadcast",
        "UploadSnapShotFinished", "VideoUploadNotify", "DeviceUpgradeResult",
    )
} | {"homeposition": "HomePositionQuery"}  # Q39: how one vendor answers that query  # fmt: skip
_LIST_PARENTS: Final = ("DeviceList", "RecordList")
_TOO_DEEP: Final = etree.XPath("/" + "/".join(["*"] * (MAX_DEPTH + 1)))


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was understood as far as its head: what it is, about whom, and in which charset."""

    root: str
    cmd_type: str
    sn: str
    device_id: str
    element: Element
    charset: str
    repaired: bool = False


def parse_document(body: bytes, declared_charset: str | None = None) -> Document:
    """Read a body.

    Args:
        body: the bytes after the empty line of the SIP message.
        declared_charset: the ``charset`` parameter of Content-Type, if there is one.

    Raises:
        MalformedDocument: not a document, a forbidden construct, or a limit is exceeded.
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        raise MalformedDocument(f"{len(body)} bytes; a document may have {MAX_DOCUMENT_BYTES}")
    decoded = charsets.decode_text(body, declared_charset)
    text = quirks.apply("control-characters", repair.strip_declaration(decoded.text))
    tags = text.count("<")
    if tags > MAX_TAGS:
        raise MalformedDocument(f"{tags} tags; a document may have {MAX_TAGS}")
    element, repaired = _parse_or_repair(text)
    _check_shape(element)
    root = ROOTS.get(_local_name(element).lower())
    if root is None:
        raise MalformedDocument(f"the root element is <{_local_name(element)[:40]}>")
    cmd_type = child_text(element, "CmdType")
    if not cmd_type:
        raise MalformedDocument(f"<{root}> has no CmdType")
    return Document(
        root=root,
        cmd_type=_COMMANDS.get(cmd_type.lower(), cmd_type),
        sn=child_text(element, "SN"),
        device_id=child_text(element, "DeviceID"),
        element=element,
        charset=decoded.charset,
        repaired=repaired or decoded.damaged,
    )


def serialize_document(element: Element, charset: str = charsets.GB2312) -> bytes:
    """Write a document in a peer's charset; the label stays as given, the bytes are GB18030 or UTF-8."""
    text = etree.tostring(element, encoding="unicode").replace("\n", "\r\n")
    head = f'<?xml version="1.0" encoding="{charset}"?>\r\n'
    return (head + text + "\r\n").encode(charsets.codec_of(charset))


# Reading. Names are compared without case and without namespace; an attribute stands in for a missing child.


def child(element: Element, name: str) -> Element | None:
    """The first child of that name."""
    wanted = name.lower()
    for candidate in element:
        tag = candidate.tag
        if tag == name or (isinstance(tag, str) and _bare(tag).lower() == wanted):
            return candidate
    return None


def child_text(element: Element, name: str, default: str = "") -> str:
    """The stripped text of a child, or of the attribute that a device wrote instead (Q27)."""
    found = child(element, name)
    if found is not None:
        return (found.text or "").strip()
    wanted = name.lower()
    for key, value in element.attrib.items():
        if _bare(str(key)).lower() == wanted:
            return str(value).strip()
    return default


def child_int(element: Element, name: str, default: int | None = None) -> int:
    """A decimal number.

    Raises:
        MalformedDocument: it is not a number of at most 18 digits, and there is no default.
    """
    text = child_text(element, name)
    number = int_or_none(text)
    if number is not None:
        return number
    if default is None:
        raise MalformedDocument(f"{name} is {text[:40]!r}, not a whole number")
    return default


def child_id(element: Element, name: str = "DeviceID") -> GbId:
    """An identifier, of any length that peers are known to use.

    Raises:
        MalformedDocument: missing, or not an identifier.
    """
    text = child_text(element, name)
    try:
        return GbId.parse(text, relaxed=True)
    except MalformedId as error:
        raise MalformedDocument(f"{name}: {error}") from None


def leaves(element: Element) -> dict[str, tuple[str, str]]:
    """Childless children and attributes: lower-case name to (name as written, stripped text), first wins."""
    found: dict[str, tuple[str, str]] = {}
    for candidate in element:
        tag = candidate.tag
        if isinstance(tag, str) and len(candidate) == 0:
            name = _bare(tag)
            found.setdefault(name.lower(), (name, (candidate.text or "").strip()))
    for key, value in element.attrib.items():
        name = _bare(str(key))
        found.setdefault(name.lower(), (name, str(value).strip()))
    return found


def list_items(element: Element, parent: str = "DeviceList", item: str = "Item") -> list[Element]:
    """The items of a list; also those that hang directly below the root."""
    holder = child(element, parent)
    wanted = item.lower()
    return [
        candidate
        for candidate in (element if holder is None else holder)
        if isinstance(candidate.tag, str) and _bare(candidate.tag).lower() == wanted
    ]


def int_or_none(text: str) -> int | None:
    stripped = text.strip()
    digits = stripped.lstrip("+-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 18 or len(stripped) - len(digits) > 1:
        return None
    return int(stripped)


def float_or_none(text: str) -> float | None:
    try:
        number = float(text) if len(text) <= 40 else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1e12 else None


# Writing.


def new_item() -> Element:
    """An empty ``<Item>`` for a list."""
    item = etree.Element("Item")
    item.text = item.tail = "\n"
    return item


def new_document(root: str, cmd_type: str, sn: str, device_id: str | None = None) -> Element:
    """A document with its head: CmdType, SN, DeviceID in the order of the standard (Broadcast has no id)."""
    if root not in ROOTS.values():
        raise LocalViolation(f"{root!r} is not a root element of MANSCDP")
    element = etree.Element(root)
    element.text = "\n"
    add_text(element, "CmdType", cmd_type)
    add_text(element, "SN", sn)
    if device_id is not None:
        add_text(element, "DeviceID", device_id)
    return element


def add_text(parent: Element, name: str, value: object) -> Element:
    """Append ``<name>value</name>``; characters that XML cannot hold are dropped."""
    added = etree.SubElement(parent, name)
    text = str(value)
    # What can be printed holds none of them: the ordinary case is spared the search.
    added.text = text if text.isprintable() else _without_control_characters(text)
    added.tail = "\n"
    return added


def _without_control_characters(text: str) -> str:
    return repair.delete_control_characters(text).replace("\r", " ").replace("\n", " ")


def add_group(parent: Element, name: str, **attributes: str) -> Element:
    """Append an element that holds others."""
    added = etree.SubElement(parent, name, attributes)
    added.text = added.tail = "\n"
    return added


def _parse_or_repair(text: str) -> tuple[Element, bool]:
    try:
        return _parse(text), False
    except etree.XMLSyntaxError as error:
        element = _repaired(text)
        if element is None:
            element = _salvage(text)
        if element is None:
            raise MalformedDocument(f"not XML, even after repair: {str(error)[:200]}") from None
        return element, True


def _repaired(text: str) -> Element | None:
    """Apply one repair after the other until the text parses."""
    for name in quirks.DOCUMENT_REPAIRS:
        text = quirks.apply(name, text)
        try:
            return _parse(text)
        except etree.XMLSyntaxError:
            continue
    return None


def _salvage(text: str) -> Element | None:
    """Keep the head and the complete items of a document that was cut off or is damaged beyond repair."""
    items = [item for block in repair.complete_items(text) if (item := _repaired(block)) is not None]
    if not items:
        return None
    lowered = text.lower()
    root_name = next((name for name in ROOTS.values() if f"<{name.lower()}" in lowered), None)
    if root_name is None:
        return None
    root = etree.Element(root_name)
    head = text[: max(lowered.find("<item"), 0)]
    for name in ("CmdType", "SN", "DeviceID", "SumNum"):
        for block in repair.complete_items(head, name)[:1]:
            if (parsed := _repaired(block)) is not None:
                root.append(parsed)
    holder_name = next((name for name in _LIST_PARENTS if f"<{name.lower()}" in lowered), _LIST_PARENTS[0])
    holder = etree.SubElement(root, holder_name)
    holder.extend(items)
    return root


# The parser is given UTF-8 bytes and told so: the declaration is gone, and nothing else may decide.
_PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    huge_tree=False,
    load_dtd=False,
    dtd_validation=False,
    recover=False,
    remove_comments=True,
    remove_pis=True,
)


def _parse(text: str) -> Element:
    # Looked for before every attempt: a repair must not be able to put a DTD together.
    lowered = text.lower() if "<!" in text else ""
    if "<!doctype" in lowered or "<!entity" in lowered:
        raise MalformedDocument("a DTD or an entity declaration")
    return etree.fromstring(text.encode("utf-8", "replace"), _PARSER)


def _check_shape(element: Element) -> None:
    if _TOO_DEEP(element):
        raise MalformedDocument(f"elements nest deeper than {MAX_DEPTH}")
    for holder in _long_lists(element):
        raise MalformedDocument(f"{len(holder)} items in one list; a message may hold {MAX_ITEMS}")


def _long_lists(element: Element) -> Iterable[Element]:
    return (candidate for candidate in (element, *element) if len(candidate) > MAX_ITEMS)


def _local_name(element: Element) -> str:
    return _bare(element.tag) if isinstance(element.tag, str) else ""


def _bare(tag: str) -> str:
    return tag.rsplit("}", 1)[-1] if tag[:1] == "{" else tag
