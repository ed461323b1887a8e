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
