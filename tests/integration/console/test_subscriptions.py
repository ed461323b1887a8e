"""Subscriptions and positions through everything: API, SIP over sockets, simulated device, database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipserver.devices.positions.model import PositionEvent, PtzPositionReported, VideoUploadOffered
from sipserver.devices.positions.settings import PositionSettings
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.gb.editions import Edition
from sipserver.gb.ptz import Move
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    settings = SubscriptionSettings(retry_s=0.05, query_pause_s=0.05, position_interval_s=1)
    async with small_site(tmp_path, subscriptions=settings) as opened:
        yield opened


async def _subscribe(site: SmallSite, device_id: str, kind: str, **wish: Any) -> dict[str, Any]:
    answer = await site.api.put(f"/devices/{device_id}/subscriptions/{kind}", json=wish)
    assert answer.status_code == 200, answer.text
    subscription: dict[str, Any] = answer.json()
    return subscription


async def _status(site: SmallSite, channel_id: str) -> tuple[bool | None, bool] | None:
    key = await site.platform.catalog.resolve_channel(channel_id)
    channel = await site.platform.catalog.get_channel(key)
    return (channel.status_online, channel.fault) if channel is not None and channel.present else None


async def test_catalogue_events_change_the_catalogue(site: SmallSite) -> None:
    """GB-C091: all seven."""
    nvr = await site.add_nvr(channels=4)
    device_id, (first, second, third, last) = nvr.settings.device_id, nvr.settings.all_channel_ids
    subscription = await _subscribe(site, device_id, "catalog")
    assert (subscription["state"], subscription["granted_s"], subscription["error"]) == ("active", 600, "")

    for channel_id, event, status in (
        (first, "OFF", (False, False)),
        (second, "VLOST", (True, True)),
        (third, "DEFECT", (True, True)),
        (first, "ON", (True, False)),
    ):
        assert nvr.set_channel_state(channel_id, event)

        async def changed(channel_id: str = channel_id, status: tuple[bool, bool] = status) -> bool:
            return await _status(site, channel_id) == status

        await eventually(changed, f"{event} is stored")

    added = first[:-1] + "9"
    nvr.catalog.add(added)
    nvr.catalog.remove(last)
    nvr.catalog.update(second, name="改名")

    async def all_stored() -> bool:
        renamed = (await site.api.get(f"/channels/{second}")).json()["name"] == "改名"
        known = await site.platform.catalog.list_channels(device_id)
        ids = {channel.channel_id for channel in known.items}
        return renamed and added in ids and last not in ids

    await eventually(all_stored, "ADD, DEL and UPDATE are stored")
    listed = (await site.api.get(f"/devices/{device_id}/subscriptions")).json()["items"]
    assert [each["kind"] for each in listed] == ["catalog"]
    assert listed[0]["notifies"] >= 7
    every = (await site.api.get("/subscriptions", params={"limit": 1})).json()
    assert (every["items"][0]["kind"], every["next"]) == ("catalog", None)


async def test_a_subscription_is_ended_in_its_dialog(site: SmallSite) -> None:
    """GB-C090, GB-C092: the device says terminated, and is answered 200."""
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    await _subscribe(site, device_id, "alarm", alarms={"methods": [5]})
    assert len(camera.subscriptions.of("Alarm")) == 1
    answer = await site.api.delete(f"/devices/{device_id}/subscriptions/alarm")
    assert answer.status_code == 204
    assert camera.subscriptions.of("Alarm") == []
    assert (await site.api.get("/subscriptions")).json()["items"] == []
    again = await site.api.delete(f"/devices/{device_id}/subscriptions/alarm")
    assert (again.status_code, again.json()["code"]) == (404, "unknown-subscription")


@pytest.mark.parametrize(
    ("edition", "faults"),
    [(Edition.V2_0, ()), (Edition.V3_0, ()), (Edition.V3_0, ("positions-by-message",))],
)
async def test_positions_are_stored_in_every_form(
    site: SmallSite, edition: Edition, faults: tuple[str, ...]
) -> None:
    """GB-C079, GB-C097, Q47: flat and list, by NOTIFY and by MESSAGE."""
    camera = await site.add_camera(edition=edition, faults=faults)
    device_id, channel_id = camera.settings.device_id, camera.settings.all_channel_ids[0]
    assert (await site.api.get(f"/channels/{channel_id}/position")).json()["code"] == "no-position"
    await _subscribe(site, device_id, "mobile_position", interval_s=1)

    async def known() -> bool:
        return bool((await site.api.get("/positions")).json()["items"])

    await eventually(known, "a position is known")
    (position,) = (await site.api.get(f"/devices/{device_id}/positions")).json()["items"]
    assert position["object_id"] == device_id
    assert 117 < position["longitude"] < 118
    assert position["altitude_m"] == 28.5
    track = (await site.api.get(f"/devices/{device_id}/track")).json()["items"]
    assert track[0]["speed_kmh"] == 36.0
    assert (await site.api.get(f"/channels/{channel_id}/position")).json()["device_id"] == device_id


async def test_a_position_without_a_fix_is_no_position(site: SmallSite) -> None:
    """Q48."""
    camera = await site.add_camera(faults=("no-fix",))
    await _subscribe(site, camera.settings.device_id, "mobile_position")
    stats = site.platform.devices.stats

    async def refused() -> bool:
        return stats.positions["without fix"] > 0

    await eventually(refused, "the report has come")
    assert (await site.api.get("/positions")).json()["items"] == []


async def test_a_camera_that_turns_tells_where_it_looks(site: SmallSite) -> None:
    """GB-C097."""
    camera = await site.add_camera(edition=Edition.V3_0)
    device_id, channel_id = camera.settings.device_id, camera.settings.all_channel_ids[0]
    events: list[PositionEvent] = []
    site.platform.devices.positions.listeners.append(events.append)
    await _subscribe(site, device_id, "ptz_position", target_id=channel_id)

    async def told() -> bool:
        return (await site.api.get(f"/channels/{channel_id}/direction")).status_code == 200

    await eventually(told, "the first direction is told")
    before = (await site.api.get(f"/channels/{channel_id}/direction")).json()["pan"]
    head = camera.control.heads[channel_id]
    head.apply(Move(pan=200), camera.control._clock())

    async def turned() -> bool:
        return bool((await site.api.get(f"/channels/{channel_id}/direction")).json()["pan"] != before)

    await eventually(turned, "the new direction is told")
    assert isinstance(events[0], PtzPositionReported)


async def test_an_old_device_is_not_asked_for_what_it_cannot_know(site: SmallSite) -> None:
    """GB-C039."""
    camera = await site.add_camera(edition=Edition.V2_0)
    path = f"/devices/{camera.settings.device_id}/subscriptions/ptz_position"
    refused = await site.api.put(path, json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-in-edition")
    assert (await site.api.put(path, json={"despite_edition": True})).json()["state"] == "active"


async def test_an_offered_picture_is_told_and_places_the_device(site: SmallSite) -> None:
    """GB-C081."""
    camera = await site.add_camera(edition=Edition.V3_0)
    events: list[PositionEvent] = []
    site.platform.devices.positions.listeners.append(events.append)
    camera.mobility.offer_video()

    async def offered() -> bool:
        return any(isinstance(event, VideoUploadOffered) for event in events)

    await eventually(offered, "the offer is told")
    assert (await site.api.get(f"/devices/{camera.settings.device_id}/positions")).json()["items"]


@pytest.mark.parametrize("fault", ["catalog-notify-response", "notify-out-of-dialog", "presence-only"])
async def test_devices_that_notify_in_their_own_way(site: SmallSite, fault: str) -> None:
    """Q43, Q44, GB-C095."""
    camera = await site.add_camera(faults=(fault,))
    device_id, channel_id = camera.settings.device_id, camera.settings.all_channel_ids[0]
    assert (await _subscribe(site, device_id, "catalog"))["state"] == "active"
    camera.set_channel_state(channel_id, "OFF")

    async def stored() -> bool:
        return await _status(site, channel_id) == (False, False)

    await eventually(stored, "OFF is stored")


async def test_a_device_that_forgot_us_is_subscribed_to_anew(site: SmallSite) -> None:
    """Q45, GB-C096."""
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    await _subscribe(site, device_id, "catalog")
    camera.subscriptions.forget()
    assert not camera.set_channel_state(camera.settings.all_channel_ids[0], "OFF")
    again = await _subscribe(site, device_id, "catalog", expires_s=300)
    assert (again["state"], again["dialogs"], again["granted_s"]) == ("active", 2, 300)


async def test_an_end_by_the_device_is_mended(site: SmallSite) -> None:
    """GB-C092."""
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    await _subscribe(site, device_id, "catalog")
    camera.subscriptions.terminate("Catalog")

    async def mended() -> bool:
        (view,) = site.platform.devices.subscriptions.views(device_id)
        return view.dialogs == 2 and view.state == "active"

    await eventually(mended, "a second dialog is open")


async def test_a_catalogue_that_is_never_notified_is_asked_for(tmp_path: Path) -> None:
    """Q46."""
    settings = SubscriptionSettings(never_notified_s=0.0, catalog_query_s=1.0, query_pause_s=0.0)
    async with small_site(tmp_path, subscriptions=settings) as site:
        camera = await site.add_camera(faults=("never-notifies",))
        device_id, channel_id = camera.settings.device_id, camera.settings.all_channel_ids[0]
        await _subscribe(site, device_id, "catalog")
        assert (await _subscribe(site, device_id, "catalog"))["is_mute"]
        camera.set_channel_state(channel_id, "OFF")

        async def stored() -> bool:
            return await _status(site, channel_id) == (False, False)

        await eventually(stored, "the catalogue was asked for")


async def test_what_is_wanted_and_where_things_were_outlives_a_restart(tmp_path: Path) -> None:
    """GB-C096: of the platform this time."""
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        device_id = camera.settings.device_id
        await _subscribe(site, device_id, "mobile_position", interval_s=1)
        await _subscribe(site, device_id, "alarm", alarms={"methods": [2, 5], "start_priority": 1})

        async def placed() -> bool:
            return bool((await site.api.get("/positions")).json()["items"])

        await eventually(placed, "a position is known")
        before = (await site.api.get("/positions")).json()["items"][0]
    async with small_site(tmp_path) as site:
        after = (await site.api.get("/positions")).json()["items"][0]
        assert after["object_id"] == before["object_id"]
        listed = (await site.api.get("/subscriptions")).json()["items"]
        assert [each["kind"] for each in listed] == ["alarm", "mobile_position"]
        assert (listed[0]["alarms"]["methods"], listed[0]["requested_by"]) == ([2, 5], "admin")
        await site.add_camera()

        async def active() -> bool:
            items = (await site.api.get("/subscriptions")).json()["items"]
            return [each["state"] for each in items] == ["active", "active"]

        await eventually(active, "both are subscribed to again")


async def test_an_alarm_goes_to_the_subscriber_whose_conditions_it_meets(site: SmallSite) -> None:
    camera = await site.add_camera()
    await _subscribe(site, camera.settings.device_id, "alarm", alarms={"methods": [2]})
    camera.alarms.raise_alarm(method=2)
    notifies = site.platform.devices.stats.notifies

    async def notified() -> bool:
        return notifies["in dialog"] >= 2  # the first says only how the subscription stands

    await eventually(notified, "the alarm came by NOTIFY")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/devices/x/subscriptions/weather", {}, 422),
        ("PUT", "/devices/34020000001320000999/subscriptions/catalog", {}, 404),
        ("PUT", "/devices/34020000001320000999/subscriptions/catalog", {"expires_s": 1}, 422),
        ("PUT", "/devices/34020000001320000999/subscriptions/catalog", {"target": "x"}, 422),
        ("GET", "/devices/34020000001320000999/subscriptions", None, 404),
        ("GET", "/devices/34020000001320000999/positions", None, 404),
        ("GET", "/devices/34020000001320000999/track", None, 404),
        ("GET", "/channels/nowhere/direction", None, 404),
        ("GET", "/positions?cursor=!", None, 400),
        ("GET", "/subscriptions?cursor=WzFd", None, 400),
    ],
)
async def test_requests_that_cannot_be_served(
    site: SmallSite, method: str, path: str, body: Any, status: int
) -> None:
    answer = await site.api.request(method, path, json=body)
    assert answer.status_code == status, answer.text


async def test_lists_come_in_pages(site: SmallSite) -> None:
    nvr = await site.add_nvr(channels=2)
    device_id = nvr.settings.device_id
    for target in (device_id, *nvr.settings.all_channel_ids):
        await _subscribe(site, device_id, "mobile_position", target_id=target, interval_s=1)

    async def placed() -> bool:
        return len((await site.api.get("/positions")).json()["items"]) == 3

    await eventually(placed, "three objects are placed")
    for path in ("/positions", "/subscriptions"):
        found, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await site.api.get(path, params=query)).json()
            found += page["items"]
            if (cursor := page["next"]) is None:
                break
        assert len(found) == 3
    first = nvr.settings.all_channel_ids[0]
    moment = (await site.api.get(f"/channels/{first}/track")).json()["items"][0]["time"]
    from_then = await site.api.get(f"/channels/{first}/track", params={"start": moment, "limit": 1})
    assert from_then.json()["items"][0]["time"] == moment
    until_then = await site.api.get(f"/channels/{first}/track", params={"end": moment})
    assert until_then.json()["items"] == []


async def test_an_offered_picture_is_fetched_when_the_settings_say_so(tmp_path: Path) -> None:
    """GB-C081: the offer may trigger an INVITE; repeated offers trigger one."""
    async with small_site(tmp_path, positions=PositionSettings(video_upload_hold_s=1.0)) as site:
        camera = await site.add_camera(edition=Edition.V3_0)
        camera.mobility.offer_video()
        camera.mobility.offer_video()

        async def streaming() -> bool:
            return camera.streams == 1

        async def over() -> bool:
            return camera.streams == 0

        await eventually(streaming, "the picture is fetched")
        await eventually(over, "and let go")
        assert site.platform.devices.stats.positions["video uploads"] == 2
        assert camera.stats.invites == 1
