"""Platforms that are above and below each other at once, and rings of three. GB-C135, GB-C136."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catalog.model import CatalogRow, ChannelKey
from sipserver.devices.errors import Refused
from tests.support.joined_sites import LOWER_ID, OTHER_ID, UPPER_ID, TwoPlatforms, sip, two_platforms
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site


@pytest.fixture
async def platforms(tmp_path: Path) -> AsyncIterator[TwoPlatforms]:
    async with two_platforms(tmp_path) as opened:
        yield opened


async def listed(site: SmallSite, device_id: str, **query: Any) -> set[str]:
    answer = await site.api.get(f"/devices/{device_id}/channels", params=query)
    assert answer.status_code == 200, answer.text
    return {item["channel_id"] for item in answer.json()["items"]}


async def watched(site: SmallSite, key: str) -> None:
    """One picture, given back."""
    live = await site.api.post(f"/channels/{key}/live")
    assert live.status_code == 200, live.text
    assert live.json()["video"]["width"]
    assert (await site.api.delete(f"/sessions/{live.json()['session_id']}")).status_code == 204


async def test_two_platforms_of_one_level_show_each_other_their_own_and_nothing_comes_back(
    platforms: TwoPlatforms,
) -> None:
    """Same id and same address in both roles: each request goes to who it is for."""
    upper, lower = platforms.upper, platforms.lower
    above, below = await upper.add_camera(7), await lower.add_camera(8)
    (up,), (down,) = above.settings.all_channel_ids, below.settings.all_channel_ids
    await platforms.join()
    await TwoPlatforms(lower, upper).join()
    for site, peer in ((upper, LOWER_ID), (lower, UPPER_ID)):
        assert (await site.api.post(f"/devices/{peer}/catalog")).status_code == 200
    assert await listed(upper, LOWER_ID) == {down}
    assert await listed(lower, UPPER_ID) == {up}
    await asyncio.gather(watched(upper, f"{LOWER_ID}~{down}"), watched(lower, f"{UPPER_ID}~{up}"))
    for site, peer, own in ((upper, LOWER_ID, up), (lower, UPPER_ID, down)):
        shown = (await site.api.get(f"/superiors/{peer}/catalogue")).json()["items"]
        assert {item["id"] for item in shown if item["channel"]} == {own}
        link = (await site.api.get(f"/superiors/{peer}")).json()["link"]
        assert (link["state"], link["losses"]) == ("online", 0)
        tried = (await site.api.post(f"/subordinates/{peer}/test-call")).json()
        assert tried["ok"], tried


async def test_what_a_platform_of_one_level_is_not_granted_it_does_not_see(platforms: TwoPlatforms) -> None:
    """A sub-platform of our level is a superior in the protocol's sense: it sees what is shared with it."""
    lower = platforms.lower
    first, second = await lower.add_camera(1), await lower.add_camera(2)
    (shared,), (kept,) = first.settings.all_channel_ids, second.settings.all_channel_ids
    rule = {"kind": "channel", "value": f"{first.settings.device_id}~{shared}"}
    await platforms.join(shares=[rule])
    assert await listed(platforms.upper, LOWER_ID) == {shared}
    # Even who knows its id is refused.
    await platforms.upper.platform.catalog.replace_catalog(
        LOWER_ID, [CatalogRow(channel_id=kept, name="known from elsewhere")], complete=False
    )
    with pytest.raises(Refused) as refused:
        await platforms.upper.platform.devices.invites.hold(ChannelKey(LOWER_ID, kept), "test", tag="")
    assert refused.value.status == 404


