"""REGISTER: who is admitted, challenged, sent elsewhere, put off, refused, or met with silence (注册, 注销).

Source: GB/T 28181-2022 9.1; gb28181.md 2.6.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zlib import crc32

from sipserver.devices.admission import Admission, Refusal
from sipserver.devices.device_entry import Registration
from sipserver.devices.events import DeviceSaidTime, OwnIdUsed, RegistrationRefused
from sipserver.devices.limiter import FailureCounts, TokenBuckets
from sipserver.devices.ports import SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.registration.overload import Overload
from sipserver.devices.registration.redirect import Redirects
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats
from sipserver.gb.editions import OWN_EDITION, VERSION_HEADER, Edition, from_header
from sipserver.gb.errors import MalformedId
from sipserver.gb.gb_time import format_date_header
from sipserver.gb.ids import GbId
from sipserver.sip.digest import Authorization, DigestServer, Verdict
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.sampled_log import SampledLog

VERSION: Final = (VERSION_HEADER, OWN_EDITION.value)
MAX_USER_AGENT_CHARS: Final = 256
MAX_CONTACT_CHARS: Final = 512
MAX_CACHED_IDS: Final = 65_536
MAX_CACHED_ID_CHARS: Final = 64
MAX_CACHED_EDITION_CHARS: Final = 16
_new: Final = tuple.__new__  # makes a named tuple in half the time of its class

logger = logging.getLogger(__name__)


class Registrar:
    """Authenticates every REGISTER: the first, each refresh and the last.

    A wrong password gets a fresh 401 first, 403 the next times, and then no answer for a while; it
    never changes what is known about the device.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        transport: SipPort,
        presence: Presence,
        admission: Admission,
        digest: DigestServer,
        attempts: TokenBuckets,
        stats: DeviceStats,
        *,
        redirects: Redirects,
        overload: Overload,
        expires_spread: float,
        wall: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._presence = presence
        self._admission = admission
        self._digest = digest
        self._attempts = attempts
        self._failures = FailureCounts(settings.failure_memory_s)
        self._wrong = TokenBuckets(settings.failures_burst, settings.failures_per_second)
        self._stats = stats
        self._redirects = redirects
        self._overload = overload
        self._expires_spread = expires_spread
        self._wall = wall
        # The last full second that was written as text.
        self._date_second = datetime.min.replace(tzinfo=UTC)
        self._date_text = ""
        self._sampled_log = SampledLog(logger)

    def receive(self, incoming: IncomingRequest) -> None:
        """Answer one REGISTER."""
        request, host = incoming.request, incoming.flow.remote[0]
        try:
            device_id = request.from_.uri.user
        except MalformedMessage:
            device_id = ""
        try:
            device_id = _checked_id(device_id, self._settings.accept_any_id)
        except MalformedId:
            self._refuse(incoming, device_id, Refusal.BAD_ID)
            return
        user_agent = request.headers.get("User-Agent")[:MAX_USER_AGENT_CHARS]
        refusal = self._admission.refusal(device_id, host, user_agent)
        if refusal is not None:
            self._refuse(incoming, device_id, refusal)
        elif self._redirects.before_password and self._redirects.takes(device_id):
            if self._attempts.take(host, incoming.received_at):
                self._redirect(incoming, device_id)
            else:
                self._silence(incoming)
        elif self._is_authentic(incoming, device_id):
            self._accept(incoming, device_id, user_agent)

    # ---------------------------------------------------------------- authentication

    def _is_authentic(self, incoming: IncomingRequest, device_id: str) -> bool:
        """Whether the sender proved the password; every other case is answered here, or met with silence."""
        settings, now, host = self._settings, incoming.received_at, incoming.flow.remote[0]
        password = self._admission.password_of(device_id)
        if not password:
            if password is not None and settings.allow_empty_password:
                return True
            self._refuse(incoming, device_id, Refusal.NO_PASSWORD)
            return False
        authorization = self._digest.read(incoming.request)
        if authorization is None:
            if self._overload.is_behind and not self._presence.is_online(device_id):
                self._put_off(incoming)
            else:
                self._challenge(incoming)
            return False
        if self._failures.count(host, device_id, now) >= settings.failures_before_silence:
            self._stats.registrations_silenced += 1
            return False
        if (username := self._admission.username_of(device_id)) and authorization.username != username:
            if self._may_be_wrong(incoming):
                self._refuse(incoming, device_id, Refusal.WRONG_USERNAME)
            return False
        verdict = self._digest.verify(authorization, "REGISTER", password, now)
        if verdict is Verdict.ACCEPTED:
            self._failures.clear(host, device_id)
            self._attempts.give_back(host, now)
            return True
        if verdict is Verdict.STALE:
            self._challenge(incoming, stale=True)
        else:
            self._fail(incoming, device_id, authorization)
        return False

    def _fail(self, incoming: IncomingRequest, device_id: str, authorization: Authorization) -> None:
        host, now = incoming.flow.remote[0], incoming.received_at
        failures = self._failures.failed(host, device_id, now)
        if not self._may_be_wrong(incoming):
            return
        if failures < self._settings.failures_before_403:
            self._stats.registrations_refused[Refusal.WRONG_PASSWORD] += 1
            self._challenge(incoming)
            return
        self._refuse(incoming, device_id, Refusal.WRONG_PASSWORD)
        self._presence.announce(RegistrationRefused(device_id, host))
        self._sampled_log.warning(
            "device %s at %s: wrong password for user %r, %d times",
            device_id,
            host,
            authorization.username[:64],
            failures,
        )

    def _may_be_wrong(self, incoming: IncomingRequest) -> bool:
        """Whether its source still gets answers to wrong credentials, whatever ids it tries.

        Many devices behind one address come back at once and ask for a challenge; few of them have a
        wrong password. So this bound is far below that of REGISTERs without credentials.
        """
        if self._wrong.take(incoming.flow.remote[0], incoming.received_at):
            return True
        self._silence(incoming)
        return False

    def _challenge(self, incoming: IncomingRequest, *, stale: bool = False) -> None:
        now = incoming.received_at
        if not self._attempts.take(incoming.flow.remote[0], now):
            self._silence(incoming)
            return
        self._stats.challenges += 1
        headers = [("WWW-Authenticate", text) for text in self._digest.challenge_texts(now, stale=stale)]
        headers.append(VERSION)
        self._transport.dismiss(incoming, 401, headers=headers)

    def _refuse(self, incoming: IncomingRequest, device_id: str, refusal: Refusal) -> None:
        host = incoming.flow.remote[0]
        if not self._attempts.take(host, incoming.received_at):
            self._silence(incoming)
            return
        self._stats.registrations_refused[refusal] += 1
        if refusal is not Refusal.WRONG_PASSWORD:
            self._sampled_log.warning("refused REGISTER of %s at %s: %s", device_id[:64], host, refusal.value)
        if refusal is Refusal.OWN_ID:
            self._presence.announce(OwnIdUsed(host))
        self._transport.dismiss(incoming, 403, headers=(VERSION,))

    def _put_off(self, incoming: IncomingRequest) -> None:
        """More come than can be served: later, and not all at the same time."""
        now = incoming.received_at
        if not self._attempts.take(incoming.flow.remote[0], now):
            self._silence(incoming)
            return
        self._stats.registrations_put_off += 1
        retry_after = ("Retry-After", str(self._overload.retry_after_s(now)))
        self._transport.dismiss(incoming, 503, headers=(retry_after, VERSION))

    def _silence(self, incoming: IncomingRequest) -> None:
        self._stats.registrations_silenced += 1
        self._sampled_log.warning(
            "%s sends too many REGISTERs without valid credentials", incoming.flow.remote[0]
        )

    # ---------------------------------------------------------------- acceptance

    def _accept(self, incoming: IncomingRequest, device_id: str, user_agent: str) -> None:
        request = incoming.request
        contact, contact_expires = _contact(request)
        expires = self._expires(contact_expires, request.headers.get("Expires"))
        if contact == "*" and expires:
            # RFC 3261 section 10.3: a star removes, and says nothing else.
            self._transport.respond(incoming, 400, headers=(VERSION,))
            return
        if expires and self._redirects.takes(device_id):
            self._redirect(incoming, device_id)
            return
        headers: list[tuple[str, str]] = []
        if expires:
            expires = self._spread(device_id, expires, incoming.received_at)
            if contact:
                headers.append(("Contact", f"<{contact}>;expires={expires}"))
            self._register(incoming, device_id, user_agent, contact, expires)
        else:
            self._stats.unregistrations += 1
            self._presence.unregistered(device_id)
        headers.append(("Expires", str(expires)))
        if self._admission.gets_date(device_id):
            headers.append(("Date", self._date()))
        headers.append(VERSION)
        self._transport.respond(incoming, 200, headers=headers)

    def _redirect(self, incoming: IncomingRequest, device_id: str) -> None:
        """Send the device to another server (GB-C040); from now on it is none of ours."""
        target = self._redirects.target_for(device_id, incoming.received_at)
        self._stats.registrations_redirected += 1
        if not self._redirects.before_password:
            self._presence.unregistered(device_id)
        headers = (("Contact", f"<{target.uri}>"), ("Expires", str(self._redirects.expires_s)), VERSION)
        self._transport.dismiss(incoming, 302, headers=headers)

    def _spread(self, device_id: str, expires: int, now: float) -> int:
        """Grant what was asked, but to some less when many come at once, or all would refresh at once too."""
        if not self._overload.accepted(now):
            return expires
        less = int(expires * self._expires_spread * (crc32(device_id.encode()) & 0xFFFF) / 0x10000)
        return max(expires - less, min(expires, self._settings.expires_min_s))

    def _register(
        self,
        incoming: IncomingRequest,
        device_id: str,
        user_agent: str,
        contact: str,
        expires: int,
    ) -> None:
        request = incoming.request
        if said := request.headers.get("Date"):
            self._presence.announce(DeviceSaidTime(device_id, said))
        if self._presence.is_online(device_id):
            self._stats.refreshes += 1
        else:
            self._stats.registrations += 1
            logger.info("device %s registers from %s:%d", device_id, *incoming.flow.remote)
        self._presence.registered(
            _new(
                Registration,
                (
                    device_id,
                    incoming.flow,
                    expires,
                    request.call_id,
                    contact[:MAX_CONTACT_CHARS],
                    user_agent,
                    _edition(request.headers.get(VERSION_HEADER)),
                ),
            )
        )

    def _date(self) -> str:
        """Beijing time with milliseconds (GB-C035); the part before them is written once a second."""
        moment = self._wall()
        since = moment - self._date_second
        if since.days or since.seconds:
            self._date_second = moment.replace(microsecond=0)
            self._date_text = format_date_header(moment)[:-3]
        return f"{self._date_text}{moment.microsecond // 1000:03d}"

    def _expires(self, parameter: str, header: str) -> int:
        """Contact parameter, else header, else the default; granted as asked within our bounds, 0 as 0."""
        settings = self._settings
        asked = _seconds(parameter)
        if asked is None:
            asked = _seconds(header)
        if asked is None:
            asked = settings.expires_default_s
        return asked and max(settings.expires_min_s, min(asked, settings.expires_max_s))


