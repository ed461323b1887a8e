"""Viewers over TLS: outside programs, a certificate that changes, and files that are no good."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from media.errors import ListenFailed
from media.session import MediaSession
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.pretend_camera import PretendCamera
from tests.integration.media.test_outputs import filming, first_sample_is_key, open_camera


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    chain, private = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


def trusting(chain: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(chain))


async def camera_of(make_plane: MakePlane, chain: Path, key: Path) -> MediaSession:
    plane = await make_plane(tls_certificate=chain, tls_key=key)
    return await open_camera(plane)


def address_of(session: MediaSession) -> tuple[str, int]:
    parts = urlsplit(session.grant("address")["fmp4_http"])
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


async def test_all_ways_out_come_over_tls(make_plane: MakePlane, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path, "first")
    session = await camera_of(make_plane, chain, key)
    urls = session.grant("one")
    assert {url.split("://")[0] for url in urls.values() if "://" in url} <= {"wss", "https", "rtsp", "rtmp"}
    context = trusting(chain)
    async with filming(session, PretendCamera(width=640, height=480)):
        await session.wait_first_keyframe(10)
        async with websockets.connect(urls["fmp4_ws"], ssl=context, max_size=None) as viewer:
            assert isinstance(await viewer.recv(), str)
            received = [await viewer.recv() for _ in range(60)]
        assert received[0][4:8] == b"ftyp"
        async with httpx.AsyncClient(verify=context, timeout=20) as client:
            playlist = await client.get(urls["hls"])
            assert playlist.text.startswith("#EXTM3U")
            async with client.stream("GET", urls["fmp4_http"]) as answer:
                total = 0
                async for piece in answer.aiter_bytes():
                    total += len(piece)
                    if total > 500_000:
                        break
        process = await asyncio.create_subprocess_exec(
            *(tool("ffmpeg"), "-v", "error", "-ca_file", str(chain), "-i", urls["fmp4_http"]),
            *("-frames:v", "40", "-f", "null", "-"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3", "-tls1_1"])
async def test_openssl_speaks_both_versions_and_no_older(
    make_plane: MakePlane, tmp_path: Path, version: str
) -> None:
    chain, key = make_certificate(tmp_path, "first")
    session = await camera_of(make_plane, chain, key)
    host, port = address_of(session)
    process = await asyncio.create_subprocess_exec(
        *(tool("openssl"), "s_client", "-connect", f"{host}:{port}", version, "-CAfile", str(chain)),
        *("-verify_return_error", "-ign_eof"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 30)
    assert (b"HTTP/1.1 404 " in out) == (version != "-tls1_1"), out


async def test_a_slow_viewer_over_tls_loses_whole_fragments(make_plane: MakePlane, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path, "first")
    plane = await make_plane(
        tls_certificate=chain, tls_key=key, viewer_queue_bytes=300_000, viewer_send_buffer_bytes=65_536
    )
    session = await open_camera(plane)
    async with filming(session, PretendCamera(width=640, height=480, gop=10), 0.005):
        await session.wait_first_keyframe(10)
        url = session.grant("slow")["fmp4_ws"]
        async with websockets.connect(url, ssl=trusting(chain), max_size=None, max_queue=1) as slow:
            slow.transport.pause_reading()
            await until(lambda: any(row.skipped > 20 for row in session.viewer_stats()), "it is too slow")
            slow.transport.resume_reading()
            async with asyncio.timeout(20):
                skipped, fragment = False, b""
                while not fragment:
                    message = await slow.recv()
                    skipped = skipped or (isinstance(message, str) and "skipped" in message)
                    if skipped and isinstance(message, bytes):
                        fragment = message
    assert fragment[4:8] == b"moof"
    assert first_sample_is_key(fragment)


async def test_a_new_certificate_is_taken_and_nobody_is_dropped(
    make_plane: MakePlane, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain, key = make_certificate(tmp_path, "first")
    session = await camera_of(make_plane, chain, key)
    first = trusting(chain)
    host, port = address_of(session)

    def subject(context: ssl.SSLContext) -> object:
        with (
            socket.create_connection((host, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate = secure.getpeercert()
            assert certificate is not None
            return certificate["subject"][0][0][1]  # type: ignore[index]

    async with filming(session, PretendCamera()):
        await session.wait_first_keyframe(10)
        async with websockets.connect(session.grant("one")["fmp4_ws"], ssl=first, max_size=None) as viewer:
            await viewer.recv()
            assert await asyncio.to_thread(subject, first) == "first"
            chain.write_text("no certificate at all")
            await until(lambda: "is not taken" in caplog.text)
            assert await asyncio.to_thread(subject, first) == "first"
            make_certificate(tmp_path, "second")
            later = datetime.now(UTC).timestamp() + 5
            os.utime(chain, (later, later))
            second = trusting(chain)

            def is_second() -> bool:
                try:
                    return subject(second) == "second"
                except ssl.SSLError:
                    return False

            async with asyncio.timeout(20):
                while not await asyncio.to_thread(is_second):  # noqa: ASYNC110  (the plane looks by itself)
                    await asyncio.sleep(0.1)
            for _ in range(30):
                await viewer.recv()


async def test_a_plain_request_is_told_to_use_tls(make_plane: MakePlane, tmp_path: Path) -> None:
    session = await camera_of(make_plane, *make_certificate(tmp_path, "first"))
    reader, writer = await asyncio.open_connection(*address_of(session))
    writer.write(b"GET /live/x HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"use https" in answer
    writer.close()


async def test_bad_files_stop_the_start_with_their_name(make_plane: MakePlane, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path, "first")
    (tmp_path / "other").mkdir()
    _, foreign = make_certificate(tmp_path / "other", "other")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for certificate, private, said in [
        (tmp_path / "missing.pem", key, "missing.pem"),
        (empty, key, "no certificate"),
        (chain, empty, "empty.pem"),
        (chain, foreign, "do not make a pair"),
        (chain, None, "needs its key"),
    ]:
        with pytest.raises(ListenFailed, match=said):
            await make_plane(tls_certificate=certificate, tls_key=private)
