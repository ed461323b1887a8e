"""``tongshi demo``: the whole platform with embedded defaults, and a few simulated cameras to look at."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from access.users import ADMIN_NAME, ADMIN_PASSWORD_VARIABLE, generate_password
from catalog.model import ChannelKey
from config.schema import Settings
from config.tables import DatabaseSettings, HttpSettings, LogSettings
from console.app import Platform
from console.process import run_platform, say
from media.nal import VideoCodec
from media.settings import MediaSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.simulator.run import run_fleet
from sipserver.simulator.settings import SimulatedDeviceSettings, camera_settings
from sipserver.sip.flow import Transport
from storage.settings import StorageSettings

PLATFORM_ID: Final = "34020000002000000001"
LOOPBACK: Final = "127.0.0.1"
ADOPT_EVERY_S: Final = 0.5
DEMO_FREE_FLOOR_BYTES: Final = 500_000_000

# Two H.264 over UDP, one H.264 over TCP, one H.265; more cameras begin again.
KINDS: Final = (
    (VideoCodec.H264, Transport.UDP, 1),
    (VideoCodec.H264, Transport.UDP, 2),
    (VideoCodec.H264, Transport.TCP, 2),
    (VideoCodec.H265, Transport.UDP, 3),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    """Kept in the data directory, readable by its owner alone, so that a second start is the same demo."""

    sip_password: str
    admin_password: str

    @classmethod
    def load(cls, directory: Path) -> "DemoSecrets":
        path = directory / "demo.json"
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            return cls(**json.loads(path.read_text("utf-8")))
        made = cls(secrets.token_urlsafe(12), generate_password())
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"sip_password": made.sip_password, "admin_password": made.admin_password}, file)
        return made


async def run_demo(
    *, data: Path, host: str, port: int | None, cameras: int, log: LogSettings, environment: Mapping[str, str]
) -> int:
    """The platform until SIGTERM or Ctrl-C.

    Args:
        data: database, recordings and passwords; made when absent.
        host: address to listen on.
        port: of the page; None = 8080, or any free one when that is taken.
        cameras: simulated ones.
    """
    kept = DemoSecrets.load(data)
    settings = demo_settings(data, host, port, kept.sip_password, log)
    given = environment.get(ADMIN_PASSWORD_VARIABLE, "")
    platform = Platform(settings, {ADMIN_PASSWORD_VARIABLE: given or kept.admin_password})
    fleet = [demo_camera(number, settings) for number in range(cameras)]
    async with contextlib.AsyncExitStack() as stack:

        async def ready(opened: Platform) -> None:
            sip_port = opened.transport.addresses[0].port
            real = [replace(camera, server_port=sip_port) for camera in fleet]
            await stack.enter_async_context(_running(run_fleet(real), "simulated cameras"))
            await stack.enter_async_context(_running(adopt(opened, real), "recording of the demo"))
            _tell(opened, host, "(TONGSHI_ADMIN_PASSWORD)" if given else kept.admin_password, cameras)

        async def leave() -> None:
            # Recordings are closed, then the cameras unregister, then the platform goes.
            await platform.stop_recording()
            await stack.aclose()

        return await run_platform(platform, ready, leave)


def demo_settings(data: Path, host: str, port: int | None, sip_password: str, log: LogSettings) -> Settings:
    """Embedded defaults; a default port that is taken is replaced by a free one."""
    sip, http, media = DeviceSettings(), HttpSettings(), MediaSettings()
    return Settings(
        sip=replace(
            sip,
            id=PLATFORM_ID,
            password=sip_password,
            host=host,
            port=usable_port(host, sip.port),
            linger_s=5.0,
        ),
        http=replace(http, host=host, port=usable_port(host, http.port) if port is None else port),
        media=replace(media, host=host, port=usable_port(host, media.port)),
        storage=StorageSettings(path=data / "recordings", free_floor_bytes=DEMO_FREE_FLOOR_BYTES),
        database=DatabaseSettings(url=f"sqlite:///{data.resolve() / 'tongshi.db'}"),
        log=log,
    )


def demo_camera(number: int, settings: Settings) -> SimulatedDeviceSettings:
    """Camera ``number`` from 0; its server port is filled in when it is known."""
    codec, transport, _ = KINDS[number % len(KINDS)]
    host = LOOPBACK if settings.sip.host == "0.0.0.0" else settings.sip.host  # noqa: S104
    camera = camera_settings(number, settings.sip.id, host, settings.sip.port, settings.sip.password)
    return replace(
        camera,
        transport=transport,
        pictures=replace(camera.pictures, codec=codec),
        # The time of day in the first pictures; encoding it for many, or in H.265, would cost too much.
        live_clock=codec is VideoCodec.H264 and number < len(KINDS),
        keepalive_interval_s=15.0,
    )


async def adopt(platform: Platform, cameras: list[SimulatedDeviceSettings]) -> None:
    """Have each camera recorded, as soon as its catalogue is known."""
    waiting = {
        ChannelKey(camera.device_id, camera.all_channel_ids[0]): KINDS[number % len(KINDS)][2]
        for number, camera in enumerate(cameras)
    }
    while waiting:
        for key, camera_class in list(waiting.items()):
            channel = await platform.catalog.get_channel(key)
            if channel is None:
                continue
            del waiting[key]
            if not channel.record_always:
                await platform.catalog.set_channel(key, record_always=True, camera_class=camera_class)
        await asyncio.sleep(ADOPT_EVERY_S)


def usable_port(host: str, wanted: int) -> int:
    """``wanted`` when it is free for TCP and UDP, else 0: the system chooses."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            try:
                probe.bind((host, wanted))
            except OSError:
                return 0
    return wanted


def _tell(platform: Platform, host: str, password: str, cameras: int) -> None:
    shown = LOOPBACK if host == "0.0.0.0" else host  # noqa: S104
    sip = platform.transport.addresses[0]
    say("")
    say(f"  Tongshi runs with {cameras} simulated cameras.")
    say(f"  Page:      http://{shown}:{platform.http_port}/")
    say(f"  Log in:    {ADMIN_NAME}  {password}")
    say(f"  SIP:       {shown}:{sip.port}, server id {platform.settings.sip.id}")
    say("  Stop:      Ctrl-C")
    say("")


@contextlib.asynccontextmanager
async def _running(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s ended: %s", task.get_name(), error)
