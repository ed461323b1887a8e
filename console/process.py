"""One process from its first line to its exit code: event loop, signals, and the lines for people."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from config.errors import ConfigError
from console.errors import StartFailed

if TYPE_CHECKING:
    # The rooms take a second to load; the small commands do without them.
    from console.app import Platform

EXIT_OK: Final = 0
EXIT_START_FAILED: Final = 1
EXIT_CONFIG: Final = 2
MAX_OPEN_FILES: Final = 1_048_576

_log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run to the end on uvloop where there is one; expected failures become lines on standard error."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main)
    except ConfigError as error:
        for fault in error.faults:
            say_error(fault)
        return EXIT_CONFIG
    except StartFailed as error:
        say_error(str(error))
        return EXIT_START_FAILED
    except KeyboardInterrupt:
        return EXIT_OK


async def run_platform(
    platform: "Platform",
    ready: Callable[["Platform"], Awaitable[None]] | None = None,
    before_close: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Open, work until SIGTERM or SIGINT, close.

    Args:
        platform: not open yet.
        ready: called once everything accepts work.
        before_close: called first when it ends.
    """
    raise_open_files()
    async with stop_requested() as stop:
        opening = asyncio.ensure_future(platform.open())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({opening, stopping}, return_when="FIRST_COMPLETED")
        if not opening.done():
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            return EXIT_OK
        stopping.cancel()
        await opening
        try:
            if platform.first_password is not None:
                say(f"First start: log in as admin with the password {platform.first_password}")
                say("It is shown this once. Change it on the page, or with: tongshi user password admin")
            if ready is not None:
                await ready(platform)
            settle_garbage_collector()
            await stop.wait()
        finally:
            if before_close is not None:
                await before_close()
            await platform.close()
    return EXIT_OK


@contextlib.asynccontextmanager
async def stop_requested() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second SIGINT ends the process as usual."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def request(number: signal.Signals) -> None:
        _log.info("stopping on %s", number.name)
        stop.set()
        if number is signal.SIGINT:
            loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, request, number)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def raise_open_files() -> None:
    """Take the open files that the system grants: each stream needs two, each viewer and each device one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def settle_garbage_collector() -> None:
    """What a long-running server does after its start.

    Each answered request is kept for 32 s, so that the default thresholds make the collector walk over the
    same tens of thousands of living objects again and again: up to a quarter of all CPU time under load.
    Nothing else runs while it looks at the newest objects, so there may not be too many of these: 10,000
    take up to 15 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 250, 100)


def say(line: str) -> None:
    """A line for the person at the terminal, on standard output; never part of the log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say_error(line: str) -> None:
    sys.stderr.write(f"tongshi: {line}\n")
    sys.stderr.flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
