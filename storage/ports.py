"""What the recorder needs, as protocols: a stream, the wishes of the catalogue, and four small stores.

The stores are ``SegmentIndex``, ``GapLedger``, ``RequestStore`` and ``StateStore``; in tests, twins in
memory, held to the same contract.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from catalog.model import ChannelKey, RetentionClass
from media.facts import RecorderFact, StreamInfo
from storage.model import GapCause, Segment

FactSink = Callable[[RecorderFact], None]
"""Takes facts of the media room, on the event loop."""


class RecordedSession(Protocol):
    """A stream that can be written to disk; ``media.session.MediaSession`` is one."""

    def attach_recorder(
        self, recorder_id: str, directory: Path, *, segment_s: float, metadata: bytes, on_fact: FactSink
    ) -> None:
        """Write files ``<directory>/<segment id>.mp4`` until detached; facts tell about them."""
        ...

    def detach_recorder(self, recorder_id: str) -> None:
        """Close the file in hand; the last fact follows."""
        ...

    async def jpeg(self, max_width: int | None = None) -> bytes:
        """The newest key frame as a JPEG."""
        ...


class StreamHold(Protocol):
    """A claim on a running stream; it runs at least until the claim is released."""

    @property
    def session(self) -> RecordedSession: ...

    @property
    def info(self) -> StreamInfo:
        """What the stream carries."""
        ...

    @property
    def lost(self) -> asyncio.Event:
        """Set when the stream ended by itself."""
        ...

    @property
    def lost_reason(self) -> str:
        """Why, then."""
        ...

    async def release(self) -> None: ...


class StreamSource(Protocol):
    """Brings the stream of a channel; ``sipserver.devices.invite.Invites`` is one."""

    async def hold(self, key: ChannelKey, purpose: Literal["record"], *, tag: str) -> StreamHold:
        """Ask the device for its stream, or share one that runs; waits for the first key frame."""
        ...


class ChannelPolicy(Protocol):
    """What the catalogue decided about recording; ``CatalogStore`` is one."""

    async def channels_recorded_always(self) -> list[ChannelKey]: ...

    async def retention_classes(
        self, keys: Collection[ChannelKey] | None = None
    ) -> dict[ChannelKey, RetentionClass]:
        """The class of each known key; without keys, of every channel that is not ordinary."""
        ...


class Footage(Protocol):
    """The part of the index that the recorder uses."""

    async def save(self, changed: Sequence[Segment]) -> None: ...

    async def newest_end(self, keys: Collection[ChannelKey] | None = None) -> dict[ChannelKey, datetime]: ...


class Gaps(Protocol):
    """The part of the gap ledger that the recorder writes."""

    async def begin(self, key: ChannelKey, start: datetime, cause: GapCause, detail: str = "") -> None: ...

    async def end(self, key: ChannelKey, instant: datetime) -> None: ...

    async def add(
        self, key: ChannelKey, start: datetime, end: datetime, cause: GapCause, detail: str
    ) -> None: ...


class Requests(Protocol):
    """Requests to record that are in force."""

    async def load(self) -> Mapping[ChannelKey, object]: ...

    async def add(self, key: ChannelKey, requested_by: str, now: datetime) -> None: ...

    async def remove(self, key: ChannelKey) -> None: ...


class Instants(Protocol):
    """Instants that outlive the process, by name."""

    async def get_time(self, name: str) -> datetime | None: ...

    async def set_time(self, name: str, instant: datetime) -> None: ...


class TemporaryWishes(Protocol):
    """Channels that are to be recorded until a stated time; ``storage.temporary``."""

    def keys(self) -> Collection[ChannelKey]: ...

    def retention_class(self, key: ChannelKey) -> RetentionClass | None:
        """Of what is recorded for these wishes alone; None: there is none for this channel."""
        ...

    def longest(self, classes: Collection[RetentionClass]) -> RetentionClass: ...

    async def expire(self) -> None:
        """End those whose time has come."""
        ...
