"""Settings of devices and channels, and their storage cards."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from access.roles import Action
from catalog.errors import UnknownDevice
from catalog.model import ChannelKey
from console.api.block_values import adapter, block_of, values_of
from console.api.channels import ChannelId
from console.api.configuration_models import (
    ConfigBlock,
    ConfigBlockKind,
    ConfigChange,
    Configuration,
    FormatCommand,
    SdCard,
    SdCards,
)
from console.api.devices import DeviceId
from console.api.models import Page
from console.api.problems import documented
from console.auth import Caller, may
from sipserver.devices.configuration.outcomes import TypeAnswer, TypeState
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import BLOCKS, find_block, name_of

router = APIRouter(tags=["configuration"])

Types = Annotated[
    list[str] | None,
    Query(
        max_length=32, description="ConfigTypes; none: all of the device's edition.", examples=["BasicParam"]
    ),
]
BlockName = Annotated[str, Path(max_length=64, description="ConfigType.", examples=["FrameMirror"])]
DespiteEdition = Annotated[
    bool, Query(description="Also what the edition that the device states does not have.")
]
ReadBack = Annotated[bool, Query(description="Ask for the block afterwards and compare.")]
Values = Annotated[
    dict[str, Any],
    Body(
        description="The fields of the block: see GET configuration-blocks for the schema of each.",
        examples=[{"mode": 1}],
    ),
]
Asking = Annotated[Caller, Depends(may(Action.CONTROL_DEVICE))]
Changing = Annotated[Caller, Depends(may(Action.CONFIGURE_DEVICE))]
READ_PROBLEMS = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.get("/configuration-blocks", summary="Kinds of settings", responses=documented(401, 403))
async def list_kinds(caller: Asking) -> Page[ConfigBlockKind]:
    """All blocks of the standard, in both editions, with the schema of their values."""
    return Page(
        items=[
            ConfigBlockKind(
                name=row.name,
                title=row.title,
                since=row.since.value,
                until=row.until.value,
                can_set=row.can_set,
                values=adapter(row.kind).json_schema(),
            )
            for row in BLOCKS.values()
        ]
    )


@router.get("/channels/{channel_id}/configuration", summary="Settings of a channel", responses=READ_PROBLEMS)
async def get_channel_configuration(
    channel_id: ChannelId, caller: Asking, types: Types = None, despite_edition: DespiteEdition = False
) -> Configuration:
    """Asks the device now, one type after the other unless it is known to manage several at once."""
    return await _download(caller, await _channel(caller, channel_id), types, despite_edition)


@router.get("/devices/{device_id}/configuration", summary="Settings of a device", responses=READ_PROBLEMS)
async def get_device_configuration(
    device_id: DeviceId, caller: Asking, types: Types = None, despite_edition: DespiteEdition = False
) -> Configuration:
    """Likewise, of the device itself."""
    return await _download(caller, await _device(caller, device_id), types, despite_edition)


@router.put(
    "/channels/{channel_id}/configuration/{name}",
    summary="Change settings of a channel",
    responses=READ_PROBLEMS,
)
async def put_channel_configuration(
    channel_id: ChannelId,
    name: BlockName,
    values: Values,
    caller: Changing,
    read_back: ReadBack = False,
    despite_edition: DespiteEdition = False,
) -> ConfigChange:
    """One block. A vendor's own block is sent as `{"unknown": {"Path/To/Element": "text"}}`."""
    key = await _channel(caller, channel_id)
    return await _set(caller, key, block_of(name, values), read_back, despite_edition)


@router.put(
    "/devices/{device_id}/configuration/{name}",
    summary="Change settings of a device",
    responses=READ_PROBLEMS,
)
async def put_device_configuration(
    device_id: DeviceId,
    name: BlockName,
    values: Values,
    caller: Changing,
    read_back: ReadBack = False,
    despite_edition: DespiteEdition = False,
) -> ConfigChange:
    """Likewise, of the device itself."""
    key = await _device(caller, device_id)
    return await _set(caller, key, block_of(name, values), read_back, despite_edition)


