"""Bursts of stills, firmware and upgrades, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BurstState(StrEnum):
    """Where a burst stands; the last three are its ends."""

    REQUESTED = "requested"  # sent, not answered yet
    ACCEPTED = "accepted"  # the device will take the pictures
    DONE = "done"  # every picture is here
    PARTIAL = "partial"  # some are, and no more will come
    FAILED = "failed"  # none is

    @property
    def is_end(self) -> bool:
        return self in {BurstState.DONE, BurstState.PARTIAL, BurstState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotBurst:
    """Stills that a device was asked to take and to upload (图像抓拍)."""

    session_id: str
    token: str
    """The secret part of the upload address."""
    device_id: str
    channel_id: str
    count: int
    interval_s: int
    requested_by: str
    requested_time: datetime
    deadline_time: datetime
    state: BurstState = BurstState.REQUESTED
    detail: str = ""
    announced: int | None = None
    """How many files the device says that it uploaded; None as long as it says nothing."""
    pictures: int = 0
    ended_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPicture:
    """One still of a burst; ``number`` counts from 1 as they came."""

    session_id: str
    number: int
    file_name: str
    """What the device calls it."""
    blob: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    received_time: datetime
    taken_time: datetime | None = None
    """As the file's name says, when it follows the standard's rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """A file that an operator uploaded for devices."""

    firmware_id: str
    file_name: str
    manufacturer: str
    version: str
    blob: str
    size_bytes: int
    sha256: str
    uploaded_by: str
    uploaded_time: datetime


class UpgradeState(StrEnum):
    """Where an upgrade stands; the last three are its ends."""

    REQUESTED = "requested"  # sent, not answered yet
    ACCEPTED = "accepted"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"  # the whole file was sent
    RESTARTED = "restarted"  # the device registered again afterwards
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"  # the device never said how it ended

    @property
    def is_end(self) -> bool:
        return self in {UpgradeState.SUCCEEDED, UpgradeState.FAILED, UpgradeState.TIMED_OUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """A device that was told to install a firmware (设备软件升级)."""

    session_id: str
    token: str
    """The secret part of the download address."""
    device_id: str
    target_id: str
    """The device itself, or the channel that is to be upgraded."""
    firmware_id: str
    version: str
    requested_by: str
    requested_time: datetime
    deadline_time: datetime
    state: UpgradeState = UpgradeState.REQUESTED
    detail: str = ""
    firmware_after: str = ""
    """The version that the device reports at the end."""
    ended_time: datetime | None = None
