"""Recordings that devices hold, asked for through the API of a whole platform: RecordInfo over sockets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.profiles.facets import Facet
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.history.recordings import RecordedSpan
from tests.support.small_site import SmallSite, small_site

DAY = datetime(2026, 5, 1, tzinfo=UTC)
QUICK = HistorySettings(query_first_s=1.0, query_quiet_s=0.5)


def files(count: int, minutes: float, start: datetime = DAY) -> tuple[RecordedSpan, ...]:
    """Files one after the other."""
    step = timedelta(minutes=minutes)
    return tuple(RecordedSpan(start + index * step, start + (index + 1) * step) for index in range(count))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, history=QUICK) as site:
        yield site


async def ask(site: SmallSite, camera: SimulatedDevice, hours: float = 24, **query: Any) -> Any:
    channel = camera.settings.all_channel_ids[0]
    period = {"start": DAY.isoformat(), "end": (DAY + timedelta(hours=hours)).isoformat()}
    return await site.api.get(f"/channels/{channel}/device-records", params=period | query)


async def test_a_day_comes_in_fragments_sorted_with_what_it_covers(site: SmallSite) -> None:
    """GB-C073."""
    gap = files(2, 60, DAY + timedelta(hours=12))
    camera = await site.add_camera(recordings=files(11, 60) + gap, record_fragment_size=2)
    answer = (await ask(site, camera)).json()
    assert answer["complete"] is True
    assert len(answer["items"]) == 13
    assert answer["items"] == sorted(answer["items"], key=lambda item: item["start"])
    covered = [(span["start"], span["end"]) for span in answer["coverage"]]
    assert covered == [
        ("2026-05-01T00:00:00.000+00:00", "2026-05-01T11:00:00.000+00:00"),
        ("2026-05-01T12:00:00.000+00:00", "2026-05-01T14:00:00.000+00:00"),
    ]
    assert answer["items"][0]["file_path"].startswith("/record/")


async def test_parts_out_of_order_and_twice_make_the_same_list(site: SmallSite) -> None:
    """GB-C058, for recordings."""
    camera = await site.add_camera(
        recordings=files(7, 60), record_fragment_size=3, faults=("record-shuffle",)
    )
    answer = (await ask(site, camera)).json()
    assert (len(answer["items"]), answer["complete"]) == (7, True)


async def test_nothing_recorded_is_an_answer(site: SmallSite) -> None:
    """GB-C060: SumNum 0 without a list."""
    camera = await site.add_camera(recordings=files(1, 60, DAY - timedelta(days=9)))
    answer = (await ask(site, camera)).json()
    assert (answer["items"], answer["coverage"], answer["complete"]) == ([], [], True)


async def test_an_answer_that_is_cut_off_is_asked_for_in_pieces(site: SmallSite) -> None:
    """Q38."""
    camera = await site.add_camera(recordings=files(144, 10), faults=("record-cap=50",))
    answer = (await ask(site, camera)).json()
    assert len(answer["items"]) == 144
    assert answer["queries"] > 1


async def test_lost_parts_are_asked_for_again(site: SmallSite) -> None:
    """Q30: of three fragments one never comes; the halves of the day bring it."""
    camera = await site.add_camera(recordings=files(6, 240), record_fragment_size=2, faults=("record-loss",))
    answer = (await ask(site, camera)).json()
    assert len(answer["items"]) == 6


async def test_recorders_that_need_a_type_get_one(site: SmallSite) -> None:
    """GB-C073, Q37; that a kind of recorders wants none is no proof for each of them."""
    camera = await site.add_camera(recordings=files(2, 60), faults=("record-needs-type",))
    profiles, device_id = site.platform.devices.profiles, camera.settings.device_id
    assert len((await ask(site, camera)).json()["items"]) == 2
    assert profiles.value(device_id, Facet.RECORD_TYPE) == "all"
    profiles.learn(device_id, Facet.RECORD_TYPE, "absent", "set by this test")
    assert len((await ask(site, camera)).json()["items"]) == 2
    assert profiles.value(device_id, Facet.RECORD_TYPE) == "all"
    profiles.pin_device(device_id, Facet.RECORD_TYPE, "absent", "this test")
    assert (await ask(site, camera)).json()["items"] == []


async def test_recorders_that_cannot_bear_a_type_are_asked_without(site: SmallSite) -> None:
    """Q37 turned round: found by asking once more, and remembered."""
    camera = await site.add_camera(recordings=files(2, 60), faults=("record-refuses-type",))
    assert len((await ask(site, camera)).json()["items"]) == 2
    profile = site.platform.devices.profiles.of_device(camera.settings.device_id)
    learned = profile.values[Facet.RECORD_TYPE].learned
    assert learned.value == "absent"
    assert learned.evidence == (
        "RecordInfo with Type=all brought nothing, RecordInfo without Type brought 2 lines"
    )
    assert len((await ask(site, camera)).json()["items"]) == 2


async def test_several_storages_are_told_apart(site: SmallSite) -> None:
    """GB-C074."""
    camera = await site.add_camera(recordings=files(2, 60))
    both = (await ask(site, camera, storage="both")).json()
    assert {item["location"] for item in both["items"]} == {camera.settings.device_id}
    front_end = (await ask(site, camera, storage="front-end")).json()
    assert {item["location"] for item in front_end["items"]} == {""}


async def test_only_the_kind_that_is_asked_for(site: SmallSite) -> None:
    alarm = RecordedSpan(DAY, DAY + timedelta(minutes=1), "alarm")
    camera = await site.add_camera(recordings=(alarm, *files(2, 60)))
    found = (await ask(site, camera, type="alarm")).json()["items"]
    assert [item["type"] for item in found] == ["alarm"]


async def test_several_days_are_asked_for_one_by_one(site: SmallSite) -> None:
    camera = await site.add_camera(recordings=files(3, 24 * 60))
    answer = (await ask(site, camera, hours=72)).json()
    assert (len(answer["items"]), answer["queries"]) == (3, 3)


async def test_a_device_that_never_answers_is_told_so(site: SmallSite) -> None:
    camera = await site.add_camera(faults=("no-record-answer",))
    answer = await ask(site, camera)
    assert (answer.status_code, answer.json()["code"]) == (504, "no-answer")
    assert "RecordInfo" in answer.json()["detail"]


async def test_a_time_that_makes_no_sense_is_refused(site: SmallSite) -> None:
    camera = await site.add_camera()
    assert (await ask(site, camera, hours=-1)).status_code == 422
    assert (await ask(site, camera, hours=24 * 32)).status_code == 422
    assert (await ask(site, camera, type="everything")).status_code == 422
