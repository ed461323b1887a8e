"""Catalogue items of the protocol become rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.from_gb import MAX_TEXT_CHARS, channel_kind, civil_region, rows_from_items
from catalog.model import ChannelKind
from tests.unit.catalog.builders import DEVICE, GROUP, ORGANISATION, Item, camera_id


@pytest.mark.parametrize(
    ("civil_code", "channel_id", "region"),
    [
        ("340203", camera_id(1), "340203"),
        ("34", camera_id(1), "34"),
        (" 34020301 ", camera_id(1), "34020301"),
        ("", camera_id(1), "3402"),
        (None, camera_id(1), "3402"),
        ("null", camera_id(1), "3402"),
        ("3402000000", camera_id(1), "3402"),
        (camera_id(1), camera_id(1), "3402"),
        ("芜湖市", camera_id(1), "3402"),
        ("000000", camera_id(1), "3402"),
        ("", "34000000001320000001", "34"),
        ("", "34020301001320000001", "34020301"),
        ("", "short", ""),
        ("11", "340203", "340203"),
        ("３４０２", camera_id(1), "3402"),
    ],
)
def test_region_is_taken_from_the_id_when_the_civil_code_is_none(
    civil_code: str | None, channel_id: str, region: str
) -> None:
    """GB-C006."""
    assert civil_region(civil_code, channel_id) == region


@pytest.mark.parametrize(
    ("channel_id", "has_children", "kind"),
    [
        ("34", False, ChannelKind.REGION),
        ("340203", True, ChannelKind.REGION),
        ("34020000002000000001", False, ChannelKind.SYSTEM),
        (GROUP, False, ChannelKind.BUSINESS_GROUP),
        (ORGANISATION, True, ChannelKind.VIRTUAL_ORGANISATION),
        (camera_id(1), False, ChannelKind.CAMERA),
        ("34020000001310000001", True, ChannelKind.CAMERA),
        ("34020000001340000001", False, ChannelKind.ALARM),
        ("34020000001370000001", False, ChannelKind.AUDIO_OUTPUT),
        ("34020000001360000001", False, ChannelKind.AUDIO_INPUT),
        ("34020000001180000009", True, ChannelKind.MAIN_DEVICE),
        ("34020000001180000009", False, ChannelKind.CAMERA),
        (DEVICE, False, ChannelKind.MAIN_DEVICE),
        ("34020000002020000001", False, ChannelKind.OTHER_DEVICE),
        ("34020000001500000001", False, ChannelKind.CAMERA),
        ("camera7", False, ChannelKind.CAMERA),
        ("123456789012345678", False, ChannelKind.CAMERA),
    ],
)
def test_kind_follows_id_and_place(channel_id: str, has_children: bool, kind: ChannelKind) -> None:
    assert channel_kind(DEVICE, channel_id, has_children=has_children) is kind


def test_device_that_lists_only_itself_is_its_own_camera() -> None:
    assert rows_from_items(DEVICE, [Item(DEVICE)])[0].kind is ChannelKind.CAMERA
    two = rows_from_items(DEVICE, [Item(DEVICE), Item(camera_id(1))])
    assert [row.kind for row in two] == [ChannelKind.MAIN_DEVICE, ChannelKind.CAMERA]


def test_last_of_two_items_with_one_id_wins() -> None:
    rows = rows_from_items(
        DEVICE, [Item(camera_id(1), name="a"), Item(camera_id(2)), Item(camera_id(1), name="b")]
    )
    assert [(row.channel_id, row.name) for row in rows] == [(camera_id(1), "b"), (camera_id(2), "")]


def test_camera_class_comes_from_point_type() -> None:
    rows = rows_from_items(
        DEVICE,
        [Item(camera_id(n), info={"PointType": text}) for n, text in enumerate(["1", " 3 ", "9", "x"])],
    )
    assert [row.camera_class for row in rows] == [1, 3, None, None]


def test_status_fault_and_secret() -> None:
    (row,) = rows_from_items(
        DEVICE,
        [Item(camera_id(1), status="ON", fault=True, unknown={"Password": "secret", "Extra": "kept"})],
    )
    assert (row.status_online, row.fault, row.unknown) == (True, True, {"Extra": "kept"})
    off, silent = rows_from_items(DEVICE, [Item(camera_id(1), status="OFF"), Item(camera_id(2))])
    assert (off.status_online, silent.status_online) == (False, None)


@pytest.mark.parametrize(
    ("longitude", "latitude", "position"),
    [
        (117.3, 31.7, (117.3, 31.7)),
        (0.0, 0.0, (None, None)),
        (117.3, None, (None, None)),
        (181.0, 31.0, (None, None)),
        (117.0, 90.5, (None, None)),
        (float("nan"), 31.0, (None, None)),
        (-180.0, -90.0, (-180.0, -90.0)),
    ],
)
def test_positions_that_are_none_are_unknown(
    longitude: float, latitude: float | None, position: tuple[float | None, float | None]
) -> None:
    (row,) = rows_from_items(DEVICE, [Item(camera_id(1), longitude=longitude, latitude=latitude)])
    assert (row.longitude, row.latitude) == position


texts = st.text(max_size=40) | st.none()
items = st.builds(
    Item,
    device_id=st.sampled_from([camera_id(1), camera_id(2), DEVICE, GROUP, ORGANISATION, "34", "x"]),
    name=texts,
    civil_code=texts,
    parental=st.integers() | st.none(),
    parent_ids=st.lists(st.sampled_from([DEVICE, camera_id(1), GROUP, "?"]), max_size=3).map(tuple),
    port=st.integers() | st.none(),
    longitude=st.floats() | st.none(),
    latitude=st.floats() | st.none(),
    info=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
)


@given(st.lists(items, max_size=8))
def test_any_items_give_one_storable_row_each(given_items: list[Item]) -> None:
    rows = rows_from_items(DEVICE, given_items)
    assert [row.channel_id for row in rows] == list(dict.fromkeys(item.device_id for item in given_items))
    for row in rows:
        assert row.region_code == "" or (row.region_code.isdigit() and len(row.region_code) in (2, 4, 6, 8))
        assert "\0" not in row.name
        assert row.parental is None or abs(row.parental) < 2**31


def test_texts_are_bounded() -> None:
    for length in (MAX_TEXT_CHARS, MAX_TEXT_CHARS + 1):
        (row,) = rows_from_items(DEVICE, [Item(camera_id(1), name="n" * length)])
        assert len(row.name) == MAX_TEXT_CHARS
