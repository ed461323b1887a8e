"""``tongshi simulate``: cameras and NVRs that register at a platform, this one or another."""

import asyncio
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Final

import typer

from config.tables import LogSettings
from console import process
from console.errors import StartFailed
from console.logging import set_up_logging
from media.nal import VideoCodec
from sipserver.simulator.errors import SimulatorError
from sipserver.simulator.faults import behaviour_of, listing, named
from sipserver.simulator.settings import SimulatedDeviceSettings, camera_settings, nvr_settings
from sipserver.sip.flow import Transport
from sipserver.transport.errors import TransportError

DEFAULT_PLATFORM_ID: Final = "34020000002000000001"


class TransportName(StrEnum):
    """How the device speaks SIP; over TCP its media comes over TCP too."""

    UDP = "udp"
    TCP = "tcp"


class CodecName(StrEnum):
    H264 = "h264"
    H265 = "h265"


Server = Annotated[str, typer.Option(help="The platform, host or host:port.")]
ServerId = Annotated[str, typer.Option(help="The platform's 20-digit id.")]
Domain = Annotated[str, typer.Option(help="SIP domain; empty: the first ten digits of the platform's id.")]
DeviceIdOption = Annotated[
    str, typer.Option("--id", help="The device's id; empty: made from the platform's.")
]
Password = Annotated[
    str, typer.Option(envvar="TONGSHI_SIP__PASSWORD", help="SIP password; better given by the environment.")
]
TransportOption = Annotated[TransportName, typer.Option(help="How it speaks SIP.")]
Codec = Annotated[CodecName, typer.Option(help="Of the picture.")]
Count = Annotated[int, typer.Option(min=1, max=2000, help="So many devices, with ids that count up.")]
Channels = Annotated[int, typer.Option(min=1, max=999, help="Channels of each NVR.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        help="What goes wrong on purpose, as in wrong-ssrc,no-psm,late-stream=4; `simulate faults` lists all."
    ),
]
Keepalive = Annotated[float, typer.Option(min=1, max=3600, help="Seconds between keepalives.")]
Bitrate = Annotated[int, typer.Option(min=64, max=50_000, help="Of the picture, kbit/s.")]
Width = Annotated[int, typer.Option(min=64, max=3840, help="Of the picture, pixels (16:9).")]
Clock = Annotated[bool, typer.Option(help="Draw the time of day into the picture; costs encoding.")]


def add_commands(group: typer.Typer) -> None:
    group.command("camera")(camera)
    group.command("nvr")(nvr)
    group.command("faults")(faults)


def camera(
    server: Server = "127.0.0.1:5060",
    server_id: ServerId = DEFAULT_PLATFORM_ID,
    domain: Domain = "",
    device_id: DeviceIdOption = "",
    password: Password = "",
    transport: TransportOption = TransportName.UDP,
    codec: Codec = CodecName.H264,
    count: Count = 1,
    fault: Fault = None,
    keepalive: Keepalive = 60.0,
    bitrate: Bitrate = 512,
    width: Width = 640,
    clock: Clock = False,
) -> None:
    """One or many cameras, until Ctrl-C."""
    host, port = server_address(server)
    fleet = [camera_settings(index, server_id, host, port, password) for index in range(count)]
    fleet = [
        _dressed(each, index, domain, device_id, transport, codec, fault, keepalive, bitrate, width, clock)
        for index, each in enumerate(fleet)
    ]
    _run(fleet)


def nvr(
    server: Server = "127.0.0.1:5060",
    server_id: ServerId = DEFAULT_PLATFORM_ID,
    domain: Domain = "",
    device_id: DeviceIdOption = "",
    password: Password = "",
    transport: TransportOption = TransportName.UDP,
    codec: Codec = CodecName.H264,
    channels: Channels = 16,
    count: Count = 1,
    fault: Fault = None,
    keepalive: Keepalive = 60.0,
    bitrate: Bitrate = 512,
    width: Width = 640,
    clock: Clock = False,
) -> None:
    """One or many NVRs, until Ctrl-C."""
    host, port = server_address(server)
    fleet = [nvr_settings(index, channels, server_id, host, port, password) for index in range(count)]
    fleet = [
        _dressed(each, index, domain, device_id, transport, codec, fault, keepalive, bitrate, width, clock)
        for index, each in enumerate(fleet)
    ]
    _run(fleet)


def faults() -> None:
    """List what can go wrong on purpose; Qn is a row of the quirk catalogue, N a number of yours."""
    typer.echo(listing())


def _dressed(
    settings: SimulatedDeviceSettings,
    index: int,
    domain: str,
    device_id: str,
    transport: TransportName,
    codec: CodecName,
    fault: list[str] | None,
    keepalive_s: float,
    bitrate_kbps: int,
    width: int,
    clock: bool,
) -> SimulatedDeviceSettings:
    own_id = settings.device_id if not device_id else f"{int(device_id) + index:0{len(device_id)}d}"
    pictures = replace(
        settings.pictures,
        codec=VideoCodec[codec.name],
        bitrate_kbps=bitrate_kbps,
        width=width // 16 * 16,
        height=max(64, width // 16 * 9),
    )
    return replace(
        settings,
        device_id=own_id,
        domain=domain,
        transport=Transport[transport.name],
        pictures=pictures,
        live_clock=clock,
        keepalive_interval_s=keepalive_s,
        faults=named(fault or ()),
    )


def _run(fleet: list[SimulatedDeviceSettings]) -> None:
    set_up_logging(LogSettings())
    code = process.run(_run_until_stopped(fleet))
    if code:
        raise typer.Exit(code)


async def _run_until_stopped(fleet: list[SimulatedDeviceSettings]) -> int:
    from sipserver.simulator.run import run_fleet

    try:
        for settings in fleet:
            behaviour_of(settings.faults)
        async with process.stop_requested() as stop:
            running = asyncio.ensure_future(run_fleet(fleet))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({running, stopping}, return_when="FIRST_COMPLETED")
            stopping.cancel()
            running.cancel()
            for result in await asyncio.gather(running, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
    except (SimulatorError, TransportError, OSError) as error:
        raise StartFailed(str(error)) from error
    return process.EXIT_OK


def server_address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator:
        return text, 5060
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"{text!r} is not host or host:port")
    return host.strip("[]"), int(port)
