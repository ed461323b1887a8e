"""Whose INVITE it is."""

import pytest

from sipserver.devices.audio.expected import ExpectedInvites, names_in
from sipserver.sip.message import SipRequest

DEVICE = "34020000001110000001"
FIRST, SECOND = "34020000001370000001", "34020000001370000002"
PLATFORM = "34020000002000000001"


@pytest.fixture
def expected() -> ExpectedInvites[str]:
    waiting: ExpectedInvites[str] = ExpectedInvites()
    waiting.add(DEVICE, FIRST, "10", "first")
    waiting.add(DEVICE, SECOND, "11", "second")
    return waiting


def invite(subject: str, from_id: str = FIRST, to_id: str = PLATFORM) -> SipRequest:
    headers = [
        ("From", f"<sip:{from_id}@3402000000>;tag=a"),
        ("To", f"<sip:{to_id}@3402000000>"),
        ("Call-ID", "x"),
        ("CSeq", "1 INVITE"),
        ("Subject", subject),
    ]
    return SipRequest("INVITE", f"sip:{to_id}@3402000000", headers)


@pytest.mark.parametrize(
    ("subject", "from_id", "to_id", "waiter"),
    [
        (f"{PLATFORM}:0,{SECOND}:0", SECOND, PLATFORM, "second"),
        (f"{PLATFORM}:0,{SECOND}:0", DEVICE, PLATFORM, "second"),
        ("", SECOND, PLATFORM, "second"),
        (f"{PLATFORM}%3A0,{SECOND}%3A0", DEVICE, DEVICE, "second"),
        (f"{PLATFORM}:0,{DEVICE}:0", DEVICE, DEVICE, "first"),
        ("", DEVICE, SECOND, "second"),
        (",,,,:::", DEVICE, PLATFORM, "first"),
    ],
)
def test_invite_finds_its_notice_by_any_id_it_names(
    expected: ExpectedInvites[str], subject: str, from_id: str, to_id: str, waiter: str
) -> None:
    """Q65: Subject may hold device ids; then the oldest notice is meant."""
    assert expected.of_invite(DEVICE, names_in(invite(subject, from_id, to_id))) == waiter


def test_other_devices_find_nothing(expected: ExpectedInvites[str]) -> None:
    assert expected.of_invite("34020000001110000002", (FIRST,)) is None


@pytest.mark.parametrize(
    ("target", "sn", "waiter"),
    [
        (SECOND, "11", "second"),
        (SECOND, "011", "second"),
        (SECOND, "99", "second"),
        (DEVICE, "11", None),
    ],
)
def test_response_finds_its_notice(
    expected: ExpectedInvites[str], target: str, sn: str, waiter: str | None
) -> None:
    assert expected.of_response(DEVICE, target, sn) == waiter


def test_lone_notice_takes_any_response(expected: ExpectedInvites[str]) -> None:
    """Q28: numbers and ids come back changed; when one notice is out, it is the one."""
    expected.remove(DEVICE, "first")
    expected.remove(DEVICE, "first")
    assert expected.of_response(DEVICE, DEVICE, "7") == "second"
    expected.remove(DEVICE, "second")
    assert expected.of_response(DEVICE, DEVICE, "7") is None
    assert len(expected) == 0


def test_header_that_cannot_be_read_names_nobody() -> None:
    request = invite("")
    request.headers.set("From", "<<<")
    assert names_in(request) == (PLATFORM,)
