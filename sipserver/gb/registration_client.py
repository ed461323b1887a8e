"""Where and when to register, as the one that registers: redirects followed, failures waited out.

Without clock, dice and sockets: the user sends the REGISTER when ``next_at`` has come, to ``server``, and
says how it went. One client serves a device and a subordinate platform alike.

Source: GB/T 28181-2022 9.1.2 (注册重定向); gb28181.md 2.6, 2.7; GB-C041.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import format_host
from sipserver.sip.message import SipResponse
from sipserver.sip.uri import SipUri

MAX_HOPS: Final = 3
DEFAULT_PORT: Final = 5060
REFRESH_AT: Final = 2 / 3
"""Of the time granted (gb28181.md 9)."""
MIN_REFRESH_S: Final = 0.5
"""However short the server's grant is."""
HOME_SPREAD_S: Final = 2.0
"""Within which all that lost one server return to the one that sent them."""
JITTER: Final = 0.25
MAX_BACKOFF_STEPS: Final = 16
MAX_EXPIRES_S: Final = 86_400
_SECONDS_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A SIP server: its id and where it listens."""

    server_id: str
    host: str
    port: int = DEFAULT_PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``ID@host:port``; the port may be missing, IPv6 stands in brackets.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            uri = SipUri.parse(f"sip:{text}")
        except MalformedMessage as error:
            raise ValueError(f"{text!r} is not of the form ID@host:port: {error}") from None
        if not uri.user or not uri.host or uri.params or uri.headers:
            raise ValueError(f"{text!r} is not of the form ID@host:port")
        return cls(uri.user, uri.host, uri.port or DEFAULT_PORT)

    @property
    def uri(self) -> str:
        return f"sip:{self}"

    def __str__(self) -> str:
        return f"{self.server_id}@{format_host(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class RegistrationPacing:
    """Seconds. ``retry_s`` is the first pause after a failure; each further one is doubled up to the
    longest.
    """

    expires_s: int = 3600
    retry_s: float = 60.0
    retry_max_s: float = 3600.0


class Outcome(StrEnum):
    """What an answer means to who registers."""

    REGISTERED = "registered"
    REDIRECTED = "redirected"
    REFUSED = "refused"


class RegistrationClient:
    """One registration with one home server, and the servers that home sends us to.

    Args:
        home: the server that was configured; everything begins and begins again there.
        jitter: returns a random number of ``0 <= n < 1`` at each call.
        now: monotonic seconds.
    """

    def __init__(
        self, home: ServerAddress, pacing: RegistrationPacing, jitter: Callable[[], float], now: float
    ) -> None:
        self.home: Final = home
        self.server = home
        self.next_at = now
        self.expires_s = pacing.expires_s
        self._pacing = pacing
        self._jitter = jitter
        self._hops = 0
        self._failures = 0

    @property
    def is_home(self) -> bool:
        return self.server == self.home

    def answered(self, response: SipResponse, now: float) -> Outcome:
        """The final answer to a REGISTER, after the challenge was answered."""
        if 200 <= response.status < 300:
            self._granted(granted_s(response, self.expires_s), now)
            return Outcome.REGISTERED
        if response.status == 302 and self._follow(response, now):
            return Outcome.REDIRECTED
        if response.status == 423:
            # RFC 3261 section 10.2.8.
            wanted = _seconds(response.headers.get("Min-Expires"))
            self.expires_s = max(self.expires_s, min(wanted or 0, MAX_EXPIRES_S))
        self.failed(now, retry_after_s=_seconds(response.headers.get("Retry-After")) or 0)
        return Outcome.REFUSED

    def failed(self, now: float, *, retry_after_s: float = 0.0) -> None:
        """No answer, no connection, or a refusal: home again, and later each time."""
        self._failures += 1
        was_away = not self.is_home
        self.server = self.home
        self._hops = 0
        if was_away and self._failures == 1:
            self.next_at = now + HOME_SPREAD_S * self._jitter()
            return
        pacing = self._pacing
        steps = min(self._failures - 1, MAX_BACKOFF_STEPS)
        pause_s = min(pacing.retry_s * 2.0**steps, pacing.retry_max_s)
        if not was_away:
            pause_s = max(pause_s, min(retry_after_s, pacing.retry_max_s))
        self.next_at = now + pause_s * (1.0 + JITTER * self._jitter())

    def lost(self, now: float) -> None:
        """The server does not know us any more, or does not answer keepalives: register again, at home."""
        self.server = self.home
        self._hops = 0
        self.next_at = now + min(HOME_SPREAD_S, self._pacing.retry_s) * self._jitter()

    # ---------------------------------------------------------------- inside

    def _granted(self, expires_s: float, now: float) -> None:
        self._failures = 0
        self._hops = 0
        self.next_at = now + max(MIN_REFRESH_S, REFRESH_AT * expires_s)

    def _follow(self, response: SipResponse, now: float) -> bool:
        """Turn to the server that a 302 names; False when it names none, or we were sent around enough."""
        target = redirect_target(response, self.server.server_id)
        if target is None or target == self.server or self._hops >= MAX_HOPS:
            return False
        self._hops += 1
        self.server = target
        self.next_at = now
        return True


def redirect_target(response: SipResponse, server_id: str) -> ServerAddress | None:
    """Where a 302 sends us; ``server_id`` stands in when its Contact has no user part."""
    try:
        contact = response.contact
    except MalformedMessage:
        return None
    if contact is None or not contact.uri.host or contact.uri.scheme not in ("sip", "sips"):
        return None
    return ServerAddress(contact.uri.user or server_id, contact.uri.host, contact.uri.port or DEFAULT_PORT)


def granted_s(response: SipResponse, asked_s: int) -> float:
    """For how long we are registered: the Contact parameter, else Expires, else what was asked."""
    try:
        contact = response.contact
    except MalformedMessage:
        contact = None
    parameter = contact.params.get("expires") if contact is not None else None
    for text in (parameter or "", response.headers.get("Expires")):
        seconds = _seconds(text)
        if seconds is not None:
            return float(seconds)
    return float(asked_s)


def _seconds(text: str) -> int | None:
    """A number of seconds; Retry-After may have a comment and parameters behind it."""
    digits = text.strip().split(";", 1)[0].split("(", 1)[0].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _SECONDS_DIGITS else None
