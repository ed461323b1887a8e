"""What can go wrong in storage.

StorageError
├── SegmentNotFound      no recording has this id
├── SegmentGone          it was recorded, but its file is deleted or missing
├── AlarmFileNotFound    no clip or picture of an alarm has this id
├── AlarmFileNotReady    it is not whole yet, it failed, or its time is over
├── NoFootage            nothing of the wanted time is on the disk
├── PlaybacksBusy        too many recordings are played at once
├── ClipsBusy            too many clips wait already
├── DiskFull             free space is below the floor: nothing new is begun (nothing is deleted early)
├── AlwaysRecorded       the channel is recorded by configuration, so it cannot be stopped by request
├── BlobTooLarge         a file that comes from outside is larger than allowed
├── DownloadNotFound     no download from a device, or no part of it, has this id
├── DownloadPartGone     its file is not on the disk
├── DownloadRefused      it cannot be begun: too long, or too many wait
├── TemporaryNotFound    no temporary recording has this id
├── TemporaryRefused     it cannot be: past, too long, or too many are in force
├── RecorderClosed       the room is shutting down
├── SegmentUnreadable    the bytes of a file are not a segment of ours
├── LedgerBroken         the chain of deletions does not hold
└── StorageViolation     a bug of ours: a path outside the store, a fact for nobody
"""

from catalog.model import ChannelKey


class StorageError(Exception):
    """Any failure of storage that a caller may have to explain."""


class SegmentNotFound(StorageError):
    """No recording has this id."""

    def __init__(self, segment_id: str) -> None:
        super().__init__(f"no recording {segment_id[:80]!r}")
        self.segment_id = segment_id


class SegmentGone(StorageError):
    """It was recorded, but its file is deleted or missing."""

    def __init__(self, segment_id: str, state: str) -> None:
        super().__init__(f"recording {segment_id} is {state}")
        self.segment_id = segment_id
        self.state = state


class AlarmFileNotFound(StorageError):
    """No clip or picture of an alarm has this id."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"no clip or picture {file_id[:80]!r}")
        self.file_id = file_id


class AlarmFileNotReady(StorageError):
    """The file is not whole yet, could not be made, or its time is over."""

    def __init__(self, file_id: str, state: str, detail: str = "") -> None:
        super().__init__(f"{file_id} is {state}{': ' if detail else ''}{detail}")
        self.file_id = file_id
        self.state = state


class NoFootage(StorageError):
    """Nothing of the wanted time is on the disk."""


class PlaybacksBusy(StorageError):
    """Too many recordings are played at once."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} recordings are played, which is the limit (storage.playbacks_max)")
        self.limit = limit


class ClipsBusy(StorageError):
    """Too many clips wait to be made already."""


class DiskFull(StorageError):
    """Free space is below the floor."""

    def __init__(self, free_bytes: int, floor_bytes: int) -> None:
        super().__init__(
            f"{free_bytes:,} bytes are free on the recording disk, below the floor of {floor_bytes:,}: "
            "add space or move other files away; recordings are not deleted before their time"
        )
        self.free_bytes = free_bytes
        self.floor_bytes = floor_bytes


class AlwaysRecorded(StorageError):
    """The channel is recorded by configuration."""

    def __init__(self, key: ChannelKey) -> None:
        super().__init__(f"channel {key} is set to be always recorded: switch that off to stop it")
        self.key = key


class BlobTooLarge(StorageError):
    """A file that comes from outside is larger than allowed; nothing of it is kept."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the file has more than {limit_bytes:,} bytes")
        self.limit_bytes = limit_bytes


class DownloadNotFound(StorageError):
    """No download from a device, or no part of it, has this id."""

    def __init__(self, download_id: str) -> None:
        super().__init__(f"no download {download_id[:140]!r}")


class DownloadPartGone(StorageError):
    """The file of a part is not on the disk."""

    def __init__(self, part_id: str) -> None:
        super().__init__(f"the file of part {part_id} is gone")


class DownloadRefused(StorageError):
    """A download cannot be begun: what was asked for is too long, or too many wait."""


class TemporaryNotFound(StorageError):
    """No temporary recording has this id."""

    def __init__(self, recording_id: str) -> None:
        super().__init__(f"no temporary recording {recording_id[:80]!r}")
        self.recording_id = recording_id


class TemporaryRefused(StorageError):
    """It cannot be: past, too long, or too many are in force."""


class RecorderClosed(StorageError):
    """The room is shutting down."""


class SegmentUnreadable(StorageError):
    """The bytes of a file are not a segment of ours.

    Args:
        offset: where in the file it stops making sense.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset:,})")
        self.offset = offset


class LedgerBroken(StorageError):
    """The chain of deletions does not hold."""

    def __init__(self, seq: int, message: str) -> None:
        super().__init__(f"deletion ledger, entry {seq}: {message}")
        self.seq = seq


class StorageViolation(StorageError):
    """A bug of ours; it ends its task, loudly."""
