"""What comes and goes through a platform below us besides pictures: what it lists, places, speech.

This very platform is the subordinate. Pictures, recordings, controls and alarms: ``test_three_levels.py``.
GB-C091, GB-C097, GB-C115, GB-C134.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access.rights import Right
from sipserver.gb.editions import Edition
from tests.integration.console.test_audio import add_clip, assert_heard
from tests.support.joined_sites import LOWER_ID, UPPER_ID, TwoPlatforms, two_platforms
from tests.support.platform_process import eventually
from tests.support.three_levels import decide, subscribe


@pytest.fixture
async def platforms(tmp_path: Path) -> AsyncIterator[TwoPlatforms]:
    async with two_platforms(tmp_path) as opened:
        yield opened


async def test_what_changes_below_is_known_above_without_a_question(platforms: TwoPlatforms) -> None:
    """GB-C091: the platform is subscribed to by itself; its cameras come, go off and come back."""
    await platforms.lower.add_camera(0)
    await platforms.join()
    upper = platforms.upper
    synced = upper.platform.devices.stats.catalogs_complete

    async def subscribed() -> bool:
        items = (await upper.api.get(f"/devices/{LOWER_ID}/subscriptions")).json()["items"]
        return [(each["kind"], each["state"]) for each in items] == [("catalog", "active")]

    await eventually(subscribed, "the catalogue is subscribed to")
    camera = await platforms.lower.add_camera(1)
    (channel,) = camera.settings.all_channel_ids

    async def state() -> Any:
        answer = await upper.api.get(f"/channels/{channel}")
        return None if answer.status_code != 200 else answer.json()["online"]

    async def on() -> bool:
        return await state() is True

    async def off() -> bool:
        return await state() is False

    await eventually(on, "a camera that is new below is here")
    await camera.stop()
    await eventually(off, "one that went off is known to be off")
    assert upper.platform.devices.stats.catalogs_complete == synced, "nobody asked for the whole again"
    counts = (await platforms.subordinate())["catalogue"]
    assert (counts["cameras"], counts["cameras_on"]) == (2, 1)


async def test_places_come_through(platforms: TwoPlatforms) -> None:
    """GB-C097, GB-C134."""
    camera = await platforms.lower.add_camera(edition=Edition.V3_0)
    (channel,) = camera.settings.all_channel_ids
    await platforms.join()
    device_id = camera.settings.device_id
    asked = await platforms.lower.api.put(
        f"/devices/{device_id}/subscriptions/mobile_position", json={"interval_s": 1}
    )
    assert asked.status_code == 200, asked.text
    await subscribe(platforms.upper, LOWER_ID, "mobile_position")

    async def known() -> Any:
        answer = await platforms.upper.api.get(f"/channels/{channel}/position")
        return answer.json() if answer.status_code == 200 else None

    position = await eventually(known, "its place is known above")
    assert position["device_id"] == LOWER_ID
    assert 117 < position["longitude"] < 118


async def test_a_clip_is_heard_at_a_camera_below(platforms: TwoPlatforms) -> None:
    """GB-C115: through two broadcasts, of which the platform between makes its own."""
    camera = await platforms.lower.add_camera()
    (channel,) = camera.settings.all_channel_ids
    await platforms.join()
    await decide(platforms.lower, UPPER_ID, *Right)
    upper = platforms.upper
    command = {"clip_id": await add_clip(upper), "mode": "broadcast"}
    answer = await upper.api.post(f"/channels/{LOWER_ID}~{channel}/audio", json=command)
    assert answer.status_code == 201, answer.text

    async def over() -> bool:
        return bool(camera.audio.calls) and camera.audio.calls[-1].is_over

    await eventually(over, "it was spoken and ended")
    assert_heard(camera.audio.calls[-1])
