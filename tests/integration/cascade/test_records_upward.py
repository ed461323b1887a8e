"""RecordInfo of a superior over real sockets: from which source, in parts, in time. GB-C060, GB-C133."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cascade.model import RecordSource
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceOffline
from sipserver.gb.ids import GbId
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, RecordResponse
from storage.model import Segment
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

CAMERA = "34010200001320000001"
KEY = ChannelKey(NVR, CAMERA)
MIDNIGHT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
"""In Beijing."""
DAY = timedelta(days=1)


def segment(start: datetime, minutes: float, number: int = 0) -> Segment:
    return Segment(
        segment_id=f"00ff-{start.timestamp():.0f}-{number}",
        recorder_id="00ff",
        device_id=NVR,
        channel_id=CAMERA,
        path="segments/00/00ff/none.mp4",
        start_time=start,
        end_time=start + timedelta(minutes=minutes),
        size_bytes=1_000,
    )


def line(start: datetime, minutes: float, **changes: object) -> RecordItem:
    """As a recorder writes it: its own ids, and its own name for the file."""
    item = RecordItem(
        CAMERA, start, start + timedelta(minutes=minutes), "", f"/disk/{start:%H%M}.dav", record_type="time",
        recorder_id=NVR, location=NVR,
    )  # fmt: skip
    return replace(item, **changes)  # type: ignore[arg-type]


async def asked(
    above: SmallPlatform,
    sn: str,
    start: datetime = MIDNIGHT,
    end: datetime = MIDNIGHT + DAY,
    **changes: object,
) -> list[RecordItem]:
    query = replace(RecordQuery(sn, GbId(CAMERA), start, end), **changes)  # type: ignore[arg-type]
    assert (await above.send(str(query.device_id), query.to_xml())).status == 200

    def parts() -> list[RecordResponse]:
        found = [RecordResponse.from_xml(each.element) for each in above.of_type("RecordInfo")]
        return [part for part in found if part.sn == sn]

    await above.until(
        lambda: bool(parts()) and sum(len(each.items) for each in parts()) >= parts()[0].sum_num
    )
    items = [item for part in parts() for item in part.items]
    assert {part.sum_num for part in parts()} == {len(items)}
    assert {part.device_id for part in parts()} == {query.device_id}
    return items


async def noted(below: Below) -> dict[str, object]:
    """The last entry about records."""
    while True:
        for entry in await below.audit.list():
            if entry.action == "superior.records":
                detail: dict[str, object] = json.loads(entry.detail)
                return detail | {"outcome": entry.outcome}


async def joined(below: Below, above: SmallPlatform, **changes: object) -> Below:
    await below.cameras(2)
    await registered(below, above, shared(above, **changes))
    return below


def spans(items: list[RecordItem]) -> list[tuple[str, str]]:
    """In minutes of the day."""
    return [(f"{each.start - MIDNIGHT}", f"{each.end - MIDNIGHT}") for each in items]


async def test_files_of_ours_are_stretches_without_a_gap_cut_at_full_hours(
    below: Below, above: SmallPlatform
) -> None:
    """A gap stays visible; what reaches beyond the question is cut off; each line can be asked for."""
    await joined(below, above, fragment_items=2)
    eight = MIDNIGHT + timedelta(hours=8)
    files = [segment(eight + timedelta(minutes=each), 1) for each in range(90) if each != 30]
    below.recordings.disk.segments_of[KEY] = files
    items = await asked(above, "1", eight + timedelta(minutes=10), eight + timedelta(minutes=80))
    assert spans(items) == [("8:10:00", "8:30:00"), ("8:31:00", "9:00:00"), ("9:00:00", "9:20:00")]
    assert len(above.of_type("RecordInfo")) == 2, "two lines in a message"
    first = items[0]
    assert (first.device_id, first.record_type, first.size_bytes) == (CAMERA, "time", 20_000)
    assert first.file_path.endswith("20261121081000")
    assert below.recordings.records.searches == [], "the device was left alone"
    assert await asked(above, "2", record_type="alarm") == []
    assert [each.record_type for each in below.recordings.records.searches] == ["alarm"]
    assert await asked(above, "3", file_path="no such file") == []
    assert await asked(above, "4", recorder_id="nobody") == []
    assert await asked(above, "5", secrecy=1) == []
    assert len(await asked(above, "6", recorder_id=OWN_ID, record_type="time")) == 3


@pytest.mark.parametrize(
    ("source", "indistinct", "expected"),
    [
        (RecordSource.OWN_FIRST, None, [("8:00:00", "8:30:00")]),
        (RecordSource.DEVICE_FIRST, None, [("8:00:01", "8:30:00"), ("10:00:00", "10:30:00")]),
        (RecordSource.MERGED, None, [("8:00:00", "8:30:00"), ("10:00:00", "10:30:00")]),
        (
            RecordSource.OWN_FIRST,
            True,
            [("8:00:00", "8:30:00"), ("8:00:01", "8:30:00"), ("10:00:00", "10:30:00")],
        ),
    ],
)
async def test_lines_come_from_where_the_superior_s_setting_says(
    below: Below,
    above: SmallPlatform,
    source: RecordSource,
    indistinct: bool | None,
    expected: list[tuple[str, str]],
) -> None:
    """Merged, the same footage is told once; who asks for both storages is told where each lies."""
    await joined(below, above, record_source=source, fragment_items=10)
    eight = MIDNIGHT + timedelta(hours=8)
    below.recordings.disk.segments_of[KEY] = [segment(eight, 30)]
    below.recordings.records.items = [
        line(eight + timedelta(seconds=1), 30 - 1 / 60),
        line(eight + timedelta(hours=2), 30),
    ]
    items = await asked(above, "1", indistinct=indistinct)
    assert spans(items) == expected
    assert {each.device_id for each in items} == {CAMERA}
    assert NVR not in {each.recorder_id for each in items}, "no id that the superior was not told"
    locations = {each.location for each in items}
    assert locations == ({OWN_ID, CAMERA} if indistinct else {""})


async def test_the_other_source_helps_out(below: Below, above: SmallPlatform) -> None:
    await joined(below, above, fragment_items=10)
    below.recordings.records.items = [line(MIDNIGHT, 5)]
    assert len(await asked(above, "1")) == 1, "nothing of ours: the device is asked"
    await below.superiors.change(shared(above, record_source=RecordSource.DEVICE_FIRST))
    below.recordings.disk.segments_of[KEY] = [segment(MIDNIGHT + timedelta(hours=3), 30)]
    below.recordings.records.failure = DeviceOffline("gone")
    assert spans(await asked(above, "2")) == [("3:00:00", "3:30:00")]
    assert (await noted(below))["reason"] == "gone"


async def test_a_device_that_never_answers_is_an_empty_answer_in_time_and_written_down(
    below: Below, above: SmallPlatform
) -> None:
    """GB-C060: SumNum 0 and no list, within the time of the superior's settings."""
    await joined(below, above, record_wait_s=0.2)
    below.recordings.records.is_silent = True
    assert await asked(above, "1") == []
    (answer,) = above.of_type("RecordInfo")
    assert answer.element.find("RecordList") is None
    found = await noted(below)
    assert (found["lines"], found["outcome"]) == (0, "failed")
    assert "no answer" in str(found["reason"])


