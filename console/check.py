"""``tongshi check``: can this machine run the platform as configured? Opens and closes, changes nothing."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from config.database import newest_revision, open_database, schema_revision
from config.schema import Settings
from console.server import bind_advice
from console.starting import secrets_directory
from media.buffers import check_buffers
from storage.check import Severity
from storage.check import check as check_storage

RTP_SAMPLE: Final = 16
EARLIEST_BUILD: Final = datetime(2025, 1, 1, tzinfo=UTC)
WANTED_OPEN_FILES: Final = 4096
CLOCK_LIMIT_S: Final = 1.0


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    what: str
    verdict: Verdict
    detail: str


async def run_checks(settings: Settings) -> list[Finding]:
    """Everything, also after a failure: the operator wants the whole list at once."""
    findings: list[Finding] = []
    for check in (
        check_ports,
        check_addresses,
        check_rtp_ports,
        check_disk,
        check_clock,
        check_limits,
        check_socket_buffers,
    ):
        findings += _guarded(check, settings)
    return [*findings, *await check_database(settings), *await check_recordings(settings)]


def print_findings(findings: list[Finding]) -> int:
    """The table on standard output; returns the exit code."""
    table = Table("what", "", "detail")
    colours = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}
    for finding in findings:
        colour = colours[finding.verdict]
        table.add_row(finding.what, f"[{colour}]{finding.verdict.value}[/]", finding.detail)
    Console().print(table)
    return int(any(finding.verdict is Verdict.FAILED for finding in findings))


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Each listener's port can be had. A running platform of this configuration shows here as taken."""
    sip, http, media = settings.sip, settings.http, settings.media
    yield _bind("sip", "sip udp", socket.SOCK_DGRAM, sip.host, sip.port)
    yield _bind("sip", "sip tcp", socket.SOCK_STREAM, sip.host, sip.port)
    if sip.tls_port:
        yield _bind("sip", "sip tls", socket.SOCK_STREAM, sip.host, sip.tls_port)
        for key in ("tls_certificate", "tls_key"):
            yield _readable(f"sip.{key}", getattr(sip, key))
    yield _bind("http", "http", socket.SOCK_STREAM, http.host, http.port)
    yield _bind("media", "media", socket.SOCK_STREAM, media.host, media.port)
    for what, kind, port in (
        ("media shared udp", socket.SOCK_DGRAM, media.shared_udp_port),
        ("media shared tcp", socket.SOCK_STREAM, media.shared_tcp_port),
    ):
        if port:
            yield _bind("media", what, kind, media.reception_host, port)


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """What devices are told to send to: an address that leads here, never a wildcard or loopback."""
    sip = settings.sip
    for key, host in (
        ("sip.advertised_host", sip.advertised_host),
        ("sip.media_advertised_host", sip.media_advertised_host),
    ):
        if host:
            yield _advertised(key, host)
    if not sip.advertised_host:
        local = _local_address()
        detail = f"not set; devices are told the address of the route to each, here {local or 'none found'}"
        yield Finding("sip.advertised_host", Verdict.OK if local else Verdict.WARNING, detail)
    if not sip.password and not sip.allow_empty_password:
        detail = "empty: only devices with a password of their own can register"
        yield Finding("sip.password", Verdict.WARNING, detail)
    if sip.allow_empty_password:
        detail = "true: whoever reaches the port can register without a password"
        yield Finding("sip.allow_empty_password", Verdict.WARNING, detail)


