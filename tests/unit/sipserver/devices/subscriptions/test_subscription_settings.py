"""The table [subscriptions]."""

import pytest

from sipserver.devices.subscriptions.kinds import Kind, is_in_edition
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.gb.editions import Edition


def test_automatic_kinds_are_named() -> None:
    settings = SubscriptionSettings(
        automatic=("catalog", "alarm"), automatic_platforms=("alarm", "ptz_position")
    )
    assert settings.automatic_kinds(of_platforms=False) == (Kind.CATALOG, Kind.ALARM)
    assert settings.automatic_kinds(of_platforms=True) == (Kind.CATALOG, Kind.ALARM, Kind.PTZ_POSITION)
    with pytest.raises(ValueError, match=r"subscriptions\.automatic_platforms holds 'weather'"):
        SubscriptionSettings(automatic_platforms=("weather",))
    with pytest.raises(ValueError, match=r"subscriptions\.automatic holds 'weather': allowed are catalog"):
        SubscriptionSettings(automatic=("weather",))


def test_kinds_follow_the_edition() -> None:
    """GB-C039."""
    known = {edition: {kind for kind in Kind if is_in_edition(kind, edition)} for edition in Edition}
    assert known[Edition.V1_0] == {Kind.CATALOG, Kind.ALARM}
    assert known[Edition.V2_0] == {Kind.CATALOG, Kind.ALARM, Kind.MOBILE_POSITION}
    assert known[Edition.V3_0] == set(Kind)
