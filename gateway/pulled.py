"""One picture that is pulled: when somebody wants it, or always; shared by all, tried again after a failure.

One task owns it. It lives as long as the picture is wanted: an attempt, the picture, the wait before the next
attempt. A picture that is pulled on demand ends with its last reader, or with its first failure, which those
who wait for it are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from gateway.errors import GatewayClosed
from gateway.model import PictureFigures, SourceState
from gateway.patience import Patience
from gateway.picture import LivePicture, SourceHold
from gateway.pull_parts import PullParts
from gateway.waits import any_of, refuse
from media import errors as media_errors
from media.facts import StreamInfo
from media.session import MediaSession
from media.sources.errors import NoPicture, SourceEnded, SourceFailed, SourceTimedOut
from media.sources.pull import Pull, PulledStream, PullRequest
from media.sources.reach import resolve

SLACK_S: Final = 2.0
"""Beyond its own time-outs a thread may sit in the resolver."""
HANGING_FACTOR: Final = 2.0
"""Times ``read_timeout_s`` without a packet after which a thread that still reads is given up."""

logger = logging.getLogger(__name__)


class PulledPicture:
    """The main or the smaller picture of one source.

    ``on_change`` is called with each change of state, on the event loop; it must not wait.
    """

    def __init__(
        self,
        key: ChannelKey,
        is_sub: bool,
        request: PullRequest,
        parts: PullParts,
        on_change: Callable[[], None],
    ) -> None:
        self.key: Final = key
        self.is_sub: Final = is_sub
        self.request: Final = request
        self.picture: LivePicture | None = None
        self._parts = parts
        self._on_change = on_change
        self._patience = Patience(parts.settings, parts.clock)
        self._state = SourceState.UNKNOWN
        self._since = parts.clock()
        self._connections = 0
        self._offered: PulledStream | None = None
        self._pull: Pull | None = None
        self._waiting = 0
        self._is_always = False
        self._is_closed = False
        self._ready: asyncio.Future[LivePicture] | None = None
        self._asked: asyncio.Future[LivePicture] | None = None
        """What waits for the attempt under way; who comes while it ends waits for the next one."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- questions

    @property
    def state(self) -> SourceState:
        return self._state

    @property
    def failure(self) -> SourceFailed | None:
        """Of the last attempt; None after one that succeeded."""
        return self._patience.failure

    @property
    def is_kept(self) -> bool:
        """Whether it is pulled all the time."""
        return self._is_always

    def figures(self) -> PictureFigures:
        failure = self.failure if self._state is SourceState.FAILED else None
        pull, picture = self._pull, self.picture
        is_open = picture is not None
        return PictureFigures(
            state=self._state,
            verdict="" if failure is None else failure.verdict,
            message="" if failure is None else str(failure),
            since=self._since,
            retry_in_s=self._patience.wait_s if failure is not None and self._is_always else None,
            failures=self._patience.failures,
            connections=self._connections,
            session_id=picture.session.session_id if picture is not None else None,
            readers=picture.session.readers if picture is not None else 0,
            pictures=pull.stats.pictures if pull is not None and is_open else 0,
            received_bytes=pull.stats.bytes if pull is not None and is_open else 0,
            left_out=self._offered.left_out if self._offered is not None else (),
        )

    # -- wishes

    async def hold(self, purpose: str, tag: str) -> SourceHold:
        """Get the picture, pulling it when nobody has it yet; waits for the first key frame.

        Raises:
            SourceFailed: why there is none. An attempt that failed a moment ago is not repeated.
            GatewayClosed
        """
        if self._is_closed:
            raise GatewayClosed("the source was changed or the platform is stopping")
        if self._state is SourceState.FAILED:
            self._patience.demand()
            self.retry_now()
        self._waiting += 1
        try:
            while True:
                picture = self.picture
                if picture is None:
                    picture = await asyncio.shield(self._wanted())
                if not picture.is_over:
                    return picture.attach(purpose, tag)
        finally:
            self._waiting -= 1
            if not self._is_wanted:
                self._give_up()

    def keep(self, is_always: bool) -> None:
        """Pull it whether somebody reads or not, or only then."""
        self._is_always = is_always
        if is_always and not self._is_closed:
            self._wanted()
        else:
            self._released()

    def retry_now(self) -> None:
        """Something changed for the better: do not wait for the next attempt."""
        if self._state is SourceState.FAILED:
            self._patience.end()
            self._wake.set()

    def stop_lingering(self) -> None:
        """End a picture that nobody wants any more without waiting for the next reader."""
        if self.picture is not None and not self._is_wanted and self._task is not None:
            self._task.cancel()

    def seen(self, failure: SourceFailed | None) -> None:
        """Somebody looked at the source while nobody read it."""
        if self._task is not None and not self._task.done():
            return
        if failure is None:
            self._patience.succeeded()
            self._set(SourceState.IDLE)
        else:
            self._failed(failure)

    async def close(self) -> None:
        """End it: holders lose it, the session is closed. The thread may take its time-out to end."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._pull is not None:
            await self._pull.close(SLACK_S)

    # -- inside

    @property
    def _is_wanted(self) -> bool:
        return self._is_always or self._waiting > 0 or (self.picture is not None and self.picture.is_wanted)

    def _wanted(self) -> asyncio.Future[LivePicture]:
        """The picture to come; begins the task that brings it."""
        loop = asyncio.get_running_loop()
        if self._ready is None or self._ready.done():
            self._ready = loop.create_future()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name=f"source {self.key.channel_id}")
        return self._ready

    def _give_up(self) -> None:
        """Whoever waited has left: an attempt that nobody wants ends."""
        if self.picture is None and self._task is not None:
            self._task.cancel()

    def _released(self) -> None:
        self._wake.set()

    async def _run(self) -> None:
        try:
            while not self._is_closed:
                self._wake.clear()
                failure = await self._once()
                if failure is not None:
                    self._failed(failure)
                if not self._is_wanted:
                    break
                if failure is not None and not self._is_always and not self._is_awaited:
                    break
                await self._pause()
        finally:
            if self._state is SourceState.CONNECTING:  # given up before it was decided
                self._set(SourceState.FAILED if self.failure is not None else SourceState.UNKNOWN)
            elif self._state is SourceState.STREAMING:
                self._set(SourceState.IDLE)
            refuse(self._ready, self.failure or GatewayClosed("the source is not wanted any more"))

    async def _once(self) -> SourceFailed | None:
        """One attempt and the picture that comes of it; the failure that ended it, if one did."""
        self._asked = self._ready
        self._set(SourceState.CONNECTING)
        try:
            await self._let_old_thread_end()
            await resolve(self.request.address, self.request.open_timeout_s)
            session = await self._parts.media.open_fed(label=self._label)
        except SourceFailed as error:
            return error
        except media_errors.MediaError as error:
            return SourceFailed(f"source {self.request.address.shown}: {error}")
        reason = "not wanted any more"
        try:
            picture = await self._begin(session)
            failure = await self._until_over(picture)
            if failure is not None:
                reason = str(failure)
            return failure
        except SourceFailed as error:
            reason = str(error)
            return error
        finally:
            await self._end(session, reason)

    async def _begin(self, session: MediaSession) -> LivePicture:
        """Connect, and wait until the picture can be shown."""
        pull = self._pull = Pull(self.request, session, self.key.channel_id[-6:])
        pull.start()
        self._parts.stats.pulls += 1
        self._connections += 1
        try:
            async with asyncio.timeout(self.request.open_timeout_s + SLACK_S):
                self._offered = await asyncio.shield(pull.opened)
        except TimeoutError:
            raise SourceTimedOut(
                f"source {self.request.address.shown}: not described within {self.request.open_timeout_s:g} s"
            ) from None
        info = await self._first_picture(session, pull)
        picture = self.picture = LivePicture(self.key, self.is_sub, session, info, self._released)
        self._patience.succeeded()
        self._set(SourceState.STREAMING)
        logger.info(
            "source %s streams: %s %dx%d, sound %s",
            self.key.channel_id,
            info.codec,
            info.width,
            info.height,
            info.audio.codec if info.audio is not None else "none",
            extra=self._fields(),
        )
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(picture)
        return picture

    async def _first_picture(self, session: MediaSession, pull: Pull) -> StreamInfo:
        waiting = asyncio.ensure_future(session.wait_first_keyframe(self._parts.settings.keyframe_timeout_s))
        try:
            await any_of(waiting, pull.ended)
            if not waiting.done():
                raise pull.ended.result() or SourceEnded(f"source {self.request.address.shown}: stopped")
            return waiting.result()
        except SourceFailed:
            raise
        except media_errors.MediaError as error:
            raise NoPicture(f"source {self.request.address.shown}: {error}") from error
        finally:
            waiting.cancel()

    async def _until_over(self, picture: LivePicture) -> SourceFailed | None:
        """Until the source ends it, the data plane gives it up, or nobody wants it for the linger time."""
        pull = self._pull
        assert pull is not None  # noqa: S101 - _begin made it
        picture.session.on_closed = lambda _: pull.stop()
        while not pull.ended.done():
            # Who reads without a hold, through an address given out before, does not say when it leaves.
            is_held = self._is_always or self._waiting > 0 or bool(picture.holders)
            timeout_s = self.request.read_timeout_s if is_held else self._parts.settings.linger_s
            waking = asyncio.ensure_future(self._wake.wait())
            try:
                is_due = not await any_of(pull.ended, waking, timeout_s=timeout_s)
            finally:
                waking.cancel()
            self._wake.clear()
            if is_due and not self._is_wanted:
                return None
            if (failure := self._hanging(pull)) is not None:
                return failure
        if picture.session.is_closed:
            return SourceFailed(f"the media session ended: {picture.session.close_reason}")
        return pull.ended.result() or SourceEnded(f"source {self.request.address.shown}: stopped")

    def _hanging(self, pull: Pull) -> SourceFailed | None:
        """A source that sends something, and never a whole packet, is no better than a silent one."""
        now, limit_s = time.monotonic(), HANGING_FACTOR * self.request.read_timeout_s
        last = pull.stats.last_packet_at
        if last is None or now - last < limit_s or pull.ended.done():
            return None
        return SourceTimedOut(f"source {self.request.address.shown}: no packet for {limit_s:g} s")

    async def _end(self, session: MediaSession, reason: str) -> None:
        picture, self.picture = self.picture, None
        if picture is not None:
            picture.end(reason)
            logger.info("source %s ended: %s", self.key.channel_id, reason, extra=self._fields())
        if self._pull is not None:
            self._pull.stop()
        await asyncio.shield(session.close(reason))

    def _failed(self, failure: SourceFailed) -> None:
        is_news = self._patience.failed(failure)
        self._parts.stats.failures[failure.verdict] += 1
        logger.log(
            logging.WARNING if is_news else logging.DEBUG,
            "source %s gives no picture: %s",
            self.key.channel_id,
            failure,
            extra=self._fields(),
        )
        self._set(SourceState.FAILED)
        refuse(self._asked, failure)

    @property
    def _is_awaited(self) -> bool:
        return self._waiting > 0 and self._ready is not None and not self._ready.done()

    async def _pause(self) -> None:
        if not self._is_always:
            self._patience.shorten()
        while (wait_s := self._patience.wait_s) > 0 and self._state is SourceState.FAILED:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            if not self._is_wanted:
                return

    async def _let_old_thread_end(self) -> None:
        """One thread for each picture: one that still sits in a read is waited for."""
        if self._pull is None:
            return
        patience_s = self.request.open_timeout_s + HANGING_FACTOR * self.request.read_timeout_s
        if not await any_of(self._pull.ended, timeout_s=patience_s):
            raise SourceTimedOut(
                f"source {self.request.address.shown}: its last connection hangs and does not end"
            )

    def _set(self, state: SourceState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._parts.clock()
            self._on_change()

    @property
    def _label(self) -> str:
        return f"{self.key} sub" if self.is_sub else str(self.key)

    def _fields(self) -> dict[str, str]:
        return {"channel_id": self.key.channel_id, "address": self.request.address.shown}
