"""Sources that do not speak GB/T 28181: RTSP and RTMP, pulled or pushed, each a channel (R-2)."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request

from access.roles import Action
from catalog.keyset import decode_cursor, encode_cursor
from console.api.models import AudioInfo, Page, VideoInfo
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.api.source_models import (
    CameraDescription,
    CameraStream,
    DescribeRequest,
    DiscoveredCamera,
    DiscoverRequest,
    Discovery,
    SourceChange,
    SourceCreate,
    SourceItem,
    SourcePicture,
    SourceTest,
    SourceVerdict,
)
from console.auth import Caller, may
from gateway.model import (
    ChannelFile,
    PictureFigures,
    PullMode,
    Source,
    SourceChanges,
    SourceKind,
    Status,
)
from media.onvif.client import OnvifClient
from media.onvif.search import search
from media.sources.address import BadAddress, SourceAddress
from media.sources.errors import SourceFailed
from media.sources.opening import RtspTransport

router = APIRouter(tags=["sources"])

SourceId = Annotated[
    str,
    Path(pattern=r"^[0-9]{20}$", description="The source's channel id.", examples=["34020000001320900001"]),
]
MayView = Annotated[Caller, Depends(may(Action.VIEW_CATALOG))]
MayManage = Annotated[Caller, Depends(may(Action.MANAGE_DEVICES))]

FILE_FIELDS = ("name", "civil_code", "parent_id", "manufacturer", "model", "longitude", "latitude")


@router.get("/sources", summary="List sources", responses=documented(400, 401, 403, 422))
async def list_sources(
    caller: MayView, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[SourceItem]:
    """Every source with its state, by channel id."""
    sources = caller.context.gateway.list()
    if cursor is not None:
        (after,) = decode_cursor(cursor, (str,))
        sources = [source for source in sources if source.channel_id > str(after)]
    chosen = sources[:limit]
    more = len(sources) > limit
    files = await caller.context.gateway.files()
    return Page(
        items=[_view(caller, source, files.get(source.channel_id)) for source in chosen],
        next=encode_cursor(chosen[-1].channel_id) if more else None,
    )


@router.post("/sources", status_code=201, summary="Create a source", responses=documented(401, 403, 409, 422))
async def create_source(request: Request, body: SourceCreate, caller: MayManage) -> SourceItem:
    """It becomes a channel of the gateway's device at once, and is looked at.

    The key of a push is told in this answer and never again.
    """
    source = Source(
        channel_id=body.channel_id,
        kind=SourceKind(body.kind),
        address=_address(body.url, body.username, body.password),
        sub_address=_address(body.sub_url, body.username, body.password),
        transport=RtspTransport(body.transport),
        mode=PullMode(body.mode),
        is_enabled=body.enabled,
        push_path=body.push_path.strip("/"),
        push_key=body.push_key,
        onvif_address=body.onvif_address,
    )
    file = ChannelFile(address=body.place, **{name: getattr(body, name) for name in FILE_FIELDS})
    async with caller.recorded(Action.MANAGE_DEVICES, body.channel_id or body.name, source=body.kind):
        made = await caller.context.gateway.add(source, file)
    view = await _one(caller, made)
    return _with_key(view, caller, request, made.push_key) if made.push_key else view


@router.post("/sources/test", summary="Try an address", responses=documented(401, 403, 422))
async def test_address(body: SourceTest, caller: MayManage) -> SourceVerdict:
    """Connects, waits for the first picture and leaves again; a failure is a verdict, not an error."""
    address = _address(body.url, body.username, body.password)
    if address is None:
        raise BadAddress("there is no address to try")
    async with caller.recorded(Action.MANAGE_DEVICES, address.shown, did="test"):
        return await _tried(caller, address, RtspTransport(body.transport))


@router.post("/sources/discover", summary="Look for ONVIF cameras", responses=documented(401, 403, 422))
async def discover(caller: MayManage, body: DiscoverRequest | None = None) -> Discovery:
    """Asks every network of this machine (WS-Discovery) and answers after `sources.discovery_s`."""
    settings = caller.context.gateway.settings
    seconds = body.seconds if body is not None and body.seconds is not None else settings.discovery_s
    async with caller.recorded(Action.MANAGE_DEVICES, "onvif", did="discover"):
        found = await search(seconds, settings.discovery_answers_max)
    known = {
        source.address.host: source.channel_id
        for source in caller.context.gateway.list()
        if source.address is not None
    }
    items = [
        DiscoveredCamera(
            endpoint=camera.endpoint,
            host=camera.host,
            address=camera.addresses[0],
            name=camera.name,
            hardware=camera.hardware,
            location=camera.location,
            channel_id=known.get(camera.host),
        )
        for camera in found[: settings.discovery_answers_max]
    ]
    return Discovery(items=items)


@router.post(
    "/sources/describe",
    summary="Ask an ONVIF camera for its streams",
    responses=documented(401, 403, 422, 502, 503),
)
async def describe(body: DescribeRequest, caller: MayManage) -> CameraDescription:
    """Maker, clock and the addresses of its streams, the largest picture first."""
    timeout_s = caller.context.gateway.settings.onvif_timeout_s
    async with (
        caller.recorded(Action.MANAGE_DEVICES, body.address[:200], did="describe"),
        OnvifClient(body.address, body.username, body.password, timeout_s) as camera,
    ):
        told = await camera.describe()
    streams = sorted(told.streams, key=lambda each: -((each.profile.width or 0) * (each.profile.height or 0)))
    return CameraDescription(
        manufacturer=told.information.manufacturer,
        model=told.information.model,
        firmware=told.information.firmware,
        serial=told.information.serial,
        clock_offset_s=told.clock_offset_s,
        streams=[
            CameraStream(
                name=each.profile.name,
                url=each.uri,
                codec=each.profile.codec,
                width=each.profile.width,
                height=each.profile.height,
                fps=each.profile.fps,
                bitrate_kbps=each.profile.bitrate_kbps,
                audio=each.profile.audio,
            )
            for each in streams
        ],
    )


@router.get("/sources/{channel_id}", summary="One source", responses=documented(401, 403, 404, 422))
async def get_source(channel_id: SourceId, caller: MayView) -> SourceItem:
    return await _one(caller, caller.context.gateway.get(channel_id))


@router.patch(
    "/sources/{channel_id}", summary="Change a source", responses=documented(401, 403, 404, 409, 422)
)
async def change_source(
    request: Request, channel_id: SourceId, body: SourceChange, caller: MayManage
) -> SourceItem:
    """Its stream ends and begins anew when what it is pulled from changes."""
    gateway = caller.context.gateway
    source = gateway.get(channel_id)
    changes, file = _changes(source, body), await _file(caller, channel_id, body)
    fields = sorted(body.model_fields_set)
    async with caller.recorded(Action.MANAGE_DEVICES, channel_id, fields=fields):
        changed = await gateway.change(channel_id, file, **changes)
    view = await _one(caller, changed)
    is_new_key = changed.push_key != source.push_key
    return _with_key(view, caller, request, changed.push_key) if is_new_key else view


@router.delete(
    "/sources/{channel_id}",
    status_code=204,
    summary="Remove a source",
    responses=documented(401, 403, 404, 422),
)
async def remove_source(channel_id: SourceId, caller: MayManage) -> None:
    """Its channel leaves the catalogue; its recordings stay until their time is over."""
    async with caller.recorded(Action.MANAGE_DEVICES, channel_id, did="remove source"):
        await caller.context.gateway.remove(channel_id)


@router.post("/sources/{channel_id}/test", summary="Try a source", responses=documented(401, 403, 404, 422))
async def test_source(channel_id: SourceId, caller: MayManage) -> SourceVerdict:
    """The same as trying an address, with what is on file."""
    source = caller.context.gateway.get(channel_id)
    if source.address is None:
        raise BadAddress("a source that publishes by itself cannot be tried: see its state")
    async with caller.recorded(Action.MANAGE_DEVICES, channel_id, did="test"):
        return await _tried(caller, source.address, source.transport)


async def _tried(caller: Caller, address: SourceAddress, transport: RtspTransport) -> SourceVerdict:
    try:
        info, figures, taken_s = await caller.context.gateway.test(address, transport)
    except SourceFailed as failure:
        return SourceVerdict(ok=False, verdict=failure.verdict, message=str(failure))
    audio = info.audio
    return SourceVerdict(
        ok=True,
        verdict="ok",
        message=f"{info.codec} {info.width}x{info.height} after {taken_s:.1f} s",
        first_picture_s=round(taken_s, 2),
        video=VideoInfo(codec=info.codec, width=info.width, height=info.height),
        audio=None
        if audio is None
        else AudioInfo(codec=audio.codec, sample_rate=audio.sample_rate, channels=audio.channels),
        left_out=list(figures.left_out),
    )


def _address(url: str, username: str, password: str) -> SourceAddress | None:
    """Credentials beside the address win over those in it. Raises BadAddress."""
    if not url.strip():
        return None
    address = SourceAddress.parse(url)
    if ":" in username:
        raise BadAddress("a user name cannot hold a colon")
    return address.with_credentials(username, password) if username else address


def _changes(source: Source, body: SourceChange) -> SourceChanges:
    changes = SourceChanges()
    if source.address is not None and {"url", "sub_url", "username", "password"} & body.model_fields_set:
        main = _moved(source.address, body.url, body)
        if main is None:
            raise BadAddress("a source that is pulled needs an address")
        changes["address"] = main
        sub_url = body.sub_url
        if sub_url is None and source.sub_address is not None:
            sub_url = source.sub_address.plain
        changes["sub_address"] = _moved(source.sub_address or main, sub_url or "", body)
    if body.transport is not None:
        changes["transport"] = RtspTransport(body.transport)
    if body.mode is not None:
        changes["mode"] = PullMode(body.mode)
    if body.enabled is not None:
        changes["is_enabled"] = body.enabled
    if source.kind is SourceKind.PUSH:
        if body.push_path is not None:
            changes["push_path"] = body.push_path.strip("/")
        if body.push_key is not None:
            changes["push_key"] = body.push_key
    return changes


def _moved(old: SourceAddress, url: str | None, body: SourceChange) -> SourceAddress | None:
    """The new address. A password on file never goes to another host by itself."""
    new = old if url is None or url.strip() == old.shown else _address(url, "", "")
    if new is None:
        return None
    if not new.username and new.host == old.host:
        new = new.with_credentials(old.username, old.password)
    username = new.username if body.username is None else body.username
    password = new.password if body.password is None else body.password
    if ":" in username:
        raise BadAddress("a user name cannot hold a colon")
    return replace(new, username=username, password=password if username else "")


async def _file(caller: Caller, channel_id: str, body: SourceChange) -> ChannelFile | None:
    given = {name: getattr(body, name) for name in FILE_FIELDS if getattr(body, name) is not None}
    if body.place is not None:
        given["address"] = body.place
    if not given:
        return None
    return replace(await caller.context.gateway.file_of(channel_id), **given)


async def _one(caller: Caller, source: Source) -> SourceItem:
    return _view(caller, source, await caller.context.gateway.file_of(source.channel_id))


def _view(caller: Caller, source: Source, file: ChannelFile | None) -> SourceItem:
    gateway = caller.context.gateway
    file = file or ChannelFile(name=source.channel_id)
    address, sub_address = source.address, source.sub_address
    status = gateway.status(source.channel_id)
    return SourceItem(
        channel_id=source.channel_id,
        device_id=gateway.device_id,
        name=file.name,
        kind=source.kind.value,
        enabled=source.is_enabled,
        online=None if status is None else status is Status.ON,
        url=address.shown if address is not None else "",
        sub_url=sub_address.shown if sub_address is not None else "",
        username=address.username if address is not None else "",
        has_password=bool(address is not None and address.password),
        transport=source.transport.value,
        mode=source.mode.value,
        push_path=source.push_path,
        onvif_address=source.onvif_address,
        civil_code=file.civil_code,
        parent_id="" if file.parent_id == gateway.device_id else file.parent_id,
        place=file.address,
        manufacturer=file.manufacturer,
        model=file.model,
        longitude=file.longitude,
        latitude=file.latitude,
        created_at=source.created_time,
        main=_picture(gateway.figures(source.channel_id)),
        sub=_picture(gateway.figures(source.channel_id, is_sub=True)),
    )


def _with_key(view: SourceItem, caller: Caller, request: Request, key: str) -> SourceItem:
    """The key, and the addresses to push to with it: told once."""
    authorities = caller.context.publish_authorities(request.url.hostname)
    urls = [
        f"{scheme}://{authority}/{view.push_path}?key={quote(key, safe='')}"
        for scheme, authority in sorted(authorities.items())
    ]
    return view.model_copy(update={"push_key": key, "push_urls": urls})


def _picture(figures: PictureFigures | None) -> SourcePicture | None:
    if figures is None:
        return None
    since = datetime.now(UTC) - timedelta(seconds=max(0.0, time.monotonic() - figures.since))
    return SourcePicture(
        state=figures.state.value,
        verdict=figures.verdict,
        message=figures.message,
        since=since,
        retry_in_s=figures.retry_in_s,
        failures=figures.failures,
        connections=figures.connections,
        session_id=figures.session_id,
        readers=figures.readers,
        pictures=figures.pictures,
        received_bytes=figures.received_bytes,
        left_out=list(figures.left_out),
        peer=figures.peer,
    )
