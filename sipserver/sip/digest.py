"""Digest authentication: the server that challenges and the client that answers.

Nonces carry their time and a keyed hash over it, so that nothing is kept for a challenge that
nobody answers: a flood of REGISTERs without credentials costs no memory. Only nonces that proved
a password are remembered, until their life is over, so that none is accepted twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from hmac import compare_digest
from itertools import count
from typing import Final

from sipserver.sip.credentials import (
    HASHES,
    Authorization,
    Challenge,
    compute,
    compute_ha1,
    compute_ha2,
    compute_response,
    response_of_hashes,
)
from sipserver.sip.errors import LocalViolation, MalformedMessage, RemoteViolation
from sipserver.sip.message import SipRequest, SipResponse

__all__ = [
    "HASHES",
    "Authorization",
    "Challenge",
    "DigestClient",
    "DigestServer",
    "Verdict",
    "compute",
    "compute_ha1",
    "compute_response",
]

NONCE_LIFE_S: Final = 300.0
MIN_SECRET_BYTES: Final = 16
# Nonces that proved a password and are still young: beyond this the oldest become stale at once.
MAX_SPENT_NONCES: Final = 200_000
# Credentials that proved right, whose two hashes that never change are kept: a refresh costs one hash.
MAX_PROVEN: Final = 65_536
MAX_PROVEN_CHARS: Final = 256
MAX_CHALLENGES: Final = 3

_STAMP_CHARS: Final = 20
_MAC_BYTES: Final = 16
_NONCE_CHARS: Final = _STAMP_CHARS + 2 * _MAC_BYTES


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    # The password is right, the nonce is not (too old, used up, of another run): challenge with stale=true.
    STALE = "stale"
    # The response does not prove the password, or is of an algorithm that was not offered.
    WRONG = "wrong"


_WRONG: Final = Verdict.WRONG


class DigestServer:
    """Challenges and judges.

    Args:
        realm: what devices hash with their password; the platform's domain or id.
        secret: at least 16 unguessable bytes, new for each run.
        algorithms: offered in this order; the first is what most devices take (gb28181 2.6: MD5).
        qop: offer ``qop="auth"``; not every device understands it.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        *,
        algorithms: Sequence[str] = ("MD5",),
        qop: bool = False,
        nonce_life_s: float = NONCE_LIFE_S,
        max_spent_nonces: int = MAX_SPENT_NONCES,
    ) -> None:
        unknown = [name for name in algorithms if name.upper() not in HASHES]
        if unknown or not algorithms:
            raise LocalViolation(f"digest algorithms {unknown or 'missing'}; known: {', '.join(HASHES)}")
        if len(secret) < MIN_SECRET_BYTES:
            raise LocalViolation(f"digest secret of {len(secret)} bytes, at least {MIN_SECRET_BYTES}")
        self.realm = realm
        self._algorithms = tuple(algorithms)
        self._accepted = frozenset(name.upper() for name in algorithms)
        self._qop = ("auth",) if qop else ()
        # By staleness, per algorithm: a challenge as text, before and behind its nonce.
        self._written = {
            stale: [_around_nonce(Challenge(realm, "", each, self._qop, stale)) for each in self._algorithms]
            for stale in (False, True)
        }
        self._life_ms = int(nonce_life_s * 1000)
        self._max_spent = max_spent_nonces
        self._serial = count(1)
        self._keyed = hashlib.blake2s(key=secret[:32], digest_size=_MAC_BYTES)
        # (algorithm, username, password) -> HA1; (algorithm, method, uri) -> HA2. Filled by right answers
        # only, so that whoever does not know a password cannot push out what is kept for those who do.
        self._ha1: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._ha2: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        # Nonce -> highest nonce count seen, 0 for a use without qop; and in order of first use.
        self._spent: dict[str, int] = {}
        self._spent_order: deque[tuple[int, str]] = deque()
        # Nonces issued up to here are stale whatever their age: their uses may be forgotten.
        self._floor_ms = -1

    def challenge(self, now: float, *, stale: bool = False) -> Challenge:
        """A challenge of the first algorithm."""
        return Challenge(self.realm, self._nonce(now), self._algorithms[0], self._qop, stale)

    def challenges(self, now: float, *, stale: bool = False) -> list[Challenge]:
        """One challenge per algorithm on offer (RFC 8760), all with one nonce."""
        nonce = self._nonce(now)
        return [Challenge(self.realm, nonce, name, self._qop, stale) for name in self._algorithms]

    def challenge_texts(self, now: float, *, stale: bool = False) -> list[str]:
        """The values of WWW-Authenticate: what ``challenges`` gives, written out."""
        nonce = self._nonce(now)
        return [f"{head}{nonce}{tail}" for head, tail in self._written[stale]]

    def read(self, request: SipRequest, header: str = "Authorization") -> Authorization | None:
        """The credentials of a request for our realm, None when it has none that can be used."""
        for value in request.headers.fields.get(header, ()):
            try:
                authorization = Authorization.parse(value)
            except MalformedMessage:
                continue
            if authorization.realm == self.realm:
                return authorization
        return None

    def verify(self, authorization: Authorization, method: str, password: str, now: float) -> Verdict:
        """Judge credentials. An ACCEPTED nonce (or nonce count) is spent by this call.

        The digest is computed with the ``uri`` and ``username`` of the header, not with those of the
        request: they differ on many devices. Whether the name may log in is the caller's question.
        """
        name = authorization.algorithm.upper()
        if name not in self._accepted or authorization.realm != self.realm:
            return Verdict.WRONG
        key = (name, authorization.username, password)
        ha1 = self._ha1.get(key)
        if ha1 is not None:
            return self._judge(authorization, name, method, ha1, now)
        ha1 = compute_ha1(name, authorization.username, authorization.realm, password)
        verdict = self._judge(authorization, name, method, ha1, now)
        if verdict is not _WRONG:
            _keep(self._ha1, key, ha1)
        return verdict

    def verify_ha1(self, authorization: Authorization, method: str, ha1: str, now: float) -> Verdict:
        """Like ``verify`` with H(username:realm:password) of the algorithm used."""
        name = authorization.algorithm.upper()
        if name not in self._accepted or authorization.realm != self.realm:
            return Verdict.WRONG
        return self._judge(authorization, name, method, ha1, now)

    def _judge(self, authorization: Authorization, name: str, method: str, ha1: str, now: float) -> Verdict:
        """Judge credentials whose algorithm (``name``) and realm are ours."""
        _, _, nonce, uri, response, _, qop, nc, cnonce, _ = authorization
        count_used = _nonce_count(qop, nc, cnonce) if qop else 0
        if count_used is None:
            return _WRONG
        key = (name, method, uri)
        known = self._ha2.get(key)
        ha2 = compute_ha2(name, method, uri) if known is None else known
        expected = response_of_hashes(name, ha1, ha2, nonce, qop, nc, cnonce)
        # compare_digest refuses text beyond ASCII.
        if not (response.isascii() and compare_digest(expected, response)):
            return _WRONG
        if known is None:
            _keep(self._ha2, key, ha2)
        return self._spend(nonce, count_used, now)

    def _nonce(self, now: float) -> str:
        stamp = f"{int(now * 1000):012x}{next(self._serial) & 0xFFFFFFFF:08x}"
        return stamp + self._mac(stamp)

    def _mac(self, stamp: str) -> str:
        mac = self._keyed.copy()
        mac.update(stamp.encode())
        return mac.hexdigest()

    def _issued_ms(self, nonce: str) -> int | None:
        """When a nonce was issued, None when it is not one of ours."""
        stamp, mac = nonce[:_STAMP_CHARS], nonce[_STAMP_CHARS:]
        if len(nonce) != _NONCE_CHARS or not nonce.isascii():
            return None
        if not compare_digest(self._mac(stamp), mac):
            return None
        return int(stamp[:12], 16)

    def _spend(self, nonce: str, count_used: int, now: float) -> Verdict:
        issued_ms = self._issued_ms(nonce)
        now_ms = int(now * 1000)
        if issued_ms is None or issued_ms <= self._floor_ms or now_ms - issued_ms >= self._life_ms:
            return Verdict.STALE
        highest = self._spent.get(nonce)
        if highest is not None and count_used <= highest:
            return Verdict.STALE
        if highest is None:
            self._make_room(now_ms)
            self._spent_order.append((issued_ms, nonce))
        self._spent[nonce] = count_used
        return Verdict.ACCEPTED

    def _make_room(self, now_ms: int) -> None:
        order = self._spent_order
        while order and (now_ms - order[0][0] >= self._life_ms or len(order) >= self._max_spent):
            issued_ms, nonce = order.popleft()
            del self._spent[nonce]
            if now_ms - issued_ms < self._life_ms:
                self._floor_ms = max(self._floor_ms, issued_ms)


