"""Every error of the media room has a word here."""

from __future__ import annotations

import pytest

from media import errors as media
from sipserver.devices.errors import InviteEnded, NoCapacity, NoKeyframe, NoMedia, WrongSsrc
from sipserver.devices.media_verdicts import error_type


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (media.NoMedia, NoMedia),
        (media.OnlyStrangers, NoMedia),
        (media.WrongSsrc, WrongSsrc),
        (media.NoPackHeader, NoKeyframe),
        (media.UnsupportedMedia, NoKeyframe),
        (media.NoKeyframe, NoKeyframe),
        (media.NoPortFree, NoCapacity),
        (media.SessionClosed, InviteEnded),
    ],
)
def test_the_verdicts(theirs: type[media.MediaError], ours: type[Exception]) -> None:
    assert error_type(theirs("text")) is ours
