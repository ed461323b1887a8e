"""Keepalive: a device says that it is alive (状态信息报送).

Source: GB/T 28181-2022 A.2.5.2 (2016: A.2.5), Notify with CmdType Keepalive.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element

# The form that nearly every device sends, in bytes. A platform of thousands of cameras reads little else, so
# this one document has a way around the XML parser; whatever differs in the least goes through it.
_PLAIN: Final = re.compile(
    rb'(?:<\?xml version="1\.0"(?: encoding="[A-Za-z0-9_-]{1,16}")? ?\?>)?\s{0,8}'
    rb"<Notify>\s{0,8}<CmdType>Keepalive</CmdType>\s{0,8}<SN>([0-9]{1,10})</SN>\s{0,8}"
    rb"<DeviceID>([0-9]{20})</DeviceID>\s{0,8}<Status>(OK|ERROR)</Status>\s{0,8}"
    rb"(?:<Info>\s{0,8}</Info>\s{0,8}|<Info/>\s{0,8})?</Notify>\s{0,8}"
)


@dataclass(frozen=True, slots=True)
class Keepalive:
    """One sign of life; ``faulty_devices`` are the sub-devices it reports as broken (GB-C049)."""

    sn: str
    device_id: GbId
    healthy: bool = True
    faulty_devices: tuple[GbId, ...] = ()

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        info = manscdp.child(notify, "Info")
        faulty = (
            ()
            if info is None
            else tuple(
                GbId.parse(text, relaxed=True)
                for text in (
                    candidate.text or "" for candidate in manscdp.list_items(info, "DeviceList", "DeviceID")
                )
                if text.strip().isalnum() and text.strip().isascii() and len(text.strip()) <= 64
            )
        )
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            healthy=manscdp.child_text(notify, "Status", "OK").upper() != "ERROR",
            faulty_devices=faulty,
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "Keepalive", self.sn, self.device_id)
        manscdp.add_text(notify, "Status", "OK" if self.healthy else "ERROR")
        if self.faulty_devices:
            info = manscdp.add_group(notify, "Info")
            for device_id in self.faulty_devices:
                manscdp.add_text(info, "DeviceID", device_id)
        return notify


def is_plain_keepalive(body: bytes) -> bool:
    """Whether this is a Keepalive in its plain form: a sign of life that reports no faulty device."""
    return _PLAIN.fullmatch(body) is not None


def match_keepalive(body: bytes) -> Keepalive | None:
    """A Keepalive in its plain form, without an XML parser; ``None`` for everything else."""
    match = _PLAIN.fullmatch(body)
    if match is None:
        return None
    sn, device_id, status = match.groups()
    return Keepalive(sn.decode("ascii"), GbId(device_id, "ascii"), status == b"OK")


def parse_keepalive(body: bytes, declared_charset: str | None = None) -> Keepalive:
    """A Keepalive in any form.

    Raises:
        MalformedDocument: not a document, or another document.
    """
    return match_keepalive(body) or keepalive_of(manscdp.parse_document(body, declared_charset))


def keepalive_of(document: Document) -> Keepalive:
    if (document.root, document.cmd_type) != ("Notify", "Keepalive"):
        raise MalformedDocument(f"{document.root} {document.cmd_type[:40]} is not a Keepalive")
    return Keepalive.from_xml(document.element)
