"""Which platforms an INVITE passes: X-RoutePath, X-PreferredPath, and how a ring of platforms is found out.

``X-RoutePath`` in answers, success or failure, tells the way that was taken: each platform writes its own id
in front. ``X-PreferredPath`` in an INVITE names the way that is wanted: each platform takes its own id out.
``X-VisitedPath`` in an INVITE is ours: the platforms that it came through, which is how one that comes round
again is known. Those that do not know it pass a number of hops on at best (Max-Forwards).

Source: GB/T 28181-2022 annex H; gb28181.md 8.7; GB-C136.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb.ids import GbId
from sipserver.sip.message import SipRequest, SipResponse

ROUTE_PATH: Final = "X-RoutePath"
PREFERRED_PATH: Final = "X-PreferredPath"
VISITED_PATH: Final = "X-VisitedPath"
SEPARATOR: Final = "-"
MAX_PLATFORMS: Final = 16
"""In one path: there are five levels from the ministry to the town, and twice as many with detours."""
MAX_FORWARDS: Final = 70

Path = tuple[str, ...]


def parse_path(text: str) -> Path:
    """The ids of a path in their order; empty for everything that is no path.

    A path with a part that is no id, with one that stands there twice, or of more platforms than exist in a
    row cannot be followed: it counts as none.
    """
    parts = tuple(part.strip() for part in text.strip().split(SEPARATOR))
    if len(parts) > MAX_PLATFORMS or len(set(parts)) != len(parts):
        return ()
    return parts if all(GbId(part).is_standard for part in parts) else ()


def print_path(path: Iterable[str]) -> str:
    return SEPARATOR.join(path)


def route_of(response: SipResponse) -> Path:
    """The way that an answer tells."""
    return parse_path(response.headers.get(ROUTE_PATH))


@dataclass(frozen=True, slots=True)
class InviteRoute:
    """What an INVITE says about its way."""

    preferred: Path = ()
    """The platforms that it is to be passed by, the next one first."""
    visited: Path = ()
    """Those that it came through, the first one first."""
    forwards: int = MAX_FORWARDS
    """How many more it may pass."""

    @classmethod
    def of(cls, request: SipRequest) -> Self:
        """As it was received."""
        return cls(
            parse_path(request.headers.get(PREFERRED_PATH)),
            parse_path(request.headers.get(VISITED_PATH)),
            _number(request.headers.get("Max-Forwards")),
        )

    def is_ring(self, own_ids: Iterable[str]) -> bool:
        """Whether it came through ourselves already, or may go no further."""
        return self.forwards <= 0 or any(own_id in self.visited for own_id in own_ids)

    def passed_by(self, own_ids: Iterable[str]) -> Self:
        """As it goes on from us: without our own id in front, and one hop less."""
        own = set(own_ids)
        rest = self.preferred
        if rest and rest[0] in own:
            rest = rest[1:]
        elif own.intersection(rest):
            rest = rest[max(rest.index(each) for each in own.intersection(rest)) + 1 :]
        else:
            # A platform that does not stand in the list may pass it on as it likes: without a list.
            rest = ()
        return type(self)(rest, self.visited, self.forwards - 1)

    def to_platform(self, own_id: str, platform_id: str) -> tuple[tuple[str, str], ...]:
        """The headers of an INVITE to a platform below: the wanted way as it begins there."""
        headers = [(VISITED_PATH, print_path((*self.visited, own_id)[-MAX_PLATFORMS:]))]
        if self.preferred and self.preferred[0] == platform_id:
            headers.append((PREFERRED_PATH, print_path(self.preferred)))
        return tuple(headers)


DIRECT: Final = InviteRoute()
"""Asked for by ourselves."""


def _number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return MAX_FORWARDS
    return min(int(text), MAX_FORWARDS)
