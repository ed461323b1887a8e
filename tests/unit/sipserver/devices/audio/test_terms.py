"""What is agreed about sound."""

import pytest

from media.audio.errors import UnsupportedAudio
from media.audio.packing import AudioForm
from sipserver.devices.audio import terms
from sipserver.gb.sdp import SessionDescription, Setup

OWN = "34020000002000000001"
OFFER = (
    "v=0\r\no=34020000001370000012 0 0 IN IP4 198.51.100.20\r\ns=Play\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 8\r\na=recvonly\r\na=rtpmap:8 PCMA/8000\r\nf=v/////a/1/8/1\r\n"
)
ANSWER = (
    "v=0\r\no=34020000002000000001 0 0 IN IP4 192.0.2.11\r\ns=Play\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n"
    "m=audio 30010 RTP/AVP 8\r\na=sendonly\r\na=rtpmap:8 PCMA/8000\r\ny=0200000003\r\nf=v/////a/1/8/1\r\n"
)


def offer_of(text: str) -> SessionDescription:
    return SessionDescription.parse(text.encode())


def test_answer_is_the_one_of_the_standard() -> None:
    """6.11, byte for byte; y= and f= are always there (Q77). GB-C115."""
    offer = offer_of(OFFER)
    payload, _ = terms.choose(offer)
    answer = terms.answer_to(offer, OWN, "192.0.2.11", 30010, "0200000003", payload)
    assert answer.serialize().decode() == ANSWER


def test_talk_offer_has_the_lines_of_a_talk() -> None:
    """6.12. GB-C116."""
    text = terms.talk_offer(OWN, "192.0.2.11", 30010, "0200000004", over_tcp=True).serialize().decode()
    assert "s=Talk\r\n" in text
    assert (
        "m=audio 30010 TCP/RTP/AVP 8\r\na=setup:passive\r\na=connection:new\r\na=sendrecv\r\n"
        "a=rtpmap:8 PCMA/8000\r\ny=0200000004\r\nf=v/////a/1/8/1\r\n" in text
    )


def test_late_offer_says_that_we_send() -> None:
    """GB-C101."""
    text = terms.speaking_offer(OWN, "192.0.2.11", 30010, "0200000004").serialize().decode()
    assert "a=sendonly\r\n" in text
    assert "m=audio 30010 RTP/AVP 8\r\n" in text


@pytest.mark.parametrize(
    ("media", "form", "payload_type"),
    [
        ("8\r\na=rtpmap:8 PCMA/8000/1", AudioForm.PCMA, 8),
        ("8", AudioForm.PCMA, 8),
        ("0", AudioForm.PCMU, 0),
        ("96\r\na=rtpmap:96 PS/90000", AudioForm.PS, 96),
        ("97 8\r\na=rtpmap:97 AMR/8000", AudioForm.PCMA, 8),
        ("96 8\r\na=rtpmap:96 PS/90000\r\na=rtpmap:8 PCMA/8000", AudioForm.PCMA, 8),
        ("111\r\na=rtpmap:111 pcma/8000", AudioForm.PCMA, 111),
    ],
)
def test_what_the_device_offers_is_spoken(media: str, form: AudioForm, payload_type: int) -> None:
    """Q64, and the sound in PS of 2014; names count, numbers do not. PCMA is liked best."""
    lines = OFFER.replace("8\r\na=recvonly\r\na=rtpmap:8 PCMA/8000\r\n", f"{media}\r\na=recvonly\r\n")
    _, audio_format = terms.choose(offer_of(lines))
    assert (audio_format.form, audio_format.payload_type) == (form, payload_type)


def test_other_codecs_are_told_by_name() -> None:
    with pytest.raises(UnsupportedAudio, match="G729"):
        terms.choose(offer_of(OFFER.replace("AVP 8", "AVP 18").replace("8 PCMA", "18 G729")))


@pytest.mark.parametrize(
    ("written", "signalling", "host"),
    [
        ("198.51.100.20", "203.0.113.9", "198.51.100.20"),
        ("192.168.1.9", "8.8.4.4", "8.8.4.4"),
        ("192.168.1.9", "192.168.7.7", "192.168.1.9"),
        ("8.8.8.8", "192.168.7.7", "8.8.8.8"),
    ],
)
def test_private_address_behind_nat_is_replaced_by_where_it_called_from(
    written: str, signalling: str, host: str
) -> None:
    offer = offer_of(OFFER.replace("198.51.100.20", written))
    assert terms.peer_address(offer, signalling) == (host, 20000)


def test_description_without_address_means_the_signalling_address() -> None:
    bare = "v=0\r\ns=Play\r\nm=audio 20000 RTP/AVP 8\r\n"
    assert terms.peer_address(offer_of(bare), "203.0.113.9") == ("203.0.113.9", 20000)


def test_name_is_never_looked_up() -> None:
    """A lookup in the loop would let one lying device hold up all others."""
    offer = offer_of(OFFER.replace("198.51.100.20", "slow.example"))
    assert terms.peer_address(offer, "203.0.113.9") == ("203.0.113.9", 20000)


def test_port_zero_is_no_address() -> None:
    assert terms.peer_address(offer_of(OFFER.replace("audio 20000", "audio 0")), "203.0.113.9") is None


@pytest.mark.parametrize(
    ("line", "setup"),
    [("", Setup.ACTIVE), ("a=setup:passive\r\n", Setup.PASSIVE), ("a=setup:active\r\n", Setup.ACTIVE)],
)
def test_who_connects_is_the_offerer_unless_it_says_otherwise(line: str, setup: Setup) -> None:
    """RFC 4145 section 4: active is what an offer without the line means. GB-C103."""
    text = OFFER.replace("RTP/AVP 8\r\n", f"TCP/RTP/AVP 8\r\n{line}")
    offer = terms.with_setup(offer_of(text))
    assert offer.setup is setup
    answer = terms.answer_to(offer, OWN, "192.0.2.11", 30010, "0200000003", terms.PCMA)
    assert answer.setup is setup.complement
