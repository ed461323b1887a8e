"""MANSRTSP: what is said to the sender of a history stream inside INFO (回放控制).

A body is one RTSP-like message with a CSeq of its own, counted per session. Every line ends with CR LF and an
empty line ends the body.

Source: GB/T 28181-2022 annex B; 6.8 of the protocol notes. GB-C108.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from sipserver.gb.errors import LocalViolation, MalformedMansrtsp

CONTENT_TYPE: Final = "Application/MANSRTSP"
RTSP: Final = "RTSP/1.0"
MANSRTSP: Final = "MANSRTSP/1.0"  # the start line of 2011 (Q71)
BASIC_SCALES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
EXTRA_SCALES: Final = (8.0, 16.0)  # of vendors, not of the text
MIN_SCALE: Final = 0.25
MAX_SCALE: Final = 16.0

MAX_BODY_BYTES: Final = 4096
MAX_LINES: Final = 64
MAX_NPT_S: Final = 10_000_000.0


class Method(StrEnum):
    PLAY = "PLAY"
    PAUSE = "PAUSE"
    TEARDOWN = "TEARDOWN"


@dataclass(frozen=True, slots=True)
class NptRange:
    """``Range: npt=``. Seconds from the start of t=; None is ``now`` as the start, and open as the end."""

    start_s: float | None
    end_s: float | None = None

    def __str__(self) -> str:
        start = "now" if self.start_s is None else _number(self.start_s)
        return f"npt={start}-{'' if self.end_s is None else _number(self.end_s)}"


@dataclass(frozen=True, slots=True)
class Control:
    """One request (play, pause or stop).

    ``clock`` is an absolute start for devices that know no npt, as ``20240501T080000Z``.
    """

    method: Method
    cseq: int
    scale: float | None = None
    npt: NptRange | None = None
    clock: str = ""
    start_line: str = RTSP

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a request; either start line, any line end.

        Raises:
            MalformedMansrtsp: no request, or numbers that are none.
        """
        first, fields = _read(body)
        words = first.split()
        if len(words) < 2 or words[0].upper() not in set(Method) or words[-1].upper() not in (RTSP, MANSRTSP):
            raise MalformedMansrtsp(f"no request line: {first[:60]!r}")
        npt, clock = _parse_range(fields.get("range", ""))
        return cls(
            method=Method(words[0].upper()),
            cseq=_whole(fields.get("cseq", "0")),
            scale=_scale(fields["scale"]) if "scale" in fields else None,
            npt=npt,
            clock=clock,
            start_line=words[-1].upper(),
        )

    def serialize(self) -> bytes:
        lines = [f"{self.method} {self.start_line}", f"CSeq: {self.cseq}"]
        if self.method is Method.PAUSE:
            lines.append("PauseTime: now")
        if self.scale is not None:
            lines.append(f"Scale: {_decimal(self.scale)}")
        if self.npt is not None:
            lines.append(f"Range: {self.npt}")
        elif self.clock:
            lines.append(f"Range: clock={self.clock}-")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a 200 to INFO, where a device sends one.

    ``sequence`` and ``rtptime`` are of the first packet of the new position.
    """

    status: int
    cseq: int = 0
    scale: float | None = None
    npt: NptRange | None = None
    sequence: int | None = None
    rtptime: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read an answer.

        Raises:
            MalformedMansrtsp: no status line.
        """
        first, fields = _read(body)
        match = _STATUS_LINE.match(first)
        if match is None:
            raise MalformedMansrtsp(f"no status line: {first[:60]!r}")
        info = dict(_PAIR.findall(fields.get("rtp-info", "").lower()))
        return cls(
            status=int(match[1]),
            cseq=_whole(fields.get("cseq", "0")),
            scale=_scale(fields["scale"]) if "scale" in fields else None,
            npt=_parse_range(fields.get("range", ""))[0],
            sequence=int(info["seq"]) & 0xFFFF if "seq" in info else None,
            rtptime=int(info["rtptime"]) & 0xFFFFFFFF if "rtptime" in info else None,
        )

    def serialize(self) -> bytes:
        lines = [f"{RTSP} {self.status} {'OK' if self.status < 300 else 'Error'}", f"CSeq: {self.cseq}"]
        if self.scale is not None:
            lines.append(f"Scale: {_decimal(self.scale)}")
        if self.npt is not None:
            lines.append(f"Range: {self.npt}")
        if self.sequence is not None:
            lines.append(f"RTP-Info: seq={self.sequence};rtptime={self.rtptime or 0}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Controls:
    """Makes the requests of one session, each with the next CSeq."""

    def __init__(self, start_line: str = RTSP) -> None:
        self.start_line = start_line
        self._cseq = 0

    def pause(self) -> Control:
        return self._next(Method.PAUSE)

    def resume(self) -> Control:
        """Go on where it stands; the device keeps its speed."""
        return self._next(Method.PLAY, npt=NptRange(None))

    def speed(self, scale: float) -> Control:
        """Another speed from here; negative is backwards (2022)."""
        if not MIN_SCALE <= abs(scale) <= MAX_SCALE:
            raise LocalViolation(f"Scale {scale:g} is not between {MIN_SCALE} and {MAX_SCALE:g}")
        return self._next(Method.PLAY, scale=scale)

    def seek(self, npt_s: float) -> Control:
        """Another position, at the speed that is."""
        if not 0 <= npt_s <= MAX_NPT_S:
            raise LocalViolation(f"npt {npt_s:g} is no position")
        return self._next(Method.PLAY, npt=NptRange(npt_s))

    def seek_clock(self, clock: str) -> Control:
        """The same for devices that want the time of day."""
        return self._next(Method.PLAY, clock=clock)

    def teardown(self) -> Control:
        return self._next(Method.TEARDOWN)

    def _next(
        self, method: Method, *, scale: float | None = None, npt: NptRange | None = None, clock: str = ""
    ) -> Control:
        self._cseq += 1
        return Control(method, self._cseq, scale, npt, clock, self.start_line)


_STATUS_LINE: Final = re.compile(r"(?:MANS)?RTSP/1\.0\s{1,4}([1-6][0-9]{2})(?![0-9])", re.IGNORECASE)
_PAIR: Final = re.compile(r"(seq|rtptime)\s{0,4}=\s{0,4}([0-9]{1,15})")
_NPT: Final = re.compile(r"npt\s{0,4}=\s{0,4}(now|[0-9]{1,8}(?:\.[0-9]{0,6})?)\s{0,4}-\s{0,4}([0-9.]{0,16})")
_CLOCK: Final = re.compile(r"clock\s{0,4}=\s{0,4}([0-9]{8}t[0-9]{6}z?)\s{0,4}-")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,4}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")


