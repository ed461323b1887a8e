"""Basic parameters (基本参数), and what a device's video and audio can do and are set to.

Source: GB/T 28181-2022 A.2.3.2 and A.2.6.8; the older forms as in 2014 and 2016.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MaxLen

from sipserver.gb.config_blocks.block import Block, Items, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicParam(Block):
    """How the device registers. Its password is neither read nor set here."""

    name: Annotated[str | None, Tag("Name"), MaxLen(255)] = None
    own_id: Annotated[str | None, Tag("DeviceID"), MaxLen(64)] = None  # 2014, with the four below
    server_id: Annotated[str | None, Tag("SIPServerID"), MaxLen(64)] = None
    server_host: Annotated[str | None, Tag("SIPServerIP"), MaxLen(64)] = None
    server_port: Annotated[int | None, Tag("SIPServerPort"), Ge(1), Le(65_535)] = None
    domain: Annotated[str | None, Tag("DomainName"), MaxLen(64)] = None
    expiration_s: Annotated[int | None, Tag("Expiration"), Ge(60), Le(2_592_000)] = None
    heartbeat_interval_s: Annotated[int | None, Tag("HeartBeatInterval"), Ge(5), Le(86_400)] = None
    heartbeat_count: Annotated[int | None, Tag("HeartBeatCount"), Ge(1), Le(255)] = None
    position_capability: Annotated[int | None, Tag("PositionCapability"), Ge(0), Le(2)] = None  # 2016, reply
    longitude: Annotated[float | None, Tag("Longitude"), Ge(-180), Le(180)] = None
    latitude: Annotated[float | None, Tag("Latitude"), Ge(-90), Le(90)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParamOpt(Block):
    """What the device offers; lists are joined by ``/`` as the device writes them. Only asked for."""

    download_speeds: Annotated[str | None, Tag("DownloadSpeed"), MaxLen(255)] = None
    resolutions: Annotated[str | None, Tag("Resolution"), MaxLen(255)] = None
    video_formats: Annotated[str | None, Tag("VideoFormatOpt"), MaxLen(255)] = None  # 2014, with those below
    resolutions_2014: Annotated[str | None, Tag("ResolutionOpt"), MaxLen(255)] = None
    frame_rates: Annotated[str | None, Tag("FrameRateOpt"), MaxLen(255)] = None
    bitrate_types: Annotated[str | None, Tag("BitRateTypeOpt"), MaxLen(255)] = None
    bitrates: Annotated[str | None, Tag("VideoBitRateOpt"), MaxLen(255)] = None
    download_speeds_2014: Annotated[str | None, Tag("DownloadSpeedOpt"), MaxLen(255)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream(Block):
    """One encoded stream; the codes are those of the SDP line f=."""

    stream_number: Annotated[int | None, Tag("StreamNumber", required=True), Ge(0), Le(15)] = None
    video_format: Annotated[str | None, Tag("VideoFormat", required=True), MaxLen(16)] = None
    resolution: Annotated[str | None, Tag("Resolution", required=True), MaxLen(16)] = None
    frame_rate: Annotated[str | None, Tag("FrameRate", required=True), MaxLen(8)] = None
    bitrate_type: Annotated[str | None, Tag("BitRateType", required=True), MaxLen(8)] = None
    bitrate_kbps: Annotated[str | None, Tag("VideoBitRate"), MaxLen(16)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParamAttribute(Block):
    """How each stream is encoded (视频参数属性), 2022."""

    streams: Annotated[tuple[VideoStream, ...], Items("Item", is_numbered=True), MaxLen(16)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedVideoStream(Block):
    stream_name: Annotated[str | None, Tag("StreamName"), MaxLen(64)] = None
    video_format: Annotated[str | None, Tag("VideoFormat"), MaxLen(16)] = None
    resolution: Annotated[str | None, Tag("Resolution"), MaxLen(16)] = None
    frame_rate: Annotated[str | None, Tag("FrameRate"), MaxLen(8)] = None
    bitrate_type: Annotated[str | None, Tag("BitRateType"), MaxLen(8)] = None
    bitrate_kbps: Annotated[str | None, Tag("VideoBitRate"), MaxLen(16)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParamConfig(Block):
    """How each stream is encoded, the form of 2014."""

    streams: Annotated[tuple[NamedVideoStream, ...], Items("Item", is_numbered=True), MaxLen(16)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioParamOpt(Block):
    """What the device's audio offers, 2014. Only asked for."""

    audio_formats: Annotated[str | None, Tag("AudioFormatOpt"), MaxLen(255)] = None
    bitrates: Annotated[str | None, Tag("AudioBitRateOpt"), MaxLen(255)] = None
    sampling_rates: Annotated[str | None, Tag("SamplingRateOpt"), MaxLen(255)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAudioStream(Block):
    stream_name: Annotated[str | None, Tag("StreamName"), MaxLen(64)] = None
    audio_format: Annotated[str | None, Tag("AudioFormat"), MaxLen(16)] = None
    bitrate_kbps: Annotated[str | None, Tag("AudioBitRate"), MaxLen(16)] = None
    sampling_rate: Annotated[str | None, Tag("SamplingRate"), MaxLen(16)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioParamConfig(Block):
    """How the audio is encoded, 2014."""

    streams: Annotated[tuple[NamedAudioStream, ...], Items("Item", is_numbered=True), MaxLen(16)] = ()
