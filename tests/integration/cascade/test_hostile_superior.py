"""Superiors that misbehave with their INVITEs: each has a stated reaction, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.streams.relayed import RelayedStream, Unacceptable, check
from catalog.model import ChannelKey
from media.outputs.rtp import SenderEnd
from sipserver.devices.errors import Refused
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.mansrtsp import Controls
from sipserver.gb.sdp import Protocol, SessionDescription, SessionKind, Setup
from sipserver.sip.dialog import Dialog
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest
from sipserver.transport.errors import NoAnswer
from tests.integration.cascade.conftest import NVR
from tests.integration.cascade.test_own_recordings_upward import CAMERA, Own, own
from tests.integration.media.far_platform import tcp_server_platform, udp_platform

__all__ = ["own"]

PAUSE = Controls().pause().serialize()


async def info(own: Own, dialog: Dialog, body: bytes = PAUSE) -> int:
    return (await own.say(dialog, body)).status


async def test_the_same_invite_by_another_way_and_once_more_inside_its_dialog(own: Own) -> None:
    """482 for a copy with another branch, 488 for a change while it runs, 481 for a dialog that never was."""
    with udp_platform() as (_, port, _rtcp):
        offer = own.offer(port)
        request = own.above._request("INVITE", CAMERA, offer.serialize(), "application/sdp")
        assert own.above.flow is not None
        call = own.above.transport.invite(request, own.above.flow)
        response = await call.final(10.0)
        assert response.status == 200
        dialog = Dialog.from_answer(request, response)
        call.ack(dialog.make_ack())
        copy = SipRequest("INVITE", request.uri, Headers(request.headers.items()), request.body)
        copy.headers.remove("Via")
        assert (await own.above.transport.invite(copy, own.above.flow).final(10.0)).status == 482
        again = dialog.make_request("INVITE", body=offer.serialize(), content_type="application/sdp")
        assert (await own.above.transport.invite(again, own.above.flow).final(10.0)).status == 488
        stranger = replace(dialog, call_id="never was")
        again = stranger.make_request("INVITE", body=offer.serialize(), content_type="application/sdp")
        assert (await own.above.transport.invite(again, own.above.flow).final(10.0)).status == 481
        assert len(own.streams) == 1, "what runs goes on"
        await own.hang_up(dialog)


async def test_a_channel_may_be_asked_for_again_and_again_within_bounds(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another Call-ID is another stream, 503 beyond the bound; the same key in the Subject replaces it."""
    monkeypatch.setattr("cascade.streams.relay.MAX_STREAMS", 3)
    with udp_platform() as (_, port, _rtcp):
        dialogs = [(await own.play(port))[1] for _ in range(3)]
        assert (await own.above.invite(CAMERA, own.offer(port)))[0].status == 503
        await own.above.bye(dialogs.pop())
        await own.until(lambda: len(own.streams) == 2)
        subject = f"{CAMERA}:1200000001,34020000002000000001:0"
        assert (await own.above.invite(CAMERA, own.offer(port), subject))[0].status == 200
        await own.above.bye(dialogs.pop())
        await own.until(lambda: len(own.streams) == 2)
        _, last = await own.above.invite(CAMERA, own.offer(port), subject)
        assert last is not None
        await own.until(lambda: len(own.above.byes) == 1 and len(own.streams) == 2)
        await own.above.bye(dialogs.pop())
        await own.hang_up(last)


async def test_an_ack_that_never_comes_ends_the_stream_with_bye(own: Own) -> None:
    """Nothing is sent before it; a superior whose ACK never fits may be set to do without."""
    with udp_platform() as (receiver, port, _):
        request = own.above._request("INVITE", CAMERA, own.offer(port).serialize(), "application/sdp")
        assert own.above.flow is not None
        response = await own.above.transport.invite(request, own.above.flow).final(10.0)
        assert response.status == 200
        (stream,) = own.streams
        assert receiver.packets == []
        # What the transport reports 32 s after the answer.
        own.below.calls.unacknowledged(stream.key)
        await own.until(lambda: len(own.above.byes) == 1 and not own.streams and not own.playing)
        assert receiver.packets == []

        post = own.below.superiors.list()[0]
        await own.below.superiors.change(replace(post.link.superior, awaits_ack=False))
        request = own.above._request("INVITE", CAMERA, own.offer(port).serialize(), "application/sdp")
        assert (await own.above.transport.invite(request, own.above.flow).final(10.0)).status == 200
        await own.until(lambda: len(receiver.packets) > 3)
        own.below.superiors.list()[0].relay.end_all("the test is over")
        await own.until(lambda: not own.streams and not own.playing)


async def test_a_receiver_that_died_is_let_go(own: Own) -> None:
    """A port that nobody listens at any more, and a connection that breaks: BYE, and the files are free."""
    with udp_platform() as (_, port, _rtcp):
        _, dialog = await own.play(port)
    await own.until(lambda: len(own.above.byes) == 1 and not own.playing)
    assert own.above.byes[0].call_id == dialog.call_id
    async with tcp_server_platform() as (receiver, port):
        await own.play(port, protocol=Protocol.TCP, setup=Setup.PASSIVE, connection="new")
        await own.until(lambda: len(receiver.packets) > 3)
        (stream,) = own.streams
        assert stream.sender is not None
        stream.sender_closed(SenderEnd.CONNECTION_LOST)
    await own.until(lambda: len(own.above.byes) == 2 and not own.streams and not own.playing)


