"""What the RTSP desk answers to each request, and to what is none."""

from __future__ import annotations

import asyncio
import re
import socket
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.test_rtsp_players import play, rtsp_plane, streaming
from tests.support.feeding import feed, feeding, film
from tests.support.port_ranges import free_ports_in_a_row
from tests.support.rtsp_talk import Packet, talk

__all__ = ["rtsp_plane"]


async def still(plane: MediaPlane) -> MediaSession:
    """Two seconds of a stream that goes on no further."""
    session = await plane.open_fed(label="program")
    for frame in film(VideoCodec.H264, AudioCodec.G711A, 2):
        feed(session, frame)
    await session.wait_first_keyframe(10)
    await until(lambda: session.stats().access_units == 50)
    return session


async def test_the_first_packets_are_the_ones_that_play_announces(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    async with talk(session.grant("one")["rtsp"]) as client:
        described = await client.ask("DESCRIBE", Accept="application/sdp")
        assert described.headers["content-type"] == "application/sdp"
        assert described.headers["content-base"] == client.url + "/"
        assert "a=control:track1" in described.body
        transports = [
            (await client.set_up(track, f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}")).headers[
                "transport"
            ]
            for track, channel in ((0, 6), (1, 0))
        ]
        playing = await client.ask("PLAY", Range="npt=0.000-")
        assert re.fullmatch(r"[0-9a-f]{32};timeout=60", playing.headers["session"])
        info = [
            dict(pair.split("=", 1) for pair in part.split(";"))
            for part in playing.headers["rtp-info"].split(",")
        ]
        assert [entry["url"] for entry in info] == [f"{client.url}/track{track}" for track in (0, 1)]
        while len(client.frames.get(6, [])) < 20 or not client.frames.get(0):
            await client.frame()
        # Sender reports come first, so that the tracks can be put beside each other.
        reports = [client.frames[7][0], client.frames[1][0]]
        for entry, channel, transport, report in zip(info, (6, 0), transports, reports, strict=True):
            packets = [Packet.parse(data) for data in client.frames[channel]]
            assert packets[0].sequence == int(entry["seq"])
            assert packets[0].timestamp == int(entry["rtptime"])
            assert f"ssrc={packets[0].ssrc:08X}" in transport
            assert f"interleaved={channel}-{channel + 1}" in transport
            assert (report[1], report[4:8]) == (200, packets[0].ssrc.to_bytes(4))
            for earlier, later in pairwise(packets):
                assert later.sequence == (earlier.sequence + 1) & 0xFFFF
        # Parameter sets stand before the key frame.
        kinds = [Packet.parse(data).payload[0] & 0x1F for data in client.frames[6][:3]]
        assert kinds[:2] == [7, 8]


async def test_two_players_get_the_same_numbers(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    seen = []
    for name in ("one", "two"):
        async with talk(session.grant(name)["rtsp"]) as client:
            await client.play()
            while len(client.frames.get(0, [])) < 20:
                await client.frame()
            seen.append(client.frames[0][:20])
            if name == "one":
                await client.ask("TEARDOWN")
    assert seen[0] == seen[1]


async def test_a_session_is_paused_played_again_and_torn_down(rtsp_plane: MediaPlane) -> None:
    async with streaming(rtsp_plane) as session, talk(session.grant("one")["rtsp"]) as client:
        assert (await client.play()).status == 200
        await until(lambda: session.viewers_of("one") == 1)
        assert (await client.ask("PLAY")).status == 200
        assert (await client.ask("GET_PARAMETER")).status == 200
        assert (await client.ask("SET_PARAMETER", body="x: y\r\n")).status == 200
        assert (await client.set_up(1)).status == 455
        assert (await client.ask("PAUSE")).status == 200
        await until(lambda: session.viewers == 0)
        assert (await client.ask("PAUSE")).status == 455
        assert (await client.ask("PLAY")).status == 200
        await until(lambda: session.viewers == 1)
        assert (await client.ask("TEARDOWN")).status == 200
        await until(lambda: session.viewers == 0)
        client.session = None
        assert (await client.ask("PLAY")).status == 454
        assert (await client.play()).status == 200
        await until(lambda: session.viewers == 1)
    reasons = rtsp_plane.totals.viewers_closed_by_reason
    assert (reasons["paused"], reasons["closed by the viewer"]) == (1, 1)


async def test_requests_out_of_order_or_beside_the_rules_have_their_codes(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    async with talk(session.grant("one")["rtsp"]) as client:
        options = await client.ask("OPTIONS", "*")
        assert "DESCRIBE" in options.headers["public"]
        assert (await client.ask("PLAY")).status == 454
        assert (await client.ask("TEARDOWN")).status == 454
        assert (await client.ask("BREW")).status == 501
        assert (await client.ask("DESCRIBE", Require="onvif-replay")).headers["unsupported"] == "onvif-replay"
        assert (await client.ask("DESCRIBE", Session="0123")).status == 454
        assert (await client.ask("SETUP", Transport="RTP/AVP/TCP;unicast")).status == 459
        assert (await client.set_up(7)).status == 404
        for transport in (
            "RTP/AVP;multicast",
            "RTP/SAVP/TCP;unicast",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=0-1",
            "RTP/AVP/TCP;unicast;interleaved=5-5",
            "x",
        ):
            assert (await client.set_up(0, transport)).status == 461, transport
        # One of several offers will do.
        assert (await client.set_up(0, "RTP/AVP;multicast,RTP/AVP/TCP;unicast")).status == 200
        assert (await client.set_up(1, "RTP/AVP/TCP;unicast;interleaved=1-2")).status == 461
        assert (await client.set_up(1, "RTP/AVP;unicast;client_port=5000-5001")).status == 461
        client.session = None
        assert (await client.ask("DESCRIBE", client.url.replace("/live/", "/other/"))).status == 404


async def test_a_wrong_version_and_a_missing_number_are_told(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    url = session.grant("one")["rtsp"]
    for request, status in (
        (b"OPTIONS * RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 505),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n", 400),
        (b"A" * 20_000, 400),
    ):
        async with talk(url) as client:
            client.writer.write(request)
            assert (await client.answer()).status == status, request[:30]
            if status == 505 or request[:7] != b"OPTIONS":
                assert await client.rest() == b""


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_a_request_may_come_in_pieces(rtsp_plane: MediaPlane, size: int) -> None:
    session = await still(rtsp_plane)
    async with talk(session.grant("one")["rtsp"]) as client:
        request = (
            f"DESCRIBE {client.url} RTSP/1.0\nCSeq: 5\nAccept: application/sdp,\n application/x\n\n".encode()
        )
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), size):
            client.writer.write(request[start : start + size])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer()).status == 200


async def test_half_a_request_is_waited_for_no_longer_than_the_setting(make_plane: MakePlane) -> None:
    plane = await make_plane(rtsp_port=free_ports_in_a_row(2).start, request_deadline_s=0.3)
    session = await still(plane)
    url = session.grant("one")["rtsp"]
    for start in (b"", b"DESCRIBE rtsp", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x00"):
        async with talk(url) as client:
            client.writer.write(start)
            if start.startswith(b"OPTIONS"):
                assert (await client.answer()).status == 200
            assert await client.rest() == b""


async def test_only_a_good_pass_opens(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    good = session.grant("one")["rtsp"]
    bad = {
        good.split("?")[0]: 403,
        good.replace("tag=one", "tag=two"): 403,
        session.grant("old", -5)["rtsp"]: 403,
        session.grant("other", rights=["talk"])["rtsp"]: 403,
        good.replace(session.session_id, "0" * 32): 403,
    }
    for url, status in bad.items():
        async with talk(url) as client:
            assert (await client.ask("DESCRIBE")).status == status, url
            assert (await client.set_up()).status == status, url
    await session.close("over")
    async with talk(good) as client:
        assert (await client.ask("DESCRIBE")).status == 404


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_revoked_player_is_cut_at_once_and_stays_out(rtsp_plane: MediaPlane, transport: str) -> None:
    async with streaming(rtsp_plane) as session:
        url = session.grant("one")["rtsp"]
        playing = asyncio.create_task(play(url, transport, 100_000))
        other = asyncio.create_task(play(session.grant("two")["rtsp"], transport, 300))
        await until(lambda: session.viewers == 2)
        session.revoke("one")
        await until(lambda: session.viewers_of("one") == 0)
        assert await asyncio.wait_for(playing, 20) == ""
        assert "403 Forbidden" in await play(url, transport)
        assert await other == ""
    assert rtsp_plane.totals.viewers_closed_by_reason["revoked"] == 1


async def test_a_pass_that_ends_takes_its_player_along(rtsp_plane: MediaPlane) -> None:
    async with streaming(rtsp_plane) as session:
        playing = asyncio.create_task(play(session.grant("one", end_s=2)["rtsp"], "tcp", 100_000))
        await until(lambda: session.viewers == 1)
        assert await asyncio.wait_for(playing, 20) == ""
    assert rtsp_plane.totals.viewers_closed_by_reason == {"pass ended": 1}


async def test_a_player_that_never_reads_loses_pictures_then_its_place(make_plane: MakePlane) -> None:
    plane = await make_plane(
        rtsp_port=free_ports_in_a_row(2).start,
        viewer_queue_bytes=20_000,
        viewer_send_buffer_bytes=4_096,
        viewer_stuck_s=2.0,
    )
    async with streaming(plane) as session:
        parts = urlsplit(session.grant("slow")["rtsp"])
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            lazy.connect((parts.hostname, parts.port))
            reader, writer = await asyncio.open_connection(sock=lazy, limit=1)
            url = session.grant("slow")["rtsp"]
            for number, line in enumerate(
                (
                    f"SETUP {url}/track0 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1",
                    f"PLAY {url} RTSP/1.0",
                )
            ):
                writer.write(f"{line}\r\nCSeq: {number}\r\n\r\n".encode())
            await until(lambda: session.viewers_of("slow") == 1)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            assert await play(session.grant("quick")["rtsp"], "tcp", 150) == ""
            await until(lambda: session.viewers_of("slow") == 0)
            del reader
            writer.transport.abort()
    assert plane.totals.viewers_closed_by_reason["stuck"] == 1
    assert plane.totals.viewer_fragments_skipped > 0


async def test_a_silent_player_over_udp_is_let_go_and_reports_keep_it(make_plane: MakePlane) -> None:
    plane = await make_plane(rtsp_port=free_ports_in_a_row(2).start, rtsp_timeout_s=5.0)
    async with streaming(plane) as session:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
            reports.bind(("127.0.0.1", 0))
            port = reports.getsockname()[1]
            async with (
                talk(session.grant("mute")["rtsp"]) as mute,
                talk(session.grant("alive")["rtsp"]) as alive,
            ):
                for client, ports in ((mute, "9-10"), (alive, f"9-{port}")):
                    answer = await client.set_up(0, f"RTP/AVP;unicast;client_port={ports}")
                    assert answer.status == 200
                    match = re.search(r"server_port=(\d+)-(\d+)", answer.headers["transport"])
                    assert match is not None
                    assert (await client.ask("PLAY")).status == 200

                async def report() -> None:
                    while True:
                        reports.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x01", ("127.0.0.1", int(match[2])))
                        await asyncio.sleep(0.5)

                task = asyncio.create_task(report())
                try:
                    await until(lambda: session.viewers_of("mute") == 0)
                    assert session.viewers_of("alive") == 1
                finally:
                    task.cancel()
    assert plane.totals.viewers_closed_by_reason["timeout"] == 1


async def test_there_are_no_more_places_than_the_setting(make_plane: MakePlane) -> None:
    plane = await make_plane(rtsp_port=free_ports_in_a_row(2).start, viewers_max=1)
    session = await still(plane)
    url = session.grant("one")["rtsp"]
    async with talk(url) as first, talk(url) as second:
        assert (await first.play()).status == 200
        assert (await second.play()).status == 453
        await first.ask("TEARDOWN")
        assert (await second.ask("PLAY")).status == 200


async def test_packets_go_to_the_host_that_asks_and_to_no_other(rtsp_plane: MediaPlane) -> None:
    session = await still(rtsp_plane)
    async with talk(session.grant("one")["rtsp"]) as client:
        answer = await client.set_up(0, "RTP/AVP;unicast;destination=192.0.2.9;client_port=40000-40001")
        assert "destination" not in answer.headers["transport"]


async def test_a_fed_stream_of_another_sound_ends_the_session(rtsp_plane: MediaPlane) -> None:
    session = await rtsp_plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, None, 1)):
        await session.wait_first_keyframe(10)
        async with talk(session.grant("one")["rtsp"]) as client:
            assert (await client.play()).status == 200
            for frame in film(VideoCodec.H264, AudioCodec.G711A, 1):
                if not hasattr(frame, "is_key"):
                    feed(session, frame, (1 << 33) - 45_000)
            rest = await client.rest()
    # The goodbye of RTCP carries the reason.
    assert b"stream changed" in rest
