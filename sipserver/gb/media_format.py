"""The f= line: codec, size and rate of a stream in slashes.

Source: GB/T 28181-2022 annex G (2016: annex F); 6.7 of the protocol notes. GB-C107: all slashes, always.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

VIDEO_CODECS: Final[Mapping[str, str]] = {
    "1": "MPEG-4", "2": "H.264", "3": "SVAC", "4": "3GP", "5": "H.265"
}  # fmt: skip
AUDIO_CODECS: Final[Mapping[str, str]] = {
    "1": "G.711", "2": "G.723.1", "3": "G.729", "4": "G.722.1", "5": "SVAC", "6": "AAC"
}  # fmt: skip
RESOLUTIONS: Final[Mapping[str, tuple[int, int]]] = {
    "1": (176, 144),
    "2": (352, 288),
    "3": (704, 576),
    "4": (720, 576),
    "5": (1280, 720),
    "6": (1920, 1080),
}
AUDIO_BITRATES_KBPS: Final[Mapping[str, float]] = {
    "1": 5.3, "2": 6.3, "3": 8, "4": 16, "5": 24, "6": 32, "7": 48, "8": 64, "9": 12, "10": 80, "11": 96,
    "12": 112, "13": 128, "14": 160, "15": 192, "16": 224, "17": 256, "18": 288, "19": 320, "20": 10.8,
    "21": 12.4, "22": 14, "23": 15.6, "24": 17.2, "25": 19.6, "26": 21.2, "27": 24.4, "28": 23.05, "29": 34,
    "30": 48.61,
}  # fmt: skip
AUDIO_RATES_KHZ: Final[Mapping[str, float]] = {
    "1": 8, "2": 14, "3": 16, "4": 32, "5": 7, "6": 11, "7": 12, "8": 22, "9": 24, "10": 44, "11": 48,
    "12": 64, "13": 88, "14": 96, "15": 12.8, "16": 25.6, "17": 38.4,
}  # fmt: skip

_FIELD: Final = re.compile(r"[0-9.xX]{0,16}")


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """The fields as codes; an empty text says nothing. Equal to what the line prints."""

    video_codec: str = ""
    resolution: str = ""
    frame_rate: str = ""
    rate_type: str = ""
    video_kbps: str = ""
    audio_codec: str = ""
    audio_bitrate: str = ""
    audio_rate: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value of an f= line; fields that are missing or odd stay empty, nothing raises."""
        video, _, audio = text.strip().partition("a/")
        video_fields = video.removeprefix("v").removeprefix("/").split("/")
        return cls(*_clean(video_fields, 5), *_clean(audio.split("/"), 3))

    def __str__(self) -> str:
        video = (self.video_codec, self.resolution, self.frame_rate, self.rate_type, self.video_kbps)
        audio = (self.audio_codec, self.audio_bitrate, self.audio_rate)
        return f"v/{'/'.join(video)}a/{'/'.join(audio)}"

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, from a code or the ``WxH`` of 2022."""
        match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", self.resolution)
        return (int(match[1]), int(match[2])) if match else RESOLUTIONS.get(self.resolution)


EMPTY_FORMAT: Final = MediaFormat()


def _clean(fields: list[str], count: int) -> list[str]:
    padded = [field.strip() for field in fields[:count]] + [""] * count
    return [field if _FIELD.fullmatch(field) else "" for field in padded[:count]]
