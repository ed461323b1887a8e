"""How a session finds the device that sends to it: SSRC, address, and connections that we open."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from media.errors import ConnectRefused, EngineError, MediaError
from media.session_core import Place, SessionCore
from media.settings import ReceiveOn

logger = logging.getLogger(__name__)


class Reaching(SessionCore):
    """A part of :class:`media.reception.MediaSession`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._reconnect_to: tuple[str, int] | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    @property
    def is_reconnecting(self) -> bool:
        """The connection to a device that listens broke, and is being opened again."""
        return self._reconnecting is not None and not self._reconnecting.done()

    def expect_ssrc(self, ssrc: int) -> None:
        """The answer named its SSRC: from now on it is the agreed one.

        Raises:
            SsrcTaken: on a shared port, another session has it, or had it until a moment ago.
        """
        if not self.is_closed:
            self._plane.engine.expect_ssrc(self.session_id, ssrc)

    def expect_peer(self, host: str, port: int | None = None) -> None:
        """The device is, or may be, at this address; ``port`` is what it announced, if it did.

        On a shared port, packets from there with another SSRC than agreed are taken after ``ssrc_window_s``,
        if no other session can be meant. Names are not looked up.
        """
        if not self.is_closed and self.receive_on is ReceiveOn.SHARED_PORT and _is_address(host):
            self._plane.engine.expect_peer(self.session_id, host, port or None)

    async def connect(self, host: str, port: int, *, reconnect: bool = False) -> None:
        """Open the connection to a device that listens; several attempts, at least a second apart (GB-C103).

        Args:
            reconnect: do it again whenever the connection breaks, as long as the device accepts.

        Raises:
            ConnectRefused: none of the attempts was accepted.
            SessionClosed: the session ended meanwhile.
        """
        settings = self._plane.settings
        for attempt in range(settings.connect_attempts):
            began = time.monotonic()
            self._check_open()
            try:
                await self._plane.engine.connect(self.session_id, (host, port), settings.connect_timeout_s)
            except EngineError as error:
                refusal = error
            else:
                self._reconnect_to = (host, port) if reconnect else None
                return
            if attempt + 1 < settings.connect_attempts:
                await asyncio.sleep(max(0.0, settings.connect_interval_s - (time.monotonic() - began)))
        raise ConnectRefused(
            f"the device at {host}:{port} accepted none of {settings.connect_attempts} connections: {refusal}"
        )

    # -- facts of the data plane

    def _connection_closed(self, values: Mapping[str, Any]) -> None:
        if self._reconnect_to is None or self.is_closed:
            return
        address, self._reconnect_to = self._reconnect_to, None
        logger.warning(
            "connection to %s:%d broke (%s): connecting again",
            *address,
            values["reason"],
            extra=self.fields(),
        )
        self._reconnecting = asyncio.get_running_loop().create_task(
            self._connect_again(address), name=f"reconnect {self.session_id}"
        )

    async def _connect_again(self, address: tuple[str, int]) -> None:
        """The silence of the stream tells its owner when this is in vain."""
        try:
            await self.connect(*address, reconnect=True)
        except MediaError as error:
            logger.warning("%s", error, extra=self.fields())

    def _wrong_ssrc(self, values: Mapping[str, Any]) -> None:
        logger.warning(
            "port %d expects SSRC %010d and gets %010d (%s)",
            self.port,
            values["expected"],
            values["received"],
            "taken" if values["accepted"] else "not taken yet",
            extra=self.fields(),
        )

    def _stop_reconnecting(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
