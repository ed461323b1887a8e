"""SIP requests and responses: bytes to values and back.

The parser splits the head into lines and nothing more; From, Via and the like become values when
somebody asks. A registrar that only answers 200 never pays for what it does not look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sipserver.sip.body import cut_body, parse_content_length
from sipserver.sip.envelope import SipMessage
from sipserver.sip.errors import LocalViolation, MalformedMessage
from sipserver.sip.fields import CSeq, NameAddr, Via
from sipserver.sip.head import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADER_LINES,
    read_fields,
    split_head,
    split_lines,
)
from sipserver.sip.headers import CANONICAL_HEADERS, CANONICAL_NAMES, Headers, is_token
from sipserver.sip.reasons import REASON_PHRASES

__all__ = [
    "CSeq",
    "Headers",
    "NameAddr",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "Via",
    "has_tag",
    "make_response",
    "parse_message",
]

MAX_METHOD_CHARS: Final = 32

METHODS: Final = frozenset(
    ("REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY")
)

_new: Final = object.__new__
_new_tuple: Final = tuple.__new__  # makes a named tuple in half the time of its class


def _headers(fields: dict[str, list[str]]) -> Headers:
    headers = _new(Headers)
    headers.fields = fields
    return headers


class SipRequest(SipMessage):
    """A request. ``uri`` is the Request-URI as text; parse it with SipUri when its parts matter."""

    __slots__ = ("method", "uri")

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__(headers, body)
        if not is_token(method) or len(method) > MAX_METHOD_CHARS:
            raise LocalViolation(f"{method[:80]!r} is no method")
        if not uri or uri != uri.strip(" \t") or "\r" in uri or "\n" in uri:
            raise LocalViolation(f"{uri[:80]!r} cannot stand in a request line")
        self.method = method
        self.uri = uri

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def __repr__(self) -> str:
        return f"<SipRequest {self.method} {self.uri} cseq={self.headers.get('CSeq')!r}>"


class SipResponse(SipMessage):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__(headers, body)
        if reason is None:
            reason = REASON_PHRASES.get(status, "")
        if not 100 <= status <= 699:
            raise LocalViolation(f"status {status} is not in 100..699")
        if "\r" in reason or "\n" in reason:
            raise LocalViolation(f"line end inside a reason phrase: {reason[:80]!r}")
        self.status = status
        self.reason = reason.strip(" \t")

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<SipResponse {self.status} {self.reason} cseq={self.headers.get('CSeq')!r}>"


def has_tag(value: str) -> bool:
    """Tell whether a From or To value carries a tag, at the price of one search when it does not."""
    return not value.endswith(">") and "tag" in value.lower() and NameAddr.parse(value).tag is not None


def make_response(
    request: SipRequest,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> SipResponse:
    """Begin an answer as RFC 3261 section 8.2.6.2 says: Via, From, To, Call-ID and CSeq copied as sent.

    ``to_tag`` is added unless the request already carries one. Without it the endpoint adds its own.
    """
    source = request.headers.fields
    to = source["To"][0]
    if to_tag is not None and not has_tag(to):
        to = f"{to};tag={to_tag}"
    fields: dict[str, list[str]] = {}
    if "Via" in source:
        fields["Via"] = source["Via"].copy()
    fields["From"] = source["From"].copy()
    fields["To"] = [to]
    fields["Call-ID"] = source["Call-ID"].copy()
    fields["CSeq"] = source["CSeq"].copy()
    if reason is None and status in REASON_PHRASES:
        # Nothing to check about a known status: the constructor's work is spared.
        response = _new(SipResponse)
        response.status = status
        response.reason = REASON_PHRASES[status]
        response.headers = answered = _new(Headers)
        answered.fields = fields
        response.body = body
        response.suspicion = ""
    else:
        response = SipResponse(status, reason, _headers(fields), body)
    response.charset = request.charset
    for name, value in headers:
        if name in CANONICAL_HEADERS and name not in fields and "\r" not in value and "\n" not in value:
            fields[name] = [value.strip(" \t")]  # what Headers.add does, without its calls
        else:
            response.headers.add(name, value)
    if content_type is not None:
        response.headers.set("Content-Type", content_type)
    return response


def parse_message(data: bytes) -> SipRequest | SipResponse:
    """Read one whole message: a datagram, or what the stream framer cut out.

    Raises:
        MalformedMessage: the bytes are no usable SIP; ``request`` is set when an answer is deserved.
    """
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if end > 0:
        message = _parse_plain(data, end)
        if message is not None:
            return message
    return _parse_any(data)


def _parse_plain(data: bytes, end: int) -> SipRequest | SipResponse | None:
    """Read a message in the form that nearly all have, None for any other.

    One header per line, known names, a blank behind the colon, CRLF, no name twice, the exact
    Content-Length. It gives what ``_parse_any`` would give, in a third of the time.
    """
    try:
        text = data[:end].decode()
        lines = text.splitlines()
        has_odd_ends = "\r\n".join(lines) != text
        start = lines.pop(0)
        fields: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            fields[CANONICAL_NAMES[name]] = [value.strip(" ")]
        first, second, third = start.split(" ", 2)
        number, _, method = fields["CSeq"][0].partition(" ")
        body = data[end + 4 :]
        if (
            has_odd_ends
            or fields["Content-Length"][0] != str(len(body))
            or not len(fields) == len(lines) <= MAX_HEADER_LINES
            or "\t" in text
            or not (number.isdecimal() and number.isascii() and len(number) < 10)
            or len(body) > MAX_BODY_BYTES
            or not (fields["From"][0] and fields["To"][0] and fields["Call-ID"][0])
        ):
            return None
        message: SipRequest | SipResponse
        if first == method and second and third == "SIP/2.0" and method in METHODS and fields["Via"]:
            message = _new(SipRequest)
            message.method = first
            message.uri = second
        elif first == "SIP/2.0" and method in METHODS:
            message = _start_response(start, Headers())
        else:
            return None
    except (KeyError, ValueError, MalformedMessage):
        return None
    message.headers = headers = _new(Headers)
    headers.fields = fields
    message.body = body
    message.charset = "utf-8"
    message.suspicion = ""
    message._cseq = _new_tuple(CSeq, (int(number), method))
    return message


def _parse_any(data: bytes) -> SipRequest | SipResponse:
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    head, rest, suspicion = split_head(data)
    lines, charset = split_lines(head)
    fields: dict[str, list[str]] = {}
    refusal = read_fields(fields, lines)
    message: SipRequest | SipResponse
    if lines[0][:8].upper() == "SIP/2.0 ":
        message = _start_response(lines[0], _headers(fields))
    else:
        message, version = _start_request(lines[0], _headers(fields))
        if version.upper() != "SIP/2.0":
            refusal = refusal or (505, f"version {version[:20]!r}")
    message.charset = charset
    try:
        declared = parse_content_length(fields.get("Content-Length", ()))
        message.body, doubt = cut_body(rest, declared)
        message.suspicion = suspicion or doubt
        _check_frame(message, fields)
        if refusal is not None:
            raise MalformedMessage(refusal[1], status=refusal[0])
    except MalformedMessage as error:
        if error.status and isinstance(message, SipRequest) and _is_answerable(message):
            error.request = message
        raise
    return message


def _start_response(line: str, headers: Headers) -> SipResponse:
    status, _, reason = line[8:].strip(" \t").partition(" ")
    if not (len(status) == 3 and status.isascii() and status.isdigit() and "100" <= status <= "699"):
        raise MalformedMessage(f"status code is not in 100..699: {line[:80]!r}", offset=8)
    return SipResponse(int(status), reason, headers)


def _start_request(line: str, headers: Headers) -> tuple[SipRequest, str]:
    method, _, rest = line.partition(" ")
    uri, _, version = rest.strip(" \t").rpartition(" ")
    uri = uri.strip(" \t")
    if method not in METHODS and (not is_token(method) or len(method) > MAX_METHOD_CHARS):
        raise MalformedMessage(f"neither request nor status line: {line[:80]!r}")
    if not uri or version[:4].upper() != "SIP/":
        raise MalformedMessage(f"request line without URI and SIP version: {line[:80]!r}")
    request = _new(SipRequest)
    request.method = method
    request.uri = uri
    request.headers = headers
    return request, version


def _check_frame(message: SipRequest | SipResponse, fields: dict[str, list[str]]) -> None:
    """Hold the headers to what the transaction layer cannot do without."""
    for name in ("From", "To", "Call-ID", "CSeq"):
        if name not in fields or not fields[name][0]:
            raise MalformedMessage(f"no {name}")
    cseq = message.cseq
    if isinstance(message, SipResponse):
        return
    if not fields.get("Via"):
        raise MalformedMessage("request without Via")
    if cseq.method != message.method:
        raise MalformedMessage(f"CSeq names {cseq.method[:40]}, the request {message.method}", status=400)


def _is_answerable(request: SipRequest) -> bool:
    """Whether an answer would find its way and its transaction at the other end."""
    try:
        usable = request.vias and request.call_id and request.from_.uri.host and request.to.uri.host
        return bool(usable) and request.cseq.number >= 0
    except MalformedMessage:
        return False
