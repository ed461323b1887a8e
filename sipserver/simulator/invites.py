"""The streams of a simulated device: from INVITE to BYE, one for each INVITE."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.media_format import MediaFormat
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.simulator.channel import Channel, Lens
from sipserver.simulator.faults import Behaviour
from sipserver.simulator.history.source import HistorySource
from sipserver.simulator.live import LiveSource
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.media_socket import MediaSocket
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.peculiar import is_in_order, peculiar, ssrc_of
from sipserver.simulator.reports import reports_missed
from sipserver.simulator.sender import LoopSource, RtpSender
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling
from sipserver.simulator.spoilt import SpoiltSocket
from sipserver.simulator.stats import DeviceStats
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import LocalViolation
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError

_VIDEO_CODES = {"h264": "2", "h265": "5"}

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class ServedInvite:
    """One accepted INVITE and what it opened."""

    key: ServerKey
    dialog: Dialog
    channel: Channel
    subject: str
    ssrc: int
    flow: Flow
    media: MediaSocket
    offer: SessionDescription
    sender: RtpSender | None = None
    source: object = None
    task: asyncio.Task[None] | None = field(default=None)

    def close(self) -> None:
        """Stop sending and give everything back; harmless when repeated."""
        if self.task is not None:
            self.task.cancel()
        if self.sender is not None:
            self.sender.close()
        if isinstance(self.source, (LiveSource, HistorySource)):
            self.source.close()
        self.media.close()


class StreamKind(Protocol):
    """Serves offers of another kind than Play."""

    def refusal(self, channel: Channel, offer: SessionDescription) -> int:
        """The status that refuses an offer, 0 when it can be served."""

    def file_size(self, offer: SessionDescription) -> int | None: ...
    async def open_sender(self, served: ServedInvite, connected: socket.socket) -> RtpSender: ...


class Invites:
    """Answers INVITEs, starts media after ACK, ends it with BYE."""

    def __init__(
        self,
        settings: SimulatedDeviceSettings,
        behaviour: Behaviour,
        signalling: Signalling,
        channels: Mapping[str, Channel],
        pacer: Pacer,
        stats: DeviceStats,
    ) -> None:
        self._settings = settings
        self._behaviour = behaviour
        self._signalling = signalling
        self._channels = channels
        self._pacer = pacer
        self._stats = stats
        self._served: dict[ServerKey, ServedInvite] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._is_busy = behaviour.busy_at_first
        self.kinds: dict[str, StreamKind] = {}
        """By ``s=``: features enter themselves."""

    @property
    def open(self) -> list[ServedInvite]:
        return list(self._served.values())

    def receive_invite(self, incoming: IncomingRequest) -> None:
        """Answer with 200 and a description of what will be sent, or with the reason why not."""
        self._stats.invites += 1
        if not self._behaviour.answers_invite:
            return
        if self._is_busy or self._behaviour.refusal:
            self._is_busy = False
            self._refuse(incoming, self._behaviour.refusal or 486)
            return
        channel = self._channel_of(incoming.request)
        if channel is None:
            self._refuse(incoming, 404)
            return
        try:
            offer = SessionDescription.parse(incoming.request.body)
        except MalformedSdp as error:
            logger.info("%s refuses an INVITE: %s", self._settings.device_id, error)
            self._refuse(incoming, 488)
            return
        kind = self.kinds.get(offer.kind)
        if self._behaviour.strict_offer and not is_in_order(incoming.request.body):
            return
        if offer.ssrc is None or (kind is None and offer.kind != SessionKind.PLAY):
            self._refuse(incoming, 488)
            return
        if kind is not None and (status := kind.refusal(channel, offer)):
            self._refuse(incoming, status)
            return
        if offer.is_tcp and self._behaviour.tcp_answer == "refused":
            self._refuse(incoming, 488)
            return
        self._accept(incoming, channel, offer)

    def receive_ack(self, key: ServerKey) -> None:
        served = self._served.get(key)
        if served is not None and served.task is None:
            served.task = asyncio.create_task(self._stream(served))

    def receive_bye(self, incoming: IncomingRequest) -> None:
        """200, whether the dialog is known or not (6.3 of the protocol notes), unless it does otherwise."""
        self._signalling.transport.respond(incoming, self._behaviour.bye_status)
        for served in self.open:
            if served.dialog.matches(incoming.request) and not self._behaviour.keeps_sending:
                self._drop(served)

    def cancel(self, key: ServerKey) -> None:
        """The platform gave up before, or crossing, our answer."""
        served = self._served.get(key)
        if served is not None:
            self._drop(served)

    def find(self, request: SipRequest) -> ServedInvite | None:
        """The invite in whose dialog a request came."""
        return next((served for served in self.open if served.dialog.matches(request)), None)

    def say_goodbye(self, served: ServedInvite) -> None:
        """End a stream from our side; harmless when repeated."""
        self._say_goodbye(served)

    def hang_up(self, key: ServerKey) -> None:
        """Our 200 was never acknowledged: BYE."""
        served = self._served.get(key)
        if served is not None:
            self._say_goodbye(served)

    def restart_at_keyframe(self, channel_id: str) -> None:
        """IFrameCmd or IFameCmd for a channel, or for the device as a whole."""
        self._stats.keyframes_requested += 1
        for served in self.open:
            concerned = channel_id in {served.channel.channel_id, self._settings.device_id}
            if concerned and served.sender is not None:
                served.sender.restart_at_keyframe()

    async def close(self) -> None:
        """Say goodbye to every receiver."""
        for served in self.open:
            self._say_goodbye(served)
        if self._goodbyes:
            await asyncio.gather(*self._goodbyes)

    def abandon(self) -> None:
        """Stop sending, without a word to the receivers."""
        for served in self.open:
            self._drop(served)

    def _channel_of(self, request: SipRequest) -> Channel | None:
        for user in (request.to.uri.user, request.uri.removeprefix("sip:").partition("@")[0]):
            if user in self._channels:
                return self._channels[user]
            if user == self._settings.device_id and len(self._channels) == 1:
                return next(iter(self._channels.values()))
        return None

    def _accept(self, incoming: IncomingRequest, channel: Channel, offer: SessionDescription) -> None:
        # GB/T 28181-2022 annex K: the same sender id and sequence replaces the running stream. GB-C111.
        subject = incoming.request.headers.get("Subject").partition(",")[0].strip()
        for running in self.open:
            if subject and running.subject == subject:
                self._drop(running)
        behaviour = self._behaviour
        if behaviour.announces_invite:
            self._signalling.transport.respond(incoming, 101, "Dialog Establishment")
        if offer.is_tcp and behaviour.tcp_answer == "udp":
            offer = replace(offer, protocol=sdp.Protocol.UDP, setup=None)
        host = behaviour.media_host or self._signalling.local_host
        media = MediaSocket(offer, host, incoming.flow.remote[0])
        answer = sdp.make_answer(
            offer,
            channel.channel_id,
            self._signalling.local_host,
            media.port,
            media_format=_format_of(self._lens_of(channel, offer).pictures),
            file_size=kind.file_size(offer) if (kind := self.kinds.get(offer.kind)) is not None else None,
        )
        transport = self._signalling.transport
        response = transport.respond(
            incoming,
            200,
            headers=[("Contact", self._signalling.contact), ("User-Agent", self._settings.user_agent)],
            body=b"SDP" if behaviour.answer_garbled else peculiar(answer, behaviour).serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=transport.token(),
        )
        self._served[incoming.key] = ServedInvite(
            key=incoming.key,
            dialog=Dialog.from_request(incoming.request, response),
            channel=channel,
            subject=subject,
            ssrc=ssrc_of(answer, behaviour),
            flow=incoming.flow,
            media=media,
            offer=offer,
        )
        if behaviour.streams_before_ack:
            self.receive_ack(incoming.key)

    def _lens_of(self, channel: Channel, offer: SessionDescription) -> Lens:
        """Recordings are of the main stream."""
        if offer.kind != SessionKind.PLAY or self._behaviour.ignores_substream:
            return channel.main
        return channel.asked_for(offer)

    def _refuse(self, incoming: IncomingRequest, status: int) -> None:
        self._stats.invites_refused += 1
        self._signalling.transport.respond(incoming, status)

    async def _stream(self, served: ServedInvite) -> None:
        """Connect and hand the stream to the pacer; give up with BYE when nobody accepts."""
        settings = self._settings
        try:
            behaviour = self._behaviour
            if behaviour.stream_delay_s:
                await asyncio.sleep(behaviour.stream_delay_s)
            if behaviour.tcp_answer == "silent" if served.offer.is_tcp else behaviour.udp_blocked:
                return
            kind = self.kinds.get(served.offer.kind)
            source: LoopSource | LiveSource | None = None
            if kind is None:
                source = await self._lens_of(served.channel, served.offer).open_source(
                    served.media.transport,
                    behaviour.with_map,
                    behaviour.picture_fault,
                    behaviour.pack_fault,
                )
                served.source = source
            connected = await served.media.connect(
                settings.media_connect_attempts,
                settings.media_connect_interval_s,
                self._count_failed_connect,
            )
            if behaviour.spoils_packets:
                spoilt = SpoiltSocket(
                    connected,
                    behaviour.packet_fault,
                    interleaved=behaviour.interleaved,
                    prefix_bytes=behaviour.tcp_prefix_bytes,
                    garbage=behaviour.tcp_garbage,
                )
                connected = spoilt.as_socket()
        except (OSError, TimeoutError) as error:
            logger.info("%s: no way for media: %s", served.channel.channel_id, error)
            served.task = None
            self._say_goodbye(served)
            return
        if kind is not None:
            served.sender = await kind.open_sender(served, connected)
        elif source is not None:
            served.sender = RtpSender(
                source, served.ssrc, ("", 0), served.media.transport, connected=connected
            )
        if served.sender is None:
            return
        served.sender.on_broken = lambda: self._say_goodbye(served)
        # A phase by channel spreads a fleet over the frame interval.
        self._pacer.add(served.sender, delay_s=served.ssrc % 40 / 1000)
        if self._behaviour.reports_needed_s:
            await reports_missed(served.sender.local_address, self._behaviour.reports_needed_s)
            served.sender.close()

    def _count_failed_connect(self) -> None:
        self._stats.media_connects_failed += 1

    def _drop(self, served: ServedInvite) -> None:
        self._served.pop(served.key, None)
        served.close()

    def _say_goodbye(self, served: ServedInvite) -> None:
        if self._served.pop(served.key, None) is None:
            return
        served.close()
        task = asyncio.create_task(self._send_bye(served))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _send_bye(self, served: ServedInvite) -> None:
        transport = self._signalling.transport
        try:
            bye = served.dialog.make_request("BYE")
            await transport.request(bye, served.flow, timeout_s=self._settings.answer_timeout_s)
        except (TransportError, LocalViolation) as error:
            logger.info("%s: BYE failed: %s", served.channel.channel_id, error)


def _format_of(pictures: PictureSettings) -> MediaFormat:
    audio = ("1", "8", "1") if pictures.with_audio else ("", "", "")
    return MediaFormat(
        _VIDEO_CODES[pictures.codec],
        f"{pictures.width}x{pictures.height}",
        str(pictures.fps),
        "2",
        str(pictures.bitrate_kbps),
        *audio,
    )
