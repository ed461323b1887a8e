"""Whether a source is there, without asking for its stream: cheap enough to ask hundreds each minute."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from media.sources.address import SourceAddress
from media.sources.errors import (
    SourceFailed,
    SourceProtocol,
    SourceRefused,
    SourceTimedOut,
    SourceUnreachable,
)
from media.sources.opening import NO_ROUTE

MAX_ANSWER: Final = 4096
RTMP_VERSION: Final = 3
RTMP_HANDSHAKE_BYTES: Final = 1536


async def resolve(address: SourceAddress, timeout_s: float) -> None:
    """See that the name of the host is known.

    Raises:
        SourceUnreachable: it is not, or nobody answers that question in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise SourceUnreachable(f"the name {address.host} was not found within {timeout_s:g} s") from None
    except OSError as error:
        raise SourceUnreachable(f"the name {address.host} is not known: {error.strerror}") from None


async def reach(address: SourceAddress, timeout_s: float) -> None:
    """Ask the source for a sign of life: OPTIONS over RTSP, the handshake over RTMP.

    Any answer of the protocol will do, a refusal too: whether the stream can be had is seen by pulling it.

    Raises:
        SourceFailed: why it is not there.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await _ask(address)
    except TimeoutError:
        raise SourceTimedOut(f"source {address.shown}: no answer within {timeout_s:g} s") from None
    except ssl.SSLError as error:
        raise SourceProtocol(f"source {address.shown}: no TLS there: {error.reason}") from None
    except OSError as error:
        raise _failure(address, error) from None


async def _ask(address: SourceAddress) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=_tls(address))
    try:
        if address.is_rtsp:
            await _options(address, reader, writer)
        else:
            await _handshake(address, reader, writer)
    finally:
        writer.transport.abort()


async def _options(
    address: SourceAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(f"OPTIONS {address.plain} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Tongshi\r\n\r\n".encode())
    await writer.drain()
    answer = await reader.read(MAX_ANSWER)
    if not answer.startswith(b"RTSP/1."):
        raise SourceProtocol(f"source {address.shown} answered {answer[:20]!r}, which is not RTSP")


async def _handshake(
    address: SourceAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(bytes([RTMP_VERSION]) + bytes(RTMP_HANDSHAKE_BYTES))
    await writer.drain()
    answer = await reader.read(1)
    if answer != bytes([RTMP_VERSION]):
        raise SourceProtocol(f"source {address.shown} answered {answer!r}, which is not RTMP")


def _tls(address: SourceAddress) -> ssl.SSLContext | None:
    if not address.is_encrypted:
        return None
    context = ssl.create_default_context()
    # Cameras sign their certificates themselves. Nothing secret is sent here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _failure(address: SourceAddress, error: OSError) -> SourceFailed:
    if isinstance(error, ConnectionRefusedError):
        return SourceRefused(f"source {address.shown} answered that nothing listens at this port")
    if isinstance(error, socket.gaierror):
        return SourceUnreachable(f"the name {address.host} is not known: {error.strerror}")
    if error.errno in NO_ROUTE:
        return SourceUnreachable(f"source {address.shown}: no way leads there ({error.strerror})")
    return SourceFailed(f"source {address.shown}: {error.strerror or type(error).__name__}")
