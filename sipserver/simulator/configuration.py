"""The settings of a simulated device: kept by id and block, changed by DeviceConfig, told when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from sipserver.gb.config_blocks.basic import (
    AudioParamConfig,
    BasicParam,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
    VideoStream,
)
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.picture import FrameMirror, OsdConfig, OsdText, PictureMask, SnapShotConfig
from sipserver.gb.config_blocks.recording import AlarmReport, VideoAlarmRecord, VideoRecordPlan
from sipserver.gb.config_blocks.registry import BLOCKS, find_block, name_of
from sipserver.gb.config_blocks.svac import SvacDecodeConfig, SvacEncodeConfig
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse
from sipserver.gb.messages.device_config import DeviceConfig, DeviceConfigResponse
from sipserver.simulator.features import DeviceParts

_DRAFT_NAMES: Final = {"OSDConfig": "OSD", "BasicParam": "BasicParamCfg", "FrameMirror": "FrameMirrorConfig"}

TakeStills = Callable[[GbId, SnapShotConfig], None]


class Configuration:
    """Owns the settings of the device and of each channel.

    Args:
        take_stills: what a SnapShotConfig starts.
    """

    def __init__(self, parts: DeviceParts, take_stills: TakeStills) -> None:
        self._parts = parts
        self._take_stills = take_stills
        ids = (parts.settings.device_id, *parts.channels)
        self.blocks: dict[str, dict[str, Block]] = {each: _blocks(parts, each) for each in ids}
        """By id of the device or channel, and by name of the block."""
        self.changes = 0
        parts.commands["Query", "ConfigDownload"] = self._download
        parts.commands["Control", "DeviceConfig"] = self._configure

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Nothing to give back."""

    # ---------------------------------------------------------------- inside

    def _download(self, document: Document) -> list[Element]:
        query = ConfigDownloadQuery.from_xml(document.element)
        blocks = self._of(query.device_id)
        behaviour = self._parts.behaviour
        if blocks is None:
            return []
        types = query.types[:1] if behaviour.config_first_type_only else query.types
        found = [(name, blocks.get(_canonical(name))) for name in types]
        if behaviour.config_one_answer:
            together = tuple(block for _, block in found if block is not None)
            return [self._named(ConfigDownloadResponse(query.sn, query.device_id, True, together).to_xml())]
        answers: list[Element] = []
        for _, block in found:
            if block is not None:
                answer = ConfigDownloadResponse(query.sn, query.device_id, True, (block,))
            elif behaviour.config_silent_types:
                continue
            else:
                answer = ConfigDownloadResponse(query.sn, query.device_id, False)
            answers.append(self._named(answer.to_xml()))
        return answers

    def _configure(self, document: Document) -> list[Element]:
        command = DeviceConfig.from_xml(document.element)
        blocks = self._of(command.device_id)
        if blocks is None:
            return []
        ok = bool(command.blocks) and all(
            self._apply(command.device_id, blocks, each) for each in command.blocks
        )
        if self._parts.behaviour.basic_param_restarts and any(
            isinstance(each, BasicParam) for each in command.blocks
        ):
            self._parts.registration.wake()
            return []
        return [DeviceConfigResponse(command.sn, command.device_id, ok).to_xml()]

    def _apply(self, target_id: GbId, blocks: dict[str, Block], block: Block) -> bool:
        if isinstance(block, SnapShotConfig):
            self._take_stills(target_id, block)
        name = name_of(block)
        row = BLOCKS.get(name)
        before = blocks.get(name)
        if row is not None and (before is None or not (row.can_set or isinstance(block, SnapShotConfig))):
            return False
        self.changes += 1
        blocks[name] = block if before is None else _merged(before, block)
        return True

    def _of(self, target_id: str) -> dict[str, Block] | None:
        """The settings behind an id; None: the device does not react."""
        if self._parts.behaviour.config_for_device_only:
            own_id = self._parts.settings.device_id
            return self.blocks[own_id] if target_id == own_id else None
        return self.blocks.get(target_id)

    def _named(self, answer: Element) -> Element:
        """The answer with the names of elements that this device uses."""
        behaviour = self._parts.behaviour
        names: Mapping[str, str] = _DRAFT_NAMES if behaviour.config_draft_names else {}
        if behaviour.snapshot_block_name:
            names = {**names, "SnapShotConfig": behaviour.snapshot_block_name}
        for element in answer:
            if isinstance(element.tag, str) and element.tag in names:
                element.tag = names[element.tag]
        return answer


def _merged(before: Block, change: Block) -> Block:
    """What is not in the change stays as it is."""
    given: dict[str, Any] = {
        each.name: value
        for each in fields(change)
        if (value := getattr(change, each.name)) is not None and each.name not in {"unknown", "name"}
    }
    if isinstance(change, BasicParam) and change.name is not None:
        given["name"] = change.name
    return replace(before, **given, unknown={**before.unknown, **change.unknown})


def _canonical(name: str) -> str:
    row = find_block(name)
    return name if row is None else row.name


def _blocks(parts: DeviceParts, target_id: str) -> dict[str, Block]:
    """As it comes from the factory: the blocks that its edition has."""
    settings = parts.settings
    pictures = settings.pictures
    size = f"{pictures.width}x{pictures.height}"
    stream = VideoStream(
        stream_number=0,
        video_format="2",
        resolution=size,
        frame_rate=str(pictures.fps),
        bitrate_type="1",
        bitrate_kbps=str(pictures.bitrate_kbps),
    )
    own = settings.name if target_id == settings.device_id else parts.channels[target_id].item.name
    factory: Iterable[Block] = (
        BasicParam(
            name=own,
            expiration_s=settings.expires_s,
            heartbeat_interval_s=max(round(settings.keepalive_interval_s), 1),
            heartbeat_count=settings.keepalive_misses,
        ),
        VideoParamOpt(download_speeds="1/2/4", resolutions=size),
        SvacEncodeConfig(),
        SvacDecodeConfig(),
        VideoParamConfig(),
        AudioParamConfig(),
        VideoParamAttribute(streams=(stream,)),
        VideoRecordPlan(enabled=False, stream_number=0),
        VideoAlarmRecord(enabled=False, after_s=30, before_s=5, stream_number=0),
        PictureMask(enabled=False),
        FrameMirror(mode=0),
        AlarmReport(motion_detection=False, field_detection=False),
        OsdConfig(
            length=pictures.width,
            width=pictures.height,
            time_x=16,
            time_y=16,
            time_enabled=True,
            time_type=0,
            text_enabled=True,
            lines=(OsdText(text=own[:32], x=16, y=48),),
        ),
        SnapShotConfig(count=1, interval_s=1, upload_url="http://192.0.2.1/", session_id="0" * 32),
    )
    edition = settings.edition
    return {name: block for block in factory if BLOCKS[name := name_of(block)].is_in(edition)}