def _read(body: bytes) -> tuple[str, dict[str, str]]:
    if len(body) > MAX_BODY_BYTES:
        raise MalformedMansrtsp(f"{len(body)} bytes; a body may have {MAX_BODY_BYTES}")
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", body.decode("latin-1").strip("\0\r\n\t "))]
    if len(lines) > MAX_LINES:
        raise MalformedMansrtsp(f"{len(lines)} lines; a body may have {MAX_LINES}")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return lines[0], fields


def _parse_range(text: str) -> tuple[NptRange | None, str]:
    if not text:
        return None, ""
    lowered = text.lower()
    if match := _NPT.match(lowered):
        start = None if match[1] == "now" else float(match[1])
        return NptRange(start, _seconds(match[2])), ""
    if match := _CLOCK.match(lowered):
        return None, match[1].upper()
    raise MalformedMansrtsp(f"Range: {text[:60]!r} names no time")


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise MalformedMansrtsp(f"{text[:20]!r} is no number of seconds") from None


def _scale(text: str) -> float:
    match = _NUMBER.match(text)
    scale = float(match[0]) if match else 0.0
    if not 0 < abs(scale) <= 256:
        raise MalformedMansrtsp(f"Scale: {text[:20]!r}")
    return scale


def _whole(text: str) -> int:
    match = re.match(r"[0-9]{1,9}", text)
    return int(match[0]) if match else 0


def _number(value: float) -> str:
    """As few digits as say it: ``100``, ``2.5``."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _decimal(value: float) -> str:
    """With a point, as the standard prints Scale: ``2.0``, ``0.25``."""
    text = _number(value)
    return text if "." in text else f"{text}.0"