@router.get("/channels/{channel_id}/sd-cards", summary="Storage cards of a channel", responses=READ_PROBLEMS)
async def get_channel_cards(
    channel_id: ChannelId, caller: Asking, despite_edition: DespiteEdition = False
) -> SdCards:
    """Asks the device now; a format that runs shows its progress."""
    return await _cards(caller, await _channel(caller, channel_id), despite_edition)


@router.get("/devices/{device_id}/sd-cards", summary="Storage cards of a device", responses=READ_PROBLEMS)
async def get_device_cards(
    device_id: DeviceId, caller: Asking, despite_edition: DespiteEdition = False
) -> SdCards:
    """Likewise, of the device itself."""
    return await _cards(caller, await _device(caller, device_id), despite_edition)


@router.post(
    "/channels/{channel_id}/sd-cards/format",
    status_code=202,
    summary="Format a storage card of a channel",
    responses=READ_PROBLEMS,
)
async def format_channel_card(
    channel_id: ChannelId, command: FormatCommand, caller: Changing, despite_edition: DespiteEdition = False
) -> None:
    """Erases it. The device confirms only that it got the command: GET sd-cards shows what it does."""
    await _format(caller, await _channel(caller, channel_id), command.card, despite_edition)


@router.post(
    "/devices/{device_id}/sd-cards/format",
    status_code=202,
    summary="Format a storage card of a device",
    responses=READ_PROBLEMS,
)
async def format_device_card(
    device_id: DeviceId, command: FormatCommand, caller: Changing, despite_edition: DespiteEdition = False
) -> None:
    """Likewise, of the device itself."""
    await _format(caller, await _device(caller, device_id), command.card, despite_edition)


async def _channel(caller: Caller, channel_id: str) -> ChannelKey:
    return await caller.context.catalog.resolve_channel(channel_id)


async def _device(caller: Caller, device_id: str) -> ChannelKey:
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    return ChannelKey(device_id, device_id)


async def _download(
    caller: Caller, key: ChannelKey, types: list[str] | None, despite_edition: bool
) -> Configuration:
    report = await caller.context.devices.configuration.download(
        key, types or (), despite_edition=despite_edition
    )
    others = [TypeAnswer(name_of(block), TypeState.ANSWERED, block) for block in report.others]
    return Configuration(
        target_id=report.target_id, items=[_block_view(each) for each in (*report.answers, *others)]
    )


def _block_view(answer: TypeAnswer) -> ConfigBlock:
    row = find_block(answer.name)
    return ConfigBlock(
        name=answer.name,
        title="" if row is None else row.title,
        state=answer.state.value,
        detail=answer.detail,
        values=None if answer.block is None else values_of(answer.block),
    )


async def _set(
    caller: Caller, key: ChannelKey, block: Block, read_back: bool, despite_edition: bool
) -> ConfigChange:
    async with caller.recorded(
        Action.CONFIGURE_DEVICE, str(key), block=name_of(block), values=values_of(block)
    ):
        outcome = await caller.context.devices.configuration.set(
            key, block, read_back=read_back, despite_edition=despite_edition
        )
    return ConfigChange(
        name=outcome.name,
        target_id=outcome.target_id,
        confirmation=outcome.confirmation.value,
        values=None if outcome.after is None else values_of(outcome.after),
        differences=list(outcome.differences),
    )


async def _cards(caller: Caller, key: ChannelKey, despite_edition: bool) -> SdCards:
    cards = await caller.context.devices.configuration.sd_cards.status(key, despite_edition=despite_edition)
    return SdCards(
        items=[
            SdCard(
                card_id=card.card_id,
                name=card.name,
                status=card.status,
                progress_percent=card.progress_percent,
                capacity_mb=card.capacity_mb,
                free_mb=card.free_mb,
            )
            for card in cards
        ]
    )


async def _format(caller: Caller, key: ChannelKey, card: int, despite_edition: bool) -> None:
    async with caller.recorded(Action.CONFIGURE_DEVICE, str(key), command="format-sd-card", card=card):
        await caller.context.devices.configuration.sd_cards.format(key, card, despite_edition=despite_edition)
