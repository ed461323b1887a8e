"""Hostile bytes for what reads ONVIF cameras and the containers of pulled streams.

Well-formed answers with random damage reach further than random bytes. ``HYPOTHESIS_PROFILE=fuzz`` tries
harder.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.onvif import messages
from media.onvif.discovery import FoundCamera, matches, probe
from media.onvif.errors import MalformedOnvif, OnvifFailed
from media.onvif.messages import Profile, UsernameToken
from media.sources.address import BadAddress, SourceAddress, masked
from media.sources.annexb import MalformedRecord, VideoForm
from tests.support.moving_clip import clip
from tests.support.onvif_camera import OnvifCamera, _envelope, _fault

CAMERA = OnvifCamera()
TOKEN = UsernameToken("admin", "secret", b"0123456789abcdef", datetime(2026, 1, 1, tzinfo=UTC))
ANSWERS: list[tuple[bytes, Callable[[bytes], object]]] = [
    (_envelope(CAMERA._GetSystemDateAndTime("")), messages.time_of),
    (_envelope(CAMERA._GetDeviceInformation("")), messages.information_of),
    (_envelope(CAMERA._GetServices("")), messages.services_of),
    (_envelope(CAMERA._GetCapabilities("")), messages.capabilities_of),
    (_envelope(CAMERA._GetProfiles("ver20/media")), messages.profiles_of),
    (_envelope(CAMERA._GetProfiles("")), messages.profiles_of),
    (_envelope(CAMERA._GetStreamUri("ver20/media <a:ProfileToken>P</a>")), messages.stream_uri_of),
    (_envelope(CAMERA._GetStreamUri("<a:ProfileToken>P</a>")), messages.stream_uri_of),
    (_fault("ter:NotAuthorized", "no"), messages.profiles_of),
]
MATCH = CAMERA.match(probe("uuid:1").decode())
QUESTIONS = [
    messages.get_time(),
    messages.get_information(TOKEN),
    messages.get_services(TOKEN),
    messages.get_profiles(TOKEN, is_media2=True),
    messages.get_stream_uri(TOKEN, "P<1>&\"'", is_media2=False),
]
BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;&c;</a>"""
)
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of the originals, with some bytes changed, taken out or put in."""
    body = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        kind = draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change" and body:
            body[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del body[at : at + draw(st.integers(0, 40))]
        else:
            body[at:at] = draw(st.binary(max_size=20))
    return bytes(body)


@given(damaged([answer for answer, _ in ANSWERS]) | st.binary(max_size=300))
def test_any_answer_is_read_or_refused(answer: bytes) -> None:
    for _, read in ANSWERS:
        try:
            found = read(answer)
        except OnvifFailed:
            continue
        if isinstance(found, list):
            assert all(isinstance(each, Profile) and each.token for each in found)


@given(damaged([MATCH]) | st.binary(max_size=300))
def test_any_datagram_is_cameras_or_malformed(datagram: bytes) -> None:
    try:
        found = matches(datagram)
    except MalformedOnvif:
        return
    for camera in found:
        assert isinstance(camera, FoundCamera)
        assert camera.host
        assert all(address.startswith(("http://", "https://", "HTTP")) for address in camera.addresses)


@pytest.mark.parametrize("document", [BOMB, OUTSIDE])
def test_entities_are_never_read(document: bytes) -> None:
    with pytest.raises(MalformedOnvif, match="document type"):
        matches(document)


def test_what_we_ask_is_xml_whatever_the_names() -> None:
    for question in QUESTIONS:
        assert b"Envelope" in question
        assert b"secret" not in question  # only its digest leaves


RECORDS = [
    bytes.fromhex("0142c01effe100186742c01ed900a02ff9610000030001000003003c8f162e4801000468cb83cb20"),
    bytes.fromhex(
        "01016000000090000000000078f000fcfdf8f800000f03200001000440010c01210001000442010101220001000244014c"
    ),
]


@given(damaged(RECORDS) | st.binary(max_size=80), st.booleans(), st.binary(max_size=200), st.booleans())
def test_any_record_and_packet_become_annexb_or_are_refused(
    record: bytes, is_h265: bool, packet: bytes, is_keyframe: bool
) -> None:
    try:
        form = VideoForm.read(is_h265, record)
    except MalformedRecord:
        return
    annexb = form.annexb(packet, is_keyframe)
    assert len(annexb) <= len(form.parameter_sets) + 4 * len(packet) + 4


@given(st.integers(0, 500), st.integers(0, 255))
def test_a_damaged_picture_never_raises(at: int, value: int) -> None:
    picture = bytearray(clip("H264").pictures[0].annexb)
    picture[at % len(picture)] = value
    form = VideoForm.read(False, RECORDS[0])
    form.annexb(bytes(picture), True)


@given(st.text(max_size=200) | st.from_regex(r"rtsps?://[a-z0-9:@%/.?&=_\[\]-]{0,80}", fullmatch=True))
def test_any_address_is_read_or_refused_and_comes_back(text: str) -> None:
    try:
        address = SourceAddress.parse(text)
    except BadAddress:
        return
    assert SourceAddress.parse(address.full) == address
    assert "\n" not in address.full
    if len(address.password) > 8 and address.password not in address.plain:
        assert address.password not in address.shown
    assert masked(address.shown) == address.shown
