"""Cameras in columns: what is put in comes out, and only news is news."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cascade.shown.channel_table import ChannelTable, ItemState
from catalog.model import Channel, ChannelKey, ChannelKind

NVR = "34010200001180000001"
TEXTS = st.text(max_size=8)


def camera(number: int = 1, **values: object) -> Channel:
    return Channel(device_id=NVR, channel_id=str(number), name=f"c{number}", **values)  # type: ignore[arg-type]


@given(
    st.builds(
        Channel,
        device_id=st.just(NVR),
        channel_id=st.just("1"),
        name=TEXTS,
        given_name=TEXTS,
        manufacturer=TEXTS,
        address=TEXTS,
        region_code=TEXTS,
        secrecy=st.none() | st.integers(0, 9),
        longitude=st.none() | st.floats(allow_nan=False),
        info=st.dictionaries(TEXTS, TEXTS, max_size=3),
        kind=st.just(ChannelKind.CAMERA),
    )
)
def test_what_is_put_in_comes_out(channel: Channel) -> None:
    table = ChannelTable()
    assert table.put(channel) == 0
    assert table.put(replace(channel)) is None, "no news"
    kept = table.kept(0)
    assert (kept.name, kept.manufacturer, kept.address) == (
        channel.shown_name, channel.manufacturer, channel.address,
    )  # fmt: skip
    assert (kept.secrecy, kept.longitude, kept.info) == (
        channel.secrecy, channel.longitude, channel.info,
    )  # fmt: skip
    assert table.key(0) == ChannelKey(NVR, "1")


def test_a_state_is_the_channel_s_and_its_device_s() -> None:
    table = ChannelTable()
    table.put(camera(status_online=True))
    assert table.state(0) is ItemState.OFF, "its device is away"
    assert table.set_online(NVR, True) == [0]
    assert table.set_online(NVR, True) == []
    assert table.state(0) is ItemState.ON
    for values, state in (
        ({"fault": True}, ItemState.VLOST),
        ({"status_online": None}, ItemState.ON),
        ({"fault": True, "defect": True}, ItemState.DEFECT),
        ({"status_online": False, "fault": True}, ItemState.OFF),
        ({"present": False}, ItemState.OFF),
    ):
        assert table.put(camera(**values)) == 0
        assert table.state(0) is state


def test_a_row_stays_with_its_channel() -> None:
    table = ChannelTable()
    assert [table.put(camera(number)) for number in (1, 2)] == [0, 1]
    assert table.drop(0)
    assert not table.drop(0), "that is no news"
    assert not table.is_present(0)
    assert table.put(camera(1)) == 0
    assert table.row(ChannelKey(NVR, "2")) == 1
    assert table.row(ChannelKey("another", "2")) is None
