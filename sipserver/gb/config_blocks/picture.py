"""What is done to the picture before it is sent, and stills that a device takes, 2022.

Source: GB/T 28181-2022 A.2.3.2.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Self

from annotated_types import Ge, Le, MaxLen

from sipserver.gb import manscdp
from sipserver.gb.config_blocks.block import Block, Items, Tag

REGIONS_MAX: Final = 4
OSD_LINES_MAX: Final = 8
OSD_TEXT_MAX: Final = 32
SNAPSHOTS_MAX: Final = 10

Pixel = Annotated[int, Ge(0), Le(65_535)]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Corners in pixels of the main stream, which the text leaves open: ``left,top,right,bottom``."""

    left: Pixel
    top: Pixel
    right: Pixel
    bottom: Pixel

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        numbers = [manscdp.int_or_none(part) for part in text.replace("，", ",").split(",")[:5]]
        known = [number for number in numbers if number is not None]
        return cls(*known) if len(numbers) == len(known) == 4 else None

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.right},{self.bottom}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRegion(Block):
    number: Annotated[int | None, Tag("Seq", required=True), Ge(1), Le(REGIONS_MAX)] = None
    area: Annotated[Rectangle | None, Tag("Point", required=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMask(Block):
    """Areas that are never shown (画面遮挡)."""

    enabled: Annotated[bool | None, Tag("On", required=True)] = None
    regions: Annotated[
        tuple[MaskRegion, ...],
        Items("Item", holder="RegionList", count="SumNum", is_numbered=True),
        MaxLen(REGIONS_MAX),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMirror(Block):
    """Turned picture (画面翻转): 0 off, 1 left to right, 2 upside down, 3 both."""

    mode: Annotated[int | None, Tag("", required=True), Ge(0), Le(3)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OsdText(Block):
    text: Annotated[str | None, Tag("Text", required=True), MaxLen(OSD_TEXT_MAX)] = None
    x: Annotated[int | None, Tag("X", required=True), Ge(0), Le(65_535)] = None
    y: Annotated[int | None, Tag("Y", required=True), Ge(0), Le(65_535)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OsdConfig(Block):
    """Time and text in the picture (前端OSD); positions in pixels of a window of length x width."""

    length: Annotated[int | None, Tag("Length", required=True), Ge(0), Le(65_535)] = None
    width: Annotated[int | None, Tag("Width", required=True), Ge(0), Le(65_535)] = None
    time_x: Annotated[int | None, Tag("TimeX", required=True), Ge(0), Le(65_535)] = None
    time_y: Annotated[int | None, Tag("TimeY", required=True), Ge(0), Le(65_535)] = None
    time_enabled: Annotated[bool | None, Tag("TimeEnable")] = None
    time_type: Annotated[int | None, Tag("TimeType"), Ge(0), Le(1)] = None
    text_enabled: Annotated[bool | None, Tag("TextEnable")] = None
    lines: Annotated[tuple[OsdText, ...], Items("Item", count="SumNum"), MaxLen(OSD_LINES_MAX)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapShotConfig(Block):
    """A burst of stills (图像抓拍): how many, how far apart, where to, and under which session."""

    count: Annotated[int | None, Tag("SnapNum", required=True), Ge(1), Le(SNAPSHOTS_MAX)] = None
    interval_s: Annotated[int | None, Tag("Interval"), Ge(1), Le(3600)] = None
    upload_url: Annotated[str | None, Tag("UploadURL", required=True), MaxLen(512)] = None
    session_id: Annotated[str | None, Tag("SessionID", required=True), MaxLen(128)] = None
