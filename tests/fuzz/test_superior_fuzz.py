"""The simulated superior meets any bytes: as RTP, as a steps file, as a line of the command line."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from sipserver.simulator.superior.errors import BadSteps
from sipserver.simulator.superior.received import HELD_PACKETS, ReceivedPicture
from sipserver.simulator.superior.run import KINDS
from sipserver.simulator.superior.steps import parse_file, parse_line

HEADER = struct.Struct("!BBHII")
headers = st.builds(
    HEADER.pack,
    st.sampled_from((0x80, 0x90, 0x8F, 0xB0)),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 3),
)


@given(st.lists(st.one_of(st.binary(max_size=80), st.builds(bytes.__add__, headers, st.binary(max_size=60)))))
def test_any_packets_are_counted(packets: list[bytes]) -> None:
    picture = ReceivedPicture(lambda: 0.0)
    for packet in packets:
        picture.take(packet)
        assert len(picture._held) <= HELD_PACKETS
    picture.finish()
    assert picture.packets + picture.malformed + picture.reports == len(packets)
    assert not picture._held
    assert picture.lost >= 0


words = st.sampled_from((*KINDS, "seconds=1", "do", "=", '"', "transport=udp", "count=0", "\\"))


@given(st.one_of(st.text(max_size=80), st.lists(words).map(" ".join)))
def test_any_line_is_a_step_or_is_refused(line: str) -> None:
    with contextlib.suppress(BadSteps):
        assert parse_line(KINDS, line).name in KINDS


parts = st.sampled_from(("[[step]]\n", "[superior]\n", "do = 'live'\n", "do = [1]\n", "id = 1\n", "x = {}\n"))


@given(st.one_of(st.text(max_size=80), st.lists(parts).map("".join)))
def test_any_file_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(BadSteps):
        parse_file(KINDS, text, "any.toml")
