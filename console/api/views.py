"""From the rooms' own values to the API's models."""

from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

from starlette.datastructures import URL

from catalog.model import Channel as CatalogChannel
from catalog.model import Device as CatalogDevice
from console.api.context import ApiContext
from console.api.leases import Lease
from console.api.models import (
    AudioInfo,
    Channel,
    Device,
    LiveSession,
    LiveUrls,
    MediaTransportChoice,
    RecordingItem,
    SessionStatistics,
    VideoInfo,
)
from console.api.ports import Presence, StreamFigures
from console.api.reader_models import SessionDetail, StreamReaders
from storage.model import Segment, SegmentState


async def device_views(context: ApiContext, devices: Sequence[CatalogDevice]) -> list[Device]:
    counts = await context.catalog.channel_counts([device.device_id for device in devices])
    return [
        _device(device, context.streams.presence(device.device_id), counts.get(device.device_id, 0))
        for device in devices
    ]


async def device_view(context: ApiContext, device: CatalogDevice) -> Device:
    return (await device_views(context, [device]))[0]


def channel_views(context: ApiContext, channels: Sequence[CatalogChannel]) -> list[Channel]:
    streams = context.streams.figures()
    return [_channel(context, channel, streams.get(channel.key)) for channel in channels]


def channel_view(context: ApiContext, channel: CatalogChannel) -> Channel:
    return _channel(context, channel, context.streams.figures_of(channel.key))


def live_view(lease: Lease, request_url: URL, advertised_host: str) -> LiveSession:
    figures = lease.hold.figures()
    return LiveSession(
        session_id=lease.session_id,
        device_id=lease.key.device_id,
        channel_id=lease.key.channel_id,
        stream=lease.hold.stream.value,
        video=_video(figures) or VideoInfo(codec="unknown", width=0, height=0),
        audio=_audio(figures),
        transcoded_from=figures.transcoded_from,
        mime=figures.mime,
        urls=live_urls(lease.urls, request_url, advertised_host),
        expires_at=lease.expires_time,
    )


def live_urls(urls: Mapping[str, str], request_url: URL, advertised_host: str) -> LiveUrls:
    """Every way out as this caller reaches it."""
    shown = {name: reachable(url, request_url, advertised_host) for name, url in urls.items() if "://" in url}
    if (whep := urls.get("whep")) is not None:
        # Signed without a host: it is answered where this request was.
        path, _, query = whep.partition("?")
        root = request_url.path.partition("/api/v1")[0]
        shown["whep"] = str(request_url.replace(path=f"{root}/api/v1{path}", query=query, fragment=""))
    return LiveUrls.model_validate(shown)


def session_view(lease: Lease) -> SessionStatistics:
    figures = lease.hold.figures()
    return SessionStatistics(
        session_id=lease.session_id,
        device_id=lease.key.device_id,
        channel_id=lease.key.channel_id,
        stream=lease.hold.stream.value,
        username=lease.username,
        started_at=lease.started_time,
        viewers=lease.viewers,
        readers=figures.readers,
        transport=figures.transport,
        ssrc=None if figures.ssrc is None else f"{figures.ssrc:010d}",
        source=figures.source,
        packets=figures.packets,
        received_bytes=figures.received_bytes,
        lost_packets=figures.lost,
        reordered_packets=figures.reordered,
        duplicate_packets=figures.duplicates,
        stranger_packets=figures.stranger_packets,
        wrong_ssrc_packets=figures.wrong_ssrc_packets,
        malformed_packets=figures.malformed_packets,
        packet_loss_ratio=figures.packet_loss_ratio,
        jitter_ms=figures.jitter_ms,
        fps=figures.fps,
        bitrate_kbps=_kbps(figures),
        gop_s=figures.gop_s,
        keyframe_age_s=figures.keyframe_age_s,
        silence_s=figures.silence_s,
        stall=figures.stall,
        video=_video(figures),
        audio=_audio(figures),
        transcoded_from=figures.transcoded_from,
    )


def session_detail(lease: Lease, *, sees_all: bool) -> SessionDetail:
    """``sees_all``: also the viewers of others."""
    taken_by = lease.hold.readers()
    if not sees_all:
        own = [row for row in taken_by.viewers if row.session_id == lease.session_id]
        taken_by = StreamReaders(viewers=own, recorders=taken_by.recorders)
    return SessionDetail(**dict(session_view(lease)), taken_by=taken_by)


