"""``tongshi simulate superior``: a superior platform that puts who registers through a list of steps."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from config.tables import LogSettings
from console import process
from console.errors import StartFailed
from console.logging import set_up_logging
from sipserver.gb.charset import GB2312, UTF_8
from sipserver.gb.editions import Edition
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.errors import BadSteps
from sipserver.simulator.superior.run import DEFAULT_STEPS, FIRST, KINDS, StepResult, run_steps
from sipserver.simulator.superior.settings import DEFAULT_SUPERIOR_ID, SuperiorSettings
from sipserver.simulator.superior.steps import Step, StepsFile, Value, listing, load_file, parse_line
from sipserver.sip.flow import Transport
from sipserver.transport.addresses import split_host_port
from sipserver.transport.errors import TransportError
from sipserver.transport.settings import ListenAddress, listen_pair

EXIT_STEP_FAILED: Final = 1
DEFAULT_LISTEN: Final = "0.0.0.0:5060"
FILE_KEYS: Final = (
    "id", "domain", "listen", "tls_listen", "tls_certificate", "tls_key", "password", "edition", "charset",
    "media_host",
)  # fmt: skip


class EditionName(StrEnum):
    """Which edition it speaks."""

    V2_0 = "2.0"
    V3_0 = "3.0"


class CharsetName(StrEnum):
    GB2312 = GB2312
    UTF_8 = UTF_8


StepsOption = Annotated[
    Path | None,
    typer.Option("--steps", help="TOML file with a table step for each, and one superior for the options."),
]
StepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--step", help='One step, as in "live transport=tcp-active seconds=5"; repeatable, after the file\'s.'
    ),
]
ListSteps = Annotated[
    bool, typer.Option("--list-steps", help="Print all steps with their parameters, and end.")
]
Listen = Annotated[
    str, typer.Option(help=f"Address for SIP over UDP and TCP; {DEFAULT_LISTEN} if not given.")
]
TlsListen = Annotated[str, typer.Option(help="Address for SIP over TLS, as in 0.0.0.0:5061.")]
TlsCertificate = Annotated[str, typer.Option(help="PEM file of --tls-listen.")]
TlsKey = Annotated[str, typer.Option(help="PEM file of --tls-listen.")]
SuperiorId = Annotated[
    str, typer.Option("--id", help=f"Its id of 20 digits; {DEFAULT_SUPERIOR_ID} if not given.")
]
Domain = Annotated[str, typer.Option(help="SIP domain; empty: the first ten digits of its id.")]
Password = Annotated[
    str,
    typer.Option(
        envvar="TONGSHI_SIP__PASSWORD",
        help="Of every subordinate; empty: all are let in. Better given by the environment.",
    ),
]
EditionOption = Annotated[EditionName | None, typer.Option(help="Which edition it speaks; 3.0 if not given.")]
CharsetOption = Annotated[CharsetName | None, typer.Option(help="Of its bodies; GB2312 if not given.")]
MediaHost = Annotated[str, typer.Option(help="Where pictures are sent to; empty: as it is reached.")]
Directory = Annotated[Path, typer.Option("--directory", help="Where save= writes its files.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Go on after a step that failed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of lines.")]
Stay = Annotated[bool, typer.Option("--stay", help="After the last step go on until Ctrl-C.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line and the file say together."""

    settings: SuperiorSettings
    steps: tuple[Step, ...]
    directory: Path
    keep_going: bool
    as_json: bool
    stays: bool


def add_commands(group: typer.Typer) -> None:
    group.command("superior")(superior)


