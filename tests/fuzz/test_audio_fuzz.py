"""Hostile bytes for what reads sound: documents, descriptions, packets, files and browsers' offers.

Well-formed bodies with random damage reach further than random bytes. ``HYPOTHESIS_PROFILE=fuzz`` tries
harder.
"""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.audio.decode import decode_file
from media.audio.errors import AudioError, UnsupportedAudio
from media.audio.packing import MAX_PAYLOAD_BYTES, AudioForm, AudioFormat, AudioPacker, AudioUnpacker
from media.audio.webrtc import BrowserAudio
from media.errors import BadOffer
from sipserver.devices.audio import terms
from sipserver.devices.audio.expected import names_in
from sipserver.gb.errors import MalformedDocument, MalformedSdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import SessionDescription
from sipserver.sip.message import SipRequest
from tests.support.sound_files import tone_mp3, tone_wav

ID = GbId("34020000001370000012")
BODIES = [
    serialize_document(BroadcastNotify("910", ID, ID).to_xml()),
    serialize_document(BroadcastResponse("910", ID, ok=True).to_xml()),
]
OFFERS = [
    terms.talk_offer(ID, "192.0.2.1", 30_000, "0200000001", over_tcp=each).serialize()
    for each in (True, False)
]
FORMATS = [AudioFormat(AudioForm.PCMA, 8), AudioFormat(AudioForm.PCMU, 0), AudioFormat(AudioForm.PS, 96)]
PACKETS = [AudioPacker(each, 7).pack(bytes(160)) for each in FORMATS]
FILES = [tone_wav(440.0, 0.1), tone_mp3(440.0, 0.2)]

# No line ends: a header of ours cannot hold them, and one that came in does not.
HEADERS = st.text(st.characters(exclude_characters="\r\n\0"), max_size=200)
# As a browser writes it; the address leads nowhere.
BROWSER_OFFER = (
    "v=0\r\no=- 4004299317 4004299317 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "a=msid-semantic:WMS *\r\nm=audio 47849 UDP/TLS/RTP/SAVPF 96 0 8\r\nc=IN IP4 127.0.0.1\r\na=sendrecv\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=mid:0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=rtcp-mux\r\n"
    "a=ssrc:2327203384 cname:e7a13265\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
    "a=ice-ufrag:WbOi\r\na=ice-pwd:APYzhNeacinv0EAQzXP8If\r\na=fingerprint:sha-256 "
    + ":".join(["6C"] * 32)
    + "\r\na=setup:actpass\r\n"
).encode()


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of the originals, with some bytes changed, taken out or put in."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        piece = draw(st.binary(max_size=6))
        data[at : at + draw(st.integers(0, 12))] = piece
    return bytes(data)


@given(damaged(BODIES))
def test_broadcast_documents_are_read_or_malformed(body: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        read_message(parse_document(body))


@given(damaged(OFFERS), st.sampled_from(["192.0.2.1", "10.0.0.1", "::1", ""]))
def test_descriptions_are_agreed_on_or_refused(body: bytes, signalling_host: str) -> None:
    """Whatever a device offers: an answer that can be written, or one of two errors."""
    with contextlib.suppress(MalformedSdp, UnsupportedAudio):
        offer = terms.with_setup(SessionDescription.parse(body))
        payload, _ = terms.choose(offer)
        terms.peer_address(offer, signalling_host)
        terms.peer_hosts(offer, signalling_host)
        answer = terms.answer_to(offer, ID, "192.0.2.1", 30_000, "0200000001", payload)
        SessionDescription.parse(answer.serialize())


@given(HEADERS, HEADERS)
def test_any_header_names_some_ids_or_none(subject: str, sender: str) -> None:
    headers = [("From", sender), ("To", sender), ("Subject", subject)]
    assert all(isinstance(name, str) for name in names_in(SipRequest("INVITE", "sip:a@b", headers)))


@given(st.sampled_from(FORMATS), st.lists(st.one_of(st.binary(max_size=300), damaged(PACKETS)), max_size=30))
def test_packets_are_sound_or_counted(audio_format: AudioFormat, packets: list[bytes]) -> None:
    unpacker = AudioUnpacker(audio_format)
    heard = sum(len(unpacker.unpack(packet)) for packet in packets)
    assert unpacker.packets + unpacker.malformed == len(packets)
    assert heard <= MAX_PAYLOAD_BYTES * len(packets)


@given(damaged(FILES))
def test_files_are_sound_or_refused(data: bytes) -> None:
    with contextlib.suppress(AudioError):
        assert len(decode_file(data, max_s=5.0)) <= 5 * 8_000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged([BROWSER_OFFER]))
def test_offers_of_browsers_are_answered_or_refused(offer: bytes) -> None:
    async def answer() -> None:
        browser = BrowserAudio()
        try:
            with contextlib.suppress(BadOffer):
                await browser.answer(offer.decode("utf-8", "replace"))
        finally:
            await browser.close()

    asyncio.run(answer())
