"""Editions and gates. GB-C038, C039, C065."""

import pytest

from sipserver.gb.editions import GATES, Edition, Feature, allows, from_header, keyframe_commands


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        ("1.0", Edition.V1_0),
        ("1.1", Edition.V1_1),
        ("2.0", Edition.V2_0),
        ("3.0", Edition.V3_0),
        (" 3.0 ", Edition.V3_0),
        ("3", Edition.V3_0),
        ("V2.0", Edition.V2_0),
        ("2.1", Edition.V2_0),
        ("4.0", Edition.V3_0),
        ("0.9", Edition.V1_0),
    ],
)
def test_header_gives_the_highest_known_edition_that_is_not_above_it(text: str, edition: Edition) -> None:
    assert from_header(text) is edition


@pytest.mark.parametrize("text", [None, "", "unknown", "2.0.1"])
def test_absent_or_odd_header_means_at_most_2_0(text: str | None) -> None:
    """GB-C038."""
    assert from_header(text) is Edition.V2_0


def test_editions_order_as_versions_do() -> None:
    assert sorted(Edition) == [Edition.V1_0, Edition.V1_1, Edition.V2_0, Edition.V3_0]


def test_every_feature_has_a_gate_for_every_edition() -> None:
    assert set(GATES) == {(feature, edition) for feature in Feature for edition in Edition}


def test_nothing_of_2022_goes_to_a_peer_of_2016() -> None:
    """GB-C039."""
    assert not allows(Edition.V2_0, Feature.COMMANDS_OF_2022)
    assert not allows(Edition.V2_0, Feature.STREAM_NUMBER)
    assert not allows(Edition.V2_0, Feature.NEGATIVE_SCALE)
    assert allows(Edition.V3_0, Feature.COMMANDS_OF_2022)


def test_talk_was_removed_in_2022() -> None:
    assert allows(Edition.V2_0, Feature.TALK)
    assert not allows(Edition.V3_0, Feature.TALK)


def test_partly_supported_counts_as_allowed_and_mere_practice_does_not() -> None:
    assert allows(Edition.V1_1, Feature.TCP_MEDIA)
    assert not allows(Edition.V2_0, Feature.H265_AAC)


@pytest.mark.parametrize(
    ("edition", "names"),
    [
        (Edition.V1_0, ("IFameCmd", "IFrameCmd")),
        (Edition.V1_1, ("IFameCmd",)),
        (Edition.V2_0, ("IFameCmd",)),
        (Edition.V3_0, ("IFrameCmd",)),
    ],
)
def test_key_frame_command_is_spelled_as_the_edition_prints_it(
    edition: Edition, names: tuple[str, ...]
) -> None:
    """GB-C065, Q42."""
    assert keyframe_commands(edition) == names
