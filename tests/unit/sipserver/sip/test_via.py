"""received, rport and the branch (GB-C019)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipserver.sip.endpoint import Flow, Transport
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.fields import Via
from sipserver.sip.via import _stamp_any, make_via, stamp_source, top_branch
from tests.unit.sipserver.sip.builders import OURS, UDP, request

NATTED = Flow(Transport.UDP, OURS, ("203.0.113.7", 31337))
V6 = Flow(Transport.UDP, ("2001:db8::1", 5060), ("2001:db8::7", 40000))


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        (
            "SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.5:5060;rport=31337;received=203.0.113.7;branch=z9hG4bK1",
        ),
        (
            "SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bK1;rport",
            "SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bK1;rport=31337;received=203.0.113.7",
        ),
        ("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1;received=203.0.113.7"),
        ("SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1", "SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1"),
        (
            "SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1;received=1.1.1.1",
            "SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1",
        ),
        (
            "SIP/2.0/UDP 10.0.0.5;rport=1;branch=z9hG4bK1;received=1.1.1.1",
            "SIP/2.0/UDP 10.0.0.5;rport=31337;branch=z9hG4bK1;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.5 ; rport ; branch=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.5;rport=31337;branch=z9hG4bK1;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.5;rportx;branch=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.5;rportx;branch=z9hG4bK1;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.5;rport;xbranch=no;branch=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.5;rport=31337;xbranch=no;branch=z9hG4bK1;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.5;rport;BRANCH=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.5;rport=31337;branch=z9hG4bK1;received=203.0.113.7",
        ),
    ],
)
def test_the_source_is_written_into_the_top_via(via: str, stamped: str) -> None:
    message = request(Via=via)
    assert stamp_source(message, NATTED)[0] == "z9hG4bK1"
    assert message.headers.get_all("Via") == [stamped]


def test_the_hops_below_stay_as_they_were() -> None:
    message = request(Via="SIP/2.0/UDP 10.0.0.5;rport;branch=1, SIP/2.0/UDP b ;x= 1")
    message.headers.add("Via", "SIP/2.0/TCP c")
    stamp_source(message, NATTED)
    assert message.headers.get_all("Via") == [
        "SIP/2.0/UDP 10.0.0.5;rport=31337;branch=1;received=203.0.113.7",
        "SIP/2.0/UDP b ;x= 1",
        "SIP/2.0/TCP c",
    ]


def test_an_empty_list_entry_is_no_hop() -> None:
    message = request(Via="SIP/2.0/UDP 203.0.113.7;branch=1,")
    assert stamp_source(message, NATTED) == ("1", "203.0.113.7")
    assert message.headers.get_all("Via") == ["SIP/2.0/UDP 203.0.113.7;branch=1"]


def test_ipv6_sources() -> None:
    message = request(Via="SIP/2.0/UDP [2001:db8::7]:5060;branch=z9hG4bK1")
    assert stamp_source(message, V6) == ("z9hG4bK1", "[2001:db8::7]:5060")
    assert "received" not in message.headers.get("Via")
    assert (
        make_via("UDP", ("2001:db8::1", 5060), "z9hG4bKx")
        == "SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=z9hG4bKx"
    )


def test_a_via_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        stamp_source(request(Via="nonsense"), UDP)


_VIA_PART = st.sampled_from(
    [
        "rport",
        "rport=1",
        "branch=z9hG4bKa",
        "branch=b",
        "received=x",
        "ttl=1",
        "xbranch=no",
        'q="a;b,c"',
        " rport",
        "rportx",
        "branch =",
    ]
)


@given(
    st.sampled_from(["SIP/2.0/UDP ", "SIP/2.0/TCP ", "sip/2.0/UDP ", "SIP/2.0/UDP  "]),
    st.sampled_from(["10.0.0.5", "10.0.0.5:5060", "203.0.113.7:5060"]),
    st.lists(_VIA_PART, max_size=5),
)
@example("SIP/2.0/UDP ", "10.0.0.5", ["rport=1", "branch=z9hG4bKa", "rport"])
def test_the_quick_stamp_and_the_patient_one_agree(start: str, sent_by: str, parts: list[str]) -> None:
    text = ";".join([start + sent_by, *parts])
    quick, patient = request(Via=text), request(Via=text)
    values = patient.headers.fields["Via"]
    assert stamp_source(quick, NATTED) == _stamp_any(patient, values, NATTED)
    one, other = Via.parse(quick.headers.fields["Via"][0]), Via.parse(values[0])
    assert one == other


@pytest.mark.parametrize(
    ("via", "branch"),
    [
        ("SIP/2.0/UDP h;branch=z9hG4bK1", "z9hG4bK1"),
        ("SIP/2.0/UDP h;branch=z9hG4bK1 ;rport", "z9hG4bK1"),
        ("SIP/2.0/UDP h ; branch = z9hG4bK1", "z9hG4bK1"),
        ('SIP/2.0/UDP h;x=";branch=no";branch=yes', "yes"),
        ("SIP/2.0/UDP h;branch=1, SIP/2.0/UDP h;branch=2", "1"),
        ("SIP/2.0/UDP h", ""),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_branch_of_an_answer(via: str | None, branch: str | None) -> None:
    message = request(Via=via or "x")
    if via is None:
        message.headers.remove("Via")
    assert top_branch(message) == branch
