"""Settings, faults and answers that need no network."""

from datetime import UTC, datetime

import pytest

from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_control import DeviceControl, TeleBoot
from sipserver.simulator.answers import answer_query
from sipserver.simulator.errors import UnknownFault
from sipserver.simulator.faults import FAULTS, Behaviour, behaviour_of
from sipserver.simulator.settings import (
    LOOP_VARIANTS,
    SimulatedDeviceSettings,
    camera_settings,
    channel_ids_of,
    nvr_settings,
)
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID

WHERE = (PLATFORM_ID, "192.0.2.1", 5060, "secret")
NOW = datetime(2024, 5, 1, tzinfo=UTC)


def test_fleet_of_cameras_has_ids_of_its_own() -> None:
    fleet = [camera_settings(index, *WHERE) for index in range(500)]
    assert fleet[0].device_id == "34020000001320000001"
    assert fleet[0].all_channel_ids == ("34020000001310000001",)
    assert len({each.device_id for each in fleet}) == 500
    assert len({each.all_channel_ids for each in fleet}) == 500


def test_channels_of_nvrs_do_not_meet() -> None:
    fleet = [nvr_settings(index, 16, *WHERE) for index in range(20)]
    channels = [channel for each in fleet for channel in each.all_channel_ids]
    assert len(set(channels)) == 320
    assert all(GbId.parse(channel).type_code == "131" for channel in channels)
    assert fleet[0].all_channel_ids[0] == "34020000001310001001"
    assert channel_ids_of(fleet[0].device_id, 0) == ()


def test_given_channel_ids_are_used() -> None:
    settings = SimulatedDeviceSettings("34020000001180000001", *WHERE[:2], channel_ids=("a", "b"))
    assert settings.all_channel_ids == ("a", "b")


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(camera_settings(0, *WHERE))


def test_domain_defaults_to_that_of_the_platform() -> None:
    assert camera_settings(0, *WHERE).sip_domain == "3402000000"
    assert SimulatedDeviceSettings("1", "2", "3", domain="x.spvmn.cn").sip_domain == "x.spvmn.cn"


def test_fleet_shares_a_few_loops() -> None:
    pictures = {camera_settings(index, *WHERE).pictures_of(0) for index in range(500)}
    assert len(pictures) == LOOP_VARIANTS


def test_live_cameras_have_pictures_of_their_own() -> None:
    fleet = [
        SimulatedDeviceSettings(str(index), "2", "3", live_clock=True, index=index) for index in range(30)
    ]
    assert len({each.pictures_of(0) for each in fleet}) == 30


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_changes_the_behaviour(name: str) -> None:
    assert behaviour_of([name]) != Behaviour()
    assert FAULTS[name].imitates


def test_faults_add_up() -> None:
    both = behaviour_of(["wrong-ssrc", "no-psm"])
    assert (both.ssrc_offset, both.with_map, both.answers_invite) == (1, False, True)
    assert behaviour_of([]) == Behaviour()


def test_unknown_fault_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownFault, match=r"'flood'.*wrong-ssrc"):
        behaviour_of(["flood"])


def answers(message: CatalogQuery | DeviceControl, count: int = 3) -> list[manscdp.Document]:
    settings = nvr_settings(0, count, *WHERE)
    items = {channel: CatalogItem(GbId(channel), name=channel) for channel in settings.all_channel_ids}
    document = manscdp.parse_document(manscdp.serialize_document(message.to_xml()))
    return [
        manscdp.parse_document(manscdp.serialize_document(element))
        for element in answer_query(document, settings, items, NOW)
    ]


@pytest.mark.parametrize(
    ("asked", "count", "total"),
    [
        ("34020000001180000001", 3, 3),
        ("34020000001310001002", 1, 1),
        ("34020000001319999999", 1, 0),
        ("3402", 1, 0),
    ],
)
def test_catalogue_answers_for_what_was_asked(asked: str, count: int, total: int) -> None:
    """GB-C007 and C060 as a device."""
    documents = answers(CatalogQuery("5", GbId(asked)))
    assert len(documents) == count
    parts = [CatalogResponse.from_xml(document.element) for document in documents]
    assert {part.sum_num for part in parts} == {total}
    assert {part.device_id for part in parts} == {asked}


def test_what_is_no_query_is_not_answered() -> None:
    assert answers(DeviceControl("1", GbId("34020000001180000001"), TeleBoot())) == []