def recording_view(segment: Segment, now: StreamFigures | None = None) -> RecordingItem:
    """``now`` fills in what the index learns only when the file is closed."""
    is_open = segment.state is SegmentState.OPEN
    running = now if is_open else None
    return RecordingItem(
        segment_id=segment.segment_id,
        start=segment.start_time,
        end=segment.end_time,
        size_bytes=segment.size_bytes,
        video_codec=segment.video_codec or (running and running.video_codec) or None,
        audio_codec=segment.audio_codec or (running and running.audio_codec) or None,
        duration_s=max(0.0, (segment.end_time - segment.start_time).total_seconds()),
        complete=not is_open,
        retention_class=segment.retention_class.value,
        keep_until=segment.keep_until,
        url=f"/api/v1/recordings/{segment.segment_id}.mp4",
    )


def is_channel_online(
    channel: CatalogChannel, figures: StreamFigures | None, presence: Presence | None
) -> bool:
    """A device that never says a Status is believed; a picture that flows outweighs what it says."""
    is_reachable = presence is not None and presence.online
    return figures is not None or (is_reachable and channel.status_online is not False)


def reachable(address: str, request_url: URL, advertised_host: str) -> str:
    """The stream's address with a host that this caller reaches.

    The caller reached us under the host of its own request, whatever networks lie between; an advertised
    host in the settings wins.
    """
    parts = urlsplit(address)
    host = advertised_host or request_url.hostname or parts.hostname or ""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _device(device: CatalogDevice, presence: Presence | None, channels: int) -> Device:
    remote = f"{device.remote_host}:{device.remote_port}" if device.remote_host else None
    return Device(
        device_id=device.device_id,
        name=device.name or device.device_id,
        online=device.online if presence is None else presence.online,
        transport=(presence and presence.transport) or device.transport,
        channels=channels,
        manufacturer=device.manufacturer,
        model=device.model,
        firmware=device.firmware,
        user_agent=device.user_agent,
        remote=(presence and presence.remote) or remote,
        edition=(presence and presence.edition) or device.edition,
        allowed=device.allowed,
        blocked=device.blocked,
        send_date=device.send_date,
        media_transport=cast(MediaTransportChoice | None, device.media_transport),
        has_password=device.password_sealed is not None,
        registered_at=device.registered_at,
        expires_at=device.expires_at,
        last_seen_at=(presence and presence.last_seen_time) or device.last_seen_at,
        keepalive_interval_s=device.keepalive_interval_s,
        catalog_at=device.catalog_time,
        catalog_complete=device.catalog_complete,
    )


def _channel(context: ApiContext, channel: CatalogChannel, figures: StreamFigures | None) -> Channel:
    presence = context.streams.presence(channel.device_id)
    return Channel(
        channel_id=channel.channel_id,
        device_id=channel.device_id,
        key=str(channel.key),
        name=channel.shown_name,
        online=is_channel_online(channel, figures, presence),
        streaming=figures is not None,
        recording=context.recorder.is_recording(channel.key),
        retention_class=channel.retention_class.value,
        record_always=channel.record_always,
        recording_wanted=channel.record_always or context.recorder.is_desired(channel.key),
        camera_class=channel.camera_class,
        priority=channel.priority.value,
        parent_ids=list(channel.parent_ids),
        present=channel.present,
        given_name=channel.given_name,
        kind=channel.kind.value,
        manufacturer=channel.manufacturer,
        model=channel.model,
        address=channel.address,
        civil_code=channel.civil_code,
        ptz_type=_ptz_type(channel.info.get("PTZType", "")),
        longitude=channel.longitude,
        latitude=channel.latitude,
        session_id=figures.session_id if figures else None,
        video_codec=figures.video_codec if figures else None,
        bitrate_kbps=_kbps(figures) if figures else None,
        packet_loss_ratio=figures.packet_loss_ratio if figures else None,
        viewers=figures.viewers if figures else 0,
    )


def _ptz_type(text: str) -> int | None:
    """As the device wrote it, when that is a number of the standard's kind."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else None


def _video(figures: StreamFigures) -> VideoInfo | None:
    if not figures.video_codec:
        return None
    return VideoInfo(codec=figures.video_codec, width=figures.width, height=figures.height)


def _audio(figures: StreamFigures) -> AudioInfo | None:
    if figures.audio_codec is None:
        return None
    return AudioInfo(
        codec=figures.audio_codec, sample_rate=figures.audio_rate_hz or 8000, channels=figures.audio_channels
    )


def _kbps(figures: StreamFigures) -> float | None:
    return None if figures.bitrate_bps is None else round(figures.bitrate_bps / 1000, 1)
