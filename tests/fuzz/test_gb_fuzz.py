"""Hostile bytes for every reader of the gb room and of the plain media formats.

Mutations of well-formed text reach further than random bytes: most of what is sent to a platform is nearly
right. ``HYPOTHESIS_PROFILE=fuzz`` tries harder.
"""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import nal
from media.nal import MalformedNal, VideoCodec
from media.ps import PsDemuxer
from media.rtp import MalformedRtp, RtpPacket, TcpDeframer
from sipserver.gb.errors import MalformedDocument, MalformedSdp
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.keepalive import Keepalive, match_keepalive
from sipserver.gb.sdp import SessionDescription

VECTORS = Path(__file__).parents[1] / "vectors"
DOCUMENTS = [path.read_bytes() for path in sorted((VECTORS / "gb").glob("*.xml"))]
DESCRIPTIONS = [path.read_bytes() for path in sorted((VECTORS / "gb").glob("*.sdp"))]
STREAMS = [path.read_bytes() for path in sorted((VECTORS / "ps").glob("*.ps"))]
TOKENS = [
    b"<",
    b">",
    b"&",
    b"</",
    b"/>",
    b"<!DOCTYPE x [",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"&#0;",
    b"&#x110000;",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x84\x31\x95\x33",
    b"<Item>",
    b"</Item>",
    b"<Info>",
    b"encoding='utf-16'",
    b"9" * 30,
    b"-1",
    "东".encode(),
    "东".encode("gb18030"),
    b"\r\n",
    b"m=video ",
    b"y=",
    b"a=rtpmap:96 ",
]


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes], tokens: list[bytes]) -> bytes:
    """A well-formed original with a few cuts, copies and insertions."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 40)), len(data))
        match draw(st.sampled_from(["delete", "insert", "copy", "flip", "cut"])):
            case "delete":
                del data[at:end]
            case "insert":
                data[at:at] = draw(st.sampled_from(tokens) | st.binary(max_size=8))
            case "copy":
                data[at:at] = data[at:end] * draw(st.integers(1, 3))
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case _ if draw(st.booleans()):
                del data[at:]
    return bytes(data)


@given(mutated(DOCUMENTS, TOKENS))
def test_mutated_documents_are_read_or_malformed_and_can_be_written_again(data: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        document = parse_document(data)
        message = read_message(document)
        if message is not None:
            again = parse_document(serialize_document(message.to_xml(), document.charset))
            assert (again.root, again.cmd_type) == (document.root, document.cmd_type)


@given(mutated(DOCUMENTS[-2:], TOKENS))
def test_fast_keepalive_never_disagrees_with_the_parser(data: bytes) -> None:
    fast = match_keepalive(data)
    if fast is not None:
        assert fast == Keepalive.from_xml(parse_document(data).element)


@given(mutated(DESCRIPTIONS, TOKENS))
def test_mutated_descriptions_are_read_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedSdp):
        description = SessionDescription.parse(data)
        assert description.ssrc is None or len(description.ssrc) == 10
        assert 0 <= description.port <= 65_535


@given(
    mutated(STREAMS, [b"\0\0\1\xba", b"\0\0\1\xe0", b"\0\0\1\xe0\0\0", b"\0\0\1\xbc\xff\xff"]),
    st.integers(1, 1500),
)
def test_mutated_streams_give_units_and_never_an_error(data: bytes, step: int) -> None:
    demuxer = PsDemuxer()
    units = [unit for at in range(0, len(data), step) for unit in demuxer.receive(data[at : at + step], at)]
    for unit in units + demuxer.flush():
        assert unit.data
        if isinstance(unit.codec, VideoCodec):
            for each in nal.parameter_sets(unit.data, unit.codec):
                with contextlib.suppress(MalformedNal):
                    nal.parse_sps(each, unit.codec)


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_any_pieces_of_a_tcp_stream_are_framed_without_an_error(pieces: list[bytes]) -> None:
    deframer = TcpDeframer()
    for piece in pieces:
        for packet in deframer.receive_data(piece):
            with contextlib.suppress(MalformedRtp):
                RtpPacket.parse(packet)


@pytest.mark.parametrize(
    "unit", [b"&", b"<", b"<a ", b"<Item>", b"&#0;", b"<!", b"<a:", b' xmlns="', b"<?xml "]
)
def test_repetition_costs_linear_time(unit: bytes) -> None:
    """A hundred kilobytes of anything; a quadratic repair would run for minutes and hit the job's limit."""
    body = b"<Notify><CmdType>Alarm</CmdType><Name>" + unit * (100_000 // len(unit)) + b"</Name></Notify>"
    with contextlib.suppress(MalformedDocument):
        parse_document(body)