async def test_ten_years_are_cut_to_what_is_kept_and_a_flood_of_lines_to_the_newest(
    below: Below, above: SmallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is for the newest 92 days; devices are asked for 31 of them."""
    monkeypatch.setattr("cascade.asked.records.MAX_LINES", 24)
    await joined(below, above, fragment_items=20)
    start = MIDNIGHT - timedelta(days=3_650)
    below.recordings.disk.segments_of[KEY] = [
        segment(start, 1),
        *(segment(MIDNIGHT + timedelta(minutes=20 * each), 10) for each in range(40)),
    ]
    items = await asked(above, "1", start, MIDNIGHT + DAY)
    assert len(items) == 24
    assert items[-1].end == MIDNIGHT + timedelta(minutes=20 * 39 + 10), "the newest"
    assert below.recordings.disk.longest_s <= 3 * 86_400, "our index is read in pieces"
    assert await asked(above, "2", start, MIDNIGHT - 5 * DAY) == []
    (search,) = below.recordings.records.searches
    assert search.end - search.start == timedelta(days=31)
    found = await noted(below)
    assert "answered for 92" in str(found["reason"])
    assert found["outcome"] == "refused"
    assert await asked(above, "3", MIDNIGHT + 900 * DAY, MIDNIGHT + 901 * DAY) == [], "a time to come"


async def test_what_is_not_shown_or_cannot_be_read_reaches_nobody(below: Below, above: SmallPlatform) -> None:
    await joined(below, above)
    assert await asked(above, "1", device_id=GbId("34010200001320000099")) == []
    broken = RecordQuery("2", GbId(CAMERA), MIDNIGHT, MIDNIGHT + DAY).to_xml()
    for child in list(broken):
        if child.tag == "StartTime":
            child.text = "the day before"
    assert (await above.send(CAMERA, broken)).status == 400
    assert await asked(above, "3", MIDNIGHT + DAY, MIDNIGHT) == []
    assert below.recordings.records.searches == []
