"""What a superior may do, and when that ends: real SIP, a real data plane, a real audit log. GB-C137."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from access.audit import AuditEntry
from access.hours import Hours
from access.rights import Grant, Limits, Policy, Right, StreamChoice
from cascade.rights.permits import subject_of
from media.session import MediaPlane
from sipserver.devices.stream_request import LiveStream
from sipserver.sip.dialog import Dialog
from tests.integration.cascade.conftest import Below
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.integration.cascade.test_live_upward import CAMERA, SUBJECT, offer, until
from tests.integration.media.far_platform import udp_platform
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

SUBJECT_NAME = subject_of(PLATFORM_ID)
OTHER_CAMERA = f"{CAMERA[:-1]}2"
MAY_WATCH = Policy((Grant(frozenset({Right.LIVE})),))


@pytest.fixture
async def joined(below: Below, above: SmallPlatform, plane: MediaPlane) -> Below:
    await below.cameras(3)
    await registered(below, above, shared(above))
    return below


async def entries(joined: Below, outcome: str, count: int = 1) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found = [each for each in await joined.audit.list() if each.outcome == outcome]
    return found


async def watching(above: SmallPlatform, port: int, camera: str = CAMERA) -> Dialog:
    response, dialog = await above.invite(camera, offer(port))
    assert response.status == 200
    assert dialog is not None
    return dialog


async def test_without_the_right_a_picture_is_refused_and_the_log_says_so(
    joined: Below, above: SmallPlatform
) -> None:
    await joined.rights.replace(SUBJECT_NAME, Policy())
    response, _ = await above.invite(CAMERA, offer(9), f"{CAMERA}:0,34020000003000000007:0")
    assert response.status == 403
    assert joined.pictures.asked == [], "nothing was asked of the camera"
    (entry,) = await entries(joined, "refused")
    assert (entry.actor, entry.action, entry.source) == (SUBJECT_NAME, "superior.live", "127.0.0.1")
    assert entry.target.endswith(CAMERA)
    detail = json.loads(entry.detail)
    assert (detail["reason"], detail["user"]) == ("no_right", "34020000003000000007")
    assert (await joined.audit.verify()).is_whole


async def test_a_grant_withdrawn_ends_what_runs(joined: Below, above: SmallPlatform) -> None:
    """At once: nothing waits for the next look at the clock."""
    with udp_platform() as (_, port, _rtcp):
        await watching(above, port)
        await joined.rights.replace(SUBJECT_NAME, Policy())
        await above.until(lambda: len(above.byes) == 1, 2.0)
        await until(lambda: joined.pictures.holds[0].is_released, above)
    done = await entries(joined, "done", 2)
    assert json.loads(done[0].detail)["ended"] == "no_right"
    assert [each.action for each in done] == ["superior.live", "superior.live"]


async def test_what_runs_ends_with_its_hours(joined: Below, above: SmallPlatform) -> None:
    local = joined.now + timedelta(hours=8)
    minute = local.hour * 60 + local.minute
    hours = (Hours(start_minute=minute - 1, end_minute=minute + 1),)
    await joined.rights.replace(SUBJECT_NAME, Policy((Grant(frozenset({Right.LIVE}), hours=hours),)))
    with udp_platform() as (_, port, _rtcp):
        await watching(above, port)
        joined.now += timedelta(minutes=1)
        await above.until(lambda: len(above.byes) == 1, 2.0)
        assert (await above.invite(CAMERA, offer(port)))[0].status == 403


async def test_as_many_streams_as_allowed(joined: Below, above: SmallPlatform) -> None:
    await joined.rights.replace(SUBJECT_NAME, Policy(MAY_WATCH.grants, Limits(streams=2)))
    with udp_platform() as (_, port, _rtcp):
        first = await watching(above, port)
        await watching(above, port, OTHER_CAMERA)
        assert (await above.invite(CAMERA, offer(port)))[0].status == 486
        await above.bye(first)
        await until(lambda: joined.superiors.list()[0].permits.view.streams == 1, above)
        await watching(above, port)
        await joined.rights.replace(SUBJECT_NAME, Policy(MAY_WATCH.grants, Limits(streams=1)))
        await above.until(lambda: len(above.byes) == 1, 2.0)
        (left,) = joined.superiors.list()[0].relay.streams
        assert left.presented == OTHER_CAMERA, "the newest ends"


async def test_the_bandwidth_is_guessed_until_it_is_measured(joined: Below, above: SmallPlatform) -> None:
    await joined.rights.replace(SUBJECT_NAME, Policy(MAY_WATCH.grants, Limits(kbps=6_000)))
    with udp_platform() as (_, port, _rtcp):
        await watching(above, port)
        assert (await above.invite(OTHER_CAMERA, offer(port)))[0].status == 486
        assert (await above.invite(OTHER_CAMERA, offer(port, stream_number=1)))[0].status == 200


@pytest.mark.parametrize(
    ("choice", "asked", "given"),
    [
        (StreamChoice.SUB, None, LiveStream.SUB),
        (StreamChoice.MAIN, 1, LiveStream.MAIN),
        (StreamChoice.AS_ASKED, 1, LiveStream.SUB),
    ],
)
async def test_a_superior_gets_the_stream_that_is_chosen_for_it(
    joined: Below, above: SmallPlatform, choice: StreamChoice, asked: int | None, given: LiveStream
) -> None:
    await joined.rights.replace(SUBJECT_NAME, Policy(MAY_WATCH.grants, Limits(stream=choice)))
    with udp_platform() as (_, port, _rtcp):
        response, _ = await above.invite(CAMERA, offer(port, stream_number=asked), SUBJECT)
        assert response.status == 200
    assert [stream for _, stream in joined.pictures.asked] == [given]


async def test_a_superior_that_is_removed_begins_anew_when_it_comes_again(
    joined: Below, above: SmallPlatform
) -> None:
    await joined.rights.replace(SUBJECT_NAME, Policy())
    await joined.superiors.remove(PLATFORM_ID)
    assert joined.rights.is_initial(SUBJECT_NAME)
    assert joined.rights.listeners == []
