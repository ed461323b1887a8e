"""How a device is asked for its sub-stream: by a line of the standard of 2022, or by one of its vendor's.

Source: GB/T 28181-2022 annex G (a=streamnumber); Q62 and Q63, 6.5 of the protocol notes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sipserver.gb.editions import Edition, Feature, allows

STREAM_NUMBER: Final = "streamnumber"
NONE: Final = "none"
SEPARATOR: Final = ","
"""Between forms that are used together."""


def _main_or_sub(number: int) -> str:
    return "sub" if number else "main"


# Form to the attribute of a stream number: 0 main, 1 sub.
FORMS: Final[Mapping[str, Callable[[int], str]]] = {
    STREAM_NUMBER: lambda number: f"streamnumber:{number}",
    "streamprofile": lambda number: f"streamprofile:{number}",  # Dahua (Q62)
    "streamMode": lambda number: f"streamMode:{_main_or_sub(number).upper()}",  # TP-LINK, Mercury (Q63)
    "stream": lambda number: f"stream:{number}",
    "stream-word": lambda number: f"stream:{_main_or_sub(number)}",
}
# By a part of the manufacturer's name in small letters.
VENDORS: Final[Mapping[str, str]] = {
    "dahua": "streamprofile",
    "大华": "streamprofile",
    "tp-link": "streamMode",
    "tplink": "streamMode",
    "mercury": "streamMode",
    "水星": "streamMode",
}
# What is asked of a device of which nothing is known: the line of the standard stands first.
FIRST_CONTACT: Final = f"{STREAM_NUMBER}{SEPARATOR}streamprofile"


def forms_to_try(edition: Edition, manufacturer: str = "") -> tuple[str, ...]:
    """The forms in which a device is asked one after the other, until one is understood."""
    vendor = _vendor_form(manufacturer)
    if allows(edition, Feature.STREAM_NUMBER):
        first: tuple[str, ...] = (STREAM_NUMBER, vendor or "streamprofile")
    elif vendor is not None:
        first = (vendor, STREAM_NUMBER)
    else:
        first = (FIRST_CONTACT,)
    asked = SEPARATOR.join(first).split(SEPARATOR)
    return (*first, *(form for form in FORMS if form not in asked))


def attributes(number: int, form: str) -> tuple[str, ...]:
    """The a= lines, without ``a=``, that ask for a stream.

    Args:
        form: one of ``FORMS``, several of them joined by commas, or ``none``.
    """
    if form == NONE:
        return ()
    return tuple(FORMS[name](number) for name in form.split(SEPARATOR) if name in FORMS)


def _vendor_form(manufacturer: str) -> str | None:
    name = manufacturer.casefold()
    return next((form for vendor, form in VENDORS.items() if vendor in name), None)
