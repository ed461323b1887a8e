"""Digest authentication, server and client."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sipserver.sip.credentials as credentials_module
import sipserver.sip.digest as digest_module
from sipserver.sip.digest import (
    MAX_CHALLENGES,
    MIN_SECRET_BYTES,
    NONCE_LIFE_S,
    Authorization,
    Challenge,
    DigestClient,
    DigestServer,
    Verdict,
    compute,
    compute_ha1,
)
from sipserver.sip.errors import LocalViolation, MalformedMessage, RemoteViolation
from sipserver.sip.message import SipRequest, SipResponse, make_response
from tests.unit.sipserver.sip.builders import own_request, request

SECRET = bytes(range(32))
REALM = "3402000000"
USER = "34020000001320000001"
PASSWORD = "Abc-12345"


def make_server(**options: object) -> DigestServer:
    return DigestServer(REALM, SECRET, **options)  # type: ignore[arg-type]


def make_client(password: str = PASSWORD) -> DigestClient:
    numbers = count(1)
    return DigestClient(USER, password, lambda: f"cnonce{next(numbers)}")


def challenged(challenge: Challenge, status: int = 401) -> SipResponse:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return make_response(own_request("REGISTER"), status, headers=[(name, challenge.serialize())])


def answer(server: DigestServer, now: float, client: DigestClient | None = None) -> Authorization:
    sent = (client or make_client()).answer(own_request("REGISTER"), challenged(server.challenge(now)))
    authorization = server.read(sent)
    assert authorization is not None
    return authorization


@pytest.mark.parametrize(
    ("algorithm", "qop", "expected"),
    [
        ("MD5", False, "e2aa8d4a5b0a52d5ab688d7f290dfaa2"),
        ("MD5", True, "857050d72c606003acd655af46bfc1db"),
        ("SHA-256", False, "c2a6555226ef05e4d4ca880e2ee9e30457a4c2874c5b8ba42b47e769785796c9"),
        ("SM3", False, "44ef8a4444dd34907db891cf31204843367ca19dcb5b07dcc95ba1bc29858ce1"),
        ("sm3", False, "44ef8a4444dd34907db891cf31204843367ca19dcb5b07dcc95ba1bc29858ce1"),
    ],
)
def test_vectors_of_the_protocol_document(algorithm: str, qop: bool, expected: str) -> None:
    """GB-C029."""
    computed = compute(
        username=USER,
        realm=REALM,
        password=PASSWORD,
        method="REGISTER",
        uri="sip:34020000002000000001@3402000000",
        nonce="6f1c2a9d4e8b47709b1d7a3c5e2f8d10",
        algorithm=algorithm,
        qop="auth" if qop else "",
        nc="00000001" if qop else "",
        cnonce="0a4f113b" if qop else "",
    )
    assert computed == expected


def test_ha1_vector() -> None:
    assert compute_ha1("MD5", USER, REALM, PASSWORD) == "ce5232ca29979226241dccfe91909b63"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SM3"])
@pytest.mark.parametrize("qop", [False, True])
def test_the_right_password_is_accepted_once_per_nonce(algorithm: str, qop: bool) -> None:
    server = make_server(algorithms=[algorithm], qop=qop)
    authorization = answer(server, 0.0)
    assert authorization.qop == ("auth" if qop else "")
    assert server.verify(authorization, "REGISTER", PASSWORD, 1.0) is Verdict.ACCEPTED
    assert server.verify(authorization, "REGISTER", PASSWORD, 1.0) is Verdict.STALE


def test_the_wrong_password_or_method_is_refused() -> None:
    """GB-C031."""
    server = make_server()
    authorization = answer(server, 0.0)
    assert server.verify(authorization, "REGISTER", "wrong", 0.0) is Verdict.WRONG
    assert server.verify(authorization, "INVITE", PASSWORD, 0.0) is Verdict.WRONG
    assert server.verify(authorization._replace(response="é"), "REGISTER", PASSWORD, 0.0) is Verdict.WRONG
    assert server.verify(authorization, "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED


def test_the_digest_is_computed_with_the_uri_and_name_as_sent() -> None:
    """GB-C030."""
    server = make_server()
    nonce = server.challenge(0.0).nonce
    response = compute(
        username="admin", realm=REALM, password=PASSWORD, method="REGISTER", uri="sip:elsewhere", nonce=nonce
    )
    authorization = Authorization("admin", REALM, nonce, "sip:elsewhere", response)
    assert server.verify(authorization, "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED


def test_a_password_may_be_kept_as_its_hash() -> None:
    server = make_server()
    ha1 = compute_ha1("MD5", USER, REALM, PASSWORD)
    assert server.verify_ha1(answer(server, 0.0), "REGISTER", ha1, 0.0) is Verdict.ACCEPTED


def test_a_nonce_lives_five_minutes() -> None:
    """GB-C042."""
    server = make_server()
    assert server.verify(answer(server, 10.0), "REGISTER", PASSWORD, 9.999 + NONCE_LIFE_S) is Verdict.ACCEPTED
    assert server.verify(answer(server, 10.0), "REGISTER", PASSWORD, 10.0 + NONCE_LIFE_S) is Verdict.STALE


def test_a_nonce_of_another_run_is_stale_when_the_password_is_right() -> None:
    """A camera with cached credentials after our restart (quirk Q12) gets stale=true, not a refusal."""
    before = DigestServer(REALM, bytes(32))
    authorization = answer(before, 0.0)
    server = make_server()
    assert server.verify(authorization, "REGISTER", PASSWORD, 0.0) is Verdict.STALE
    assert server.verify(authorization, "REGISTER", "wrong", 0.0) is Verdict.WRONG


@pytest.mark.parametrize("nonce", ["", "x" * 52, "é" * 52, "0" * 52, "short"])
def test_an_invented_nonce_is_never_accepted(nonce: str) -> None:
    server = make_server()
    response = compute(
        username=USER, realm=REALM, password=PASSWORD, method="REGISTER", uri="sip:a", nonce=nonce
    )
    authorization = Authorization(USER, REALM, nonce, "sip:a", response)
    assert server.verify(authorization, "REGISTER", PASSWORD, 0.0) is Verdict.STALE


def test_nonces_are_never_given_twice() -> None:
    server = make_server()
    nonces = {server.challenge(0.0).nonce for _ in range(100)}
    assert len(nonces) == 100


def test_with_qop_a_nonce_serves_again_while_its_count_grows() -> None:
    server = make_server(qop=True)
    client = make_client()
    challenge = server.challenge(0.0)
    first, second = (
        server.read(client.answer(own_request("REGISTER"), challenged(challenge))) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert (first.nc, second.nc) == ("00000001", "00000002")
    third = server.read(client.answer(own_request("REGISTER"), challenged(challenge)))
    assert third is not None
    assert server.verify(second, "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED
    assert server.verify(third, "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED
    assert server.verify(first, "REGISTER", PASSWORD, 0.0) is Verdict.STALE
    assert server.verify(second, "REGISTER", PASSWORD, 0.0) is Verdict.STALE


@pytest.mark.parametrize(
    "change", [{"qop": "auth-int"}, {"cnonce": ""}, {"nc": "1"}, {"nc": "zzzzzzzz"}, {"nc": "00000000"}]
)
def test_qop_that_does_not_add_up_is_refused(change: dict[str, str]) -> None:
    server = make_server(qop=True)
    authorization = answer(server, 0.0)._replace(**change)
    signed = authorization._replace(
        response=compute(
            username=USER,
            realm=REALM,
            password=PASSWORD,
            method="REGISTER",
            uri=authorization.uri,
            nonce=authorization.nonce,
            qop=authorization.qop,
            nc=authorization.nc,
            cnonce=authorization.cnonce,
        ),
    )
    assert server.verify(signed, "REGISTER", PASSWORD, 0.0) is Verdict.WRONG


def test_an_algorithm_that_was_not_offered_is_refused() -> None:
    server = make_server()
    stronger = answer(DigestServer(REALM, SECRET, algorithms=["SHA-256"]), 0.0)
    assert server.verify(stronger, "REGISTER", PASSWORD, 0.0) is Verdict.WRONG
    assert server.verify_ha1(stronger, "REGISTER", "", 0.0) is Verdict.WRONG
    unknown = stronger._replace(algorithm="MD2")
    assert server.verify(unknown, "REGISTER", PASSWORD, 0.0) is Verdict.WRONG


def test_spent_nonces_are_forgotten_when_they_are_too_old_to_matter() -> None:
    server = make_server(max_spent_nonces=10)
    for second in range(0, 3000, 100):
        now = float(second)
        assert server.verify(answer(server, now), "REGISTER", PASSWORD, now) is Verdict.ACCEPTED
    assert len(server._spent) <= 4


def test_a_full_memory_of_nonces_makes_the_oldest_stale_and_never_valid_again() -> None:
    server = make_server(max_spent_nonces=2)
    used = [answer(server, now) for now in (0.0, 1.0, 2.0)]
    unused = answer(server, 0.0)
    for authorization in used:
        assert server.verify(authorization, "REGISTER", PASSWORD, 2.0) is Verdict.ACCEPTED
    for authorization in (*used, unused):
        assert server.verify(authorization, "REGISTER", PASSWORD, 2.0) is Verdict.STALE


def test_several_algorithms_are_offered_in_order_with_one_nonce() -> None:
    server = make_server(algorithms=["SHA-256", "MD5"], qop=True)
    offers = server.challenges(0.0, stale=True)
    assert [offer.algorithm for offer in offers] == ["SHA-256", "MD5"]
    assert offers[0].nonce == offers[1].nonce
    assert all(offer.stale and offer.qop == ("auth",) for offer in offers)
    assert server.challenge(0.0).algorithm == "SHA-256"


@pytest.mark.parametrize("algorithms", [[], ["MD2"], ["MD5", "SHA-1"]])
def test_a_server_without_usable_algorithm_does_not_start(algorithms: list[str]) -> None:
    with pytest.raises(LocalViolation, match="algorithm"):
        make_server(algorithms=algorithms)


def test_shortest_secret() -> None:
    DigestServer(REALM, bytes(MIN_SECRET_BYTES))
    with pytest.raises(LocalViolation, match="15 bytes"):
        DigestServer(REALM, bytes(MIN_SECRET_BYTES - 1))


def test_the_credentials_for_our_realm_are_found_among_others() -> None:
    server = make_server()
    mine = Authorization(USER, REALM, "n", "sip:a", "r").serialize()
    other = Authorization(USER, "elsewhere", "n", "sip:a", "r").serialize()
    message = request("REGISTER", Authorization="Capability algorithm=x")
    assert server.read(message) is None
    message.headers.add("Authorization", other)
    assert server.read(message) is None
    message.headers.add("Authorization", mine)
    found = server.read(message)
    assert found is not None
    assert found.realm == REALM
    assert server.verify(Authorization.parse(other), "REGISTER", PASSWORD, 0.0) is Verdict.WRONG
    assert server.verify_ha1(Authorization.parse(other), "REGISTER", "", 0.0) is Verdict.WRONG


def test_the_challenge_has_the_form_that_devices_know() -> None:
    challenge = Challenge("3402000000", "6f1c", "MD5")
    assert challenge.serialize() == 'Digest realm="3402000000",nonce="6f1c",algorithm=MD5'


def test_loose_forms_of_credentials_are_read() -> None:
    """Unquoted, quoted where it should not be, blanks, upper case."""
    parsed = Authorization.parse(
        'DIGEST  username = "a\\"b" , REALM=r,nonce="n,1",uri=sip:x,response="ABCDEF",algorithm="md5",'
        'qop="auth",nc="00000001",cnonce="c",noise,opaque=o,username="second"'
    )
    assert parsed == Authorization('a"b', "r", "n,1", "sip:x", "abcdef", "md5", "auth", "00000001", "c", "o")


@pytest.mark.parametrize(
    "text", ["", "Digest", "Basic dTpw", 'Digest username="a"', "Unidirection random1=x"]
)
def test_credentials_of_another_scheme_or_incomplete_ones_are_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Authorization.parse(text)
    with pytest.raises(MalformedMessage):
        Challenge.parse(text)


_WORD = st.text('abc"\\, =é门', max_size=12)


@given(
    st.builds(
        Authorization,
        _WORD,
        _WORD,
        _WORD,
        _WORD,
        response=st.just("00ff"),
        algorithm=st.sampled_from(["MD5", "SHA-256", "SM3", "unknown"]),
        qop=st.just(""),
        nc=st.just(""),
        cnonce=st.just(""),
        opaque=_WORD,
    )
)
def test_credentials_are_read_as_written(authorization: Authorization) -> None:
    assert Authorization.parse(authorization.serialize()) == authorization


_PLAIN = st.text("abC0,:;=@<> é", max_size=12)
_NOISE = st.sampled_from(
    ["", " ", ",", '"', "\\", "<", "\t", "=", ", opaque=o", ",qop=auth", ',x="', "é", "Digest "]
)


@given(
    st.tuples(_PLAIN, _PLAIN, _PLAIN, _PLAIN, _PLAIN),
    st.sampled_from([",", ", ", " ,"]),
    st.sampled_from(
        ["", ",algorithm=MD5", ", algorithm=SHA-256", ',algorithm="MD5"', ",algorithm=", ",nc=1"]
    ),
    st.integers(0, 120),
    _NOISE,
)
def test_the_quick_reader_of_credentials_and_the_patient_one_agree(
    values: tuple[str, str, str, str, str], comma: str, tail: str, where: int, noise: str
) -> None:
    names = ("username", "realm", "nonce", "uri", "response")
    text = (
        "Digest " + comma.join(f'{name}="{value}"' for name, value in zip(names, values, strict=True)) + tail
    )
    text = text[:where] + noise + text[where:]
    quick = credentials_module._parse_ordinary(text)
    if quick is not None:
        assert quick == Authorization._parse_any(text)


def test_the_ordinary_form_takes_the_quick_way() -> None:
    text = 'Digest username="u", realm="r", nonce="n", uri="sip:a", response="00FF", algorithm=MD5'
    for form in (text, text.replace(", ", ","), text.removesuffix(", algorithm=MD5")):
        assert credentials_module._parse_ordinary(form) == Authorization("u", "r", "n", "sip:a", "00ff")


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("qop", [False, True])
@pytest.mark.parametrize("realm", [REALM, "", 'a"b\\', "x,nonce=", 'x",nonce="",'])
def test_a_challenge_written_in_advance_is_the_challenge(realm: str, qop: bool, stale: bool) -> None:
    algorithms = ["MD5", "SM3"]
    twins = [DigestServer(realm, SECRET, algorithms=algorithms, qop=qop) for _ in range(2)]
    written = [challenge.serialize() for challenge in twins[0].challenges(1.0, stale=stale)]
    assert twins[1].challenge_texts(1.0, stale=stale) == written


def test_hashes_are_kept_of_right_answers_only_and_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_module, "MAX_PROVEN", 2)
    server = make_server()
    for number in range(5):
        wrong = answer(server, 0.0)._replace(username=f"stranger {number}", uri=f"sip:{number}")
        assert server.verify(wrong, "REGISTER", PASSWORD, 0.0) is Verdict.WRONG
    assert not server._ha1
    assert not server._ha2
    for number in range(4):
        client = DigestClient(f"user {number}", PASSWORD, lambda: "")
        for _ in range(2):
            assert server.verify(answer(server, 0.0, client), "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED
    assert [username for _, username, _ in server._ha1] == ["user 2", "user 3"]
    long = DigestClient("u" * digest_module.MAX_PROVEN_CHARS, PASSWORD, lambda: "")
    assert server.verify(answer(server, 0.0, long), "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED
    assert len(server._ha1) == 2


def test_a_kept_hash_does_not_outlive_a_change_of_password() -> None:
    server = make_server()
    assert server.verify(answer(server, 0.0), "REGISTER", PASSWORD, 0.0) is Verdict.ACCEPTED
    assert server.verify(answer(server, 0.0), "REGISTER", "changed", 0.0) is Verdict.WRONG
    assert (
        server.verify(answer(server, 0.0, make_client("changed")), "REGISTER", PASSWORD, 0.0) is Verdict.WRONG
    )
    changed = answer(server, 0.0, make_client("changed"))
    assert server.verify(changed, "REGISTER", "changed", 0.0) is Verdict.ACCEPTED


@given(
    st.builds(
        Challenge,
        _WORD,
        _WORD,
        qop=st.sampled_from([(), ("auth",), ("auth", "auth-int")]),
        stale=st.booleans(),
        opaque=_WORD,
    )
)
def test_challenges_are_read_as_written(challenge: Challenge) -> None:
    assert Challenge.parse(challenge.serialize()) == challenge


def test_the_client_asks_again_with_the_next_cseq_and_no_old_via() -> None:
    first = request("REGISTER")
    response = make_response(
        first, 401, headers=[("WWW-Authenticate", make_server().challenge(0.0).serialize())]
    )
    second = make_client().answer(first, response)
    assert second.cseq == (2, "REGISTER")
    assert second.call_id == first.call_id
    assert "Via" not in second.headers
    assert "Authorization" in second.headers
    assert "Authorization" not in first.headers


def test_the_client_answers_a_proxy_in_its_own_header() -> None:
    answered = make_client().answer(own_request(), challenged(Challenge("r", "n", opaque="o"), 407))
    assert Authorization.parse(answered.headers.get("Proxy-Authorization")).opaque == "o"


def test_the_client_takes_the_topmost_challenge_that_it_understands() -> None:
    offers = [
        "Basic x",
        'Digest realm="r",nonce="n",algorithm=MD2',
        'Digest realm="r",nonce="n",qop="auth-int"',
        'Digest realm="r",nonce="n",algorithm=SHA-256',
    ]
    response = make_response(own_request(), 401, headers=[("WWW-Authenticate", offer) for offer in offers])
    answered = make_client().answer(own_request(), response)
    assert Authorization.parse(answered.headers.get("Authorization")).algorithm == "SHA-256"
    none = make_response(own_request(), 401, headers=[("WWW-Authenticate", offer) for offer in offers[:3]])
    with pytest.raises(RemoteViolation, match="3 challenges"):
        make_client().answer(own_request(), none)


def test_the_client_gives_up_after_three_refusals_and_starts_anew_after_success() -> None:
    client = make_client()
    server = make_server()
    sent: SipRequest = own_request("REGISTER")
    for _ in range(MAX_CHALLENGES):
        sent = client.answer(sent, challenged(server.challenge(0.0)))
    with pytest.raises(RemoteViolation) as caught:
        client.answer(sent, challenged(server.challenge(0.0)))
    assert (caught.value.status, caught.value.reason) == (403, "credentials refused 3 times")
    client.accepted()
    assert client.answer(sent, challenged(server.challenge(0.0))).cseq.number == 5
