"""What is concluded from the pictures that come when a sub-stream is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from catalog.model import Channel, ChannelKey
from media.session import StreamInfo
from sipserver.devices import remembered
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import NoSubstream
from sipserver.devices.profiles.facets import Facet, is_suitable
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.remembered import Remembered
from sipserver.devices.substreams import ASK_AGAIN_AFTER_S, Attempt, Substreams
from sipserver.gb.editions import Edition

DEVICE = "34020000001180000001"
CAMERA = "34020000001320000001"
FIRST, SECOND = (Channel(device_id=DEVICE, channel_id=f"3402000000131000000{n}", name="") for n in (1, 2))
ONLY = Channel(device_id=CAMERA, channel_id=CAMERA, name="")
MAIN = StreamInfo("H264", 1920, 1080, None, "")
SMALL = StreamInfo("H264", 704, 576, None, "")


@dataclass
class Scene:
    substreams: Substreams
    profiles: Profiles
    now: float = 0.0

    def begin(self, channel: Channel = FIRST) -> Attempt:
        attempt = self.substreams.begin(channel)
        assert attempt is not None
        return attempt

    def known(self) -> str | None:
        return self.profiles.value(DEVICE, Facet.SUBSTREAM)


@pytest.fixture
def scene() -> Scene:
    profiles = Profiles(wall=lambda: datetime.now(UTC))
    gate = cast(EditionGate, SimpleNamespace(edition=lambda device_id: Edition.V3_0))
    made = Scene(Substreams(profiles, gate, clock=lambda: made.now), profiles)
    return made


def test_a_smaller_picture_shows_that_the_form_is_understood(scene: Scene) -> None:
    scene.substreams.main_came(FIRST.key, MAIN)
    assert scene.begin().take(SMALL)
    assert scene.known() == "streamnumber"


def test_without_the_main_stream_s_size_nothing_is_concluded(scene: Scene) -> None:
    assert scene.begin().take(MAIN)
    assert scene.known() is None
    assert scene.begin().form == "streamnumber"
    scene.substreams.main_came(FIRST.key, MAIN)
    assert scene.begin().form == "streamprofile"


def test_an_attempt_takes_one_step_and_the_next_goes_on_after_it(scene: Scene) -> None:
    scene.substreams.main_came(FIRST.key, MAIN)
    attempt = scene.begin()
    assert not attempt.take(MAIN)
    assert attempt.form == "streamprofile"
    with pytest.raises(NoSubstream):
        attempt.take(MAIN)
    assert scene.known() is None
    again = scene.begin()
    assert again.form == "streamMode"
    assert not again.take(MAIN)
    assert again.take(SMALL)
    assert scene.known() == "stream"


def exhaust(scene: Scene, channel: Channel) -> None:
    """Every form brings the main picture."""
    scene.substreams.main_came(channel.key, MAIN)
    while (attempt := scene.substreams.begin(channel)) is not None:
        with pytest.raises(NoSubstream):
            assert attempt.take(MAIN) or attempt.take(MAIN)


def test_when_a_camera_ignores_every_form_none_is_remembered(scene: Scene) -> None:
    exhaust(scene, ONLY)
    assert scene.profiles.value(CAMERA, Facet.SUBSTREAM) == "none"


def test_one_channel_without_sub_stream_says_nothing_about_a_recorder_two_do(scene: Scene) -> None:
    exhaust(scene, FIRST)
    assert scene.known() is None
    assert scene.begin(SECOND).form == "streamnumber"
    exhaust(scene, SECOND)
    assert scene.known() == "none"


def test_a_recorder_s_only_channel_is_asked_again_after_a_while(scene: Scene) -> None:
    exhaust(scene, FIRST)
    assert scene.substreams.begin(FIRST) is None
    scene.now += ASK_AGAIN_AFTER_S
    assert scene.begin(FIRST).form == "streamnumber"


def test_a_channel_without_one_does_not_unlearn_what_works_on_its_neighbours(scene: Scene) -> None:
    for channel in (FIRST, SECOND):
        scene.substreams.main_came(channel.key, MAIN)
    assert scene.begin(FIRST).take(SMALL)
    with pytest.raises(NoSubstream):
        scene.begin(SECOND).take(MAIN)
    assert scene.known() == "streamnumber"
    assert scene.substreams.begin(SECOND) is None
    assert scene.substreams.begin(FIRST) is not None
    scene.now += ASK_AGAIN_AFTER_S
    assert scene.begin(SECOND).form == "streamnumber"


def test_a_refusal_counts_against_the_form_only_when_nothing_else_can_be_the_reason(scene: Scene) -> None:
    with pytest.raises(NoSubstream):
        scene.begin().refused(488, is_certain=False)
    attempt = scene.begin()
    assert attempt.form == "streamnumber"
    attempt.refused(488, is_certain=True)
    assert attempt.form == "streamprofile"
    with pytest.raises(NoSubstream):
        attempt.refused(488, is_certain=True)


@pytest.mark.parametrize(
    ("info", "takes_main"),
    [
        ({}, True),
        ({"Resolution": "6"}, False),
        ({"Resolution": "1920x1080"}, False),
        ({"Resolution": "6/5/2"}, True),  # what it can do, not what it sends
        ({"Resolution": "?"}, True),
    ],
)
def test_the_catalogue_may_say_how_large_the_main_picture_is(
    scene: Scene, info: dict[str, str], takes_main: bool
) -> None:
    channel = Channel(device_id=DEVICE, channel_id=FIRST.channel_id, name="", info=info)
    assert scene.begin(channel).take(MAIN) == takes_main


@pytest.mark.parametrize(("numbers", "is_asked"), [("0", False), ("0/1", True), ("", True), ("main", True)])
def test_a_channel_that_lists_no_second_stream_is_not_asked(
    scene: Scene, numbers: str, is_asked: bool
) -> None:
    info = {"StreamNumberList": numbers}
    channel = Channel(device_id=DEVICE, channel_id=FIRST.channel_id, name="", info=info)
    assert (scene.substreams.begin(channel) is not None) == is_asked


def test_what_is_pinned_is_not_judged(scene: Scene) -> None:
    scene.substreams.main_came(FIRST.key, MAIN)
    scene.profiles.pin_device(DEVICE, Facet.SUBSTREAM, "stream-word", "admin")
    assert scene.begin().form == "stream-word"
    assert scene.begin().take(MAIN)
    assert scene.substreams.attributes(DEVICE, 1) == ("stream:sub",)


def test_the_facet_takes_one_form_several_or_none() -> None:
    for text in ("stream", "stream-word", "streamnumber,streamprofile", "none"):
        assert is_suitable(Facet.SUBSTREAM, text)
    for text in ("", "none,stream", "stream,", "main"):
        assert not is_suitable(Facet.SUBSTREAM, text)


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    entries: Remembered[ChannelKey, int] = Remembered()
    for number in (1, 2, 3):
        entries[ChannelKey(DEVICE, str(number))] = number
    entries[ChannelKey(DEVICE, "2")] = 5
    assert list(entries.values()) == [3, 5]


def test_sound_alone_says_nothing_about_sizes(scene: Scene) -> None:
    """A camera whose picture is off has no size: 0 x 0 must not make every sub-stream look too large."""
    sound = StreamInfo("", 0, 0, None, "")
    scene.substreams.main_came(FIRST.key, sound)
    assert scene.begin().take(SMALL)
    assert scene.known() is None
    scene.substreams.main_came(FIRST.key, MAIN)
    assert scene.known() == "streamnumber"
    assert scene.begin(SECOND).take(sound)
    assert scene.begin(SECOND).form == "streamnumber"
