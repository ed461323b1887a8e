"""Encoding and decoding of SVAC video: regions of interest, scalable layers, surveillance data.

The fields of 2014, 2016 and 2022 stand side by side; a device fills those of its edition.

Source: GB/T 28181-2022 A.2.3.2; GB/T 25724.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MaxLen

from sipserver.gb.config_blocks.block import Block, Items, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionOfInterest(Block):
    """One region; the corners are text because the editions count them differently."""

    number: Annotated[int | None, Tag("ROISeq", required=True), Ge(1), Le(16)] = None
    top_left: Annotated[str | None, Tag("TopLeft", required=True), MaxLen(32)] = None
    bottom_right: Annotated[str | None, Tag("BottomRight", required=True), MaxLen(32)] = None
    quality: Annotated[int | None, Tag("ROIQP", required=True), Ge(0), Le(3)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsOfInterest(Block):
    enabled: Annotated[bool | None, Tag("ROIFlag")] = None
    regions: Annotated[tuple[RegionOfInterest, ...], Items("Item", count="ROINumber"), MaxLen(16)] = ()
    background_quality: Annotated[int | None, Tag("BackGroundQP"), Ge(0), Le(3)] = None
    background_skip: Annotated[bool | None, Tag("BackGroundSkipFlag")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalableCoding(Block):
    enabled: Annotated[bool | None, Tag("SVCFlag")] = None
    combined_mode: Annotated[int | None, Tag("SVCSTMMode"), Ge(0), Le(3)] = None
    space_mode: Annotated[int | None, Tag("SVCSpaceDomainMode"), Ge(0), Le(3)] = None
    time_mode: Annotated[int | None, Tag("SVCTimeDomainMode"), Ge(0), Le(3)] = None
    ratio: Annotated[str | None, Tag("SSVCRatioValue"), MaxLen(16)] = None
    space_support: Annotated[int | None, Tag("SVCSpaceSupportMode"), Ge(0), Le(3)] = None
    time_support: Annotated[int | None, Tag("SVCTimeSupportMode"), Ge(0), Le(3)] = None
    ratios_supported: Annotated[str | None, Tag("SSVCRatioSupportList"), MaxLen(64)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveillanceData(Block):
    time: Annotated[bool | None, Tag("TimeFlag")] = None
    event: Annotated[bool | None, Tag("EventFlag")] = None
    alert: Annotated[bool | None, Tag("AlertFlag")] = None
    osd: Annotated[bool | None, Tag("OSDFlag")] = None
    analysis: Annotated[bool | None, Tag("AIFlag")] = None
    position: Annotated[bool | None, Tag("GISFlag")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption(Block):
    encrypted: Annotated[bool | None, Tag("EncryptionFlag")] = None
    authenticated: Annotated[bool | None, Tag("AuthenticationFlag")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRecognition(Block):
    enabled: Annotated[bool | None, Tag("AudioRecognitionFlag")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SvacEncodeConfig(Block):
    """How SVAC video is encoded (SVAC编码配置)."""

    regions: Annotated[RegionsOfInterest | None, Tag("ROIParam")] = None
    scalable: Annotated[ScalableCoding | None, Tag("SVCParam")] = None
    surveillance: Annotated[SurveillanceData | None, Tag("SurveillanceParam")] = None
    encryption: Annotated[Encryption | None, Tag("EncryptParam")] = None
    audio: Annotated[AudioRecognition | None, Tag("AudioParam")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalableDecoding(Block):
    combined_mode: Annotated[int | None, Tag("SVCSTMMode"), Ge(0), Le(3)] = None
    space_support: Annotated[int | None, Tag("SVCSpaceSupportMode"), Ge(0), Le(3)] = None
    time_support: Annotated[int | None, Tag("SVCTimeSupportMode"), Ge(0), Le(3)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveillanceShown(Block):
    time: Annotated[bool | None, Tag("TimeShowFlag")] = None
    osd: Annotated[bool | None, Tag("OSDShowFlag")] = None
    analysis: Annotated[bool | None, Tag("AIShowFlag")] = None
    position: Annotated[bool | None, Tag("GISShowFlag")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SvacDecodeConfig(Block):
    """How SVAC video is decoded (SVAC解码配置)."""

    scalable: Annotated[ScalableDecoding | None, Tag("SVCParam")] = None
    surveillance: Annotated[SurveillanceShown | None, Tag("SurveillanceParam")] = None
