"""The lines of one camera, kept from scrape to scrape.

Everything that seldom changes is text already: a scrape of an idle camera is four list appends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from health.inputs import CameraState
from health.text import escape_label

CameraIdentity = tuple[str, str, str, str, str, int | None, str, str, str, str]

# Name without its prefix -> help. Order is the order in the text.
FAMILIES: Final[Mapping[str, str]] = {
    "online": "1 while its device is registered and heard from and its catalogue entry says ON.",
    "streaming": "1 while its picture is received.",
    "recording": "1 while its picture is being recorded here.",
    "bitrate_bps": "Bits per second received; absent while it does not stream.",
    "fps": "Pictures per second received; absent while it does not stream.",
    "packet_loss_ratio": "Lost over expected RTP packets of this session; absent while it does not stream.",
    "keyframe_age_seconds": "Time since the last key frame; absent while it does not stream.",
    "last_keepalive_age_seconds": "Time since its device last sent a keepalive; absent when it never did.",
    "info": "Constant 1; everything else about the camera, to be joined by channel_id.",
}
PREFIX: Final = "gb28181_camera_"


def identity(camera: CameraState, label: str) -> CameraIdentity:
    """What the kept text depends on."""
    return (
        label,
        camera.device_id,
        camera.channel_id,
        camera.name,
        camera.manufacturer,
        camera.camera_class,
        camera.model,
        camera.priority,
        camera.retention_class,
        camera.civil_code,
    )


class CameraLines:
    """Ready lines and line starts of one camera."""

    __slots__ = (
        "bitrate",
        "fps",
        "identity",
        "info",
        "keepalive_age",
        "keyframe_age",
        "loss",
        "online",
        "recording",
        "streaming",
    )

    def __init__(self, of: CameraIdentity) -> None:
        label, device_id, channel_id, name, manufacturer, camera_class, model, priority, retention, civil = of
        self.identity = of
        labels = f'{{channel_id="{escape_label(label)}"}} '

        def start(family: str) -> str:
            return PREFIX + family + labels

        self.online = (start("online") + "0\n", start("online") + "1\n")
        self.streaming = (start("streaming") + "0\n", start("streaming") + "1\n")
        self.recording = (start("recording") + "0\n", start("recording") + "1\n")
        self.bitrate = start("bitrate_bps")
        self.fps = start("fps")
        self.loss = start("packet_loss_ratio")
        self.keyframe_age = start("keyframe_age_seconds")
        self.keepalive_age = start("last_keepalive_age_seconds")
        about = {
            "channel_id": label,
            "device_id": device_id,
            "gb_channel_id": channel_id,
            "name": name,
            "class": "" if camera_class is None else str(camera_class),
            "priority": priority,
            "retention_class": retention,
            "manufacturer": manufacturer,
            "model": model,
            "civil_code": civil,
        }
        pairs = ",".join(f'{key}="{escape_label(value)}"' for key, value in about.items())
        self.info = f"{PREFIX}info{{{pairs}}} 1\n"
