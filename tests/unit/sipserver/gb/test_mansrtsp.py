"""Bodies of INFO, byte for byte as table 6.8 of the protocol notes has them. GB-C108."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import LocalViolation, MalformedMansrtsp
from sipserver.gb.mansrtsp import (
    MANSRTSP,
    MAX_BODY_BYTES,
    MAX_LINES,
    RTSP,
    Answer,
    Control,
    Controls,
    Method,
    NptRange,
)

seconds = st.integers(0, 10_000_000).map(lambda value: value / 1000)
scales = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, -1.0, -4.0])


def test_the_table_of_actions_is_written_byte_for_byte() -> None:
    """GB-C108."""
    controls = Controls()
    assert controls.pause().serialize() == b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"
    assert controls.resume().serialize() == b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"
    assert controls.speed(2.0).serialize() == b"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n"
    assert controls.seek(100).serialize() == b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n\r\n"
    assert controls.speed(-1.0).serialize() == b"PLAY RTSP/1.0\r\nCSeq: 5\r\nScale: -1.0\r\n\r\n"
    assert controls.teardown().serialize() == b"TEARDOWN RTSP/1.0\r\nCSeq: 6\r\n\r\n"


def test_small_speeds_and_decimals_keep_their_digits() -> None:
    controls = Controls()
    assert b"Scale: 0.25\r\n" in controls.speed(0.25).serialize()
    assert b"Scale: 16.0\r\n" in controls.speed(16).serialize()
    assert b"npt=12.345-" in controls.seek(12.345).serialize()
    backwards = Control(Method.PLAY, 1, scale=-1.0, npt=NptRange(600, 120))
    assert b"Range: npt=600-120\r\n" in backwards.serialize()


def test_devices_of_2011_get_their_own_start_line() -> None:
    """Q71."""
    assert Controls(MANSRTSP).pause().serialize().startswith(b"PAUSE MANSRTSP/1.0\r\n")
    assert (
        Controls()
        .seek_clock("20240501T080000")
        .serialize()
        .endswith(b"Range: clock=20240501T080000-\r\n\r\n")
    )


@given(
    method=st.sampled_from(Method),
    cseq=st.integers(0, 999_999),
    scale=st.none() | scales,
    npt=st.none() | st.builds(NptRange, st.none() | seconds, st.none() | seconds),
    start_line=st.sampled_from([RTSP, MANSRTSP]),
)
def test_requests_come_back_as_they_were(
    method: Method, cseq: int, scale: float | None, npt: NptRange | None, start_line: str
) -> None:
    control = Control(method, cseq, scale, npt, start_line=start_line)
    assert Control.parse(control.serialize()) == control


@given(
    status=st.integers(100, 600),
    cseq=st.integers(0, 999_999),
    scale=st.none() | scales,
    sequence=st.none() | st.integers(0, 65_535),
    rtptime=st.integers(0, 2**32 - 1),
)
def test_answers_come_back_as_they_were(
    status: int, cseq: int, scale: float | None, sequence: int | None, rtptime: int
) -> None:
    answer = Answer(status, cseq, scale, None, sequence, None if sequence is None else rtptime)
    assert Answer.parse(answer.serialize()) == answer


@pytest.mark.parametrize(
    "body",
    [
        b"PLAY RTSP/1.0\nCSeq: 4\nScale: 2\n",
        b"play rtsp/1.0\r\ncseq:4\r\nscale:  2.0  \r\n\r\n",
        b"PLAY rtsp://192.0.2.1/x RTSP/1.0\rCSeq: 4\rScale: +2.000000\r\0\0",
        b"\r\nPLAY MANSRTSP/1.0\r\nCSeq: 4\r\nScale: 2.0",
    ],
)
def test_what_peers_do_to_it_is_read(body: bytes) -> None:
    control = Control.parse(body)
    assert (control.method, control.cseq, control.scale) == (Method.PLAY, 4, 2.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"STOP RTSP/1.0\r\n",
        b"PLAY HTTP/1.1\r\n",
        b"PLAY RTSP/1.0\r\nScale: fast\r\n",
        b"PLAY RTSP/1.0\r\nScale: 0\r\n",
        b"PLAY RTSP/1.0\r\nScale: 1000\r\n",
        b"PLAY RTSP/1.0\r\nRange: npt=-5-\r\n",
        b"PLAY RTSP/1.0\r\nRange: npt=1-2.3.4\r\n",
        b"PLAY RTSP/1.0\r\nRange: smpte=10:00\r\n",
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMansrtsp):
        Control.parse(body)


def test_limits_hold_at_and_beyond_their_edge() -> None:
    first = b"PLAY RTSP/1.0\r\n"
    Control.parse(first + b"X" * (MAX_BODY_BYTES - len(first)))
    with pytest.raises(MalformedMansrtsp, match="bytes"):
        Control.parse(first + b"X" * (MAX_BODY_BYTES - len(first) + 1))
    Control.parse(first + b"A: b\r\n" * (MAX_LINES - 1))
    with pytest.raises(MalformedMansrtsp, match="lines"):
        Control.parse(first + b"A: b\r\n" * MAX_LINES)


def test_answers_of_devices_are_read_and_other_bodies_are_not() -> None:
    answer = Answer.parse(
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nRange: npt=10.5-\r\nRTP-Info: seq=17;rtptime=4001\r\n\r\n"
    )
    assert (answer.status, answer.npt, answer.sequence, answer.rtptime) == (200, NptRange(10.5), 17, 4001)
    assert Answer.parse(b"MANSRTSP/1.0 451 Parameter").status == 451
    with pytest.raises(MalformedMansrtsp):
        Answer.parse(b"v=0\r\n")


def test_what_the_standard_does_not_know_is_not_sent() -> None:
    controls = Controls()
    for wrong in (0.1, 0.0, 17.0, -0.2):
        with pytest.raises(LocalViolation):
            controls.speed(wrong)
    for wrong in (-1.0, 1e9):
        with pytest.raises(LocalViolation):
            controls.seek(wrong)
    assert controls.pause().cseq == 1, "what was not sent takes no number"
