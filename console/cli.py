"""The ``tongshi`` command."""

import asyncio
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from config.errors import ConfigError
from config.load import load_settings
from config.schema import Settings
from config.tables import LogSettings
from console import process
from console.logging import set_up_logging

app: Final = typer.Typer(
    help="Tongshi (通视): a GB/T 28181 video platform.", no_args_is_help=True, add_completion=False
)
user_app: Final = typer.Typer(help="People who may log in.", no_args_is_help=True)
simulate_app: Final = typer.Typer(help="Devices and platforms to play with.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(simulate_app, name="simulate")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; see config/tongshi.toml for every key.")
]


class RoleName(StrEnum):
    """As ``access.roles.Role``, which the command line does not need to load for its help."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


def main() -> None:
    """The console script."""
    app()


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Run the platform until SIGTERM or Ctrl-C."""
    settings = _load(config)
    set_up_logging(settings.log)
    _end(process.run(_serve(settings)))


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Where database and recordings go.")] = Path("demo-data"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of the page; else 8080 or a free one.")
    ] = None,
    cameras: Annotated[int, typer.Option(min=0, max=200, help="Simulated cameras.")] = 4,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
) -> None:
    """Run the platform with embedded defaults and simulated cameras, which are recorded."""
    from console.demo import run_demo

    log = LogSettings(level=log_level)  # type: ignore[arg-type]
    set_up_logging(log)
    # Wanted on every terminal: the one line that says that it works, and where.
    logging.getLogger("console.app").setLevel(min(logging.INFO, logging.getLogger().level))
    _end(
        process.run(
            run_demo(data=data, host=host, port=port, cameras=cameras, log=log, environment=os.environ)
        )
    )


@app.command()
def check(config: ConfigOption = None) -> None:
    """Look whether this machine can run the platform as configured; the exit code is 1 when it cannot."""
    from console.check import print_findings, run_checks

    settings = _load(config)
    findings = asyncio.run(run_checks(settings))
    _end(print_findings(findings))


@app.command()
def version() -> None:
    """Print the version."""
    from console.version import product_version

    process.say(f"tongshi {product_version()} on Python {sys.version.split()[0]}")


@user_app.command("add")
def user_add(
    username: str,
    role: Annotated[RoleName, typer.Option(help="What the user may do.")] = RoleName.VIEWER,
    config: ConfigOption = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Add a user."""
    from console.users import add_user

    _end(process.run(add_user(_load(config), username, role.value, _ask_password(password_stdin))))


@user_app.command("password")
def user_password(
    username: str,
    config: ConfigOption = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Set a user's password; ends the user's log-ins and lifts a lock."""
    from console.users import set_password

    _end(process.run(set_password(_load(config), username, _ask_password(password_stdin))))


async def _serve(settings: Settings) -> int:
    from console.app import Platform

    return await process.run_platform(Platform(settings))


def _load(config: Path | None) -> Settings:
    try:
        return load_settings(config)
    except ConfigError as error:
        for fault in error.faults:
            process.say_error(fault)
        raise typer.Exit(process.EXIT_CONFIG) from None


def _ask_password(from_stdin: bool) -> str:
    # Not an argument: everybody on the machine can read the arguments of a process.
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _end(code: int) -> None:
    if code:
        raise typer.Exit(code)


from console.conform import add_command  # noqa: E402 - it adds to the command above
from console.simulate import add_commands  # noqa: E402 - it adds to the group above
from console.simulate_superior import add_commands as add_superior  # noqa: E402 - and this too

add_command(app)
add_commands(simulate_app)
add_superior(simulate_app)
