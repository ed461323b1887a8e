"""Cuts whole messages out of a byte stream.

Between messages CRLFs are skipped; a double CRLF is a ping (RFC 5626 section 3.5.1) and counted.
Source: RFC 3261 sections 7.5 and 18.3.
"""

from __future__ import annotations

import re
from typing import Final

from sipserver.sip.body import parse_content_length
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.head import MAX_BODY_BYTES, MAX_HEAD_BYTES

_LENGTH: Final = re.compile(rb"\n(?:content-length|l)[ \t]*:([^\n]*)", re.IGNORECASE)
_FOLD: Final = re.compile(rb"\n[ \t]+")
_BETWEEN: Final = b"\r\n\0"


class StreamFramer:
    """One direction of one connection.

    A stream that cannot be cut has no next message: after an error every call raises it again,
    and the connection should be closed. Messages completed before the error are returned first.
    """

    __slots__ = ("_buffer", "_head_bytes", "_line_ends", "_max_body_bytes", "_need", "error", "pings")

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._buffer = bytearray()
        # Bytes of the message at the front of the buffer; 0 while its head is not complete.
        self._need = 0
        # How far the head has been searched for its end.
        self._head_bytes = 0
        self._line_ends = 0
        self._max_body_bytes = max_body_bytes
        # Double CRLFs received so far; each may be answered with one CRLF.
        self.pings = 0
        self.error: MalformedMessage | None = None

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    def receive_data(self, data: bytes) -> list[bytes]:
        """Take in bytes; returns the messages that are whole now.

        Raises:
            MalformedMessage: a limit is exceeded or Content-Length cannot be believed.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except MalformedMessage as error:
            self.error = error
            self._buffer.clear()
            if not messages:
                raise
        return messages

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._need:
            if not self._head_bytes:
                self._skip_between()
            self._need = self._measure()
        if not self._need or len(buffer) < self._need:
            return None
        message = bytes(buffer[: self._need])
        del buffer[: self._need]
        self._need = self._head_bytes = self._line_ends = 0
        return message

    def _skip_between(self) -> None:
        buffer = self._buffer
        rest = buffer.lstrip(_BETWEEN)
        skipped = buffer[: len(buffer) - len(rest)]
        if skipped:
            self._line_ends += skipped.count(b"\n")
            self.pings += self._line_ends // 2
            self._line_ends %= 2
            del buffer[: len(skipped)]

    def _measure(self) -> int:
        """Length of the message at the front, 0 when its head is not complete."""
        buffer = self._buffer
        # The end mark may straddle the place where the last search stopped.
        start = max(0, self._head_bytes - 2)
        end = buffer.find(b"\n\r\n", start)
        bare = buffer.find(b"\n\n", start, end + 1) if end >= 0 else buffer.find(b"\n\n", start)
        head_bytes = bare + 2 if bare >= 0 else end + 3 if end >= 0 else 0
        if (head_bytes or len(buffer)) > MAX_HEAD_BYTES:
            raise MalformedMessage(f"head of more than {MAX_HEAD_BYTES} bytes on a stream")
        self._head_bytes = head_bytes or len(buffer)
        if not head_bytes:
            return 0
        head = bytes(buffer[:head_bytes])
        if b"\n " in head or b"\n\t" in head:
            head = _FOLD.sub(b" ", head)
        values = [value.decode("latin-1").strip(" \t\r") for value in _LENGTH.findall(head)]
        # Without Content-Length nothing can follow the head: RFC 3261 section 18.3 demands it here.
        declared = parse_content_length(values) or 0
        if declared > self._max_body_bytes:
            raise MalformedMessage(f"body of {declared} bytes, at most {self._max_body_bytes} are read")
        return head_bytes + declared
