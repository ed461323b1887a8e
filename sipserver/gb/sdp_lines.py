"""The lines of a session description, found by their letter wherever a peer put them.

Seen and read: any line end, y= before m=, f= before y=, c= missing or below m=, several m= lines, blanks,
text after a NUL. What the lines mean is the business of ``sdp.py``.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self

from sipserver.gb import charset, quirks
from sipserver.gb.errors import MalformedSdp

MAX_SDP_BYTES: Final = 16 * 1024
MAX_SDP_LINES: Final = 256


@dataclass(slots=True)
class SdpLines:
    """Session lines, the lines of the one medium that counts, and the attributes of both."""

    session: dict[str, str] = field(default_factory=dict)
    section: dict[str, str] = field(default_factory=dict)
    attributes: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Cut a description into lines.

        Raises:
            MalformedSdp: a limit is exceeded, or there is no usable m= line.
        """
        if len(data) > MAX_SDP_BYTES:
            raise MalformedSdp(f"{len(data)} bytes; a session description may have {MAX_SDP_BYTES}")
        text = quirks.apply("sdp-after-nul", charset.decode_text(data).text)
        lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
        if len(lines) > MAX_SDP_LINES:
            raise MalformedSdp(f"{len(lines)} lines; a session description may have {MAX_SDP_LINES}")
        return cls._sort([(line[0].lower(), line[2:].strip()) for line in lines if line[1:2] == "="])

    @classmethod
    def _sort(cls, lines: list[tuple[str, str]]) -> Self:
        starts = [index for index, (letter, _) in enumerate(lines) if letter == "m"]
        if not starts:
            raise MalformedSdp("no m= line")
        # Several media: the first video, else the first. y= and f= count wherever they stand.
        chosen = next((each for each in starts if lines[each][1].lower().startswith("video")), starts[0])
        end = next((each for each in starts if each > chosen), len(lines))
        found = cls()
        for index, (letter, value) in enumerate(lines):
            in_session, in_section = index < starts[0], chosen <= index < end
            if letter == "a":
                found.attributes += [value] if in_session or in_section else []
            elif in_session or letter in "yf":
                found.session.setdefault(letter, value)
            elif in_section:
                found.section.setdefault(letter, value)
        return found

    def first(self, letter: str) -> str:
        """The value of a line, of the medium before that of the session; empty when it is missing."""
        return self.section.get(letter) or self.session.get(letter, "")

    def attribute(self, name: str) -> str:
        """The value of ``a=name:value``, the name in any case."""
        for attribute in self.attributes:
            key, _, value = attribute.partition(":")
            if key.strip().lower() == name:
                return value.strip()
        return ""

    @property
    def owner_id(self) -> str:
        words = self.first("o").split()
        return words[0] if words else ""

    @property
    def host(self) -> str:
        """The address of c=, else that of o=; empty when both are missing or zero."""
        for letter in "co":
            words = self.first(letter).split()
            for family in ("IP4", "IP6"):
                if family in words[:-1]:
                    host = words[words.index(family) + 1].split("/")[0]
                    if host.strip("0.:"):
                        return host
        return ""

    @property
    def times(self) -> tuple[int, int]:
        words = [*self.first("t").split(), "0", "0"]
        return whole_number(words[0]) or 0, whole_number(words[1]) or 0

    def media_line(self) -> tuple[str, int, str, list[int]]:
        """Kind, port, protocol and payload numbers.

        Raises:
            MalformedSdp: fewer than three words, or no port.
        """
        words = self.section["m"].split()
        port = whole_number(words[1].split("/")[0]) if len(words) > 2 else None
        if port is None or not 0 <= port <= 65_535:
            raise MalformedSdp(f"m={self.section['m'][:80]}")
        numbers = [number for word in words[3:] if (number := whole_number(word)) is not None]
        return words[0].lower(), port, words[2].upper(), [number for number in numbers if 0 <= number <= 127]


def whole_number(text: str) -> int | None:
    """The number a text begins with; ``None`` when it begins with something else."""
    match = re.match(r"\s{0,4}(-?[0-9]{1,15})(?![0-9])", text)
    return int(match[1]) if match else None
