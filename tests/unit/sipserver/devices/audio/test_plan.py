"""Which way is tried, and what comes after."""

import pytest

from sipserver.devices.audio.plan import AudioMode, transports, tries_next_way, ways
from sipserver.devices.errors import (
    BadAnswer,
    DeviceError,
    DeviceOffline,
    NoAnswer,
    NoCapacity,
    NoMedia,
    Refused,
)
from sipserver.gb.editions import Edition

BROADCAST, TALK = AudioMode.BROADCAST, AudioMode.TALK


@pytest.mark.parametrize(
    ("asked", "learned", "edition", "expected"),
    [
        (AudioMode.AUTO, None, Edition.V2_0, (BROADCAST, TALK)),
        (AudioMode.AUTO, None, Edition.V1_0, (BROADCAST, TALK)),
        (AudioMode.AUTO, None, Edition.V3_0, (BROADCAST,)),
        (AudioMode.AUTO, "talk", Edition.V3_0, (TALK,)),
        (AudioMode.AUTO, "broadcast", Edition.V2_0, (BROADCAST,)),
        (AudioMode.AUTO, "nonsense", Edition.V3_0, (BROADCAST,)),
        (AudioMode.TALK, None, Edition.V3_0, (TALK,)),
        (AudioMode.BROADCAST, "talk", Edition.V2_0, (BROADCAST,)),
    ],
)
def test_ways_follow_what_is_known(
    asked: AudioMode, learned: str | None, edition: Edition, expected: tuple[AudioMode, ...]
) -> None:
    """GB-C039: s=Talk is left out for a peer of 2022, unless it is learned, pinned or asked for. Q66."""
    assert ways(asked, learned, edition) == expected


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (NoAnswer("x"), True),
        (BadAnswer("x"), True),
        (NoMedia("x"), True),
        (Refused("x", status=0), True),
        (Refused("x", status=488), True),
        (Refused("x", status=486), False),
        (Refused("x", status=603), False),
        (DeviceOffline("x"), False),
        (NoCapacity("x"), False),
    ],
)
def test_another_way_is_tried_when_it_may_do_better(error: DeviceError, tries: bool) -> None:
    assert tries_next_way(error) is tries


@pytest.mark.parametrize(
    ("learned", "is_stream", "expected"),
    [
        (None, True, (True, False)),
        (None, False, (False, True)),
        ("tcp", False, (True, False)),
        ("udp", True, (False, True)),
    ],
)
def test_talk_uses_the_transport_that_worked(
    learned: str | None, is_stream: bool, expected: tuple[bool, ...]
) -> None:
    assert transports(learned, is_stream) == expected
