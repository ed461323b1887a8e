"""The texts of digest authentication and the arithmetic behind them.

Source: RFC 2617, RFC 7616, RFC 8760; gb28181 2.6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.fields import split_list, unquote
from sipserver.sip.sm3 import sm3

Hash = Callable[[bytes], str]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sm3_openssl(data: bytes) -> str:
    return hashlib.new("sm3", data).hexdigest()


def sm3_python(data: bytes) -> str:
    return sm3(data).hex()


# By algorithm name in upper case. OpenSSL 3 has SM3 unless it was built without.
HASHES: Final[Mapping[str, Hash]] = {
    "MD5": _md5,
    "SHA-256": _sha256,
    "SM3": _sm3_openssl if "sm3" in hashlib.algorithms_available else sm3_python,
}


def compute_ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password), the form in which a password may be kept."""
    return HASHES[algorithm.upper()](f"{username}:{realm}:{password}".encode())


def compute_response(
    algorithm: str,
    ha1: str,
    method: str,
    uri: str,
    nonce: str,
    *,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The ``response`` of a digest from HA1; with ``qop`` also nc and cnonce are part of it."""
    ha2 = compute_ha2(algorithm, method, uri)
    return response_of_hashes(algorithm.upper(), ha1, ha2, nonce, qop, nc, cnonce)


def compute_ha2(algorithm: str, method: str, uri: str) -> str:
    """H(method:uri)."""
    return HASHES[algorithm.upper()](f"{method}:{uri}".encode())


def response_of_hashes(name: str, ha1: str, ha2: str, nonce: str, qop: str, nc: str, cnonce: str) -> str:
    """H(HA1:nonce:HA2), with ``qop`` the longer form. ``name`` is one of HASHES."""
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return HASHES[name](f"{ha1}:{middle}:{ha2}".encode())


def compute(
    *,
    username: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The ``response`` of a digest from the plain password.

    Raises:
        KeyError: ``algorithm`` is none of HASHES.
    """
    ha1 = compute_ha1(algorithm, username, realm, password)
    return compute_response(algorithm, ha1, method, uri, nonce, qop=qop, nc=nc, cnonce=cnonce)


@dataclass(frozen=True, slots=True)
class Challenge:
    """WWW-Authenticate and Proxy-Authenticate."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    stale: bool = False
    opaque: str = ""

    @classmethod
    def parse(cls, value: str) -> Challenge:
        """Raises MalformedMessage for another scheme, or without realm or nonce."""
        params = _digest_params(value, ("nonce", "realm"))
        return cls(
            realm=params["realm"],
            nonce=params["nonce"],
            algorithm=params.get("algorithm") or "MD5",
            qop=tuple(word for word in params.get("qop", "").replace(",", " ").lower().split()),
            stale=params.get("stale", "").lower() == "true",
            opaque=params.get("opaque", ""),
        )

    def serialize(self) -> str:
        parts = [f"realm={_quote(self.realm)}", f"nonce={_quote(self.nonce)}"]
        if self.opaque:
            parts.append(f"opaque={_quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        # gb28181 2.6 shows the order realm, nonce, ..., algorithm, without blanks.
        parts.append(f"algorithm={self.algorithm}")
        return "Digest " + ",".join(parts)


class Authorization(NamedTuple):
    """Authorization and Proxy-Authorization. ``nc`` is the text as sent: it is hashed as sent."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, value: str) -> Authorization:
        """Raises MalformedMessage for another scheme, or when a needed part is missing."""
        return _parse_ordinary(value) or cls._parse_any(value)

    @classmethod
    def _parse_any(cls, value: str) -> Authorization:
        params = _digest_params(value, ("username", "realm", "nonce", "uri", "response"))
        return cls(
            username=params["username"],
            realm=params["realm"],
            nonce=params["nonce"],
            uri=params["uri"],
            response=params["response"].lower(),
            algorithm=params.get("algorithm") or "MD5",
            qop=params.get("qop", ""),
            nc=params.get("nc", ""),
            cnonce=params.get("cnonce", ""),
            opaque=params.get("opaque", ""),
        )

    def serialize(self) -> str:
        parts = [
            f"username={_quote(self.username)}",
            f"realm={_quote(self.realm)}",
            f"nonce={_quote(self.nonce)}",
            f"uri={_quote(self.uri)}",
            f'response="{self.response}"',
            f"algorithm={self.algorithm}",
        ]
        if self.qop:
            parts += [f"qop={self.qop}", f"nc={self.nc}", f"cnonce={_quote(self.cnonce)}"]
        if self.opaque:
            parts.append(f"opaque={_quote(self.opaque)}")
        return "Digest " + ",".join(parts)


# What stands before, between and behind the five quoted texts of the form that nearly all devices send.
_ORDINARY: Final = frozenset(
    ("Digest username=", f"{comma}realm=", f"{comma}nonce=", f"{comma}uri=", f"{comma}response=")
    for comma in (",", ", ")
)
_ALGORITHM_OF_TAIL: Final = {
    "": "MD5",
    **{f"{comma}algorithm={name}": name for comma in (",", ", ") for name in ("MD5", "SHA-256", "SM3")},
}


def _parse_ordinary(value: str) -> Authorization | None:
    """Read credentials without qop in the usual order, None for any other.

    It gives what ``Authorization._parse_any`` would give, in a fifth of the time.
    """
    parts = value.split('"')
    if len(parts) != 11 or "\\" in value:
        return None
    head, username, second, realm, third, nonce, fourth, uri, fifth, response, tail = parts
    algorithm = _ALGORITHM_OF_TAIL.get(tail)
    if algorithm is None or (head, second, third, fourth, fifth) not in _ORDINARY:
        return None
    return Authorization(username, realm, nonce, uri, response.lower(), algorithm)


def _digest_params(value: str, needed: tuple[str, ...]) -> dict[str, str]:
    scheme, _, rest = value.strip(" \t").partition(" ")
    if scheme.lower() != "digest":
        raise MalformedMessage(f"authentication scheme {scheme[:40]!r} is not Digest")
    params: dict[str, str] = {}
    for part in split_list(rest):
        name, equals, text = part.partition("=")
        if equals:
            params.setdefault(name.strip(" \t").lower(), unquote(text.strip(" \t")))
    missing = [name for name in needed if name not in params]
    if missing:
        raise MalformedMessage(f"digest without {', '.join(missing)}")
    return params


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
