"""TLS contexts for SIP: TLS 1.2 or newer, the platform's own certificate."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sipserver.transport.errors import ConnectFailed, ListenFailed

_ALERTS: Final[Mapping[str, str]] = {
    "WRONG_VERSION_NUMBER": "no TLS is spoken there",
    "RECORD_LAYER_FAILURE": "no TLS is spoken there",
    "UNSUPPORTED_PROTOCOL": "it speaks a version of TLS older than 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks a version of TLS older than 1.2",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust our certificate (sip.tls_certificate)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate (sip.tls_certificate)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate of ours (sip.tls_certificate)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it refused the handshake: no common cipher, or no certificate of ours",
}
"""What an operator reads in place of a code of OpenSSL."""


@dataclass(frozen=True, slots=True)
class TlsTrust:
    """Which certificate of a server is good enough for a side that connects."""

    authorities: Path | None = None
    """PEM file with those that may have signed it; None: those that the system trusts."""
    is_checked: bool = True
    """False: any certificate will do, and nobody knows who is at the other end."""
    name: str = ""
    """What the certificate has to be for; empty: the host that is connected to."""


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """The context of the listening side.

    Raises:
        ListenFailed: no certificate is configured, or the files do not hold one.
    """
    if certificate is None or key is None:
        raise ListenFailed("a TLS address is configured without tls_certificate and tls_key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ListenFailed(f"tls_certificate {certificate} with tls_key {key}: {error}") from error
    return context


def client_context(authorities: Path | None) -> ssl.SSLContext:
    """The context of a side that connects; without authorities the certificate is not checked.

    Devices and simulated cameras meet self-signed platforms; a name is no help there, because
    peers are known by their 20-digit id.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    if authorities is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(authorities)
    return context


def checking_context(trust: TlsTrust, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """The context of a side that connects and looks at whom it has reached.

    Args:
        certificate: our own, shown to a server that asks for one; with its ``key``.

    Raises:
        ConnectFailed: a file does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if not trust.is_checked:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif trust.authorities is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(trust.authorities)
    except (OSError, ssl.SSLError) as error:
        raise ConnectFailed(f"certificate authorities {trust.authorities}: {error}") from error
    if certificate is not None and key is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConnectFailed(f"tls_certificate {certificate} with tls_key {key}: {error}") from error
    return context


def reason_of(error: BaseException) -> str:
    """Why a connection could not be made, in words for the one who has to do something about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message or error}"
    if isinstance(error, ssl.SSLError):
        return _ALERTS.get(error.reason or "", f"TLS: {error.reason or error}")
    return str(error) or type(error).__name__
