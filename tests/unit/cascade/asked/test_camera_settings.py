"""Which settings go up, and which may be changed from there. GB-C138."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from cascade.asked.camera_settings import change_settings, download_settings, without_secrets
from catalog.model import ChannelKey
from sipserver.devices.configuration.outcomes import ConfigReport, TypeAnswer, TypeState
from sipserver.devices.errors import NotInEdition, Refused
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.config_blocks.block import Block, UnknownBlock
from sipserver.gb.config_blocks.picture import FrameMirror, SnapShotConfig
from sipserver.gb.config_blocks.registry import name_of
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse

KEY = ChannelKey("nvr", "one")
CAMERA = GbId("34010200001320000001")


class Settings:
    """A camera of 2016 with some settings; remembers what was changed."""

    def __init__(self, *blocks: Block, unknown: Sequence[str] = ()) -> None:
        self.blocks = {name_of(block): block for block in blocks}
        self.unknown = unknown
        self.changed: list[Block] = []
        self.sent: list[Block] = []

    async def download(self, _key: ChannelKey, types: Sequence[str]) -> ConfigReport:
        if any(name in self.unknown for name in types):
            raise NotInEdition("of another edition")
        found = [self.blocks.get(name) for name in types]
        return ConfigReport(
            "one",
            tuple(
                TypeAnswer(name, TypeState.REFUSED if block is None else TypeState.ANSWERED, block)
                for name, block in zip(types, found, strict=True)
            ),
        )

    async def set(self, _key: ChannelKey, block: Block) -> None:
        self.changed.append(block)

    async def send(self, _key: ChannelKey, block: Block) -> None:
        self.sent.append(block)


async def told(settings: Settings, *types: str) -> list[tuple[bool, list[str]]]:
    elements: list[Element] = await download_settings(
        cast(Any, settings), KEY, ConfigDownloadQuery("1", CAMERA, types)
    )
    found = [ConfigDownloadResponse.from_xml(each) for each in elements]
    return [(each.ok, [name_of(block) for block in each.blocks]) for each in found]


async def test_one_answer_for_each_type() -> None:
    settings = Settings(BasicParam(name="gate"), FrameMirror(mode=1))
    assert await told(settings, "FrameMirror", "BasicParam") == [
        (True, ["FrameMirror"]), (True, ["BasicParam"]),
    ]  # fmt: skip
    assert await told(settings, "BasicParam", "VideoParamOpt") == [(True, ["BasicParam"]), (False, [])]


async def test_what_the_edition_does_not_have_does_not_hide_the_rest() -> None:
    settings = Settings(BasicParam(name="gate"), unknown=("OSDConfig",))
    assert await told(settings, "OSDConfig", "BasicParam") == [(True, ["BasicParam"]), (False, [])]
    with pytest.raises(NotInEdition):
        await told(settings, "OSDConfig")


def test_how_a_camera_registers_stays_with_us() -> None:
    known = BasicParam(
        name="gate", own_id="1", server_id="2", server_host="192.0.2.1", server_port=5060, domain="d",
        expiration_s=3600, heartbeat_count=3, unknown={"Password": "secret", "IPAddress": "192.0.2.7"},
    )  # fmt: skip
    assert without_secrets(known) == BasicParam(name="gate", expiration_s=3600, heartbeat_count=3)
    assert without_secrets(FrameMirror(mode=1)) == FrameMirror(mode=1)


@pytest.mark.parametrize(
    "block",
    [
        BasicParam(own_id="34010200001320000009"), BasicParam(server_id="1"), BasicParam(domain="d"),
        BasicParam(server_host="192.0.2.1"), BasicParam(server_port=5060), UnknownBlock(name="Backdoor"),
    ],
)  # fmt: skip
async def test_none_is_changed_when_one_may_not_be(block: Block) -> None:
    settings = Settings()
    with pytest.raises(Refused):
        await change_settings(cast(Any, settings), KEY, (FrameMirror(mode=1), block))
    assert settings.changed == []


async def test_stills_are_a_command_and_the_rest_is_set() -> None:
    settings, stills = Settings(), SnapShotConfig(count=1, upload_url="http://h/", session_id="s" * 32)
    await change_settings(cast(Any, settings), KEY, (BasicParam(expiration_s=600), stills))
    assert (settings.changed, settings.sent) == ([BasicParam(expiration_s=600)], [stills])
