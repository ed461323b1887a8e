"""TLS contexts for SIP: TLS 1.2 or newer, the platform's own certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

from sipserver.transport.errors import ListenFailed


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
