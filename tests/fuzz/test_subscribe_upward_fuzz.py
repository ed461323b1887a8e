"""Hostile SUBSCRIBE bodies and lists of a superior: each is answered, nothing is raised, nothing grows."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.shown.catalogue import PresentedCatalogue
from cascade.stats import CascadeStats
from cascade.told.ledger_check import STRANGERS_MAX, OwnList
from cascade.told.openings import Openings
from cascade.told.subscriptions import Subscriptions
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse
from sipserver.gb.messages.mobile_position import MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPositionQuery
from sipserver.gb.messages.subscription_answer import SubscriptionAnswer
from sipserver.sip.message import SipRequest, SipResponse, make_response
from tests.fuzz.test_control_fuzz import TOKENS
from tests.unit.cascade.told.test_feeds import ABOVE, OWN, SUPERIOR, Shown

OWN_ID = GbId(OWN)
BODIES = [
    serialize_document(element)
    for element in (
        CatalogQuery("1", OWN_ID).to_xml(),
        AlarmQuery("2", OWN_ID, 1, 4, (2, 5), 6).to_xml(),
        MobilePositionQuery("3", OWN_ID, 5).to_xml(),
        PtzPositionQuery("4", OWN_ID).to_xml(),
        SubscriptionAnswer("Catalog", "5", OWN_ID).to_xml(),
        CatalogResponse(
            "6", OWN_ID, 2, (CatalogItem(OWN_ID, "a", status="ON"), CatalogItem(GbId("1" * 20), "b"))
        ).to_xml(),
    )
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 12))] = draw(
            st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))
        )
    return bytes(body)


HEADERS = st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=12)


class FakeTransport:
    """Remembers what was answered."""

    def __init__(self) -> None:
        self.answers: list[SipResponse] = []
        self.clock = lambda: 0.0
        self.token = lambda: "ours"

    def respond(self, incoming: Any, status: int, **how: Any) -> SipResponse:
        answer = make_response(incoming.request, status, **how)
        self.answers.append(answer)
        return answer


@settings(deadline=None)
@given(st.one_of(damaged(), st.binary(max_size=200)), HEADERS, HEADERS)
def test_every_subscribe_is_answered_once(body: bytes, expires: str, event: str) -> None:
    async def run() -> None:
        shown, transport = Shown(), FakeTransport()

        async def tree() -> object:
            return shown.tree

        link = SimpleNamespace(superior=SUPERIOR, signalling=SimpleNamespace(contact=f"<sip:{OWN}@here>"))
        catalogue = cast(PresentedCatalogue, SimpleNamespace(tree=tree))
        began: list[object] = []
        desk = Subscriptions(
            cast(Any, link),
            catalogue,
            cast(Any, transport),
            make_feed=Openings(cast(Any, link), None).feed,
            accepted=lambda subscription, _: began.append(subscription),
            removed=lambda _: None,
            ending=lambda *_: None,
            stats=CascadeStats(),
        )
        headers = [
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
            ("From", f"<sip:{ABOVE}@3400000000>;tag=1"),
            ("To", f"<sip:{OWN}@3401000000>"),
            ("Call-ID", "1"),
            ("CSeq", "1 SUBSCRIBE"),
            ("Expires", expires),
            ("Event", event),
        ]
        request = SipRequest("SUBSCRIBE", f"sip:{OWN}@3401000000", headers, body)
        desk.receive(cast(Any, SimpleNamespace(request=request)))
        await asyncio.gather(*desk._accepting)
        (answer,) = transport.answers
        assert answer.status in (200, 400, 404, 489)
        assert (answer.status == 200) == (len(began) == 1) == bool(desk.running())
        for subscription in desk.running():
            subscription.feed.take("1", SUPERIOR, 0.0)

    asyncio.run(run())


@given(st.lists(st.one_of(damaged(), st.binary(max_size=200)), max_size=5))
def test_a_list_of_whatever_form_is_compared_and_bounded(bodies: list[bytes]) -> None:
    shown, listed = Shown(), OwnList("1")
    for body in bodies:
        with contextlib.suppress(MalformedText):
            document = parse_document(body)
            SubscriptionAnswer.from_document(document)
            listed.take(shown.tree, CatalogResponse.from_xml(document.element))
    assert listed.stranger_count == len(listed.strangers) <= STRANGERS_MAX
