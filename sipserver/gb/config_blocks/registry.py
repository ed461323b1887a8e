"""The table of all blocks: their names, the editions that have them, and what may be done with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sipserver.gb import manscdp, quirks
from sipserver.gb.config_blocks.basic import (
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
)
from sipserver.gb.config_blocks.block import (
    Block,
    UnknownBlock,
    read_block,
    read_unknown,
    write_fields,
)
from sipserver.gb.config_blocks.picture import FrameMirror, OsdConfig, PictureMask, SnapShotConfig
from sipserver.gb.config_blocks.recording import AlarmReport, VideoAlarmRecord, VideoRecordPlan
from sipserver.gb.config_blocks.svac import SvacDecodeConfig, SvacEncodeConfig
from sipserver.gb.editions import Edition
from sipserver.gb.manscdp import Element

MAX_BLOCKS: Final = 64
"""Blocks of one document that are read."""


@dataclass(frozen=True, slots=True)
class BlockKind:
    """One row: the element's name is also its ConfigType."""

    name: str
    title: str
    kind: type[Block]
    since: Edition
    until: Edition = Edition.V3_0
    can_set: bool = True

    def is_in(self, edition: Edition) -> bool:
        return self.since <= edition <= self.until


_V1_1, _V2_0, _V3_0 = Edition.V1_1, Edition.V2_0, Edition.V3_0

_ROWS: Final = (
    BlockKind("BasicParam", "Basic parameters 基本参数", BasicParam, _V1_1),
    BlockKind("VideoParamOpt", "Video parameter range 视频参数范围", VideoParamOpt, _V1_1, can_set=False),
    BlockKind("SVACEncodeConfig", "SVAC encoding SVAC编码配置", SvacEncodeConfig, _V1_1),
    BlockKind("SVACDecodeConfig", "SVAC decoding SVAC解码配置", SvacDecodeConfig, _V1_1),
    # Of 2014; devices of 2016 that grew out of it still know them.
    BlockKind("VideoParamConfig", "Video parameters 视频参数配置", VideoParamConfig, _V1_1, _V2_0),
    BlockKind(
        "AudioParamOpt", "Audio parameter range 音频参数范围", AudioParamOpt, _V1_1, _V2_0, can_set=False
    ),
    BlockKind("AudioParamConfig", "Audio parameters 音频参数配置", AudioParamConfig, _V1_1, _V2_0),
    BlockKind("VideoParamAttribute", "Video parameters 视频参数属性", VideoParamAttribute, _V3_0),
    BlockKind("VideoRecordPlan", "Record plan 录像计划", VideoRecordPlan, _V3_0),
    BlockKind("VideoAlarmRecord", "Recording on alarm 报警录像", VideoAlarmRecord, _V3_0),
    BlockKind("PictureMask", "Masked areas 画面遮挡", PictureMask, _V3_0),
    BlockKind("FrameMirror", "Turned picture 画面翻转", FrameMirror, _V3_0),
    BlockKind("AlarmReport", "Reported detections 报警上报开关", AlarmReport, _V3_0),
    BlockKind("OSDConfig", "Text in the picture 前端OSD", OsdConfig, _V3_0),
    BlockKind("SnapShotConfig", "Stills 图像抓拍", SnapShotConfig, _V3_0, can_set=False),
)
BLOCKS: Final[Mapping[str, BlockKind]] = {row.name: row for row in _ROWS}

_OF_CLASS: Final = {row.kind: row.name for row in _ROWS}
_BY_NAME: Final = {row.name.lower(): row for row in _ROWS}
_BY_STEM: Final = {quirks.apply("config-block-name", row.name): row for row in _ROWS}
_NO_BLOCKS: Final = frozenset(
    {"cmdtype", "sn", "deviceid", "result", "configtype", "sumnum", "num", "info", "extrainfo", "reason"}
)


def find_block(name: str) -> BlockKind | None:
    """The row of an element or ConfigType, in any case and in the spellings that devices use (Q41, Q52)."""
    found = _BY_NAME.get(name.strip().lower())
    return found or _BY_STEM.get(quirks.apply("config-block-name", name))


def name_of(block: Block) -> str:
    """The element's name."""
    return block.name if isinstance(block, UnknownBlock) else _OF_CLASS[type(block)]


def types_of(edition: Edition) -> list[str]:
    """The ConfigTypes that a peer of this edition should know."""
    return [row.name for row in _ROWS if row.is_in(edition)]


def read_blocks(document: Element) -> tuple[Block, ...]:
    """All blocks of a DeviceConfig or of an answer to ConfigDownload, known or not."""
    found: list[Block] = []
    for element in document:
        if not isinstance(element.tag, str) or len(found) == MAX_BLOCKS:
            continue
        name = element.tag.rsplit("}", 1)[-1]
        if name.lower() in _NO_BLOCKS:
            continue
        row = find_block(name)
        found.append(read_unknown(element, name[:64]) if row is None else read_block(row.kind, element))
    return tuple(found)


def write_blocks(document: Element, blocks: Iterable[Block]) -> None:
    """Append blocks; a name of the device's own must be one that XML can have."""
    for block in blocks:
        write_fields(manscdp.add_group(document, name_of(block)), block)
