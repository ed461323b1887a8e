"""The INVITE for a picture, as the standard prints it: firmware exists that reads by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catalog.model import ChannelKey
from media.session import MediaTransport
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.stream_request import StreamRequest
from sipserver.gb import sdp
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest

# Our part in the connection that carries media.
SETUPS: Final[Mapping[MediaTransport, sdp.Setup | None]] = {
    MediaTransport.UDP: None,
    MediaTransport.TCP_PASSIVE: sdp.Setup.PASSIVE,
    MediaTransport.TCP_ACTIVE: sdp.Setup.ACTIVE,
}


def make_invite(
    context: InviteContext,
    key: ChannelKey,
    flow: Flow,
    wanted: StreamRequest,
    *,
    transport: MediaTransport,
    port: int,
    ssrc: str,
    substream_form: str | None = None,
) -> tuple[SipRequest, sdp.SessionDescription]:
    """The request and the offer in it. To and Subject name the channel, From and Contact the platform.

    The sender's sequence in Subject is the SSRC, so that no two streams of a channel share one: a device
    that is asked a second time with the same drops the first.

    Source: GB/T 28181-2022 annexes G and L; gb28181.md 6.3 to 6.5 (GB-C098, GB-C104, GB-C105).
    """
    platform_id = context.signalling.platform_id
    offer = sdp.make_offer(
        platform_id,
        context.signalling.media_host(flow),
        port,
        ssrc,
        setup=SETUPS[transport],
        kind=wanted.kind,
        uri=wanted.uri,
        start=wanted.start,
        stop=wanted.stop,
        download_speed=wanted.download_speed,
        attributes=()
        if wanted.stream_number is None
        else context.substreams.attributes(key.device_id, wanted.stream_number, substream_form),
    )
    request = context.signalling.request("INVITE", key.channel_id, flow)
    request.headers.set("Subject", f"{key.channel_id}:{ssrc},{platform_id}:0")
    if context.is_platform(key.device_id):
        request.headers.set("Max-Forwards", str(max(0, wanted.route.forwards)))
        for name, value in wanted.route.to_platform(platform_id, key.device_id):
            request.headers.set(name, value)
    request.headers.set("Content-Type", sdp.CONTENT_TYPE)
    request.body = offer.serialize()
    return request, offer
