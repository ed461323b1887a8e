"""What a simulated device is told: who it is, where its platform is, and what it shows."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Final

from annotated_types import Ge, Le

from sipserver.gb.editions import Edition
from sipserver.gb.sdp import Setup
from sipserver.gb.substream import NONE, STREAM_NUMBER
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from sipserver.sip.flow import Transport

CAMERA_TYPE: Final = "132"
NVR_TYPE: Final = "118"
CHANNEL_TYPE: Final = "131"
# Different pictures that a fleet shares: enough to tell neighbours apart, few enough to encode at once.
LOOP_VARIANTS: Final = 12


@dataclass(frozen=True, slots=True)
class SimulatedDeviceSettings:
    """One simulated camera or NVR. Times in seconds."""

    device_id: str
    server_id: str
    server_host: str
    server_port: int = 5060
    domain: str = ""
    """SIP domain in our headers; empty: the first ten digits of ``server_id``."""
    password: str = field(default="", repr=False)
    username: str = ""
    """Empty: the device id, as nearly every device does."""
    transport: Transport = Transport.UDP
    local_host: str = ""
    """Address to bind; empty: the one that leads to the platform."""
    local_port: int = 0

    name: str = "模拟摄像机"
    manufacturer: str = "Tongshi"
    model: str = "Simulator"
    firmware: str = "1.0"
    user_agent: str = "TongshiSimulator"
    edition: Edition = Edition.V2_0
    charset: str = "GB2312"
    channels: Annotated[int, Ge(0), Le(999)] = 1
    channel_ids: tuple[str, ...] = ()
    """Empty: made from the device id."""
    fragment_size: Annotated[int, Ge(1), Le(10_000)] = 1
    """Items in one message of a catalogue answer."""

    expires_s: Annotated[int, Ge(1)] = 3_600
    register_retry_s: Annotated[float, Ge(0.01)] = 60.0
    answer_timeout_s: Annotated[float, Ge(0.1), Le(32.0)] = 5.0
    keepalive_interval_s: Annotated[float, Ge(0.01)] = 60.0
    keepalive_misses: Annotated[int, Ge(1)] = 3

    recordings: tuple[RecordedSpan, ...] = ()
    """What its disk holds; empty: one file an hour for the last ``recorded_days``."""
    recorded_days: Annotated[int, Ge(0), Le(366)] = 7
    record_fragment_size: Annotated[int, Ge(1), Le(10_000)] = 10
    """Lines in one message of an answer to RecordInfo."""

    pictures: PictureSettings = field(default_factory=PictureSettings)
    substream_form: str = STREAM_NUMBER
    """The form of the line that asks for the smaller picture, one of ``gb.substream.FORMS``; ``none``: it has
    no second picture."""
    live_clock: bool = False
    """Draw and encode while streaming, with the time of day in the picture, instead of a pre-encoded loop."""
    media_connect_attempts: Annotated[int, Ge(1)] = 3
    media_connect_interval_s: Annotated[float, Ge(0.01)] = 1.0
    audio_setup: Setup | None = None
    """Our part over TCP when we listen to a broadcast; None: over UDP."""
    audio_payloads: tuple[str, ...] = ("8 PCMA/8000",)
    """What we can hear, as rtpmap says it: ``96 PS/90000`` is G.711 in a program stream."""
    talk_tone_hz: Annotated[float, Ge(50), Le(3_400)] = 660.0
    """What our microphone picks up."""
    faults: tuple[str, ...] = ()
    """Names from the table in ``faults.py``."""
    index: int = 0
    """Number in a fleet: decides colour, pitch and phase."""

    @property
    def sip_domain(self) -> str:
        return self.domain or self.server_id[:10]

    @property
    def all_channel_ids(self) -> tuple[str, ...]:
        return self.channel_ids or channel_ids_of(self.device_id, self.channels)

    def pictures_of(self, number: int) -> PictureSettings:
        """What the channel with this number (from 0) shows."""
        index = self.index + number
        if self.live_clock:
            return replace(self.pictures, index=index, name=f"CAMERA {index + 1:02d}")
        variant = index % LOOP_VARIANTS
        return replace(self.pictures, index=variant, name=f"CAMERA {variant + 1:02d}")

    def sub_pictures_of(self, number: int) -> PictureSettings | None:
        """The same in the sub-stream: half as wide and half as high, at a quarter of the rate."""
        main = self.pictures_of(number)
        if self.substream_form == NONE:
            return None
        return replace(
            main,
            width=max(main.width // 2, 64),
            height=max(main.height // 2, 64),
            bitrate_kbps=max(main.bitrate_kbps // 4, 64),
        )


def channel_ids_of(device_id: str, count: int) -> tuple[str, ...]:
    """Ids for channels: the device's with type 131; those of an NVR number within its last three digits."""
    if count == 1:
        return (device_id[:10] + CHANNEL_TYPE + device_id[13:],)
    base = int(device_id[14:]) % 1000 * 1000
    return tuple(
        f"{device_id[:10]}{CHANNEL_TYPE}{device_id[13]}{base + number:06d}" for number in range(1, count + 1)
    )


def camera_settings(
    index: int, server_id: str, server_host: str, server_port: int, password: str
) -> SimulatedDeviceSettings:
    """A camera with one channel, number ``index`` (from 0) of a fleet."""
    return SimulatedDeviceSettings(
        device_id=f"{server_id[:10]}{CAMERA_TYPE}0{index + 1:06d}",
        server_id=server_id,
        server_host=server_host,
        server_port=server_port,
        password=password,
        name=f"模拟摄像机{index + 1}",
        index=index,
    )


def nvr_settings(
    index: int, channels: int, server_id: str, server_host: str, server_port: int, password: str
) -> SimulatedDeviceSettings:
    """An NVR with ``channels`` channels, number ``index`` (from 0) of a fleet."""
    return SimulatedDeviceSettings(
        device_id=f"{server_id[:10]}{NVR_TYPE}0{index + 1:06d}",
        server_id=server_id,
        server_host=server_host,
        server_port=server_port,
        password=password,
        name=f"模拟录像机{index + 1}",
        channels=channels,
        index=index,
    )
