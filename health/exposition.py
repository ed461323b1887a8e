"""The whole metrics text, written in steps that let SIP and the pages run in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from health.camera_lines import FAMILIES, PREFIX, CameraLines, identity
from health.counters import counter_families
from health.inputs import CameraState, HealthSource
from health.rates import OnlineCount, rate_families
from health.settings import HealthSettings
from health.stats import HealthStats
from health.text import CONTENT_TYPE, is_known, write_families, write_head
from health.totals import total_families

__all__ = ["CONTENT_TYPE", "Exposition"]

CameraKey = tuple[str, str]
FamilyLines = dict[str, list[str]]
LINES_PER_PIECE: Final = 4


class Exposition:
    """Renders scrapes; keeps each camera's lines between them.

    prometheus-client renders 20,000 series in one go and stalls the loop for 224 ms; its text is used for
    the process alone.
    """

    def __init__(self, settings: HealthSettings | None = None) -> None:
        self._step = (settings or HealthSettings()).cameras_per_step
        self._lines: dict[CameraKey, CameraLines] = {}
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)
        self.stats = HealthStats()

    async def render(self, source: HealthSource) -> bytes:
        """One scrape as a whole."""
        return b"".join([chunk async for chunk in self.stream(source)])

    async def stream(self, source: HealthSource) -> AsyncIterator[bytes]:
        """One scrape in pieces, each some thousand lines; nothing is rendered before it is asked for."""
        self.stats.scrapes += 1
        async for text in self._texts(source):
            chunk = text.encode()
            self.stats.scrape_bytes += len(chunk)
            yield chunk
            await asyncio.sleep(0)

    async def _texts(self, source: HealthSource) -> AsyncIterator[str]:
        yield generate_latest(self._process).decode()
        yield write_families(total_families(source.totals()))
        yield write_families(counter_families({**source.counters(), "health": self.stats}))
        gathered = await self._gather(source.cameras())
        yield write_families(rate_families(gathered.rates.lines()))
        families = await self._families(gathered)
        for name, lines in families.items():
            if lines:
                yield write_head(PREFIX + name, "gauge", FAMILIES[name])
                for start in range(0, len(lines), LINES_PER_PIECE * self._step):
                    yield "".join(lines[start : start + LINES_PER_PIECE * self._step])

    async def _gather(self, cameras: Iterable[CameraState]) -> Gathered:
        gathered = Gathered()
        rest = iter(cameras)
        while step := list(islice(rest, self._step)):
            gathered.add(step)
            await asyncio.sleep(0)
        return gathered

    async def _families(self, gathered: Gathered) -> FamilyLines:
        families: FamilyLines = {name: [] for name in FAMILIES}
        kept: dict[CameraKey, CameraLines] = {}
        cameras = list(gathered.cameras.items())
        for start in range(0, len(cameras), self._step):
            for key, camera in cameras[start : start + self._step]:
                # A channel_id that several devices use is no name for any of them.
                shared = gathered.users_of_id[camera.channel_id] > 1
                label = f"{camera.device_id}~{camera.channel_id}" if shared else camera.channel_id
                kept[key] = lines = self._lines_of(key, camera, label)
                _append(families, lines, camera)
            await asyncio.sleep(0)
        self._lines = kept
        return families

    def _lines_of(self, key: CameraKey, camera: CameraState, label: str) -> CameraLines:
        now = identity(camera, label)
        lines = self._lines.get(key)
        return lines if lines is not None and lines.identity == now else CameraLines(now)


class Gathered:
    """The cameras of one scrape, each once, with what must be known before the first line."""

    def __init__(self) -> None:
        self.cameras: dict[CameraKey, CameraState] = {}
        self.users_of_id: Counter[str] = Counter()
        self.rates = OnlineCount()

    def add(self, cameras: Iterable[CameraState]) -> None:
        for camera in cameras:
            key = (camera.device_id, camera.channel_id)
            if key not in self.cameras:
                self.cameras[key] = camera
                self.users_of_id[camera.channel_id] += 1
                self.rates.add(camera)


def _append(families: FamilyLines, lines: CameraLines, camera: CameraState) -> None:
    families["online"].append(lines.online[camera.online])
    families["streaming"].append(lines.streaming[camera.streaming])
    families["recording"].append(lines.recording[camera.recording])
    families["info"].append(lines.info)
    age = camera.last_keepalive_age_s
    if age is not None and is_known(age):
        families["last_keepalive_age_seconds"].append(f"{lines.keepalive_age}{age:.1f}\n")
    if camera.streaming:
        _append_stream(families, lines, camera)


def _append_stream(families: FamilyLines, lines: CameraLines, camera: CameraState) -> None:
    if (bitrate := camera.bitrate_bps) is not None and is_known(bitrate):
        families["bitrate_bps"].append(f"{lines.bitrate}{bitrate:.0f}\n")
    if (fps := camera.fps) is not None and is_known(fps):
        families["fps"].append(f"{lines.fps}{fps:.2f}\n")
    if (loss := camera.packet_loss_ratio) is not None and is_known(loss):
        families["packet_loss_ratio"].append(f"{lines.loss}{loss:.6f}\n")
    if (age := camera.keyframe_age_s) is not None and is_known(age):
        families["keyframe_age_seconds"].append(f"{lines.keyframe_age}{age:.2f}\n")
