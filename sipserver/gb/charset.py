"""From bytes to text by evidence, because labels lie.

The label says GB2312 and the bytes are GBK; it says GB2312 and the bytes are UTF-8; it says UTF-8 and the
bytes are GBK; or there is no label at all (Q26, GB-C053). GB18030 contains GB2312 and GBK, so one decoder
serves the three.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final

GB2312: Final = "GB2312"
GBK: Final = "GBK"
GB18030: Final = "GB18030"
UTF_8: Final = "UTF-8"

_LABELS: Final = {
    "gb2312": GB2312,
    "gb23121980": GB2312,
    "gb231280": GB2312,
    "euccn": GB2312,
    "gbk": GBK,
    "cp936": GBK,
    "936": GBK,
    "gb18030": GB18030,
    "utf8": UTF_8,
}
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8", UTF_8),
    (b"\x84\x31\x95\x33", "gb18030", GB18030),
    (codecs.BOM_UTF16_LE, "utf-16-le", UTF_8),
    (codecs.BOM_UTF16_BE, "utf-16-be", UTF_8),
)
_DECLARATION: Final = re.compile(
    rb"\s{0,64}<\?xml\s[^<>]{0,200}?encoding\s{0,8}=\s{0,8}[\"']([A-Za-z0-9_.:-]{1,40})"
)
# Three- and four-byte sequences. Chinese text in UTF-8 is made of these; a pair such as C4 A3 is valid
# UTF-8 and a common GB2312 character at once, so pairs prove nothing.
_LONG_UTF_8: Final = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2}")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Text, the label to answer with, and whether characters had to be replaced."""

    text: str
    charset: str
    damaged: bool = False


def known_label(label: str | None) -> str | None:
    """The canonical name of a charset label, in any spelling; ``None`` for one that means nothing here."""
    if label is None:
        return None
    return _LABELS.get(re.sub(r"[^a-z0-9]", "", label.lower()))


def codec_of(label: str) -> str:
    """The codec to write with under a label: GB18030 for the whole family."""
    return "utf-8" if known_label(label) == UTF_8 else "gb18030"


def decode_text(data: bytes, declared: str | None = None) -> DecodedText:
    """Decode a body.

    Args:
        data: the body as received.
        declared: the charset parameter of Content-Type; the XML declaration is stronger.
    """
    for bom, codec, bom_label in _BOMS:
        if data.startswith(bom):
            return _with_replacement(data[len(bom) :], codec, bom_label)
    match = _DECLARATION.match(data)
    stated = match[1].decode("ascii") if match else None
    label_or_none = known_label(stated) or known_label(declared)
    if data.isascii():
        return DecodedText(data.decode("ascii"), label_or_none or GB2312)
    as_utf_8 = ("utf-8", UTF_8)
    as_gb = ("gb18030", label_or_none if label_or_none and label_or_none != UTF_8 else GB2312)
    if label_or_none == UTF_8 or _LONG_UTF_8.search(data):
        return _first_that_fits(data, (as_utf_8, as_gb))
    return _first_that_fits(data, (as_gb, as_utf_8))


def _first_that_fits(data: bytes, candidates: tuple[tuple[str, str], ...]) -> DecodedText:
    for codec, label in candidates:
        try:
            return DecodedText(data.decode(codec), label)
        except UnicodeDecodeError:
            continue
    return _with_replacement(data, "gb18030", GB18030)


def _with_replacement(data: bytes, codec: str, label: str) -> DecodedText:
    try:
        return DecodedText(data.decode(codec), label)
    except UnicodeDecodeError:
        return DecodedText(data.decode(codec, "replace"), label, damaged=True)
