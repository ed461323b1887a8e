"""A platform's SIP side on real loopback sockets, with fake catalogue and media."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sipserver.devices import invites
from sipserver.devices.dialog_store import MemoryDialogStore
from sipserver.devices.events import DeviceEvent, DeviceWentOffline
from sipserver.devices.features import FeatureSettings
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.sip.flow import Transport
from sipserver.transport.driver import SipTransport
from tests.integration.sipserver.fakes import FakeCatalog, FakeMediaPlane
from tests.integration.sipserver.scripted_device import ScriptedDevice

PASSWORD = "Abc-12345"
DEVICE_ID = "34020000001180000005"


class Clock:
    """The monotonic clock of the transport, moved by hand on top of the real one when a test wants."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead_s


class Bench:
    """One platform and its parts."""

    def __init__(
        self,
        *,
        catalog: FakeCatalog | None = None,
        dialogs: MemoryDialogStore | None = None,
        asks_devices: bool = True,
        features: FeatureSettings | None = None,
        **settings: Any,
    ) -> None:
        self.asks_devices = asks_devices
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "password": PASSWORD,
            "catalog_quiet_s": 0.3,
            "catalog_retries": 0,
            "query_timeout_s": 2.0,
            "invite_timeout_s": 2.0,
            "keyframe_timeout_s": 2.0,
            "linger_s": 0.05,
        }
        self.settings = DeviceSettings(**(values | settings))
        self.features = features
        self.catalog = catalog or FakeCatalog()
        self.media = FakeMediaPlane()
        self.dialogs = dialogs or MemoryDialogStore()
        self.clock = Clock()
        self.transport: SipTransport
        self.service: DeviceService

    async def open(self) -> Bench:
        self.transport = SipTransport(self.settings.transport_settings(), clock=self.clock)
        await self.transport.open()
        self.service = DeviceService(
            self.settings,
            self.transport,
            self.media,  # type: ignore[arg-type]
            self.catalog,
            dialogs=self.dialogs,
            features=self.features,
        )
        await self.service.open()
        if not self.asks_devices:
            self.service.presence.unsubscribe(self.service.catalog_sync.listen)
        return self

    async def close(self) -> None:
        await self.service.close()
        await self.transport.close()

    def address(self, kind: Transport = Transport.UDP) -> tuple[str, int]:
        return next((each.host, each.port) for each in self.transport.addresses if each.transport is kind)

    def device(
        self, device_id: str = DEVICE_ID, kind: Transport = Transport.UDP, **more: Any
    ) -> ScriptedDevice:
        return ScriptedDevice(device_id, self.address(kind), kind=kind.value, password=PASSWORD, **more)


class Certificate(NamedTuple):
    path: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for 127.0.0.1."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tongshi test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    found.path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    """Give the loop turns until the condition holds, at most until the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - the condition is a counter, nobody could set an event
            await asyncio.sleep(0.001)


def offline(bench: Bench, device_id: str = DEVICE_ID) -> asyncio.Future[str]:
    """The reason for which the device goes offline next."""
    reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def listen(event: DeviceEvent) -> None:
        if isinstance(event, DeviceWentOffline) and event.device_id == device_id and not reason.done():
            reason.set_result(event.reason.value)

    bench.service.presence.subscribe(listen)
    return reason


MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture(autouse=True)
def short_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices of a test are gone before its platform, and cannot answer a BYE any more."""
    monkeypatch.setattr(invites, "SHUTDOWN_WAIT_S", 0.05)


@pytest.fixture
async def make_bench() -> AsyncIterator[MakeBench]:
    benches: list[Bench] = []

    async def make(**settings: Any) -> Bench:
        bench = await Bench(**settings).open()
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        await bench.close()


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench()
