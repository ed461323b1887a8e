"""Steps of a superior that does what it should not: each says what a good subordinate does about it.

After each of them the subordinate has to answer OPTIONS as if nothing had been.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from sipserver.gb import manscdp
from sipserver.gb.camera_commands import PtzPrecise
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_control import DeviceControl
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.media_way import WayName
from sipserver.simulator.superior.pictures import FIRST, TRANSPORT
from sipserver.simulator.superior.queries import list_records
from sipserver.simulator.superior.scene import CHANNEL, SUBORDINATE, TIMEOUT, Scene, Table, entry
from sipserver.simulator.superior.session import PictureSession, Wanted
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.simulator.superior.subordinate import Subordinate
from sipserver.sip.message import SipRequest
from sipserver.transport.errors import TransportError

FLOOD_WINDOW: Final = 200
"""Requests under way at once."""
STRANGE_ID: Final = "99999999991329999999"
TEN_YEARS: Final = timedelta(days=3653)


async def repeat_invite(scene: Scene, step: Step) -> str:
    """Asks for the same picture again and again with one Subject: the newer replaces the older (annex K)."""
    below, desk = scene.below(step), scene.desk
    channel = scene.channel(step, below)
    subject = f"{channel}:7001,{desk.settings.superior_id}:7001"
    wanted = Wanted(channel=channel, way=WayName(step.text("transport")), subject=subject)
    sessions = [PictureSession(desk, below, wanted) for _ in range(step.whole("times"))]
    answered: Counter[int] = Counter()
    async with contextlib.AsyncExitStack() as stack:
        for each in sessions:
            await stack.enter_async_context(each)
        for session in sessions:
            try:
                await session.invite()
            except StepFailed:
                if not session.status:
                    raise
            answered[session.status] += 1
        last = sessions[-1]
        if last.status == 200:
            await last.pictures(1, step.number("first_s"))
        accepted = [each for each in sessions[:-1] if each.status == 200]
        await desk.until(lambda: all(each.has_bye for each in accepted), step.number("timeout_s"))
        running = sum(not each.has_bye for each in accepted)
    told = f"answered with {_counted(answered)}; {running} of the older ones still run"
    if running:
        raise StepFailed(told)
    await _is_well(scene, step, below)
    return told


async def never_ack(scene: Scene, step: Step) -> str:
    """Does not acknowledge the 200: the subordinate gives up with BYE (gb28181.md 8.5: within 32 to 60 s)."""
    below = scene.below(step)
    wanted = Wanted(channel=scene.channel(step, below), way=WayName(step.text("transport")))
    async with PictureSession(scene.desk, below, wanted) as session:
        await session.invite(acknowledge=False)
        began = scene.desk.transport.clock()
        await session.wait_end(step.number("timeout_s"))
        took_s = scene.desk.transport.clock() - began
        scene.figures |= {"bye_after_s": round(took_s, 1), "packets": session.picture.packets}
        if not session.has_bye:
            raise StepFailed(f"no BYE within {step.number('timeout_s'):g} s")
    await _is_well(scene, step, below)
    return f"BYE after {took_s:.0f} s, {session.picture.packets} packets before it"


async def bye_twice(scene: Scene, step: Step) -> str:
    """Ends a picture that it has ended already: the second BYE is answered too."""
    below = scene.below(step)
    wanted = Wanted(channel=scene.channel(step, below), way=WayName(step.text("transport")))
    async with PictureSession(scene.desk, below, wanted) as session:
        await session.invite()
        first, second = await session.bye(), await session.bye()
    told = f"answered with {first.status} and {second.status}"
    if first.status != 200 or second.status not in (200, 403, 481):
        raise StepFailed(told)
    await _is_well(scene, step, below)
    return told


async def flood(scene: Scene, step: Step) -> str:
    """Asks for the catalogue as fast as it can: every MESSAGE is answered, with 200 or a refusal."""
    below, desk = scene.below(step), scene.desk
    answered: Counter[str] = Counter()
    window = asyncio.Semaphore(FLOOD_WINDOW)

    async def one() -> None:
        async with window:
            element = CatalogQuery(desk.next_sn(), GbId(below.platform_id)).to_xml()
            body = manscdp.serialize_document(element, desk.settings.charset)
            request = desk.request("MESSAGE", below, body=body, content_type=manscdp.CONTENT_TYPE)
            answered[await _status(scene, request, below)] += 1

    await asyncio.gather(*(one() for _ in range(step.whole("count"))))
    scene.figures["answered"] = dict(answered)
    told = ", ".join(f"{count} with {status}" for status, count in sorted(answered.items()))
    if answered["nothing"] > step.whole("count") // 10:
        raise StepFailed(f"{step.whole('count')} queries answered: {told}")
    await _is_well(scene, step, below)
    return f"{step.whole('count')} queries answered: {told}"


async def wrong_to(scene: Scene, step: Step) -> str:
    """Asks for a picture of an id that nobody showed it: refused."""
    below = scene.below(step)
    async with PictureSession(scene.desk, below, Wanted(channel=GbId(STRANGE_ID))) as session:
        try:
            await session.invite()
        except StepFailed:
            if session.status < 400:
                raise
    if session.status < 400:
        raise StepFailed(f"an unknown id was answered with {session.status}")
    await _is_well(scene, step, below)
    return f"refused with {session.status} {session.reason}"


async def ten_years(scene: Scene, step: Step) -> str:
    """Searches ten years of recordings: a whole answer, or a refusal, but an answer."""
    below = scene.below(step)
    now = datetime.now(UTC)
    channel = scene.channel(step, below)
    try:
        found = await list_records(scene.desk, below, channel, now - TEN_YEARS, now, step.number("timeout_s"))
    except StepFailed as error:
        if "answered with" not in str(error):
            raise
        told = str(error)
    else:
        told = f"{len(found.items)} recordings, SumNum {found.sum_num}"
        if not found.was_answered or not found.complete:
            raise StepFailed(f"{'not whole: ' + told if found.was_answered else 'no answer'}")
    await _is_well(scene, step, below)
    return told


async def elements_of_2022(scene: Scene, step: Step) -> str:
    """Sends elements of 2022 and others that no edition has: read, or refused, and lived with."""
    below, desk = scene.below(step), scene.desk
    channel = scene.channel(step, below)
    control = DeviceControl(desk.next_sn(), channel, PtzPrecise(10.0, 5.0, 1.0)).to_xml()
    query = CatalogQuery(desk.next_sn(), GbId(below.platform_id)).to_xml()
    manscdp.add_text(query, "GrassrootsCode", "340000")
    manscdp.add_text(manscdp.add_group(query, "ExtraInfo"), "OfTomorrow", "1")
    statuses = []
    for element in (control, query):
        body = manscdp.serialize_document(element, desk.settings.charset)
        request = desk.request("MESSAGE", below, channel, body=body, content_type=manscdp.CONTENT_TYPE)
        statuses.append(await _status(scene, request, below))
    if "nothing" in statuses:
        raise StepFailed("a document of 2022 was not answered")
    await _is_well(scene, step, below)
    return f"answered with {' and '.join(statuses)}"


async def false_sum(scene: Scene, step: Step) -> str:
    """Sends an answer that nobody asked for, with a SumNum that is a lie: no state, no harm."""
    below, desk = scene.below(step), scene.desk
    item = CatalogItem(GbId(STRANGE_ID), name="of nobody", status="ON")
    element = CatalogResponse("999999", GbId(below.platform_id), 1_000_000, (item,)).to_xml()
    body = manscdp.serialize_document(element, desk.settings.charset)
    request = desk.request("MESSAGE", below, body=body, content_type=manscdp.CONTENT_TYPE)
    status = await _status(scene, request, below)
    await _is_well(scene, step, below)
    return f"answered with {status}"


async def _status(scene: Scene, request: SipRequest, below: Subordinate) -> str:
    desk = scene.desk
    try:
        response = await desk.transport.request(
            request, below.flow, timeout_s=desk.settings.answer_timeout_s, abandon=True
        )
    except TransportError:
        return "nothing"
    return str(response.status)


async def _is_well(scene: Scene, step: Step, below: Subordinate) -> None:
    response = await scene.desk.send(scene.desk.request("OPTIONS", below), below)
    if response.status != 200:
        raise StepFailed(f"{step.name}: afterwards OPTIONS was answered with {response.status}")


def _counted(answered: Counter[int]) -> str:
    return ", ".join(f"{status} ({count} times)" for status, count in sorted(answered.items()))


TABLE: Final[Table] = dict(
    (
        entry("bad-repeat-invite", "asks for one picture again and again; the newest replaces the others",
              repeat_invite, SUBORDINATE, CHANNEL, TRANSPORT,
              Parameter("times", 3, "how often", least=2, most=50), FIRST, TIMEOUT),
        entry("bad-never-ack", "never acknowledges; the subordinate gives up with BYE", never_ack,
              SUBORDINATE, CHANNEL, TRANSPORT,
              Parameter("timeout_s", 70.0, "within which BYE has to come", most=600.0)),
        entry("bad-bye-twice", "says BYE twice; both are answered", bye_twice, SUBORDINATE, CHANNEL,
              TRANSPORT),
        entry("bad-flood", "floods queries; each is answered or refused", flood, SUBORDINATE,
              Parameter("count", 500, "how many", least=1, most=100_000)),
        entry("bad-wrong-to", "asks for an id that it was not shown; refused", wrong_to, SUBORDINATE),
        entry("bad-ten-years", "searches ten years of recordings; a whole answer or a refusal", ten_years,
              SUBORDINATE, CHANNEL, TIMEOUT),
        entry("bad-elements-2022", "sends elements of 2022 and unknown ones; lived with", elements_of_2022,
              SUBORDINATE, CHANNEL),
        entry("bad-false-sum", "lies about SumNum in an answer that nobody asked for; lived with", false_sum,
              SUBORDINATE),
    )
)  # fmt: skip
"""Steps by name."""
