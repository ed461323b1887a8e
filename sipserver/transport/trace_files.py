"""Writes the trace to disk, when an operator asks for it: capture files of bounded size, the oldest deleted.

The event loop only appends to a bounded list; a thread masks and writes what has gathered, once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from sipserver.gb.masking import masked
from sipserver.transport.pcap import PcapWriter, file_head
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.trace import PACKET_OVERHEAD_BYTES, TracedPacket

WRITE_INTERVAL_S: Final = 1.0
PENDING_MAX_BYTES: Final = 8 * 1024 * 1024
PATTERN: Final = "sip-*.pcap"
_OWNER_ONLY: Final = 0o600

logger = logging.getLogger(__name__)


class TraceFiles:
    """A sink of the trace.

    Args:
        file_bytes: size at which the next file is begun.
        files_max: how many files may lie there, the one being written included.
    """

    def __init__(self, directory: Path, file_bytes: int, files_max: int) -> None:
        self.lost_packets = 0
        """Not written: more came than the disk took, or the disk refused."""
        self._directory = directory
        self._file_bytes = file_bytes
        self._files_max = files_max
        self._pending: list[TracedPacket] = []
        self._pending_bytes = 0
        self._file: BinaryIO | None = None
        self._written_bytes = 0
        self._writer = PcapWriter()
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._sampled_log = SampledLog(logger)

    def take(self, packet: TracedPacket) -> None:
        """The sink; on the event loop."""
        size = len(packet.data) + PACKET_OVERHEAD_BYTES
        if self._pending_bytes + size > PENDING_MAX_BYTES:
            self.lost_packets += 1
            return
        self._pending.append(packet)
        self._pending_bytes += size

    def open(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="sip trace files")
        logger.info("sip trace is written to %s", self._directory)

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()
        if self._file is not None:
            await asyncio.to_thread(self._file.close)
            self._file = None

    async def flush(self) -> None:
        """Write what has gathered; a disk that refuses loses it."""
        async with self._writing:
            packets, self._pending, self._pending_bytes = self._pending, [], 0
            if not packets:
                return
            try:
                await asyncio.to_thread(self._write, packets)
            except OSError as error:
                self.lost_packets += len(packets)
                self._sampled_log.warning("the sip trace cannot be written to %s: %s", self._directory, error)
                self._begin_anew()

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(WRITE_INTERVAL_S)
            # A write that is under way is finished even when this task is cancelled.
            await asyncio.shield(self.flush())

    def _write(self, packets: list[TracedPacket]) -> None:
        for packet in packets:
            file = self._file if self._written_bytes < self._file_bytes else None
            if file is None:
                file = self._next_file()
            for record in self._writer.records([packet._replace(data=masked(packet.data))]):
                self._written_bytes += file.write(record)
        if self._file is not None:
            self._file.flush()

    def _next_file(self) -> BinaryIO:
        self._begin_anew()
        self._directory.mkdir(parents=True, exist_ok=True)
        name = f"sip-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z.pcap"
        descriptor = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        file = os.fdopen(descriptor, "wb")
        try:
            self._written_bytes = file.write(file_head())
            file.flush()
        except OSError:
            # A full disk must not fill the directory with empty files, which push those of before out.
            with contextlib.suppress(OSError):
                file.close()
            (self._directory / name).unlink(missing_ok=True)
            raise
        self._file = file
        self._writer = PcapWriter()
        for old in sorted(self._directory.glob(PATTERN))[: -self._files_max]:
            old.unlink(missing_ok=True)
        return self._file

    def _begin_anew(self) -> None:
        file, self._file = self._file, None
        self._written_bytes = 0
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