async def test_controls_of_no_dialog_and_a_flood_of_them(own: Own) -> None:
    """481; 503 for what is too much at once, and everything is answered."""
    with udp_platform() as (_, port, _rtcp):
        _, dialog = await own.play(port)
        assert await info(own, replace(dialog, call_id="never was")) == 481
        assert await info(own, replace(dialog, local=dialog.local.replace("tag=", "tag=x"))) == 481
        assert await info(own, dialog, b"OPTIONS * RTSP/1.0\r\n\r\n") == 400
        (stream,) = own.streams
        await stream.obeying.acquire()
        flood = [asyncio.ensure_future(info(own, dialog)) for _ in range(20)]
        await own.until(lambda: sum(each.done() for each in flood) == 4)
        stream.obeying.release()
        statuses = await asyncio.gather(*flood)
        assert sorted(statuses) == [200] * 16 + [503] * 4
        await own.hang_up(dialog)


async def test_a_control_of_a_live_picture_and_what_a_device_refuses(own: Own) -> None:
    """405 for the one; the device's own status for the other."""
    with udp_platform() as (_, port, _rtcp):
        live = own.offer(port, kind=SessionKind.PLAY, uri=None, start=0, stop=0, ssrc="0200000001")
        _, dialog = await own.above.invite(CAMERA, live)
        assert dialog is not None
        assert await info(own, dialog) == 405
        await own.above.bye(dialog)
        own.below.recordings.disk.segments_of[ChannelKey(NVR, CAMERA)] = []
        for status, told in ((486, 486), (404, 404), (403, 480)):
            own.below.recordings.devices.failure = Refused("no", status=status)
            assert (await own.above.invite(CAMERA, own.offer(port)))[0].status == told
    assert own.playing == 0


async def test_a_superior_that_gives_up_waiting_or_pauses_for_ever(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GB-C117: CANCEL leaves nothing behind; a pause has an end, and the superior is told."""
    monkeypatch.setattr("cascade.streams.own_recordings.PAUSE_MAX_S", 0.1)
    with udp_platform() as (_, port, _rtcp):
        _, dialog = await own.play(port)
        assert await info(own, dialog) == 200
        await own.until(lambda: len(own.above.byes) == 1 and not own.playing)
        own.below.recordings.disk.segments_of[ChannelKey(NVR, CAMERA)] = []
        own.below.recordings.devices.is_silent = True
        with pytest.raises(NoAnswer):
            await own.above.invite(CAMERA, own.offer(port), timeout_s=0.3)
        await own.until(lambda: not own.streams)
    assert len(own.below.calls) == 0
    assert own.below.superiors.list()[0].permits.view.streams == 0


OFFERS = st.builds(
    lambda *parts: b"\r\n".join(parts) + b"\r\n",
    st.just(b"v=0"),
    st.sampled_from([b"s=Playback", b"s=Play", b"s=Download", b"s=", b"s=playback "]),
    st.sampled_from([b"c=IN IP4 127.0.0.1", b"c=IN IP4 ::1", b"c=IN IP6 ff02::1", b"c=x"])
    | st.binary(max_size=40),
    st.from_regex(rb"\At=-?[0-9]{1,25} -?[0-9]{1,25}\Z") | st.binary(max_size=40),
    st.from_regex(rb"\Am=(video|audio) [0-9]{1,7} (TCP/)?RTP/AVP( [0-9]{1,4}){0,4}\Z"),
    st.sampled_from([b"a=setup:active", b"a=setup:passive", b"a=setup:actpass", b"a=rtpmap:96 PS/90000"]),
    st.from_regex(rb"\Ay=[0-9a-z]{0,14}\Z") | st.binary(max_size=20),
    st.from_regex(rb"\Au=[0-9]{0,22}:?[0-9]{0,3}\Z") | st.sampled_from([b"u=http://a/b:1", b"u=:"]),
    st.from_regex(rb"\Aa=downloadspeed:-?[0-9]{0,30}\Z"),
)


@given(OFFERS | st.binary(max_size=400))
def test_any_offer_is_served_or_refused(body: bytes) -> None:
    """What passes the check can be asked for, and sent to."""
    try:
        offer = SessionDescription.parse(body)
        check(offer)
    except (MalformedSdp, Unacceptable):
        return
    stream = RelayedStream(_incoming(body), offer)
    wanted = stream.wanted(CAMERA)
    assert wanted.speed >= 1
    assert wanted.end >= wanted.start
    stream.ssrc = "0200000001"
    assert 0 <= stream.sender_request("").payload_type <= 127


class _Incoming:
    """Of a request that came."""

    def __init__(self, request: SipRequest) -> None:
        self.request = request
        self.key = None
        self.flow = type("Flow", (), {"remote": ("127.0.0.1", 5060)})()


def _incoming(body: bytes) -> _Incoming:
    headers = Headers(
        [("From", "<sip:a@b>;tag=1"), ("To", f"<sip:{CAMERA}@b>"), ("Call-ID", "c"), ("CSeq", "1 INVITE")]
    )
    return _Incoming(SipRequest("INVITE", f"sip:{CAMERA}@b", headers, body))
