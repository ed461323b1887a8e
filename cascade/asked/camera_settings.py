"""Settings of cameras for superiors: what may go up, and what may be changed from there.

A superior never learns how a camera registers with us, and cannot take it away from us.
Source: gb28181.md 3.4, 8.8; GB-C138.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from cascade.asked.camera_ports import CameraSettings
from cascade.model import Superior
from catalog.model import ChannelKey
from sipserver.devices.configuration.outcomes import TypeState
from sipserver.devices.errors import NotInEdition, Refused
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.config_blocks.block import Block, UnknownBlock
from sipserver.gb.config_blocks.picture import SnapShotConfig
from sipserver.gb.config_blocks.registry import name_of
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse

_OURS: Final = ("own_id", "server_id", "server_host", "server_port", "domain")
"""Of BasicParam: between the camera and us."""


async def download_settings(
    settings: CameraSettings, key: ChannelKey, query: ConfigDownloadQuery
) -> list[Element]:
    """The answers to a ConfigDownload: one for each type, Result ERROR for each that the device has not.

    Raises:
        DeviceError: it has none of them, or is not there.
    """
    found = await _blocks(settings, key, query.types)
    answers = [
        ConfigDownloadResponse(query.sn, query.device_id, True, (without_secrets(block),)).to_xml()
        for block in found
    ]
    missing = len(query.types) - len(found)
    return answers + [refused_download(query.sn, query.device_id) for _ in range(missing)]


async def _blocks(settings: CameraSettings, key: ChannelKey, types: tuple[str, ...]) -> list[Block]:
    """What the device has of these types, in their order.

    Raises:
        DeviceError
    """
    try:
        report = await settings.download(key, types)
    except NotInEdition:
        if len(types) == 1:
            raise
        # Others of them it may know: each is asked by itself, and those that it does not know are not sent.
        found: list[Block] = []
        for name in types:
            with contextlib.suppress(NotInEdition, Refused):
                found += await _blocks(settings, key, (name,))
        return found
    return [
        answer.block
        for answer in report.answers
        if answer.state is TypeState.ANSWERED and answer.block is not None
    ]


def own_settings(superior: Superior, query: ConfigDownloadQuery) -> list[Element]:
    """Our own: how we register with this superior. The rest of them is of cameras."""
    basic = BasicParam(
        expiration_s=superior.expires_s,
        heartbeat_interval_s=round(superior.keepalive_s),
        heartbeat_count=superior.keepalive_misses,
    )
    own = ConfigDownloadResponse(query.sn, query.device_id, True, (basic,))
    return [
        own.to_xml() if name == "BasicParam" else refused_download(query.sn, query.device_id)
        for name in query.types
    ]


def refused_download(sn: str, presented: GbId) -> Element:
    return ConfigDownloadResponse(sn, presented, ok=False).to_xml()


async def change_settings(settings: CameraSettings, key: ChannelKey, blocks: tuple[Block, ...]) -> None:
    """Change all of them, or none because one may not be changed from above.

    Raises:
        DeviceError
    """
    for block in blocks:
        if why := _why_not(block):
            raise Refused(f"{name_of(block)[:40]}: {why}", status=0, device_id=key.device_id)
    for block in blocks:
        if isinstance(block, SnapShotConfig):
            await settings.send(key, block)
        else:
            await settings.set(key, block)


def without_secrets(block: Block) -> Block:
    """A block as it may go up."""
    if isinstance(block, BasicParam):
        return replace(block, unknown={}, **dict.fromkeys(_OURS))
    return block


def _why_not(block: Block) -> str:
    if isinstance(block, UnknownBlock):
        return "no settings of the standard"
    if isinstance(block, BasicParam) and any(getattr(block, name) is not None for name in _OURS):
        return "where a camera registers is not changed from above"
    return ""
