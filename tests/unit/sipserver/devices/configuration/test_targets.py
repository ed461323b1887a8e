"""To which id settings are addressed (Q40)."""

from datetime import UTC, datetime

import pytest

from catalog.model import ChannelKey
from sipserver.devices.configuration.targets import Targets
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles

CAMERA = "34020000001320000001"
NVR = "34020000001180000001"
CHANNEL = "34020000001310000001"


@pytest.fixture
def profiles() -> Profiles:
    return Profiles(wall=lambda: datetime(2024, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "targets"),
    [
        (ChannelKey(CAMERA, CAMERA), (CAMERA,)),
        (ChannelKey(CAMERA, CHANNEL), (CHANNEL, CAMERA)),
        (ChannelKey(NVR, CHANNEL), (CHANNEL,)),
        (ChannelKey(NVR, NVR), (NVR,)),
    ],
)
def test_only_a_camera_is_also_tried_by_its_own_id(
    profiles: Profiles, key: ChannelKey, targets: tuple[str, ...]
) -> None:
    """The id of a recorder would change the recorder."""
    assert Targets(profiles).of(key) == targets


def test_what_worked_is_remembered_and_what_is_learned_counts(profiles: Profiles) -> None:
    targets = Targets(profiles)
    key = ChannelKey(CAMERA, CHANNEL)
    targets.worked(ChannelKey(CAMERA, CAMERA), CAMERA, "says nothing")
    assert targets.of(key) == (CHANNEL, CAMERA)
    targets.worked(key, CAMERA, "it answered")
    assert targets.of(key) == (CAMERA,)
    profiles.learn(NVR, Facet.CONFIG_TARGET, "channel", "seen")
    assert targets.of(ChannelKey(NVR, CHANNEL)) == (CHANNEL,)
