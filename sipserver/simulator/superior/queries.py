"""Steps that ask: catalogue, information and status, recordings, what a camera is set to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from sipserver.gb import manscdp
from sipserver.gb.catalog_collector import CatalogCollector, CollectedCatalog
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId, ItemKind, item_kind
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.messages.config_download import ConfigDownloadQuery
from sipserver.gb.messages.cruise_track import CruiseTrackQuery
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.gb.messages.preset_query import PresetQuery, PresetQueryResponse
from sipserver.gb.messages.record_info import RecordQuery, RecordResponse
from sipserver.gb.record_collector import CollectedRecords, RecordCollector
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.scene import CHANNEL, SUBORDINATE, TIMEOUT, Scene, Table, entry
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.simulator.superior.subordinate import Subordinate

QUIET_S: Final = 10.0
"""Between two fragments of one answer."""
ANSWER_ALLOWED_S: Final = 600.0
SIMPLE_QUERIES: Final = ("HomePositionQuery", "CruiseTrackListQuery", "PTZPosition", "SDCardStatus")
OwnOrChannel: Final = Parameter("channel", "", "about whom; empty: the subordinate itself")

ResponseT = TypeVar("ResponseT", contravariant=True)
ResultT = TypeVar("ResultT", covariant=True)
CollectedT = TypeVar("CollectedT")


class Collector(Protocol[ResponseT, ResultT]):
    """Both collectors of the codec."""

    @property
    def result(self) -> ResultT | None: ...
    def receive(self, response: ResponseT, now: float) -> None: ...
    def next_timer(self) -> float | None: ...
    def handle_timer(self, now: float) -> None: ...


# ---------------------------------------------------------------- what other steps use too


async def ask(desk: SimulatedSuperior, below: Subordinate, query: Element, timeout_s: float) -> Document:
    """Send a query and wait for the one document that answers it.

    Raises:
        StepFailed: refused, or no answer in time.
    """
    cmd_type, sn = manscdp.child_text(query, "CmdType"), manscdp.child_text(query, "SN")
    with desk.listening(
        lambda heard: (
            heard.document.root == "Response"
            and (heard.document.cmd_type, heard.document.sn) == (cmd_type, sn)
        )
    ) as answers:
        await desk.message(below, query, manscdp.child_text(query, "DeviceID"))
        try:
            async with asyncio.timeout(timeout_s):
                return (await answers.get()).document
        except TimeoutError:
            raise StepFailed(f"{cmd_type} was not answered within {timeout_s:g} s") from None


async def list_catalogue(
    desk: SimulatedSuperior, below: Subordinate, about: GbId, quiet_s: float = QUIET_S
) -> CollectedCatalog:
    """Ask for a catalogue and collect its fragments.

    Raises:
        StepFailed: the query was refused.
    """
    sn = desk.next_sn()
    collector = CatalogCollector(sn, desk.transport.clock(), quiet_s, ANSWER_ALLOWED_S, quiet_s)
    query = CatalogQuery(sn, about).to_xml()
    return await _collect(desk, below, query, collector, CatalogResponse.from_xml)


async def list_records(
    desk: SimulatedSuperior, below: Subordinate, channel: GbId, start: datetime, end: datetime,
    timeout_s: float,
) -> CollectedRecords:  # fmt: skip
    """Search recordings.

    Raises:
        StepFailed: the query was refused.
    """
    collector = RecordCollector(desk.transport.clock(), timeout_s, QUIET_S, ANSWER_ALLOWED_S)
    query = RecordQuery(desk.next_sn(), channel, start, end).to_xml()
    found = await _collect(desk, below, query, collector, RecordResponse.from_xml)
    if found.was_answered:
        below.records[channel] = found.items
    return found


async def _collect(
    desk: SimulatedSuperior,
    below: Subordinate,
    query: Element,
    collector: Collector[ResponseT, CollectedT],
    read: Callable[[Element], ResponseT],
) -> CollectedT:
    cmd_type, sn = manscdp.child_text(query, "CmdType"), manscdp.child_text(query, "SN")
    with desk.listening(
        lambda heard: (
            heard.document.root == "Response"
            and (heard.document.cmd_type, heard.document.sn) == (cmd_type, sn)
        )
    ) as answers:
        await desk.message(below, query, manscdp.child_text(query, "DeviceID"))
        while (result := collector.result) is None:
            now, timer = desk.transport.clock(), collector.next_timer()
            try:
                async with asyncio.timeout(max(0.0, (timer or now) - now)):
                    heard = await answers.get()
            except TimeoutError:
                collector.handle_timer(desk.transport.clock())
                continue
            try:
                collector.receive(read(heard.document.element), desk.transport.clock())
            except MalformedText as error:
                raise StepFailed(f"an answer to {cmd_type} cannot be read: {error}") from error
    return result


# ---------------------------------------------------------------- steps


async def wait_registered(scene: Scene, step: Step) -> str:
    wanted, timeout_s = step.text("subordinate"), step.number("timeout_s")
    desk = scene.desk

    def is_there() -> bool:
        return bool(desk.subordinates) if not wanted else wanted in desk.subordinates

    if not await desk.until(is_there, timeout_s):
        refused = f"; {desk.refused_registrations} were refused" if desk.refused_registrations else ""
        raise StepFailed(f"{wanted or 'nobody'} registered within {timeout_s:g} s{refused}")
    below = scene.below(step)
    host, port = below.flow.remote
    return f"{below.platform_id} from {host}:{port} over {below.flow.transport}, edition {below.edition}"


async def wait_keepalive(scene: Scene, step: Step) -> str:
    below, timeout_s = scene.below(step), step.number("timeout_s")
    before = below.keepalives
    if not await scene.desk.until(lambda: below.keepalives > before, timeout_s):
        raise StepFailed(f"no keepalive within {timeout_s:g} s")
    return f"{below.keepalives} so far"


async def wait_gone(scene: Scene, step: Step) -> str:
    below, timeout_s = scene.below(step), step.number("timeout_s")
    if not await scene.desk.until(lambda: below.platform_id not in scene.desk.subordinates, timeout_s):
        raise StepFailed(f"{below.platform_id} is still registered after {timeout_s:g} s")
    return f"{below.platform_id} left"


async def options(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    response = await scene.desk.send(scene.desk.request("OPTIONS", below), below)
    if response.status != 200:
        raise StepFailed(f"OPTIONS was answered with {response.status}")
    return "200"


async def catalogue(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    about = GbId(step.text("channel") or below.platform_id)
    found = await list_catalogue(scene.desk, below, about, step.number("timeout_s"))
    if about == below.platform_id:
        below.items = found.items
    kinds = {kind: sum(item_kind(each.device_id) is kind for each in found.items) for kind in ItemKind}
    online = sum(each.status == "ON" for each in found.items)
    told = f"{len(found.items)} items, SumNum {found.sum_num}, {kinds[ItemKind.DEVICE]} devices, {online} on"
    scene.figures |= {"items": len(found.items), "sum_num": found.sum_num, "duplicates": found.duplicates}
    scene.figures["ids"] = [each.device_id for each in found.items[:1000]]
    if not found.complete:
        raise StepFailed(f"the list is not complete: {told}")
    if len(found.items) < step.whole("at_least"):
        raise StepFailed(f"fewer than {step.whole('at_least')}: {told}")
    if (wanted := step.text("contains")) and wanted not in scene.figures["ids"]:  # type: ignore[operator]
        raise StepFailed(f"{wanted} is not in it: {told}")
    return told


async def device_info(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    about = GbId(step.text("channel") or below.platform_id)
    query = DeviceInfoQuery(scene.desk.next_sn(), about).to_xml()
    answer = DeviceInfoResponse.from_xml(
        (await ask(scene.desk, below, query, step.number("timeout_s"))).element
    )
    scene.figures |= {"name": answer.name, "manufacturer": answer.manufacturer, "channels": answer.channels}
    if not answer.ok:
        raise StepFailed("Result ERROR")
    return f"{answer.name or 'no name'}, {answer.manufacturer or 'no maker'}, {answer.channels} channels"


async def device_status(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    about = GbId(step.text("channel") or below.platform_id)
    query = DeviceStatusQuery(scene.desk.next_sn(), about).to_xml()
    answer = DeviceStatusResponse.from_xml(
        (await ask(scene.desk, below, query, step.number("timeout_s"))).element
    )
    scene.figures |= {"online": answer.online, "healthy": answer.healthy}
    if not answer.ok:
        raise StepFailed("Result ERROR")
    return f"{'on' if answer.online else 'off'} line, status {'OK' if answer.healthy else 'not OK'}"


async def records(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    channel = scene.channel(step, below)
    end = datetime.now(UTC)
    start = end - timedelta(hours=step.number("hours"))
    found = await list_records(scene.desk, below, channel, start, end, step.number("timeout_s"))
    told = f"{len(found.items)} recordings, SumNum {found.sum_num}"
    scene.figures |= {"records": len(found.items), "sum_num": found.sum_num}
    if not found.was_answered:
        raise StepFailed(f"RecordInfo was not answered within {step.number('timeout_s'):g} s")
    if not found.complete:
        raise StepFailed(f"the list is not complete: {told}")
    if len(found.items) < step.whole("at_least"):
        raise StepFailed(f"fewer than {step.whole('at_least')}: {told}")
    return told


async def presets(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    query = PresetQuery(scene.desk.next_sn(), scene.channel(step, below)).to_xml()
    document = await ask(scene.desk, below, query, step.number("timeout_s"))
    answer = PresetQueryResponse.from_xml(document.element)
    scene.figures["presets"] = {each.number: each.name for each in answer.presets}
    if not answer.ok:
        raise StepFailed("Result ERROR")
    return f"{len(answer.presets)} presets"


async def query_state(scene: Scene, step: Step) -> str:
    below, desk = scene.below(step), scene.desk
    channel, kind = scene.channel(step, below), step.text("kind")
    if kind == "ConfigDownload":
        element = ConfigDownloadQuery(desk.next_sn(), channel, ("BasicParam",)).to_xml()
    elif kind == "CruiseTrackQuery":
        element = CruiseTrackQuery(desk.next_sn(), channel, step.whole("number")).to_xml()
    else:
        element = manscdp.new_document("Query", kind, desk.next_sn(), channel)
    document = await ask(desk, below, element, step.number("timeout_s"))
    result = manscdp.child_text(document.element, "Result")
    if result.upper() == "ERROR":
        raise StepFailed("Result ERROR")
    return f"answered{', Result ' + result if result else ''}"


_AT_LEAST: Final = Parameter("at_least", 0, "fewer are a failure")

TABLE: Final[Table] = dict(
    (
        entry("wait-registered", "a subordinate registers", wait_registered, SUBORDINATE,
              Parameter("timeout_s", 60.0, "how long is waited", most=86_400.0)),
        entry("wait-keepalive", "the next keepalive comes", wait_keepalive, SUBORDINATE,
              Parameter("timeout_s", 120.0, "how long is waited", most=3600.0)),
        entry("wait-gone", "the subordinate leaves", wait_gone, SUBORDINATE, TIMEOUT),
        entry("options", "OPTIONS is answered", options, SUBORDINATE),
        entry("catalogue", "the catalogue is listed, whole", catalogue, SUBORDINATE, OwnOrChannel, _AT_LEAST,
              Parameter("contains", "", "an id that has to be in it"),
              Parameter("timeout_s", QUIET_S, "the longest pause between two fragments", most=600.0)),
        entry("device-info", "DeviceInfo is answered", device_info, SUBORDINATE, OwnOrChannel, TIMEOUT),
        entry("device-status", "DeviceStatus is answered", device_status, SUBORDINATE, OwnOrChannel, TIMEOUT),
        entry("records", "recordings are searched", records, SUBORDINATE, CHANNEL, _AT_LEAST,
              Parameter("hours", 24.0, "how far back", least=0.01, most=1e6), TIMEOUT),
        entry("presets", "presets are listed", presets, SUBORDINATE, CHANNEL, TIMEOUT),
        entry("query", "what a camera is set to, by one query", query_state, SUBORDINATE, CHANNEL,
              Parameter("kind", "HomePositionQuery", "CmdType",
                        (*SIMPLE_QUERIES, "ConfigDownload", "CruiseTrackQuery")),
              Parameter("number", 1, "of the cruise", most=255.0), TIMEOUT),
    )
)  # fmt: skip
"""Steps by name."""