def _around_nonce(challenge: Challenge) -> tuple[str, str]:
    """A challenge without nonce, cut where the nonce belongs."""
    head, empty, tail = challenge.serialize().rpartition('nonce=""')
    return f"{head}{empty[:-1]}", f'"{tail}'


def _keep(proven: OrderedDict[tuple[str, str, str], str], key: tuple[str, str, str], value: str) -> None:
    """Keep a hash, at the cost of the one that is kept longest."""
    if sum(map(len, key)) <= MAX_PROVEN_CHARS:
        proven[key] = value
        if len(proven) > MAX_PROVEN:
            proven.popitem(last=False)


def _nonce_count(qop: str, nc: str, cnonce: str) -> int | None:
    """The nonce count as a number, None when it cannot be right."""
    if qop.lower() != "auth" or not cnonce:
        return None
    try:
        number = int(nc, 16) if len(nc) == 8 else 0
    except ValueError:
        return None
    return number or None


class DigestClient:
    """Answers challenges for one user of one server.

    Args:
        token: returns a fresh unguessable text at each call, used as cnonce.
    """

    def __init__(self, username: str, password: str, token: Callable[[], str]) -> None:
        self._username = username
        self._password = password
        self._token = token
        self._challenges = 0
        self._nonce = ""
        self._nonce_count = 0

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest:
        """The request that follows a 401 or 407: same Call-ID, next CSeq, with credentials.

        Raises:
            RemoteViolation: no challenge that can be answered, or refused MAX_CHALLENGES times in a row.
        """
        is_proxy = response.status == 407
        challenge = self._choose(
            response.headers.get_all("Proxy-Authenticate" if is_proxy else "WWW-Authenticate")
        )
        self._challenges += 1
        if self._challenges > MAX_CHALLENGES:
            raise RemoteViolation(403, f"credentials refused {MAX_CHALLENGES} times")
        headers = request.headers.copy()
        headers.remove("Via")
        headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        name = "Proxy-Authorization" if is_proxy else "Authorization"
        headers.set(name, self._credentials(challenge, request).serialize())
        return SipRequest(request.method, request.uri, headers, request.body)

    def accepted(self) -> None:
        """The server took the credentials: the next challenge is the first of a new round."""
        self._challenges = 0

    def _choose(self, values: list[str]) -> Challenge:
        """The topmost challenge we can answer (RFC 8760 section 2.4)."""
        for value in values:
            try:
                challenge = Challenge.parse(value)
            except MalformedMessage:
                continue
            if challenge.algorithm.upper() in HASHES and (not challenge.qop or "auth" in challenge.qop):
                return challenge
        raise RemoteViolation(403, f"none of {len(values)} challenges can be answered")

    def _credentials(self, challenge: Challenge, request: SipRequest) -> Authorization:
        qop = nc = cnonce = ""
        if challenge.qop:
            self._nonce_count = self._nonce_count + 1 if challenge.nonce == self._nonce else 1
            self._nonce = challenge.nonce
            qop, nc, cnonce = "auth", f"{self._nonce_count:08x}", self._token()
        answer = compute(
            username=self._username,
            realm=challenge.realm,
            password=self._password,
            method=request.method,
            uri=request.uri,
            nonce=challenge.nonce,
            algorithm=challenge.algorithm,
            qop=qop,
            nc=nc,
            cnonce=cnonce,
        )
        return Authorization(
            self._username,
            challenge.realm,
            challenge.nonce,
            request.uri,
            answer,
            challenge.algorithm,
            qop,
            nc,
            cnonce,
            challenge.opaque,
        )