async def test_a_ring_of_three_lists_each_camera_once_and_asks_nobody_twice(
    platforms: TwoPlatforms, tmp_path: Path
) -> None:
    """County below city below district below county: its own camera comes back to the county.

    It is another way to the same camera there and no further one; who asks for it that way is refused, and a
    viewer is given the camera itself.
    """
    (tmp_path / "third").mkdir()
    async with small_site(tmp_path / "third", sip=sip(OTHER_ID)) as third:
        county, city, district = platforms.lower, platforms.upper, third
        camera = await county.add_camera(3)
        (channel,) = camera.settings.all_channel_ids
        await platforms.join()  # county below city
        await TwoPlatforms(district, city).join()  # city below district
        await TwoPlatforms(county, district).join()  # and district below county
        for _ in range(2):
            for site, peer in ((city, LOWER_ID), (district, UPPER_ID), (county, OTHER_ID)):
                assert (await site.api.post(f"/devices/{peer}/catalog")).status_code == 200
        for site, peer in ((city, LOWER_ID), (district, UPPER_ID), (county, OTHER_ID)):
            assert await listed(site, peer) == {channel}, "not one more with each round"
        shown = (await county.api.get(f"/superiors/{UPPER_ID}/catalogue")).json()["items"]
        assert [item["id"] for item in shown if item["channel"]] == [channel]

        invites = county.platform.devices.invites
        round_about = ChannelKey(OTHER_ID, channel)
        async with asyncio.timeout(5.0):
            with pytest.raises(Refused) as refused:
                await invites.hold(round_about, "test", tag="")
        assert refused.value.status == 482
        assert refused.value.evidence is not None
        assert refused.value.evidence.route_path == (OTHER_ID, UPPER_ID)
        await watched(county, str(round_about))
        await watched(district, f"{UPPER_ID}~{channel}")

        async def none_left() -> bool:
            return not any(site.platform.media.sessions for site in (county, city, district))

        await eventually(none_left, "no session stays")


async def test_a_camera_of_two_platforms_is_watched_by_the_other_when_one_fails(
    platforms: TwoPlatforms, tmp_path: Path
) -> None:
    """Same channel id through two platforms: one camera, an operator's order, and the other way in need."""
    (tmp_path / "third").mkdir()
    upper = platforms.upper
    async with small_site(tmp_path / "third", sip=sip(OTHER_ID)) as third:
        first = await platforms.lower.add_camera(4)
        (channel,) = first.settings.all_channel_ids
        await third.add_camera(4, device_id=first.settings.device_id)
        await platforms.join()
        await platforms.join(third)
        keys = [f"{LOWER_ID}~{channel}", f"{OTHER_ID}~{channel}"]
        changed = await upper.api.put(f"/subordinates/{OTHER_ID}", json={"path_rank": 5})
        assert changed.status_code == 200
        ways = (await upper.api.get(f"/channels/{keys[0]}/ways")).json()["items"]
        assert [(way["channel"], way["path_rank"]) for way in ways] == [(keys[0], 100), (keys[1], 5)]
        wanted = {"path": [LOWER_ID, "34012299002000000009"]}
        preferred = await upper.api.put(f"/channels/{keys[0]}/preferred-path", json=wanted)
        assert preferred.json()["preferred_path"] == wanted["path"]
        for wrong in ([OTHER_ID], [LOWER_ID, LOWER_ID], ["12"]):
            answer = await upper.api.put(f"/channels/{keys[0]}/preferred-path", json={"path": wrong})
            assert answer.status_code == 422, wrong
        live = (await upper.api.post(f"/channels/{keys[0]}/live")).json()
        ways = (await upper.api.get(f"/channels/{keys[0]}/ways")).json()["items"]
        assert [way["path"] for way in ways] == [[LOWER_ID], []]
        (stream,) = platforms.lower.platform.superiors.get(UPPER_ID).relay.streams
        sent = stream.incoming.request.headers
        assert sent.get("X-PreferredPath") == f"{LOWER_ID}-34012299002000000009"
        assert sent.get("X-VisitedPath") == UPPER_ID
        assert (await upper.api.delete(f"/sessions/{live['session_id']}")).status_code == 204

        await first.stop()
        await watched(upper, keys[0])
        tried = (await upper.api.post(f"/subordinates/{LOWER_ID}/test-call")).json()
        assert not tried["ok"], "a test call tries this platform, and no other"
