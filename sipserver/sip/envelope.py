"""What requests and responses share: headers, a body, and the values read from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from sipserver.sip.errors import LocalViolation
from sipserver.sip.fields import CSeq, NameAddr, Via, split_list
from sipserver.sip.headers import Headers


class SipMessage:
    """What requests and responses share. Values are read from the headers once, when asked for.

    A property whose header cannot be read raises MalformedMessage.
    """

    __slots__ = ("_cseq", "_from", "_via", "body", "charset", "headers", "suspicion")

    headers: Headers
    body: bytes
    # How header text was encoded on the wire; an answer is written in the same way.
    charset: str
    # What was wrong with a message that is used all the same; empty for a sound one.
    suspicion: str
    _cseq: CSeq
    _from: NameAddr
    _via: Via

    def __init__(self, headers: Headers | Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.charset = "utf-8"
        self.suspicion = ""

    @property
    def call_id(self) -> str:
        return self.headers.get("Call-ID")

    @property
    def cseq(self) -> CSeq:
        try:
            return self._cseq
        except AttributeError:
            self._cseq = value = CSeq.parse(self.headers.get("CSeq"))
            return value

    @property
    def from_(self) -> NameAddr:
        try:
            return self._from
        except AttributeError:
            self._from = value = NameAddr.parse(self.headers.get("From"))
            return value

    @property
    def to(self) -> NameAddr:
        # Read anew each time: the endpoint adds a tag to it while an answer is under way.
        return NameAddr.parse(self.headers.get("To"))

    def read_addresses(self) -> None:
        """Read From and To now, so that a bad one shows up here and not at some user's."""
        fields = self.headers.fields
        self._from = NameAddr.parse(fields["From"][0])
        NameAddr.parse(fields["To"][0])

    @property
    def top_via(self) -> Via:
        try:
            return self._via
        except AttributeError:
            self._via = value = Via.parse(split_list(self.headers.get("Via"))[0])
            return value

    @property
    def vias(self) -> list[Via]:
        """All hops, nearest first, whether sent in one line or in many."""
        return [
            Via.parse(value.strip(" \t"))
            for line in self.headers.get_all("Via")
            for value in split_list(line)
            if value.strip(" \t")
        ]

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, None when there is none (``*`` is a URI of that host)."""
        value = self.headers.get("Contact")
        return NameAddr.parse(split_list(value)[0]) if value else None

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters, empty when not given."""
        return self.headers.get("Content-Type").partition(";")[0].strip(" \t").lower()

    @property
    @abstractmethod
    def start_line(self) -> str:
        """Request line or status line without its line end."""

    def serialize(self) -> bytes:
        """Write the message with one line per value and the exact Content-Length last."""
        fields = self.headers.fields
        if "Content-Length" in fields:
            fields = {name: values for name, values in fields.items() if name != "Content-Length"}
        lines = [f"{name}: {value}" for name, values in fields.items() for value in values]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        text = f"{self.start_line}\r\n" + "\r\n".join(lines)
        try:
            return text.encode(self.charset) + self.body
        except UnicodeEncodeError as error:
            raise LocalViolation(f"a header cannot be written as {self.charset}: {error.reason}") from error

    def __eq__(self, other: object) -> bool:
        """Same kind, start line, headers and body; Content-Length is no content."""
        if not isinstance(other, SipMessage) or self.start_line != other.start_line:
            return False
        mine = {name: v for name, v in self.headers.fields.items() if name != "Content-Length"}
        theirs = {name: v for name, v in other.headers.fields.items() if name != "Content-Length"}
        return mine == theirs and self.body == other.body

    __hash__ = None  # type: ignore[assignment]
