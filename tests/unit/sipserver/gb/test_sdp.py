"""Session descriptions. GB-C098, C102, C104 to C107, Q54, Q55, Q58, Q60, Q61, Q64."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import sdp
from sipserver.gb.errors import LocalViolation, MalformedSdp
from sipserver.gb.sdp import Direction, Payload, Protocol, SessionDescription, SessionKind, Setup
from sipserver.gb.sdp_lines import MAX_SDP_BYTES, MAX_SDP_LINES

VECTORS = Path(__file__).parents[3] / "vectors" / "gb"
PLATFORM = "34020000002000000001"
CHANNEL = "34020000001320000012"
OFFER = sdp.make_offer(PLATFORM, "192.0.2.11", 30002, "0200000001")
MINIMAL = b"v=0\r\no=- 0 0 IN IP4 192.0.2.9\r\nm=video 9 RTP/AVP 96\r\n"


def parsed(*lines: str) -> SessionDescription:
    return SessionDescription.parse("\r\n".join(lines).encode())


def test_live_offer_has_exactly_the_lines_of_the_standard() -> None:
    """GB-C098, Q54: firmware exists that reads by position."""
    assert OFFER.serialize().decode().split("\r\n") == [
        "v=0",
        "o=34020000002000000001 0 0 IN IP4 192.0.2.11",
        "s=Play",
        "c=IN IP4 192.0.2.11",
        "t=0 0",
        "m=video 30002 RTP/AVP 96 98 97 100",
        "a=recvonly",
        "a=rtpmap:96 PS/90000",
        "a=rtpmap:98 H264/90000",
        "a=rtpmap:97 MPEG4/90000",
        "a=rtpmap:100 H265/90000",
        "y=0200000001",
        "f=v/////a///",
        "",
    ]


def test_answer_of_the_standard_is_read() -> None:
    answer = SessionDescription.parse((VECTORS / "sdp_answer.sdp").read_bytes())
    assert (answer.owner_id, answer.host, answer.port) == (CHANNEL, "198.51.100.20", 15060)
    assert (answer.kind, answer.protocol, answer.direction) == (
        SessionKind.PLAY,
        Protocol.UDP,
        Direction.SENDONLY,
    )
    assert answer.payload == sdp.PS
    assert answer.ssrc == "0200000001"
    assert str(answer.format) == "v/2/6/25/2/4096a/1/8/1"
    assert answer.serialize() == (VECTORS / "sdp_answer.sdp").read_bytes()


def test_wild_answer_is_read() -> None:
    """Q54 and the list of broken SDP in 6.5, all at once."""
    answer = SessionDescription.parse((VECTORS / "sdp_wild.sdp").read_bytes())
    assert (answer.media, answer.port, answer.protocol) == ("video", 15062, Protocol.TCP)
    assert answer.host == "198.51.100.21"  # no c= line: the address of o=
    assert answer.ssrc == "0200000001"  # nine digits and a blank
    assert answer.setup is Setup.ACTIVE
    assert answer.payloads == (Payload(96, "PS"), Payload(98, "H264"))
    assert answer.attributes == ("streamprofile:1",)
    assert answer.format is not None
    assert answer.format.size == (720, 576)


def test_offer_and_parse_are_inverse() -> None:
    for setup in (None, *Setup):
        offer = sdp.make_offer(PLATFORM, "192.0.2.11", 30002, "0200000001", setup=setup)
        assert SessionDescription.parse(offer.serialize()) == offer


def test_playback_and_download_lines() -> None:
    """GB-C104, C105: u= stands after s=, t= is in Unix seconds."""
    offer = sdp.make_offer(
        PLATFORM,
        "192.0.2.11",
        30004,
        "1200000002",
        setup=Setup.PASSIVE,
        kind=SessionKind.DOWNLOAD,
        uri=f"{CHANNEL}:0",
        start=1_714_521_600,
        stop=1_714_525_200,
        download_speed=4,
        stream_number=1,
        attributes=("streamprofile:1",),
    )
    letters = [line[:1] for line in offer.serialize().decode().split("\r\n")]
    assert "".join(letters) == "vosuctm" + "a" * 10 + "yf"
    again = SessionDescription.parse(offer.serialize())
    assert again == offer
    assert (again.uri, again.start, again.download_speed, again.stream_number) == (
        f"{CHANNEL}:0",
        1_714_521_600,
        4,
        1,
    )
    answer = sdp.make_answer(again, CHANNEL, "198.51.100.20", 0, file_size=73_400_320)
    assert SessionDescription.parse(answer.serialize()).file_size == 73_400_320


@pytest.mark.parametrize("setup", list(Setup))
def test_tcp_answer_has_the_complement_of_the_offer(setup: Setup) -> None:
    """GB-C102."""
    offer = sdp.make_offer(PLATFORM, "192.0.2.11", 30002, "0200000001", setup=setup)
    answer = sdp.make_answer(offer, CHANNEL, "198.51.100.20", 9)
    assert (answer.setup, answer.connection, answer.is_tcp) == (setup.complement, "new", True)
    assert sdp.answered_setup(offer, answer) is setup.complement


def test_answer_without_setup_means_the_complement() -> None:
    """Q60."""
    offer = sdp.make_offer(PLATFORM, "192.0.2.11", 30002, "0200000001", setup=Setup.PASSIVE)
    answer = parsed("v=0", "m=video 9 TCP/RTP/AVP 96")
    assert sdp.answered_setup(offer, answer) is Setup.ACTIVE
    assert sdp.answered_setup(offer, parsed("v=0", "m=video 9 RTP/AVP 96")) is None  # Q61


def test_ssrc_of_the_answer_overrides_that_of_the_offer() -> None:
    """GB-C106, Q55, Q58."""
    assert sdp.expected_ssrc(OFFER, parsed("m=video 9 RTP/AVP 96", "y=0703000001")) == "0703000001"
    assert sdp.expected_ssrc(OFFER, parsed("m=video 9 RTP/AVP 96")) == "0200000001"
    assert sdp.expected_ssrc(OFFER, parsed("m=video 9 RTP/AVP 96", "y=0000000000")) == "0200000001"


@pytest.mark.parametrize(
    ("text", "ssrc"),
    [
        ("0200000001", "0200000001"),
        ("200000001", "0200000001"),
        ("00200000001", "0200000001"),
        ("0200000001  ", "0200000001"),
        ("12000000019", "1200000001"),
        ("0200000001\x00\x00", "0200000001"),
        ("9999999999", None),
        ("", None),
        ("none", None),
    ],
)
def test_y_line_of_another_length_is_read(text: str, ssrc: str | None) -> None:
    """Q54."""
    assert parsed("m=video 9 RTP/AVP 96", f"y={text}").ssrc == ssrc


@pytest.mark.parametrize("ssrc", ["200000001", "02000000011", "02000OOO01"])
def test_we_never_write_a_y_line_that_has_not_ten_digits(ssrc: str) -> None:
    """GB-C099, Q54."""
    with pytest.raises(LocalViolation, match="ten digits"):
        sdp.make_offer(PLATFORM, "192.0.2.11", 30002, ssrc).serialize()


def test_line_breaks_cannot_be_smuggled_in() -> None:
    for text in ("a\r\ny=1", "a\nb", "a\x00b"):
        with pytest.raises(LocalViolation, match="control character"):
            sdp.make_offer(PLATFORM, "192.0.2.11", 30002, "0200000001", uri=text).serialize()


def test_channel_count_in_rtpmap_is_read() -> None:
    """Q64: Dahua."""
    answer = parsed("m=audio 9 RTP/AVP 8", "a=rtpmap:8 PCMA/8000/1")
    assert (answer.media, answer.payload) == ("audio", Payload(8, "PCMA", 8_000, 1))
    assert str(Payload(102, "AAC", 48_000, 2)) == "102 AAC/48000/2"


def test_missing_rtpmap_is_guessed_from_the_number() -> None:
    assert parsed("m=video 9 RTP/AVP 98 111").payloads == (Payload(98, "H264"), Payload(111, "PS"))
    assert parsed("m=video 9 RTP/AVP").payloads == (sdp.PS,)


def test_name_in_rtpmap_counts_and_not_the_number() -> None:
    assert parsed("m=video 9 RTP/AVP 99", "a=rtpmap:99 H265/90000").payload.name == "H265"
    assert parsed("m=video 9 RTP/AVP 99").payload.name == "SVAC"
    assert parsed("m=video 9 RTP/AVP 96", "a=rtpmap:96 DAHUA").payload.name in sdp.VENDOR_STREAM_NAMES


def test_first_video_counts_when_there_are_several_media() -> None:
    answer = parsed("c=IN IP4 192.0.2.1", "m=audio 1 RTP/AVP 8", "a=recvonly", "m=video 2 RTP/AVP 96",
                    "c=IN IP4 192.0.2.2", "a=sendonly", "m=video 3 RTP/AVP 96", "a=sendrecv")  # fmt: skip
    assert (answer.port, answer.host, answer.direction) == (2, "192.0.2.2", Direction.SENDONLY)


def test_address_that_is_missing_or_zero_is_left_to_the_caller() -> None:
    assert parsed("m=video 9 RTP/AVP 96").host == ""
    assert parsed("o=- 0 0 IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0", "m=video 9 RTP/AVP 96").host == "192.0.2.9"
    assert parsed("c=IN IP4", "m=video 9 RTP/AVP 96").host == ""


def test_ipv6_is_written_and_read() -> None:
    offer = sdp.make_offer(PLATFORM, "2001:db8::1", 30002, "0200000001")
    assert b"c=IN IP6 2001:db8::1\r\n" in offer.serialize()
    assert SessionDescription.parse(offer.serialize()).host == "2001:db8::1"


def test_kind_is_read_without_case_and_kept_when_unknown() -> None:
    assert parsed("s=PLAYBACK", "m=video 9 RTP/AVP 96").kind is SessionKind.PLAYBACK
    assert parsed("s=Media Server", "m=video 9 RTP/AVP 96").kind == "Media Server"


def test_talk_answer_stays_both_ways() -> None:
    offer = SessionDescription(
        PLATFORM, "192.0.2.1", 30000, kind=SessionKind.TALK, direction=Direction.SENDRECV
    )
    assert sdp.make_answer(offer, CHANNEL, "192.0.2.2", 1).direction is Direction.SENDRECV


@pytest.mark.parametrize(
    "data", [b"", b"v=0\r\n", b"m=\r\n", b"m=video\r\n", b"m=video x RTP/AVP 96", b"m=video 70000 RTP/AVP 96"]
)
def test_without_a_usable_media_line_it_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedSdp):
        SessionDescription.parse(data)


def test_size_and_lines_have_limits() -> None:
    assert SessionDescription.parse(MINIMAL + b"a=" + b"x" * (MAX_SDP_BYTES - len(MINIMAL) - 2)).port == 9
    with pytest.raises(MalformedSdp, match="bytes"):
        SessionDescription.parse(MINIMAL + b"a=" + b"x" * (MAX_SDP_BYTES - len(MINIMAL) - 1))
    assert SessionDescription.parse(MINIMAL + b"a=x\n" * (MAX_SDP_LINES - 4)).port == 9
    with pytest.raises(MalformedSdp, match="lines"):
        SessionDescription.parse(MINIMAL + b"a=x\n" * (MAX_SDP_LINES - 3))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_description_or_malformed(data: bytes) -> None:
    for body in (data, MINIMAL + data):
        with contextlib.suppress(MalformedSdp):
            SessionDescription.parse(body)


@given(st.permutations(OFFER.serialize().split(b"\r\n")[:-1]))
def test_lines_before_and_after_the_media_line_may_stand_anywhere(lines: list[bytes]) -> None:
    media = next(index for index, line in enumerate(lines) if line.startswith(b"m="))
    again = SessionDescription.parse(b"\n".join(lines))
    assert (again.port, again.ssrc, again.kind) == (30002, "0200000001", SessionKind.PLAY)
    assert media >= 0


def test_the_parameters_of_a_payload_type_are_found() -> None:
    """RFC 8866 section 6.15, RFC 6184 section 8.2.1, RFC 3640 section 4.1."""
    lines = [
        "v=0", "o=3 0 0 IN IP4 192.0.2.7", "s=Play", "c=IN IP4 192.0.2.7", "t=0 0",
        "m=video 6000 RTP/AVP 98 97 96", "a=rtpmap:98 H264/90000", "a=rtpmap:97 mpeg4-generic/16000/1",
        "a=FMTP: 98 profile-level-id=42c01e; sprop-parameter-sets=Z0LAHtkD,aMuMsg==",
        "a=fmtp:97 streamtype=5;mode=AAC-hbr;config=1408;sizeLength=13", "a=fmtp:9", "a=fmtp:x y",
    ]  # fmt: skip
    found = SessionDescription.parse("\r\n".join(lines).encode())
    assert found.fmtp(98) == "profile-level-id=42c01e; sprop-parameter-sets=Z0LAHtkD,aMuMsg=="
    assert found.fmtp(97) == "streamtype=5;mode=AAC-hbr;config=1408;sizeLength=13"
    assert (found.fmtp(96), found.fmtp(9)) == ("", "")
