"""Who takes a session's stream besides its viewers: recordings, other platforms, other servers, taps."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from media.endings import Ended
from media.errors import LocalViolation, UnknownRecorder
from media.facts import RecorderDetached, RecorderFact, RecorderFailed, RecorderGap, SegmentClosed
from media.outputs.rtmp import RtmpPush, RtmpPushes
from media.outputs.rtp import RtpSender, SenderRequest, open_sender
from media.session_core import Place, SessionCore
from media.tap import StreamTap

logger = logging.getLogger(__name__)

_RUN: Final = re.compile(r"[0-9a-f]{1,64}")


class Taking(SessionCore):
    """A part of :class:`media.reception.MediaSession`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._recorders: dict[str, Callable[[RecorderFact], None]] = {}
        self._taps: set[StreamTap] = set()
        self._senders: dict[str, RtpSender] = {}
        self._pushes: Final = RtmpPushes(place.plane.engine, place.session_id, self.fields)

    @property
    def recorders(self) -> int:
        """Recordings of it that run."""
        return len(self._recorders)

    @property
    def senders(self) -> Sequence[RtpSender]:
        """Senders to other platforms that have not ended."""
        return tuple(self._senders.values())

    @property
    def pushes(self) -> Sequence[RtmpPush]:
        """Pushes to other servers that are not over."""
        return self._pushes.open_ones

    def attach_recorder(
        self,
        recorder_id: str,
        directory: Path,
        *,
        segment_s: float = 60.0,
        metadata: bytes,
        on_fact: Callable[[RecorderFact], None],
    ) -> None:
        """Record into ``directory`` (it exists) from the newest key frame on.

        Files are named ``<run>-<6 digits>.mp4``: the run is ``recorder_id`` when that is lower-case hex, else
        random. ``on_fact`` is called on the event loop; the last fact is ``RecorderDetached`` or
        ``RecorderFailed``, and may come after the session's end.
        """
        self._check_open()
        if recorder_id in self._recorders:
            raise LocalViolation(f"recorder {recorder_id!r} is attached already")
        run = recorder_id if _RUN.fullmatch(recorder_id) else secrets.token_hex(8)
        self._plane.engine.attach_recorder(self.session_id, recorder_id, directory, run, segment_s, metadata)
        self._recorders[recorder_id] = on_fact

    def detach_recorder(self, recorder_id: str) -> None:
        """End a recording. Nothing happens when it has ended by itself; its last facts follow."""
        if recorder_id in self._recorders and not self.is_closed:
            self._plane.engine.detach_recorder(self.session_id, recorder_id)

    def tap(self, max_bytes: int | None = None) -> StreamTap:
        """A reader in Python, from the newest key frame on; ``max_bytes`` wait at most (default: a setting).

        Raises:
            SessionClosed: the session has ended.
        """
        self._check_open()
        bound = self._plane.settings.tap_queue_bytes if max_bytes is None else max_bytes
        tap = StreamTap(self._plane.engine.tap(self.session_id, bound), self._taps.discard)
        self._taps.add(tap)
        return tap

    def attach_sender(self, request: SenderRequest) -> RtpSender:
        """Bind a port from which the stream will go to another platform, after :meth:`RtpSender.start`.

        Raises:
            NoPortFree: every port of the range is taken, resting, or held by other programs.
            LocalViolation: the request makes no sense.
            EngineError: the system refused something else.
        """
        self._check_open()
        sender = open_sender(self._plane, self.session_id, request)
        self._senders[sender.sender_id] = sender
        self._plane.totals.senders_opened += 1
        return sender

    def push_rtmp(self, url: str, *, g711: bool = False, h265: bool = False) -> RtmpPush:
        """Push the stream to another server until the push, or the session, is closed.

        Args:
            url: ``rtmp://host[:port]/app/name[?query]``; RTMPS is not spoken.
            g711: send G.711 as FLV codec 7 or 8; off: such a stream goes without sound, as many servers want.
            h265: send H.265 in the enhanced form; off: the push of such a stream is closed.
        """
        self._check_open()
        return self._pushes.open(url, g711=g711, h265=h265)

    # -- facts of the data plane

    def _take_recorder_fact(self, fact: RecorderFact) -> None:
        on_fact = self._recorders.get(fact.recorder_id)
        if on_fact is None:
            raise UnknownRecorder(f"{fact} is about no recorder of ours")
        totals = self._plane.totals
        if isinstance(fact, SegmentClosed):
            totals.segments_closed += 1
        elif isinstance(fact, RecorderGap):
            totals.recorder_gaps += 1
        elif isinstance(fact, RecorderFailed):
            totals.recorder_failures += 1
            logger.error("recorder %s failed: %s", fact.recorder_id, fact.message, extra=self.fields())
        if isinstance(fact, RecorderFailed | RecorderDetached):
            reason = fact.message if isinstance(fact, RecorderFailed) else self.close_reason or "detached"
            self._note_end(Ended.RECORDER, reason, who=fact.recorder_id)
            del self._recorders[fact.recorder_id]
        on_fact(fact)

    def _sender_closed(self, values: Mapping[str, Any]) -> None:
        sender = self._senders.pop(values["sender_id"], None)
        if sender is not None:
            self._plane.release_port(sender.local_port)
            sender.ended(values)
            stats = sender.stats()
            self._plane.totals.add_sender(stats, str(sender.end))
            self._note_end(
                Ended.SENDER,
                sender.close_reason or "",
                who=stats.peer or sender.request.label,
                packets=stats.packets,
                dropped=stats.dropped_frames,
            )

    def _sender_said(self, values: Mapping[str, Any]) -> None:
        sender = self._senders.get(values["sender_id"])
        if sender is not None and "peer" in values:
            sender.connected(values["peer"])
        elif sender is not None:
            sender.started()

    def _push_changed(self, values: Mapping[str, Any]) -> None:
        push = self._pushes.take_fact(values)
        if push is not None and push.close_reason is not None:
            sent_bytes = push.stats().sent_bytes
            self._note_end(Ended.PUSH, push.close_reason, who=push.address, sent_bytes=sent_bytes)
