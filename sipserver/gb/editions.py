"""Protocol editions, the X-GB-Ver header, and what may be said to a peer of which edition.

Source: GB/T 28181-2022 annex I.
"""

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final

VERSION_HEADER: Final = "X-GB-Ver"


class Edition(StrEnum):
    """A protocol version; the text is what X-GB-Ver carries, and it orders as the versions do."""

    V1_0 = "1.0"  # GB/T 28181-2011
    V1_1 = "1.1"  # 2011 with the amendment of 2014
    V2_0 = "2.0"  # GB/T 28181-2016
    V3_0 = "3.0"  # GB/T 28181-2022


OWN_EDITION: Final = Edition.V3_0
# An absent header means at most 2.0: devices of 2016 and before do not know it. GB-C038.
ASSUMED_EDITION: Final = Edition.V2_0

_VERSION: Final = re.compile(r"[vV]?(\d{1,3})(?:\.(\d{1,3}))?")


def from_header(text: str | None) -> Edition:
    """Read an X-GB-Ver value: the highest edition we know that is not above it."""
    match = _VERSION.fullmatch(text.strip()) if text else None
    if match is None:
        return ASSUMED_EDITION
    version = (int(match[1]), int(match[2] or 0))
    known = [edition for edition in Edition if _number(edition) <= version]
    return known[-1] if known else Edition.V1_0


class Support(Enum):
    NO = "no"
    PARTLY = "partly"
    PRACTICE = "practice"  # not in that edition's text, but its devices are known to do it
    YES = "yes"


class Feature(StrEnum):
    TCP_MEDIA = "TCP media"
    CONFIGURATION = "ConfigDownload and DeviceConfig"
    IFAME_COMMAND = "IFameCmd"  # the spelling of the 2016 text
    IFRAME_COMMAND = "IFrameCmd"
    PTZ_EXTRAS = "DragZoom, HomePosition, PresetQuery, MobilePosition"
    COMMANDS_OF_2022 = "PTZPreciseCtrl, DeviceUpgrade, FormatSDCard, TargetTrack, snapshot, OSD, SD card"
    H265_AAC = "H.265 and AAC"
    TALK = "s=Talk"
    STREAM_NUMBER = "a=streamnumber"
    NEGATIVE_SCALE = "reverse playback"
    CATALOG_OF_2022 = "catalogue items in the 2022 layout"


_NO, _PARTLY, _PRACTICE, _YES = Support.NO, Support.PARTLY, Support.PRACTICE, Support.YES

# Rows as the reference table prints them; columns are 1.0, 1.1, 2.0, 3.0.
_TABLE: Final[Mapping[Feature, tuple[Support, Support, Support, Support]]] = {
    Feature.TCP_MEDIA: (_NO, _PARTLY, _YES, _YES),
    Feature.CONFIGURATION: (_NO, _YES, _YES, _YES),
    Feature.IFAME_COMMAND: (_NO, _YES, _YES, _NO),
    Feature.IFRAME_COMMAND: (_NO, _NO, _NO, _YES),
    Feature.PTZ_EXTRAS: (_NO, _PARTLY, _YES, _YES),
    Feature.COMMANDS_OF_2022: (_NO, _NO, _NO, _YES),
    Feature.H265_AAC: (_PRACTICE, _PRACTICE, _PRACTICE, _YES),
    Feature.TALK: (_PRACTICE, _YES, _YES, _NO),
    Feature.STREAM_NUMBER: (_NO, _NO, _NO, _YES),
    Feature.NEGATIVE_SCALE: (_NO, _NO, _NO, _YES),
    Feature.CATALOG_OF_2022: (_NO, _NO, _NO, _YES),
}
GATES: Final[Mapping[tuple[Feature, Edition], Support]] = {
    (feature, edition): support
    for feature, row in _TABLE.items()
    for edition, support in zip(Edition, row, strict=True)
}


def allows(edition: Edition, feature: Feature) -> bool:
    """Whether a peer of this edition may be sent the feature without an override."""
    return GATES[feature, edition] in {Support.YES, Support.PARTLY}


def keyframe_commands(edition: Edition) -> tuple[str, ...]:
    """Elements that ask for a key frame, spelled as the edition does; both for the oldest (Q42)."""
    named = tuple(
        name
        for name, feature in (("IFameCmd", Feature.IFAME_COMMAND), ("IFrameCmd", Feature.IFRAME_COMMAND))
        if allows(edition, feature)
    )
    return named or ("IFameCmd", "IFrameCmd")


def _number(edition: Edition) -> tuple[int, int]:
    major, minor = edition.value.split(".")
    return int(major), int(minor)
