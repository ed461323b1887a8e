"""``tongshi conformance``: examines a device through a running platform, or any server as a device."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console import process
from console.errors import StartFailed
from console.simulate import DEFAULT_PLATFORM_ID, TransportName, server_address

if TYPE_CHECKING:
    from console.client import ConformanceOrder
    from console.conformance.model import Report
    from console.conformance.server_side import ServerOptions

POLL_S: Final = 0.5
EXIT_FAILED: Final = 1
DEFAULT_DEVICE_ID: Final = "34020000001320099999"


class EditionName(StrEnum):
    """As which edition's device we speak."""

    V2_0 = "2.0"
    V3_0 = "3.0"


_DEVICE = "With --device"
_SERVER = "With --as-device"

DeviceOption = Annotated[str, typer.Option("--device", help="Id of a device that the platform knows.")]
AsDevice = Annotated[str, typer.Option("--as-device", help="The server, host or host:port.")]
Cases = Annotated[
    list[str] | None, typer.Option("--case", help="Only this case; repeatable. The report names them.")
]
ReportPath = Annotated[Path | None, typer.Option("--report", help="HTML file to write.")]
Url = Annotated[str, typer.Option(help="Of the platform.", rich_help_panel=_DEVICE)]
User = Annotated[
    str, typer.Option(help="Log-in; the password comes from TONGSHI_PASSWORD.", rich_help_panel=_DEVICE)
]
Channel = Annotated[
    str, typer.Option(help="Channel to look at; empty: the first camera.", rich_help_panel=_DEVICE)
]
Despite = Annotated[
    bool, typer.Option(help="Also ask for what its edition does not have.", rich_help_panel=_DEVICE)
]
OperatorWait = Annotated[
    float,
    typer.Option(
        min=0,
        max=180,
        help="Seconds for somebody at the device to raise an alarm and to change its catalogue.",
        rich_help_panel=_DEVICE,
    ),
]
Reboot = Annotated[bool, typer.Option("--reboot", help="Restart the device.", rich_help_panel=_DEVICE)]
Firmware = Annotated[
    str,
    typer.Option(
        "--upgrade",
        metavar="FIRMWARE_ID",
        help="Install a firmware that was uploaded before.",
        rich_help_panel=_DEVICE,
    ),
]
Card = Annotated[
    int | None,
    typer.Option(
        "--format-card",
        metavar="NUMBER",
        min=0,
        max=64,
        help="Erase this storage card; 0: all.",
        rich_help_panel=_DEVICE,
    ),
]
ServerId = Annotated[str, typer.Option(help="The server's 20-digit id.", rich_help_panel=_SERVER)]
Domain = Annotated[
    str, typer.Option(help="SIP domain; empty: first ten digits of its id.", rich_help_panel=_SERVER)
]
DeviceIdOption = Annotated[
    str, typer.Option("--device-id", help="Id as which we register.", rich_help_panel=_SERVER)
]
Password = Annotated[
    str,
    typer.Option(
        envvar="TONGSHI_SIP__PASSWORD",
        help="SIP password; better given by the environment.",
        rich_help_panel=_SERVER,
    ),
]
EditionOption = Annotated[EditionName, typer.Option(help="X-GB-Ver that we state.", rich_help_panel=_SERVER)]
TransportOption = Annotated[TransportName, typer.Option(help="How we speak SIP.", rich_help_panel=_SERVER)]
Seconds = Annotated[
    float,
    typer.Option(
        min=0,
        max=7200,
        help="How long the server's operator has to do what is listed.",
        rich_help_panel=_SERVER,
    ),
]


def add_command(app: typer.Typer) -> None:
    app.command("conformance")(conformance)


