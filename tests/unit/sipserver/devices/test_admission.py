"""Who may register, and with which password."""

from __future__ import annotations

import pytest

from catalog.model import Device
from sipserver.devices.admission import Admission, Refusal
from sipserver.devices.settings import DeviceSettings, MediaPreference

ID = "34020000001180000005"


@pytest.mark.parametrize(
    ("settings", "device", "refusal"),
    [
        ({}, None, None),
        ({"id": ID}, None, Refusal.OWN_ID),
        ({"blocked_ids": (ID,)}, None, Refusal.BLOCKED_ID),
        ({}, Device(device_id=ID, blocked=True), Refusal.BLOCKED_ID),
        ({"blocked_networks": ("10.0.0.0/8",)}, None, Refusal.BLOCKED_ADDRESS),
        ({"blocked_networks": ("fd00::/8", "192.0.2.0/24")}, None, None),
        ({"blocked_user_agents": ("BAD",)}, None, Refusal.BLOCKED_USER_AGENT),
        ({"allow_list": True}, None, Refusal.NOT_ALLOWED),
        ({"allow_list": True}, Device(device_id=ID, allowed=False), Refusal.NOT_ALLOWED),
        ({"allow_list": True}, Device(device_id=ID, allowed=True), None),
        ({}, Device(device_id=ID, allowed=False), None),
    ],
)
def test_the_lists(settings: dict[str, object], device: Device | None, refusal: Refusal | None) -> None:
    admission = Admission(DeviceSettings(**settings))  # type: ignore[arg-type]
    if device is not None:
        admission.load([device])
    assert admission.refusal(ID, "10.1.2.3", "a bad camera") is refusal


def test_a_device_uses_its_own_password_else_the_common_one() -> None:
    opened: list[str] = []

    def unseal(text: str) -> str:
        opened.append(text)
        return text.upper()

    admission = Admission(DeviceSettings(password="common"), unseal)
    assert admission.password_of(ID) == "common"
    admission.set(Device(device_id=ID, password_sealed="own"))
    assert [admission.password_of(ID) for _ in range(3)] == ["OWN"] * 3
    assert opened == ["own"]
    admission.forget(ID)
    assert admission.password_of(ID) == "common"


def test_a_sealed_password_that_cannot_be_opened_never_falls_back_to_the_common_one() -> None:
    admission = Admission(DeviceSettings(password="common"))
    admission.set(Device(device_id=ID, password_sealed="own"))
    assert admission.password_of(ID) is None


def test_an_address_that_is_none_is_in_no_blocked_network() -> None:
    admission = Admission(DeviceSettings(blocked_networks=("10.0.0.0/8",)))
    assert admission.refusal(ID, "not an address", "") is None


def test_date_and_media_transport_are_those_of_the_device_else_of_the_settings() -> None:
    """GB-C036."""
    other, third = "34020000001180000006", "34020000001180000007"
    admission = Admission(
        DeviceSettings(date_off_ids=(other,), media_preference_of={other: MediaPreference.UDP})
    )
    assert [admission.gets_date(each) for each in (ID, other)] == [True, False]
    assert [admission.media_preference_of(each) for each in (ID, other)] == [None, MediaPreference.UDP]
    admission.load(
        [
            Device(device_id=ID, send_date=False, media_transport="tcp_passive"),
            Device(device_id=other, media_transport="auto"),
            Device(device_id=third),
        ]
    )
    assert [admission.gets_date(each) for each in (ID, other, third)] == [False, False, True]
    assert [admission.media_preference_of(each) for each in (ID, other, third)] == [
        MediaPreference.TCP_PASSIVE,
        MediaPreference.AUTO,
        None,
    ]


def test_a_platform_registers_from_where_it_is_expected_under_its_account() -> None:
    platform = Device(device_id=ID, expected_hosts="10.1.0.0/16 2001:db8::7", account="county", path_rank=3)
    admission = Admission(DeviceSettings())
    admission.set(platform)
    for host, refusal in (
        ("10.1.2.3", None),
        ("2001:db8::7%eth0", None),
        ("10.2.0.1", Refusal.OTHER_ADDRESS),
        ("2001:db8::8", Refusal.OTHER_ADDRESS),
        ("", None),
    ):
        assert admission.refusal(ID, host, "") is refusal, host
    assert admission.username_of(ID) == "county"
    assert admission.username_of("34020000001180000006") is None
    assert Admission(DeviceSettings(username_must_be_id=True)).username_of(ID) == ID


def test_platforms_are_told_by_their_ids_or_by_an_operator() -> None:
    by_id, by_word = "34020000002000000009", "34020000004920000009"
    admission = Admission(DeviceSettings(platform_catalog_s=600))
    assert admission.is_platform(by_id)
    assert not admission.is_platform(by_word)
    admission.load(
        [
            Device(device_id=by_id),
            Device(device_id=by_word, is_subordinate=True, path_rank=3, catalog_every_s=300),
            Device(device_id=ID),
        ]
    )
    assert admission.is_platform(by_word)
    assert admission.platforms() == {by_id: 600.0, by_word: 300.0}
    assert [admission.path_rank(each) for each in (ID, by_word, by_id)] == [-1, 3, 100]
