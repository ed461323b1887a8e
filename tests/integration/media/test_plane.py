"""The room as a whole: ports, ends, and what the native code does with packets without sockets."""

import asyncio
import itertools
import random
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine import frame_chunks, ingest_packets
from media.errors import ListenFailed, LocalViolation, NoPortFree, PlaneClosed, PortUnavailable, SessionClosed
from media.nal import VideoCodec, is_picture, split_nal_units
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaTransport
from media.settings import MediaSettings
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera, encoded
from tests.support.port_ranges import free_ports_in_a_row, rtp_ports

UDP, TCP = MediaTransport.UDP, MediaTransport.TCP_PASSIVE


async def test_a_port_of_another_program_is_passed_over(make_plane: MakePlane) -> None:
    ports = free_ports_in_a_row(6)
    plane = await make_plane(rtp_ports=f"{ports.start}-{ports.stop - 1}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports[1]))  # the RTCP port of the first pair
        session = await plane.open_session(transport=UDP, ssrc=None, label="a")
    assert session.port == ports[2]
    assert plane.totals.ports_refused == 1
    await plane.open_session(transport=TCP, ssrc=None, label="b")
    with pytest.raises(NoPortFree, match="2 taken, 1 resting"):
        await plane.open_session(transport=UDP, ssrc=None, label="c")


async def test_all_ports_of_others_end_in_an_error(make_plane: MakePlane) -> None:
    ports = free_ports_in_a_row(2)
    plane = await make_plane(rtp_ports=f"{ports.start}-{ports.stop - 1}", port_cool_down_s=0.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[0]))
        other.listen()
        with pytest.raises(PortUnavailable):
            await plane.open_session(transport=TCP, ssrc=None, label="a")
    assert (await plane.open_session(transport=TCP, ssrc=None, label="a")).port == ports[0]


async def test_a_port_is_free_when_close_returns_and_rests_before_it_is_used_again(
    make_plane: MakePlane,
) -> None:
    plane = await make_plane(rtp_ports=rtp_ports(4), port_cool_down_s=60.0)
    for transport in (UDP, TCP):
        session = await plane.open_session(transport=transport, ssrc=None, label="a")
        await session.close("over")
        kind = socket.SOCK_DGRAM if transport is UDP else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", session.port))
    with pytest.raises(NoPortFree, match="0 taken, 2 resting 60 s"):
        await plane.open_session(transport=UDP, ssrc=None, label="b")


async def test_a_closed_session_answers_with_its_last_words(plane: MediaPlane, sender: socket.socket) -> None:
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    PretendCamera(audio=AudioCodec.G711A).send_udp(sender, session.port, 5)
    await session.wait_first_keyframe(10)
    await until(lambda: session.stats().packets)
    reasons: list[str] = []
    session.on_closed = reasons.append
    await session.close("BYE")
    await session.close("again")
    assert reasons == ["BYE"]
    assert session.session_id not in plane.sessions
    assert session.stats().packets > 0
    assert plane.totals.packets == plane.counters().packets == session.stats().packets
    assert session.keyframe() is None
    session.revoke("nobody")
    session.detach_recorder("nobody")
    session.expect_ssrc(1)
    assert session.viewers_of("nobody") == session.readers == 0
    with pytest.raises(SessionClosed, match="BYE"):
        session.grant("one")


def threads_of_ours() -> set[str]:
    """Without the loop's own pool, which keeps its threads."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


async def test_the_room_ends_cleanly_and_leaves_no_thread(make_plane: MakePlane) -> None:
    before = threads_of_ours()
    plane = await make_plane(threads=2)
    sessions = [await plane.open_session(transport=UDP, ssrc=None, label=str(n)) for n in range(5)]
    await plane.close()
    await plane.close()
    assert all(session.is_closed for session in sessions)
    assert not plane.sessions
    with pytest.raises(PlaneClosed):
        await plane.open_session(transport=UDP, ssrc=None, label="late")
    await until(lambda: threads_of_ours() <= before)


async def test_a_taken_listener_address_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenFailed, match=f"127.0.0.1:{port}"):
            await MediaPlane(MediaSettings(host="127.0.0.1", port=port)).open()


async def test_a_tag_is_plain(plane: MediaPlane) -> None:
    session = await plane.open_session(transport=UDP, ssrc=None, label="camera")
    for bad in ("", "a&b", "a b", "x" * 129):
        with pytest.raises(LocalViolation):
            session.grant(bad)
    assert session.grant("x" * 128, host="tv.example")["fmp4_ws"].startswith("ws://tv.example:")
    assert session.grant("v6", host="2001:db8::1")["fmp4_ws"].startswith("ws://[2001:db8::1]:")


async def test_hundreds_of_sessions_open_and_close(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(threads=2, audio_wait_s=0.0)
    sessions = await asyncio.gather(
        *(plane.open_session(transport=UDP, ssrc=None, label=str(number)) for number in range(200))
    )
    for session in sessions:
        PretendCamera().send_udp(sender, session.port, 3)
        await asyncio.sleep(0)
    infos = await asyncio.gather(*(session.wait_first_keyframe(20) for session in sessions))
    assert {info.codec for info in infos} == {"H264"}
    assert len(plane.snapshot()) == 200


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_native_pictures_are_those_that_were_sent(codec: VideoCodec) -> None:
    camera = PretendCamera(codec=codec, audio=AudioCodec.G711A)
    events, stats = ingest_packets(list(camera.packets(30)))
    pictures = [event for event in events if event["kind"] == "video"]
    sent = encoded(codec)[:30]
    assert [picture["keyframe"] for picture in pictures] == [picture.keyframe for picture in sent]
    for event, picture in zip(pictures, sent, strict=True):
        ours = [unit for unit in split_nal_units(event["annexb"]) if is_picture(unit, codec)]
        assert ours == [unit for unit in split_nal_units(picture.annexb) if is_picture(unit, codec)]
    steps = {b["dts_90k"] - a["dts_90k"] for a, b in itertools.pairwise(pictures)}
    assert steps == {3_600}
    assert (stats["lost"], stats["packets"], stats["audio_frames"]) == (0, camera.sequence, 30)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000_000))
def test_small_reorderings_and_duplicates_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    packets = list(PretendCamera().packets(12))
    expected, _ = ingest_packets(packets)
    shuffled = sorted(range(len(packets)), key=lambda index: index + chance.random() * 10)
    mixed = [packets[index] for index in shuffled for _ in range(chance.choice((1, 1, 2)))]
    # The first packet begins the numbering: what would come before it is late.
    mixed.remove(packets[0])
    found, stats = ingest_packets([packets[0], *mixed])
    assert found == expected
    assert stats["lost"] == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=60))
def test_any_cut_of_a_connection_gives_the_same_packets(sizes: list[int]) -> None:
    camera = PretendCamera()
    data = camera.tcp_bytes(4)
    expected = list(PretendCamera().packets(4))
    chunks, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= len(data):
            break
        chunks.append(data[start : start + size])
        start += size
    packets, stats = frame_chunks(chunks)
    assert packets == expected
    assert (stats["kind"], stats["resyncs"]) == ("rfc4571", 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=30))
def test_garbage_gives_no_picture_and_no_crash(packets: list[bytes]) -> None:
    events, _ = ingest_packets(packets)
    assert not [event for event in events if event["kind"] == "video"]
    frame_chunks(packets)