def conformance(
    device: DeviceOption = "",
    as_device: AsDevice = "",
    case: Cases = None,
    report: ReportPath = None,
    url: Url = "http://127.0.0.1:8080",
    user: User = "admin",
    channel: Channel = "",
    despite_edition: Despite = False,
    operator_wait: OperatorWait = 0.0,
    reboot: Reboot = False,
    upgrade: Firmware = "",
    format_card: Card = None,
    server_id: ServerId = DEFAULT_PLATFORM_ID,
    domain: Domain = "",
    device_id: DeviceIdOption = DEFAULT_DEVICE_ID,
    password: Password = "",
    edition: EditionOption = EditionName.V3_0,
    transport: TransportOption = TransportName.UDP,
    seconds: Seconds = 120.0,
) -> None:
    """Examine a device (--device), or a server as a device (--as-device); writes a report to print.

    The exit code is 0 when nothing mandatory failed.
    """
    if bool(device) == bool(as_device):
        raise typer.BadParameter("give either --device ID or --as-device SERVER")
    if device:
        from console.client import ConformanceOrder

        login = os.environ.get("TONGSHI_PASSWORD") or typer.prompt("Password", hide_input=True)
        try:
            order = ConformanceOrder(
                cases=case or [],
                channel_id=channel,
                despite_edition=despite_edition,
                operator_wait_s=operator_wait,
                reboot=reboot,
                firmware_id=upgrade,
                format_card=format_card,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        code = process.run(examine_device(device, order, url, user, login, report))
    else:
        from console.conformance.server_side import ServerOptions
        from sipserver.gb.editions import Edition
        from sipserver.sip.flow import Transport

        host, port = server_address(as_device)
        options = ServerOptions(
            host=host,
            port=port,
            server_id=server_id,
            device_id=device_id,
            domain=domain,
            password=password,
            edition=Edition(edition.value),
            transport=Transport[transport.name],
            seconds=seconds,
            cases=tuple(case or ()),
        )
        code = process.run(examine_server(options, report))
    if code:
        raise typer.Exit(code)


async def examine_device(
    device_id: str, order: ConformanceOrder, url: str, user: str, password: str, path: Path | None
) -> int:
    """Let the platform run the cases, and print them as they come."""
    from console.client import Client, ProblemError
    from console.conformance.printing import Printer

    printer = Printer()
    try:
        async with Client.over_http(url) as client, process.stop_requested() as stop:
            await client.login(user, password)
            run = await client.start_conformance(device_id, order)
            printer.heading(f"device {device_id}: {len(run.cases)} cases")
            while True:
                printer.show_run(run)
                if run.end is not None:
                    break
                if stop.is_set():
                    await client.cancel_conformance(device_id, run.run_id)
                await asyncio.sleep(POLL_S)
                run = await client.conformance_run(device_id, run.run_id)
            page = await client.conformance_report(device_id, run.run_id)
    except ProblemError as error:
        raise StartFailed(str(error)) from error
    _write(path, device_id, page)
    printer.verdicts(run.verdicts, run.failed, run.broken_off)
    return EXIT_FAILED if run.failed else process.EXIT_OK


async def examine_server(options: ServerOptions, path: Path | None) -> int:
    """Be a device of this server, and print what it does."""
    from console.conformance import server_side
    from console.conformance.printing import Printer
    from console.conformance.report import as_html
    from sipserver.simulator.errors import SimulatorError
    from sipserver.transport.errors import TransportError

    try:
        report: Report = server_side.new_report(options)
    except ValueError as error:
        raise StartFailed(str(error)) from error
    printer = Printer()
    printer.heading(f"server {report.subject}: {len(report.results)} cases")
    try:
        async with process.stop_requested() as stop:
            running = asyncio.ensure_future(server_side.run(options, report, printer.tell))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({running, stopping}, return_when="FIRST_COMPLETED")
            stopping.cancel()
            running.cancel()
            for outcome in await asyncio.gather(running, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
    except (SimulatorError, TransportError, OSError) as error:
        raise StartFailed(str(error)) from error
    _write(path, options.device_id, as_html(report).encode())
    counted = {result.verdict.value: report.count(result.verdict) for result in report.results}
    printer.verdicts(counted, report.has_failed, report.broken_off)
    return EXIT_FAILED if report.has_failed else process.EXIT_OK


def _write(path: Path | None, subject: str, page: bytes) -> None:
    name = path or Path(f"conformance-{subject}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.html")
    try:
        name.write_bytes(page)
    except OSError as error:
        raise StartFailed(f"the report cannot be written to {name}: {error.strerror}") from error
    process.say(f"report: {name}")