def _contact(request: SipRequest) -> tuple[str, str]:
    """URI and expires parameter of the Contact; empty when it cannot be read.

    It is stored and echoed and decides nothing: the device is reached at the packet's source.
    """
    value = request.headers.get("Contact")
    if value[:1] == "<" and value.find(">") == len(value) - 1:
        return value[1:-1], ""  # what nearly every device sends
    if value.strip() == "*":
        return "*", ""
    try:
        contact = request.contact
    except MalformedMessage:
        return "", ""
    return ("", "") if contact is None else (str(contact.uri), contact.params.get("expires") or "")


@lru_cache(maxsize=MAX_CACHED_IDS)
def _known_id(text: str, relaxed: bool) -> str:
    return str(GbId.parse(text, relaxed=relaxed))


def _checked_id(text: str, relaxed: bool) -> str:
    """Raises MalformedId. Devices repeat their ids for ever: what was right once is not read again."""
    if len(text) <= MAX_CACHED_ID_CHARS:
        return _known_id(text, relaxed)
    return str(GbId.parse(text, relaxed=relaxed))


@lru_cache(maxsize=256)
def _known_edition(text: str) -> Edition:
    return from_header(text)


def _edition(text: str) -> Edition:
    return _known_edition(text) if len(text) <= MAX_CACHED_EDITION_CHARS else from_header(text)


def _seconds(text: str) -> int | None:
    if text.isdigit() and text.isascii() and len(text) <= 10:
        return int(text)  # what nearly every device sends
    stripped = text.strip().strip('"')
    return int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) <= 10 else None
