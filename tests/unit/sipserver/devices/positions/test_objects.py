"""The newest position of every object, and what of it goes into tracks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from catalog.model import ChannelKey
from sipserver.devices.positions import objects as module
from sipserver.devices.positions.model import StoredPosition
from sipserver.devices.positions.objects import Objects
from sipserver.devices.positions.settings import PositionSettings

DEVICE = "34020000001110000001"
START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float, object_id: str = DEVICE, received_s: float | None = None) -> StoredPosition:
    return StoredPosition(
        device_id=DEVICE,
        object_id=object_id,
        time=START + timedelta(seconds=seconds),
        longitude=117.0,
        latitude=31.0,
        received_time=START + timedelta(seconds=seconds if received_s is None else received_s),
    )


def test_tracks_are_thinned_and_the_newest_is_always_known() -> None:
    objects = Objects(PositionSettings(store_interval_s=5.0))
    for second in range(12):
        assert objects.take(at(second))
    track, latest = objects.take_unsaved()
    assert [(each.time - START).seconds for each in track] == [0, 5, 10]
    assert latest == [at(11)] == [objects.latest(ChannelKey(DEVICE, DEVICE))]
    assert objects.take_unsaved() == ([], [])


def test_a_late_report_goes_into_the_track_and_moves_nothing_back() -> None:
    objects = Objects(PositionSettings(store_interval_s=5.0))
    objects.take(at(100))
    late = at(50, received_s=101)
    objects.take(late)
    assert objects.take_unsaved() == ([at(100), late], [at(100)])


def test_a_clock_that_is_ahead_of_everything_does_not_hold_the_object() -> None:
    objects = Objects(PositionSettings())
    objects.take(at(10**7, received_s=0))
    objects.take(at(1))
    assert objects.latest(ChannelKey(DEVICE, DEVICE)) == at(1)


def test_a_lying_device_loses_only_its_own_objects() -> None:
    objects = Objects(PositionSettings(objects_per_device_max=2, objects_max=3))
    assert [objects.take(at(0, str(number))) for number in range(3)] == [True, True, False]
    assert objects.take(at(1, "0"))
    other = StoredPosition(
        device_id="other", object_id="x", time=START, longitude=1, latitude=1, received_time=START
    )
    assert objects.take(other)
    assert len(objects) == 3
    assert [each.object_id for each in objects.of_device(DEVICE)] == ["0", "1"]
    assert objects.keys() == [ChannelKey(DEVICE, "0"), ChannelKey(DEVICE, "1"), ChannelKey("other", "x")]
    objects.forget(DEVICE)
    assert objects.keys() == [ChannelKey("other", "x")]
    assert len(objects) == 1


def test_what_could_not_be_written_is_bounded_and_comes_first() -> None:
    objects = Objects(PositionSettings(store_interval_s=0.0))
    objects.take(at(0))
    track, latest = objects.take_unsaved()
    objects.take(at(1))
    objects.put_back(track, latest)
    assert objects.take_unsaved() == ([at(0), at(1)], [at(1)])
    objects.put_back([at(second) for second in range(module.MAX_UNSAVED + 10)], [])
    assert len(objects.take_unsaved()[0]) == module.MAX_UNSAVED


def test_what_was_stored_is_known_after_a_start() -> None:
    objects = Objects(PositionSettings(objects_max=2))
    objects.load([at(0, "a"), at(0, "b"), at(0, "c")])
    assert [each.object_id for each in objects.of_device(DEVICE)] == ["a", "b"]
    assert objects.take_unsaved() == ([], [])


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), max_size=40))
def test_the_newest_is_the_newest_by_the_devices_clock(reports: list[tuple[int, str]]) -> None:
    objects = Objects(PositionSettings())
    for second, object_id in reports:
        objects.take(at(second, object_id))
    for name in "ab":
        newest = objects.latest(ChannelKey(DEVICE, name))
        expected = max((second for second, each in reports if each == name), default=None)
        assert (None if newest is None else (newest.time - START).seconds) == expected
