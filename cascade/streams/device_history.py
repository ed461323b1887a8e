"""A playback or download from a device, passed on to a superior.

The device is told to send when the superior is ready for it, so nothing of the beginning is lost:

```text
INVITE of the superior ──▶ INVITE to the device ──▶ its 200 ──▶ our 200 ──▶ ACK ──▶ our ACK to the device
```
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from cascade.ports import DeviceHistory
from cascade.streams.sources import ControlAnswer, ControlRefused, Wanted, description_size
from catalog.codes import is_platform_id
from catalog.model import ChannelKey
from media.session import MediaSession
from sipserver.devices.errors import DeviceError, InviteEnded, KnownRefusal, NoAnswer, NotInEdition
from sipserver.devices.history.relays import HistoryRelay
from sipserver.devices.history.stream import Outcome
from sipserver.gb.mansrtsp import CONTENT_TYPE, Control
from sipserver.gb.route_path import Path
from sipserver.gb.sdp import SessionDescription

ACK_WAIT_S: Final = 4.0
"""How long a device waits for its ACK, at most, for a superior that does not send one."""
CONTROL_WAIT_S: Final = 5.0
"""How long a control waits for a playback that is just being opened."""

logger = logging.getLogger(__name__)


class RelayedRecording:
    """See ``StreamSource``. Opened by ``open``, which returns when the device has answered."""

    def __init__(self, rooms: DeviceHistory, key: ChannelKey, wanted: Wanted, tag: str) -> None:
        self.over: Final = asyncio.Event()
        self.reason = ""
        self.is_complete = False
        self.file_size: int | None = None
        self._key = key
        self._wanted = wanted
        self._tag = tag
        self._rooms = rooms
        self._session: MediaSession | None = None
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._receiver_ready = asyncio.Event()
        self._relay: asyncio.Future[HistoryRelay] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Invite the device.

        Raises:
            DeviceError: what it, or the way to it, refused.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"recording of {self._key}")
        try:
            await asyncio.shield(self._answered)
        except BaseException:
            await self.release()
            raise

    @property
    def route_path(self) -> Path:
        done = self._relay.done() and not self._relay.cancelled() and self._relay.exception() is None
        return self._relay.result().stream.hold.route_path if done else self._nearest

    @property
    def _nearest(self) -> Path:
        """Until the picture is there no more than the first platform is known."""
        return (self._key.device_id,) if is_platform_id(self._key.device_id) else ()

    @property
    def session(self) -> MediaSession:
        if self._session is None:
            raise InviteEnded.about(self._key, "the device has not answered")
        return self._session

    def begin(self) -> None:
        """The device may send."""
        self._receiver_ready.set()

    def ready(self) -> None:
        """It sends when it likes."""

    async def control(self, control: Control, body: bytes) -> ControlAnswer:
        try:
            async with asyncio.timeout(CONTROL_WAIT_S):
                relay = await asyncio.shield(self._relay)
        except TimeoutError:
            raise ControlRefused("the recording is not playing yet", 480) from None
        except DeviceError as error:
            raise ControlRefused(str(error), 481) from None
        try:
            response = await relay.pass_on(control, body)
        except (KnownRefusal, NotInEdition) as error:
            raise ControlRefused(str(error), 400) from error
        except NoAnswer as error:
            raise ControlRefused(str(error), 408) from error
        except DeviceError as error:
            raise ControlRefused(str(error), 481) from error
        has_body = bool(response.body.strip())
        return ControlAnswer(
            response.status, response.body if has_body else b"", CONTENT_TYPE if has_body else None
        )

    async def release(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._relay.done() and not self._relay.cancelled() and self._relay.exception() is None:
            await self._relay.result().stream.close()

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        """From INVITE to the end of the stream at the device."""
        wanted = self._wanted
        try:
            relay = await self._rooms.open(
                self._key,
                wanted.start,
                wanted.end,
                wanted.kind,
                tag=self._tag,
                record_type=wanted.record_type,
                uri=wanted.uri,
                speed=wanted.speed if wanted.is_download else None,
                stream_number=wanted.stream_number,
                route=wanted.route,
                on_answer=self._device_answered,
            )
        except DeviceError as error:
            self._failed(error)
            return
        except Exception as error:
            self._failed(InviteEnded.about(self._key, f"internal failure: {error}"))
            raise
        self._relay.set_result(relay)
        await relay.stream.ended.wait()
        self.is_complete = relay.stream.outcome is Outcome.END_OF_FILE
        self.reason = f"the recording ended: {relay.stream.detail}"
        self.over.set()

    async def _device_answered(self, session: MediaSession, answer: SessionDescription) -> None:
        if self._answered.done():
            # Another transport is tried: the superior has been told a port that goes with the first.
            raise InviteEnded.about(self._key, "no media came the way that was agreed on")
        self._session = session
        self.file_size = description_size(answer)
        self._answered.set_result(None)
        try:
            async with asyncio.timeout(ACK_WAIT_S):
                await self._receiver_ready.wait()
        except TimeoutError:
            logger.info("%s: the superior has not acknowledged; the device sends all the same", self._key)

    def _failed(self, error: DeviceError) -> None:
        self.reason = str(error)
        for future in (self._answered, self._relay):
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting any longer
        self.over.set()
