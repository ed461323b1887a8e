"""Steps that subscribe, and wait for what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.mobile_position import MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPositionQuery
from sipserver.simulator.superior.desk import Heard
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.scene import SUBORDINATE, Scene, Table, entry
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.sip.dialog import Dialog

_YEAR: Final = timedelta(days=365)


def _alarm(sn: str, about: GbId) -> Element:
    now = datetime.now(UTC)
    return AlarmQuery(sn, about, start_time=now - _YEAR, end_time=now + _YEAR).to_xml()


EVENTS: Final[Mapping[str, tuple[str, Callable[[str, GbId], Element]]]] = {
    "catalogue": ("Catalog", lambda sn, about: CatalogQuery(sn, about).to_xml()),
    "alarm": ("Alarm", _alarm),
    "position": ("MobilePosition", lambda sn, about: MobilePositionQuery(sn, about).to_xml()),
    "ptz-position": ("PTZPosition", lambda sn, about: PtzPositionQuery(sn, about).to_xml()),
}
"""CmdType and the body of the SUBSCRIBE, by the event's name."""


async def subscribe(scene: Scene, step: Step) -> str:
    below, desk = scene.below(step), scene.desk
    cmd_type, build = EVENTS[step.text("event")]
    about = GbId(step.text("channel") or below.platform_id)
    body = manscdp.serialize_document(build(desk.next_sn(), about), desk.settings.charset)
    request = desk.request("SUBSCRIBE", below, about, body=body, content_type=manscdp.CONTENT_TYPE)
    request.headers.set("Event", f"{cmd_type};id={desk.next_sn()}")
    request.headers.set("Expires", str(step.whole("expires_s")))
    response = await desk.send(request, below)
    if response.status >= 300:
        raise StepFailed(f"the SUBSCRIBE was answered with {response.status} {response.reason}")
    desk.subscriptions[_key(step, about)] = Dialog.from_answer(request, response)
    return f"accepted for {response.headers.get('Expires') or 'as long as asked for'} s"


async def unsubscribe(scene: Scene, step: Step) -> str:
    below, desk = scene.below(step), scene.desk
    cmd_type, _ = EVENTS[step.text("event")]
    about = GbId(step.text("channel") or below.platform_id)
    dialog = desk.subscriptions.pop(_key(step, about), None)
    if dialog is None:
        raise StepFailed("there is no such subscription")
    response = await desk.send(
        dialog.make_request("SUBSCRIBE", [("Event", cmd_type), ("Expires", "0")]), below
    )
    if response.status >= 300:
        raise StepFailed(f"Expires: 0 was answered with {response.status} {response.reason}")
    return "ended"


async def wait_notify(scene: Scene, step: Step) -> str:
    """The next notification of a kind; one that came before and that nobody waited for counts too."""
    desk, contains = scene.desk, step.text("contains")
    cmd_type, _ = EVENTS[step.text("event")]

    def is_meant(heard: Heard) -> bool:
        document = heard.document
        if document.root != "Notify" or document.cmd_type != cmd_type:
            return False
        return contains in str(etree.tostring(document.element, encoding="unicode"))

    for heard in list(desk.notices):
        if is_meant(heard):
            desk.notices.remove(heard)
            return _told(scene, heard)
    with desk.listening(is_meant) as queue:
        try:
            async with asyncio.timeout(step.number("timeout_s")):
                return _told(scene, await queue.get())
        except TimeoutError:
            raise StepFailed(f"no {cmd_type} within {step.number('timeout_s'):g} s") from None


async def wait(_scene: Scene, step: Step) -> str:
    await asyncio.sleep(step.number("seconds"))
    return f"{step.number('seconds'):g} s"


def _told(scene: Scene, heard: Heard) -> str:
    element = heard.document.element
    events = [manscdp.child_text(each, "Event") for each in manscdp.list_items(element)]
    scene.figures |= {"device_id": heard.document.device_id, "by": heard.method, "events": events[:1000]}
    told = f"{heard.document.cmd_type} of {heard.document.device_id} by {heard.method}"
    return " ".join((told, *events[:8]))


def _key(step: Step, about: str) -> str:
    return f"{step.text('event')} {about}"


_EVENT: Final = Parameter("event", "catalogue", "of what", tuple(EVENTS))
_ABOUT: Final = Parameter("channel", "", "about whom; empty: everything of the subordinate")

TABLE: Final[Table] = dict(
    (
        entry("subscribe", "a subscription is accepted", subscribe, SUBORDINATE, _EVENT, _ABOUT,
              Parameter("expires_s", 600, "how long it shall last, s", least=1, most=1e6)),
        entry("unsubscribe", "a subscription is ended", unsubscribe, SUBORDINATE, _EVENT, _ABOUT),
        entry("wait-notify", "something is told", wait_notify, _EVENT,
              Parameter("contains", "", "a text that has to be in its XML"),
              Parameter("timeout_s", 60.0, "how long is waited", most=86_400.0)),
        entry("wait", "nothing is done for a while", wait,
              Parameter("seconds", 1.0, "how long", most=86_400.0)),
    )
)  # fmt: skip
"""Steps by name."""
