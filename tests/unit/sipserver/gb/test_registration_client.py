"""Registering as a client: redirects, failures, and the times between. GB-C041."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.registration_client import (
    MAX_HOPS,
    Outcome,
    RegistrationClient,
    RegistrationPacing,
    ServerAddress,
    redirect_target,
)
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipResponse

HOME = ServerAddress("34020000002000000001", "192.0.2.1", 5060)
OTHER = ServerAddress("34020000002000000002", "198.51.100.7", 5062)
PACING = RegistrationPacing(expires_s=3600, retry_s=60.0, retry_max_s=600.0)


def client(jitter: float = 0.0, now: float = 100.0) -> RegistrationClient:
    return RegistrationClient(HOME, PACING, lambda: jitter, now)


def answer(status: int, **headers: str) -> SipResponse:
    return SipResponse(
        status, "", Headers([(name.replace("_", "-"), value) for name, value in headers.items()])
    )


def moved(target: ServerAddress) -> SipResponse:
    return answer(302, Contact=f"<{target.uri}>", Expires="3600")


def test_the_first_register_goes_home_at_once() -> None:
    fresh = client()
    assert (fresh.server, fresh.next_at, fresh.is_home) == (HOME, 100.0, True)


def test_a_registration_is_refreshed_at_two_thirds_of_what_was_granted() -> None:
    fresh = client()
    assert fresh.answered(answer(200, Expires="900"), 100.0) is Outcome.REGISTERED
    assert fresh.next_at == 700.0
    contact = "<sip:1@192.0.2.9>;expires=300"
    assert fresh.answered(answer(200, Contact=contact, Expires="900"), 700.0) is Outcome.REGISTERED
    assert fresh.next_at == 900.0
    fresh.answered(answer(200, Expires="soon"), 900.0)
    assert fresh.next_at == 900.0 + 2400.0


def test_a_grant_of_nothing_does_not_make_a_tight_circle() -> None:
    fresh = client()
    fresh.answered(answer(200, Expires="0"), 100.0)
    assert fresh.next_at > 100.0


def test_a_redirect_is_followed_at_once_and_stays() -> None:
    """GB-C041."""
    fresh = client()
    assert fresh.answered(moved(OTHER), 101.0) is Outcome.REDIRECTED
    assert (fresh.server, fresh.next_at) == (OTHER, 101.0)
    fresh.answered(answer(200, Expires="3600"), 102.0)
    assert fresh.server == OTHER
    assert not fresh.is_home


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_who_is_refused_where_it_was_sent_goes_home_soon(status: int) -> None:
    """GB-C041: 403, 500 and the like lead back to the redirect server."""
    fresh = client(jitter=0.5)
    fresh.answered(moved(OTHER), 101.0)
    assert fresh.answered(answer(status, Retry_After="500"), 102.0) is Outcome.REFUSED
    assert (fresh.server, fresh.next_at) == (HOME, 103.0)


def test_a_server_that_dies_later_leads_home_too() -> None:
    """GB-C041."""
    for die in (lambda each: each.failed(5000.0), lambda each: each.lost(5000.0)):
        fresh = client(jitter=0.5)
        fresh.answered(moved(OTHER), 101.0)
        fresh.answered(answer(200, Expires="3600"), 102.0)
        die(fresh)
        assert fresh.server == HOME
        assert 5000.0 <= fresh.next_at <= 5002.0


def test_home_and_a_dead_server_do_not_play_ping_pong() -> None:
    fresh = client()
    waits = []
    now = 100.0
    for _ in range(4):
        fresh.answered(moved(OTHER), now)
        fresh.failed(now)
        waits.append(fresh.next_at - now)
        now = fresh.next_at
    assert waits == [0.0, 120.0, 240.0, 480.0]


def test_redirects_are_followed_three_times_and_no_further() -> None:
    fresh = client()
    servers = [ServerAddress(OTHER.server_id, f"198.51.100.{n}") for n in range(MAX_HOPS + 1)]
    outcomes = [fresh.answered(moved(server), 101.0) for server in servers]
    assert outcomes == [Outcome.REDIRECTED] * MAX_HOPS + [Outcome.REFUSED]
    assert fresh.server == HOME


def test_a_redirect_to_itself_or_to_nowhere_is_a_failure() -> None:
    fresh = client()
    for wrong in (
        moved(HOME),
        answer(302),
        answer(302, Contact="<sip:>"),
        answer(302, Contact="<mailto:someone>"),
        answer(302, Contact="<sip:1@host:99999>"),
    ):
        assert fresh.answered(wrong, 101.0) is Outcome.REFUSED
        assert fresh.server == HOME


def test_failures_wait_longer_each_time_up_to_a_bound_and_a_success_forgets_them() -> None:
    fresh = client()
    waits = []
    for _ in range(6):
        fresh.failed(0.0)
        waits.append(fresh.next_at)
    assert waits == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    fresh.answered(answer(200, Expires="3600"), 0.0)
    fresh.failed(0.0)
    assert fresh.next_at == 60.0


def test_the_waits_of_many_differ() -> None:
    waits = []
    for jitter in (0.0, 0.5, 0.999):
        fresh = client(jitter)
        fresh.failed(0.0)
        waits.append(fresh.next_at)
    assert waits[0] == 60.0
    assert waits == sorted(set(waits))
    assert waits[-1] < 75.0


def test_retry_after_is_waited_for_within_reason() -> None:
    waits = {"90": 90.0, "90;duration=5": 90.0, "90 (busy)": 90.0, "99999": 600.0, "x": 60.0}
    for text, wait in waits.items():
        fresh = client()
        fresh.answered(answer(503, Retry_After=text), 0.0)
        assert fresh.next_at == wait


def test_too_brief_an_interval_is_made_as_long_as_the_server_wants() -> None:
    """RFC 3261 section 10.2.8."""
    fresh = client()
    fresh.answered(answer(423, Min_Expires="7200"), 0.0)
    assert fresh.expires_s == 7200
    fresh.answered(answer(423, Min_Expires="99999999"), 0.0)
    assert fresh.expires_s == 86_400


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("34020000002000000002@198.51.100.7:5062", OTHER),
        ("a@example.net", ServerAddress("a", "example.net", 5060)),
        ("a@[2001:db8::1]:5060", ServerAddress("a", "2001:db8::1", 5060)),
    ],
)
def test_addresses_are_read_and_written(text: str, server: ServerAddress) -> None:
    assert ServerAddress.parse(text) == server
    assert ServerAddress.parse(str(server)) == server
    assert redirect_target(moved(server), "x") == server


@pytest.mark.parametrize("text", ["", "host:5060", "a@", "a@host:0x", "a@host;lr", "a@host?x=1", "@host"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ID@host:port"):
        ServerAddress.parse(text)


def test_a_contact_without_user_keeps_the_id() -> None:
    target = redirect_target(answer(302, Contact="<sip:198.51.100.7:5062>"), HOME.server_id)
    assert target == ServerAddress(HOME.server_id, "198.51.100.7", 5062)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 302, 302, 403, 423, 500, 503, 603]),
            st.text(max_size=40).filter(lambda text: "\r" not in text and "\n" not in text),
            st.text(max_size=12).filter(lambda text: "\r" not in text and "\n" not in text),
        ),
        max_size=30,
    ),
    st.floats(0, 0.999),
)
def test_whatever_servers_answer_the_client_tries_again_at_a_sane_time(
    answers: list[tuple[int, str, str]], jitter: float
) -> None:
    fresh = client(jitter, now=0.0)
    now = 0.0
    for status, contact, number in answers:
        response = answer(status, Contact=contact, Expires=number, Retry_After=number, Min_Expires=number)
        outcome = fresh.answered(response, now)
        assert now <= fresh.next_at
        if outcome is Outcome.REFUSED:
            assert fresh.is_home
            assert fresh.next_at <= now + 600.0 * 1.25
        now = fresh.next_at
