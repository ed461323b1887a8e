"""The INVITE for a live picture, as the standard prints it: firmware exists that reads by position."""

from __future__ import annotations

from catalog.model import ChannelKey
from media.session import MediaTransport
from sipserver.devices.invite_context import InviteContext
from sipserver.gb import sdp
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest


def make_invite(
    context: InviteContext,
    key: ChannelKey,
    flow: Flow,
    *,
    transport: MediaTransport,
    port: int,
    ssrc: str,
) -> tuple[SipRequest, sdp.SessionDescription]:
    """The request and the offer in it. To and Subject name the channel, From and Contact the platform.

    Source: GB/T 28181-2022 annexes G and L; gb28181.md 6.3 to 6.5 (GB-C098).
    """
    platform_id = context.signalling.platform_id
    offer = sdp.make_offer(
        platform_id,
        context.settings.media_advertised_host or context.transport.advertised(flow)[0],
        port,
        ssrc,
        setup=sdp.Setup.PASSIVE if transport is MediaTransport.TCP_PASSIVE else None,
    )
    request = context.signalling.request("INVITE", key.channel_id, flow)
    request.headers.set("Subject", f"{key.channel_id}:{ssrc},{platform_id}:0")
    request.headers.set("Content-Type", sdp.CONTENT_TYPE)
    request.body = offer.serialize()
    return request, offer
