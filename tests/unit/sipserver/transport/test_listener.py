"""A listener when the process is out of descriptors."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from sipserver.sip.flow import Transport
from sipserver.transport.limits import ConnectionLimits
from sipserver.transport.listener import EXHAUSTED_PAUSE_S, StreamListener
from sipserver.transport.settings import SipTransportSettings
from sipserver.transport.stats import TransportStats


class Socket:
    def fileno(self) -> int:
        return 1000

    def getsockname(self) -> tuple[str, int]:
        return ("192.0.2.1", 5060)

    def accept(self) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    def close(self) -> None: ...


class Timer:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    def __init__(self) -> None:
        self.reader: Callable[[], None] | None = None
        self.later: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
        self.timer = Timer()

    def add_reader(self, _: int, callback: Callable[[], None]) -> None:
        self.reader = callback

    def remove_reader(self, _: int) -> None:
        self.reader = None

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        self.later.append((delay, callback, arguments))
        return self.timer


async def test_accepting_pauses_when_descriptors_run_out_and_goes_on_later() -> None:
    """The waiting connection would wake the loop without end."""
    loop, settings = Loop(), SipTransportSettings()
    listener = StreamListener(
        loop,  # type: ignore[arg-type]
        Socket(),  # type: ignore[arg-type]
        Transport.TCP,
        settings,
        TransportStats(),
        ConnectionLimits(settings),
        lambda kind, port, slot: None,  # type: ignore[arg-type, return-value]
        None,
    )
    assert loop.reader is not None
    loop.reader()
    assert loop.reader is None
    delay, callback, arguments = loop.later[0]
    assert delay == EXHAUSTED_PAUSE_S
    callback(*arguments)
    assert loop.reader is not None
    await listener.close()
    assert loop.timer.is_cancelled
