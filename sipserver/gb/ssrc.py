"""SSRC values as the y= line carries them: ten decimal digits with a meaning.

Source: GB/T 28181-2022 annex G (2016: annex F). GB-C099.
"""

from collections import deque
from enum import StrEnum
from typing import Final

from sipserver.gb.errors import LocalViolation, SsrcExhausted

SSRC_DIGITS: Final = 10
SERIALS_PER_KIND: Final = 10_000
COOL_DOWN_S: Final = 60.0


class SsrcKind(StrEnum):
    LIVE = "live"  # 实时, first digit 0
    HISTORY = "history"  # 历史, first digit 1


_CLASS_DIGIT: Final = {SsrcKind.LIVE: "0", SsrcKind.HISTORY: "1"}


class SsrcPool:
    """Serials in use by this domain.

    A released value rests for ``cool_down_s``: a camera that missed its BYE keeps sending, and its
    packets must not land in somebody else's picture. Zero is never given out: ``y=0000000000`` breaks
    upper platforms.
    """

    def __init__(self, domain_id: str, cool_down_s: float = COOL_DOWN_S) -> None:
        if len(domain_id) < 8 or not domain_id[3:8].isdecimal():
            raise LocalViolation(f"digits 4 to 8 of the domain id {domain_id!r} are not digits")
        self._domain_digits = domain_id[3:8]
        self._cool_down_s = cool_down_s
        self._free = {kind: deque(range(SERIALS_PER_KIND)) for kind in SsrcKind}
        self._free[SsrcKind.LIVE].popleft()
        self._free[SsrcKind.LIVE].append(0)
        self._in_use: set[str] = set()
        self._resting: deque[tuple[float, SsrcKind, int]] = deque()

    def allocate(self, kind: str, now: float) -> str:
        """Take a value of a class.

        Args:
            kind: ``"live"`` or ``"history"``.
            now: monotonic seconds.

        Raises:
            SsrcExhausted: all 10,000 serials are in use or resting.
        """
        self._wake(now)
        ssrc_kind = SsrcKind(kind)
        free = self._free[ssrc_kind]
        while free:
            ssrc = f"{_CLASS_DIGIT[ssrc_kind]}{self._domain_digits}{free.popleft():04d}"
            if int(ssrc):
                self._in_use.add(ssrc)
                return ssrc
        raise SsrcExhausted(
            f"{len(self._in_use)} values are in use, {len(self._resting)} rest for {self._cool_down_s:.0f} s"
        )

    def release(self, ssrc: str, now: float) -> None:
        """Give a value back; a value that is not out is a bug of the caller."""
        if ssrc not in self._in_use:
            raise LocalViolation(f"{ssrc} was not allocated, or was released before")
        self._in_use.remove(ssrc)
        kind = SsrcKind.LIVE if ssrc[0] == "0" else SsrcKind.HISTORY
        self._resting.append((now + self._cool_down_s, kind, int(ssrc[6:])))

    @property
    def in_use(self) -> int:
        return len(self._in_use)

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            _, kind, serial = self._resting.popleft()
            self._free[kind].append(serial)


def to_int(ssrc: str) -> int:
    """The number that RTP carries: ``0200000001`` is 0x0BEBC201."""
    return int(ssrc)


def from_int(value: int) -> str:
    """The text for an RTP value; values of a foreign device may need all ten digits."""
    if not 0 <= value < 2**32:
        raise LocalViolation(f"{value} does not fit the 32 bits of an SSRC")
    return f"{value:0{SSRC_DIGITS}d}"