def superior(
    steps: StepsOption = None,
    step: StepOption = None,
    list_steps: ListSteps = False,
    listen: Listen = "",
    tls_listen: TlsListen = "",
    tls_certificate: TlsCertificate = "",
    tls_key: TlsKey = "",
    superior_id: SuperiorId = "",
    domain: Domain = "",
    password: Password = "",
    edition: EditionOption = None,
    charset: CharsetOption = None,
    media_host: MediaHost = "",
    directory: Directory = Path(),
    keep_going: KeepGoing = False,
    as_json: Json = False,
    stay: Stay = False,
) -> None:
    """A superior platform: who registers is put through a list of steps, and each is told with its result.

    The exit code is 0 when all steps passed, 1 when one failed, 2 when the steps are not understood.
    """
    if list_steps:
        process.say(listing(KINDS))
        return
    given = {
        "listen": listen, "tls_listen": tls_listen, "tls_certificate": tls_certificate, "tls_key": tls_key,
        "id": superior_id, "domain": domain, "password": password, "media_host": media_host,
        "edition": edition.value if edition else "", "charset": charset.value if charset else "",
    }  # fmt: skip
    try:
        file = load_file(KINDS, steps) if steps is not None else StepsFile({}, ())
        told = {name: value for name, value in given.items() if value}
        settings = _settings({**_known(file.superior, steps), **told})
        lines = step or (() if file.steps else DEFAULT_STEPS)
        wanted = (*file.steps, *(parse_line(KINDS, line) for line in lines))
        # Nobody can be asked before it is there.
        first = () if wanted[0].name == FIRST else (parse_line(KINDS, FIRST),)
        order = Order(
            settings=settings,
            steps=(*first, *wanted),
            directory=directory,
            keep_going=keep_going,
            as_json=as_json,
            stays=stay,
        )
    except BadSteps as error:
        process.say_error(str(error))
        raise typer.Exit(process.EXIT_CONFIG) from None
    set_up_logging(LogSettings(level="warning"))
    code = process.run(_run(order))
    if code:
        raise typer.Exit(code)


async def _run(order: Order) -> int:
    desk = SimulatedSuperior(order.settings)
    results: list[StepResult] = []

    def report(result: StepResult) -> None:
        results.append(result)
        if not order.as_json:
            process.say(str(result))

    try:
        await desk.open()
        async with process.stop_requested() as stop:
            running = asyncio.ensure_future(
                run_steps(
                    desk, order.steps, directory=order.directory, keep_going=order.keep_going, report=report
                )
            )
            stopping = asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if order.stays and running.done() and not running.exception():
                    await stop.wait()
            finally:
                stopping.cancel()
                running.cancel()
                outcome = (await asyncio.gather(running, return_exceptions=True))[0]
            if isinstance(outcome, Exception):
                raise outcome
    except (TransportError, OSError) as error:
        raise StartFailed(str(error)) from error
    finally:
        await desk.close()
    return _verdict(order, results)


def _verdict(order: Order, results: list[StepResult]) -> int:
    failed = sum(not each.passed for each in results)
    left = len(order.steps) - len(results)
    if order.as_json:
        document = {
            "superior_id": order.settings.superior_id,
            "passed": not (failed or left),
            "not_done": left,
            "steps": [each.as_json() for each in results],
        }
        process.say(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        not_done = f", {left} not done" if left else ""
        process.say(f"{len(results) - failed} of {len(order.steps)} steps passed, {failed} failed{not_done}")
    return EXIT_STEP_FAILED if failed or left else process.EXIT_OK


def _known(table: Mapping[str, Value], path: Path | None) -> dict[str, str]:
    for key in table:
        if key not in FILE_KEYS:
            raise BadSteps(f"{path}: [superior] has no {key!r}; it has {', '.join(FILE_KEYS)}")
    return {key: str(value) for key, value in table.items()}


def _settings(told: Mapping[str, str]) -> SuperiorSettings:
    """Raises BadSteps: a value that there is not."""
    superior_id = told.get("id", DEFAULT_SUPERIOR_ID)
    if not (len(superior_id) == 20 and superior_id.isascii() and superior_id.isdecimal()):
        raise BadSteps(f"the superior's id is {superior_id!r}, not 20 digits")
    try:
        edition = Edition(told.get("edition", EditionName.V3_0))
        charset = CharsetName(told.get("charset", GB2312))
        listens: tuple[ListenAddress, ...] = listen_pair(*_address(told.get("listen", DEFAULT_LISTEN)))
        if tls := told.get("tls_listen"):
            listens += (ListenAddress(Transport.TLS, *_address(tls)),)
    except ValueError as error:
        raise BadSteps(str(error)) from None
    return SuperiorSettings(
        superior_id=superior_id,
        domain=told.get("domain", ""),
        listens=listens,
        password=told.get("password", ""),
        edition=edition,
        charset=charset.value,
        media_host=told.get("media_host", ""),
        tls_certificate=Path(told["tls_certificate"]) if "tls_certificate" in told else None,
        tls_key=Path(told["tls_key"]) if "tls_key" in told else None,
    )


def _address(text: str) -> tuple[str, int]:
    """Where to listen; port 0 lets the kernel choose. Raises ValueError."""
    try:
        host, port = split_host_port(text)
    except ValueError:
        host, port = "", None
    if not host or port is None or not 0 <= port < 65_536:
        raise ValueError(f"{text!r} is not host:port")
    return host, port
