"""How a device is asked for its sub-stream: by a line of the standard of 2022, or by one of its vendor's.

Source: GB/T 28181-2022 annex G (a=streamnumber); Q62 and Q63, 6.5 of the protocol notes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sipserver.gb.editions import Edition, Feature, allows

STREAM_NUMBER: Final = "streamnumber"
NONE: Final = "none"


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


def attributes(number: int, form: str | None, edition: Edition) -> tuple[str, ...]:
    """The a= lines, without ``a=``, that ask for a stream.

    Args:
        form: what is known of the device; None: nothing. Then the line of the standard goes to devices of its
            edition, and to others the vendors' lines, which do no harm together.
    """
    if form == NONE:
        return ()
    if form is not None:
        return (FORMS[form](number),)
    if allows(edition, Feature.STREAM_NUMBER):
        return (FORMS[STREAM_NUMBER](number),)
    return tuple(FORMS[name](number) for name in ("streamprofile", "streamMode", "stream"))
