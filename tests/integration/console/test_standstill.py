"""A camera whose media stops: the whole platform on real sockets repairs the stream, and viewers stay."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.model import ChannelKey
from media.session import ReceiveOn
from media.settings import MediaSettings
from sipserver.sip.flow import Transport
from tests.integration.console.test_diagnosis import SIP
from tests.integration.console.test_shared_ports import shared_media
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import small_site

QUICK = replace(SIP, silence_timeout_s=2.0, reconcile_interval_s=0.2)


def media(receive_on: ReceiveOn) -> MediaSettings:
    return replace(shared_media(), rtp_ports=rtp_ports(), stall_s=1.0, receive_on=receive_on)


class Viewer:
    """Reads fragments until it is told to stop, and counts what came."""

    def __init__(self, url: str) -> None:
        self.received_bytes = 0
        self._task = asyncio.create_task(self._read(url))

    async def _read(self, url: str) -> None:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=40) as client,
            client.stream("GET", url) as answer,
        ):
            async for part in answer.aiter_bytes():
                self.received_bytes += len(part)

    @property
    def is_watching(self) -> bool:
        return not self._task.done()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def grows(viewer: Viewer, what: str) -> None:
    before = viewer.received_bytes

    async def grown() -> bool:
        return viewer.received_bytes > before + 2_000

    await eventually(grown, what)


@pytest.mark.parametrize("receive_on", list(ReceiveOn))
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_the_stream_goes_on_for_those_who_watch_it(
    tmp_path: Path, transport: Transport, receive_on: ReceiveOn
) -> None:
    """GB-C112 for the silence; a lost connection is repaired as soon as it is known."""
    async with small_site(tmp_path, sip=QUICK, media=media(receive_on)) as site:
        camera = await site.add_camera(transport=transport)
        channel = camera.settings.all_channel_ids[0]
        live = (await site.api.post(f"/channels/{channel}/live")).json()
        (session,) = site.platform.media.sessions.values()
        assert session.receive_on is receive_on
        viewer = Viewer(live["urls"]["fmp4_http"])
        try:
            await grows(viewer, "it watches")
            camera.cut_media()

            stats = site.platform.devices.stats
            if transport is Transport.UDP:  # borne for two seconds; a connection is repaired before one looks

                async def stands() -> Any:
                    return (await site.api.get(f"/sessions/{live['session_id']}")).json()["stall"]

                reason = await eventually(stands, "the API says why it stands still")
                assert reason == "no_packets"

            async def repaired() -> bool:
                return stats.stream_repairs["worked"] >= 1

            await eventually(repaired, "it was repaired")
            expected = "connection_lost" if transport is Transport.TCP else "no_packets"
            assert stats.streams_stalled[expected] >= 1
            await grows(viewer, "it watches again")
            assert viewer.is_watching
            assert list(site.platform.media.sessions.values()) == [session]
            assert camera.streams == 1
        finally:
            await viewer.close()


async def test_a_camera_that_has_left_ends_the_stream_with_the_reason(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=QUICK, media=media(ReceiveOn.OWN_PORT)) as site:
        camera = await site.add_camera()
        channel = camera.settings.all_channel_ids[0]
        live = (await site.api.post(f"/channels/{channel}/live")).json()
        await camera.go_dark()

        async def over() -> str:
            answer = await site.api.get(f"/sessions/{live['session_id']}")
            return "" if answer.status_code == 200 else str(answer.json()["detail"])

        detail = await eventually(over, "the session is over", 40)
        assert "no_packets" in detail
        assert "the BYE was not answered" in detail


async def test_a_recording_goes_on_and_the_ledger_has_the_gap(tmp_path: Path) -> None:
    slow = replace(QUICK, silence_timeout_s=5.0)
    async with small_site(tmp_path, sip=slow, media=media(ReceiveOn.OWN_PORT)) as site:
        camera = await site.add_camera()
        channel = camera.settings.all_channel_ids[0]
        key = ChannelKey(camera.settings.device_id, channel)
        assert (await site.api.put(f"/channels/{channel}/recording")).is_success

        async def written() -> bool:
            items = (await site.api.get(f"/channels/{channel}/recordings")).json()["items"]
            return bool(items) and items[0]["duration_s"] > 1.0

        await eventually(written, "it is recorded")
        began = datetime.now(UTC)
        camera.cut_media()
        stats = site.platform.devices.stats

        async def repaired() -> bool:
            return stats.stream_repairs["worked"] >= 1

        await eventually(repaired, "it was repaired")

        async def noted() -> list[Any]:
            ledger = site.platform.storage.gaps
            rows = await ledger.list_gaps(key, began - timedelta(minutes=1), began + timedelta(minutes=5))
            return [row for row in rows if row.cause.value == "media"]

        (gap,) = await eventually(noted, "the ledger has it")
        assert gap.detail == "no pictures came"
        assert 3.0 < (gap.end_time - gap.start_time).total_seconds() < 30.0
        assert abs((gap.start_time - began).total_seconds()) < 5.0
