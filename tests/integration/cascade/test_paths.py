"""Which way an INVITE of a superior takes over platforms below us. GB-C136."""

from __future__ import annotations

import pytest

from cascade.model import Superior
from catalog.model import CatalogRow, ChannelKey
from media.session import MediaPlane, MediaTransport
from sipserver.devices.errors import DeviceOffline, Refused
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.gb.editions import Edition
from sipserver.sip.message import SipResponse
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.integration.cascade.test_live_upward import offer
from tests.integration.media.far_platform import udp_platform
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

TOWN, VILLAGE = "34010300002000000001", "34010300002000000002"
CAMERA = "34010300001320000001"
FAR = "34010399002000000009"


@pytest.fixture
async def joined(below: Below, above: SmallPlatform, plane: MediaPlane) -> Below:
    """The same camera by two platforms."""
    for platform_id in (TOWN, VILLAGE):
        below.standing.online.add(platform_id)
        await below.cameras(1, platform_id)
    await registered(below, above, shared(above))
    return below


async def asked(above: SmallPlatform, *headers: tuple[str, str]) -> tuple[SipResponse, str]:
    with udp_platform() as (_, port, _rtcp):
        response, dialog = await above.invite(CAMERA, offer(port), headers=headers)
        if dialog is not None:
            await above.bye(dialog)
    return response, response.headers.get("X-RoutePath")


def ways(below: Below) -> list[str]:
    found = [key.device_id for key, _ in below.pictures.asked]
    below.pictures.asked.clear()
    return found


async def test_an_answer_tells_the_way_with_ourselves_in_front(joined: Below, above: SmallPlatform) -> None:
    joined.pictures.paths[TOWN] = (TOWN, FAR)
    response, path = await asked(above)
    assert (response.status, path) == (200, f"{OWN_ID}-{TOWN}-{FAR}")
    assert ways(joined) == [TOWN]


async def test_the_wanted_way_is_taken_and_passed_on_without_ourselves(
    joined: Below, above: SmallPlatform
) -> None:
    response, _ = await asked(above, ("X-PreferredPath", f"{OWN_ID}-{VILLAGE}-{FAR}"))
    assert response.status == 200
    assert ways(joined) == [VILLAGE]
    assert joined.pictures.routes[-1].preferred == (VILLAGE, FAR)
    await asked(above, ("X-PreferredPath", f"{OWN_ID}"))
    assert (ways(joined), joined.pictures.routes[-1].preferred) == ([TOWN], ())


async def test_a_way_that_fails_is_followed_by_the_other(joined: Below, above: SmallPlatform) -> None:
    joined.pictures.failures[ChannelKey(VILLAGE, CAMERA)] = DeviceOffline("gone")
    response, _ = await asked(above, ("X-PreferredPath", f"{OWN_ID}-{VILLAGE}"))
    assert (response.status, ways(joined)) == (200, [VILLAGE, TOWN])


async def test_a_refusal_tells_how_far_it_came(joined: Below, above: SmallPlatform) -> None:
    for platform_id in (TOWN, VILLAGE):
        error = Refused("busy", status=486)
        error.evidence = InviteEvidence(MediaTransport.UDP, route_path=(platform_id, FAR))
        joined.pictures.failures[ChannelKey(platform_id, CAMERA)] = error
    response, path = await asked(above)
    assert (response.status, path) == (486, f"{OWN_ID}-{TOWN}-{FAR}")


async def test_an_invite_that_comes_round_is_refused(joined: Below, above: SmallPlatform) -> None:
    for headers in (("X-VisitedPath", f"{FAR}-{OWN_ID}-{TOWN}"), ("Max-Forwards", "0")):
        response, _ = await asked(above, headers)
        assert response.status in (482, 483), headers
    assert ways(joined) == []
    response, _ = await asked(above, ("X-VisitedPath", f"{FAR}-{TOWN}"))
    assert (response.status, ways(joined)) == (200, [VILLAGE]), "not back to where it came through"
    assert joined.pictures.routes[-1].visited == (FAR, TOWN)
    response, _ = await asked(above, ("X-VisitedPath", f"{VILLAGE}-{TOWN}"))
    assert response.status == 482


async def test_a_superior_of_before_2022_is_told_no_way(joined: Below, above: SmallPlatform) -> None:
    superior: Superior = shared(above, edition=Edition.V2_0)
    await joined.superiors.change(superior)
    post = joined.superiors.get(superior.superior_id)
    await above.until(lambda: post.link.is_online)
    response, path = await asked(above)
    assert (response.status, path) == (200, "")


async def test_a_camera_that_was_ours_and_is_now_below_goes_on_under_its_platform(
    below: Below, above: SmallPlatform, plane: MediaPlane
) -> None:
    """As long as it is ours, what a platform says of it does not count; after that it does (R-3)."""
    await below.cameras(1)
    await registered(below, above, shared(above))
    (own,) = await below.catalog.load_channels(NVR)
    await below.catalog.add_devices([TOWN])
    below.standing.online.add(TOWN)
    brought = CatalogRow(channel_id=own.channel_id, name="by the town", status_online=True)
    post = below.superiors.list()[0]

    async def ways_to_it() -> list[list[str]]:
        tree = await post.catalogue.tree()
        return [[key.device_id for key in entry.paths] for entry in tree.channels.values()]

    assert await ways_to_it() == [[NVR]]
    await below.catalog.replace_catalog(TOWN, [brought], complete=True)
    assert await ways_to_it() == [[NVR]]
    await below.catalog.replace_catalog(NVR, [], complete=True)
    assert await ways_to_it() == [[TOWN]]