def check_rtp_ports(settings: Settings) -> Iterator[Finding]:
    """A sample of the receive ports, spread over the range."""
    low, high = (int(part) for part in settings.media.rtp_ports.split("-"))
    ports = range(low + low % 2, high, 2)
    sample = ports[:: max(1, len(ports) // RTP_SAMPLE)]
    taken = [port for port in sample if not _is_free(socket.SOCK_DGRAM, settings.media.reception_host, port)]
    detail = f"{len(ports)} streams at once fit into {settings.media.rtp_ports}"
    if taken:
        detail += f"; taken among {len(sample)} looked at: {', '.join(map(str, taken))}"
    yield Finding("media.rtp_ports", Verdict.WARNING if taken else Verdict.OK, detail)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Room and rights where recordings and keys go."""
    path = settings.storage.path
    existing = _nearest_existing(path)
    usage = shutil.disk_usage(existing)
    floor = settings.storage.free_floor_bytes
    verdict = Verdict.OK if usage.free > floor else Verdict.FAILED
    detail = (
        f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free, recording stops at {floor / 1e9:.1f} GB"
    )
    yield Finding(f"disk of {path}", verdict, detail)
    for name, directory in (("storage.path", path), ("keys", secrets_directory(settings))):
        existing = _nearest_existing(directory)
        is_writable = os.access(existing, os.W_OK | os.X_OK)
        detail = str(directory) if is_writable else f"{existing} may not be written by this user"
        yield Finding(name, Verdict.OK if is_writable else Verdict.FAILED, detail)


def check_clock(_settings: Settings) -> Iterator[Finding]:
    """Devices set their clocks by ours, and deletion goes by it."""
    now = datetime.now(UTC)
    first = time.time() - time.monotonic()
    zone = time.strftime("%Z %z")
    is_plausible = now > EARLIEST_BUILD
    detail = f"{now.isoformat(timespec='seconds')}, zone {zone}"
    if not is_plausible:
        detail += ": set the clock, best with a time service (chrony, systemd-timesyncd)"
    yield Finding("clock", Verdict.OK if is_plausible else Verdict.FAILED, detail)
    synchronised = _is_synchronised()
    if synchronised is not None:
        detail = "a time service keeps it" if synchronised else "no time service keeps it; install chrony"
        yield Finding("time service", Verdict.OK if synchronised else Verdict.WARNING, detail)
    drift = abs((time.time() - time.monotonic()) - first)
    if drift > CLOCK_LIMIT_S:
        yield Finding("clock", Verdict.WARNING, f"it jumped by {drift:.1f} s during this check")


def check_limits(_settings: Settings) -> Iterator[Finding]:
    """What the operating system allows."""
    import resource

    # The platform raises its own limit to the hard one when it starts.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = hard == resource.RLIM_INFINITY or hard >= WANTED_OPEN_FILES
    verdict = Verdict.OK if is_enough else Verdict.WARNING
    detail = (
        f"{hard if hard != resource.RLIM_INFINITY else 'no limit'}; each stream takes two, each viewer one"
        + ("" if is_enough else f": raise it (ulimit -Hn {WANTED_OPEN_FILES * 4})")
    )
    yield Finding("open files", verdict, detail)


def check_socket_buffers(settings: Settings) -> Iterator[Finding]:
    """Key frames come in bursts: what does not fit is lost."""
    for buffer in check_buffers(settings.media):
        yield Finding(buffer.name, Verdict.OK if buffer.is_enough else Verdict.WARNING, str(buffer))


async def check_database(settings: Settings) -> list[Finding]:
    """It opens, and its schema is known."""
    url = make_url(settings.database.url)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and (finding := _new_file(url.database or "", shown)):
        return [finding]
    engine = open_database(settings.database.url)
    try:
        async with asyncio.timeout(10):
            revision = await schema_revision(engine)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return [Finding("database", Verdict.FAILED, f"{shown}: {type(error).__name__}: {_first_line(error)}")]
    finally:
        await engine.dispose()
    newest = newest_revision()
    detail = f"{shown}: schema {revision}" + (
        "" if revision == newest else f", becomes {newest} at the start"
    )
    return [Finding("database", Verdict.OK, detail)]


async def check_recordings(settings: Settings) -> list[Finding]:
    """Index, files and deletion ledger agree."""
    if not settings.storage.path.is_dir():
        return [Finding("recordings", Verdict.OK, "none yet")]
    engine = open_database(settings.database.url)
    try:
        if await schema_revision(engine) is None:
            return [Finding("recordings", Verdict.OK, "none yet")]
        found = await check_storage(settings.storage, engine)
    except (SQLAlchemyError, OSError) as error:
        return [Finding("recordings", Verdict.FAILED, _first_line(error))]
    finally:
        await engine.dispose()
    verdicts = {Severity.ERROR: Verdict.FAILED, Severity.WARNING: Verdict.WARNING}
    lines = [
        Finding(
            f"recordings: {each.code}",
            verdicts.get(each.severity, Verdict.OK),
            f"{each.subject}: {each.detail}",
        )
        for each in found
    ]
    return lines or [Finding("recordings", Verdict.OK, "index, files and ledger agree")]


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except OSError as error:
        return [Finding(check.__name__.removeprefix("check_"), Verdict.FAILED, str(error))]


def _bind(table: str, what: str, kind: socket.SocketKind, host: str, port: int) -> Finding:
    try:
        _try_bind(kind, host, port)
    except OSError as error:
        return Finding(what, Verdict.FAILED, bind_advice(table, host, port, error))
    return Finding(what, Verdict.OK, f"{host}:{port or 'any free port'}")


def _is_free(kind: socket.SocketKind, host: str, port: int) -> bool:
    try:
        _try_bind(kind, host, port)
    except OSError:
        return False
    return True


def _try_bind(kind: socket.SocketKind, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _advertised(key: str, host: str) -> Finding:
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return Finding(key, Verdict.FAILED, f"{host} is no address that a device can send to")
    try:
        address = socket.getaddrinfo(host, None)[0][4][0]
    except OSError as error:
        return Finding(key, Verdict.FAILED, f"{host}: {error.strerror or error}")
    own = _is_free(socket.SOCK_DGRAM, str(address), 0)
    detail = f"{host}" if own else f"{host} is not on this machine: right only behind address translation"
    return Finding(key, Verdict.OK if own else Verdict.WARNING, detail)


def _local_address() -> str:
    """The address of the default route; a UDP connect sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _readable(key: str, path: str) -> Finding:
    is_readable = bool(path) and os.access(path, os.R_OK)
    return Finding(key, Verdict.OK if is_readable else Verdict.FAILED, path or "not set")


def _is_synchronised() -> bool | None:
    """What the time services of Linux leave behind; None where nothing can be told."""
    if Path("/run/systemd/timesync/synchronized").exists() or Path("/run/chrony/chronyd.pid").exists():
        return True
    return False if Path("/run/systemd/system").exists() else None


def _new_file(name: str, shown: str) -> Finding | None:
    """About a SQLite file that is not there yet; None when it is."""
    path = Path(name)
    if not name or path.exists():
        return None
    directory = _nearest_existing(path.parent)
    is_writable = os.access(directory, os.W_OK | os.X_OK)
    detail = f"{shown}: will be made" if is_writable else f"{directory} may not be written by this user"
    return Finding("database", Verdict.OK if is_writable else Verdict.FAILED, detail)


def _nearest_existing(path: Path) -> Path:
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
