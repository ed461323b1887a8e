"""Oddities of real devices, by name: the transformations that the parsers apply.

A plain table, read from top to bottom. Text quirks work on a whole document or session description, value
quirks on one field. The numbers are those of the interoperability catalogue in the protocol notes; to add
one, add a row here, a call where its parser reads the field, and a test that names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sipserver.gb import ids, repair


@dataclass(frozen=True, slots=True)
class Quirk:
    """What was seen, at whom, and the transformation that makes it readable."""

    number: str
    seen_at: str
    symptom: str
    apply: Callable[[str], str]


_STATUS_WORDS: Final[Mapping[str, str]] = {
    "on": "ON",
    "ok": "ON",
    "online": "ON",
    "1": "ON",
    "true": "ON",
    "off": "OFF",
    "offline": "OFF",
    "0": "OFF",
    "false": "OFF",
    # Reachable for signalling, but no picture behind it.
    "vlost": "FAULT",
    "defect": "FAULT",
}


def _status_word(text: str) -> str:
    return _STATUS_WORDS.get(text.strip().lower(), "")


def _parental_flag(text: str) -> str:
    stripped = text.strip()
    if not stripped.isdecimal() or not stripped.isascii():
        return ""
    return "1" if stripped.strip("0") else "0"


def _civil_code(text: str) -> str:
    stripped = text.strip()
    return stripped if ids.is_region_code(stripped) and stripped.strip("0") else ""


def _result_word(text: str) -> str:
    return text.strip().upper()


def _block_stem(text: str) -> str:
    """A name of a configuration block without its endings, in lower case: OSD and OSDConfig are one."""
    stem = "".join(character for character in text.lower() if character.isalnum())
    endings = ("config", "cfg", "param", "setting", "info")
    while ending := next((each for each in endings if stem.endswith(each) and len(stem) > len(each)), ""):
        stem = stem.removesuffix(ending)
    return stem


def _serial_number(text: str) -> str:
    stripped = text.strip()
    return stripped.lstrip("0") or stripped[:1]


def _ssrc_digits(text: str) -> str:
    """The digits of a y= value: ten are right, nine lost a leading zero, eleven have one too many."""
    digits = "".join(character for character in text if character in "0123456789")
    if len(digits) > 10:
        digits = digits[len(digits) - 10 :] if digits.startswith("0") else digits[:10]
    return digits.rjust(10, "0") if digits and int(digits) < 2**32 else ""


def _until_nul(text: str) -> str:
    return text.split("\0", 1)[0]


QUIRKS: Final[Mapping[str, Quirk]] = {
    # Documents, applied in this order when a plain reading fails.
    "control-characters": Quirk(
        "Q25", "many", "NUL and other control characters in names", repair.delete_control_characters
    ),
    "control-references": Quirk(
        "Q25", "many", "control characters written as references", repair.delete_control_references
    ),
    "raw-ampersand": Quirk("Q25", "Hikvision", "raw & in Name and Address", repair.escape_raw_ampersands),
    "stray-prefix": Quirk("Q27", "some", "namespace prefixes, not always declared", repair.remove_prefixes),
    "raw-less-than": Quirk("Q25", "Hikvision", "raw < in Name and Address", repair.escape_raw_less_than),
    # Values.
    "sn-zero-stripped": Quirk("Q28", "some", "SN comes back without its leading zeros", _serial_number),
    "status-words": Quirk("Q32", "Hikvision", "Status says ONLINE, OK, 1, VLOST or DEFECT", _status_word),
    "parental-65535": Quirk("Q32", "Hikvision", "Parental is any number", _parental_flag),
    "civil-code-free-text": Quirk("Q35", "many", "CivilCode empty, null, ten digits or a name", _civil_code),
    "result-case": Quirk("Q53", "some", "Result says Ok or ok", _result_word),
    "config-block-name": Quirk(
        "Q41", "Uniview", "configuration blocks under names of drafts; SnapShot of Q52", _block_stem
    ),
    # Session descriptions.
    "sdp-after-nul": Quirk("Q54", "some", "text after a final NUL", _until_nul),
    "ssrc-length": Quirk("Q54", "some", "y= of nine or eleven digits, or with blanks", _ssrc_digits),
}

# The order in which a document that does not parse is repaired, mildest first; parsing is tried after each.
DOCUMENT_REPAIRS: Final = ("control-references", "raw-ampersand", "stray-prefix", "raw-less-than")


def apply(name: str, text: str) -> str:
    """Run one named quirk."""
    return QUIRKS[name].apply(text)
