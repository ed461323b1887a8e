"""The way of an INVITE over platforms. GB-C136."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.route_path import MAX_PLATFORMS, InviteRoute, parse_path, print_path, route_of
from sipserver.sip.message import SipRequest, SipResponse

A, B, C, D, E = (f"3400{number}000002000000001"[:20].ljust(20, "0") for number in range(5))
IDS = st.lists(
    st.integers(0, 10**6).map(lambda number: f"34{number:018d}"),
    unique=True,
    min_size=1,
    max_size=MAX_PLATFORMS,
)


def invite(*headers: tuple[str, str]) -> SipRequest:
    return SipRequest("INVITE", f"sip:{D}@3400000000", list(headers))


def test_the_example_of_annex_h() -> None:
    """A asks B with B-C-E; B passes C-E on to C; C passes E on; E takes itself out."""
    route = InviteRoute(preferred=(B, C, E))
    for own, following in ((B, C), (C, E)):
        route = route.passed_by([own])
        headers = dict(route.to_platform(own, following))
        assert headers["X-PreferredPath"] == print_path(route.preferred)
        route = InviteRoute.of(invite(*headers.items()))
        assert route.preferred[0] == following
    assert route.passed_by([E]).preferred == ()
    assert "X-PreferredPath" not in dict(route.passed_by([E]).to_platform(E, D))


def test_another_platform_is_not_given_a_path_that_does_not_begin_with_it() -> None:
    passed = InviteRoute(preferred=(B, C)).passed_by([B])
    assert "X-PreferredPath" not in dict(passed.to_platform(B, D))


def test_a_platform_that_the_list_does_not_name_passes_no_list_on() -> None:
    assert InviteRoute(preferred=(C, E)).passed_by([B]).preferred == ()
    assert InviteRoute(preferred=(C, B, E)).passed_by([B]).preferred == (E,)


def test_a_ring_is_known_by_our_own_id_and_by_the_hops_that_are_left() -> None:
    onward = InviteRoute().passed_by([A])
    there = InviteRoute.of(invite(*onward.to_platform(A, B)))
    assert there.is_ring([A])
    assert not there.is_ring([B])
    assert InviteRoute.of(invite(("Max-Forwards", "0"))).is_ring([B])
    assert InviteRoute.of(invite(("Max-Forwards", "1"))).passed_by([B]).forwards == 0


def test_an_answer_tells_the_way() -> None:
    response = SipResponse(200, "OK", [("X-RoutePath", f" {B} - {C}-{E} ")])
    assert route_of(response) == (B, C, E)


@given(IDS)
def test_what_is_printed_is_read_again(ids: list[str]) -> None:
    assert parse_path(print_path(ids)) == tuple(ids)


@given(st.text(max_size=600))
def test_whatever_stands_there_is_a_path_of_ids_or_none(text: str) -> None:
    found = parse_path(text)
    assert len(found) <= MAX_PLATFORMS
    assert all(len(each) == 20 and each.isdigit() for each in found)


def test_a_path_that_cannot_be_followed_counts_as_none() -> None:
    too_long = [f"34{number:018d}" for number in range(MAX_PLATFORMS + 1)]
    for text in ("", "-", f"{B}--{C}", f"{B}-{B}", f"{B}-county", print_path(too_long)):
        assert parse_path(text) == (), text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
def test_whatever_max_forwards_says_is_a_number_of_hops(text: str) -> None:
    assert 0 <= InviteRoute.of(invite(("Max-Forwards", text))).forwards <= 70
