"""Everything about one superior: its link, what it is shown, and the answers to what it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from access.rights import Rights
from cascade import refusals
from cascade.asked.answers import Answers
from cascade.asked.camera_answers import CameraAnswers
from cascade.asked.camera_ports import Cameras
from cascade.asked.catalogue_answers import CatalogueAnswers
from cascade.asked.controls import Controls
from cascade.asked.record_answers import RecordAnswers
from cascade.link import SuperiorLink
from cascade.model import LinkState, Superior
from cascade.ports import Calls, CascadeCatalog, HistoryRooms, LivePictures, Loudspeakers, NewsRooms, Standing
from cascade.rights.permits import Permits
from cascade.rights.trail import Trail, asker_of
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.stock import ChannelStock
from cascade.stats import CascadeStats
from cascade.store import SuperiorStore
from cascade.streams.relay import RelayDesk
from cascade.streams.source_desk import SourceDesk
from cascade.streams.speech import SpeechDesk
from cascade.told.ledger_book import LedgerBook
from cascade.told.ledger_check import LedgerCheck
from cascade.told.notices import Notices
from cascade.told.wishes import Wishes
from sipserver.gb.errors import MalformedText
from sipserver.gb.manscdp import Document, parse_document
from sipserver.gb.ssrc import SsrcPool
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest, SipTransport

NO_DIALOG: Final = 481


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all superiors share."""

    transport: SipTransport
    store: SuperiorStore
    catalog: CascadeCatalog
    standing: Standing
    pictures: LivePictures
    cameras: Cameras
    calls: Calls
    ssrcs: SsrcPool
    rights: Rights
    trail: Trail
    media_host: Callable[[Flow], str]
    """Our address for media, as the peer of a flow reaches it."""
    own_name: str
    version: str
    wall: Callable[[], datetime]
    news: NewsRooms | None = None
    """Without it a superior may subscribe to the catalogue alone."""
    history: HistoryRooms | None = None
    """Without it a superior gets live pictures alone."""
    platform_id: str = ""
    """Our own id towards platforms below us: an INVITE that comes round carries it."""
    is_awaited: Callable[[SipRequest], bool] = lambda _: False
    """Whether an INVITE of a superior that is our subordinate too answers a notice of ours to it."""
    path_rank: Callable[[str], int] = lambda _: 0
    """By device: of several ways to one camera the lowest is taken."""
    speakers: Loudspeakers | None = None
    """Without it a superior speaks to nobody."""
    stats: CascadeStats = field(default_factory=CascadeStats)
    start_spread_s: float = 30.0
    """Within which all superiors are registered with after our start (gb28181.md 8.1)."""


class SuperiorPost:
    """One superior."""

    def __init__(
        self, superior: Superior, around: Surroundings, stock: ChannelStock, wishes: Wishes | None = None
    ) -> None:
        self.link: Final = SuperiorLink(superior, around.transport, start_spread_s=around.start_spread_s)
        self.catalogue: Final = PresentedCatalogue(superior, around.own_name, around.store, stock)
        self.permits: Final = Permits(
            superior.superior_id,
            around.rights,
            around.trail,
            around.wall,
            around.transport.clock,
            around.stats,
        )
        questions = CameraAnswers(self.link, self.catalogue, self.permits, around.cameras)
        records = RecordAnswers(self.link, self.catalogue, self.permits, around.history, around.wall)
        self.book: Final = LedgerBook(self.catalogue, around.store.ledger, around.wall)
        self.check: Final = LedgerCheck(self.link, self.catalogue, self.book)
        lists = CatalogueAnswers(self.link, self.catalogue, self.book, around.stats)
        self.notices: Final = Notices(
            self.link,
            self.catalogue,
            self.book,
            around.transport,
            None if around.news is None else around.news.whereabouts,
            wishes,
            around.stats,
        )
        self.answers: Final = Answers(
            self.link,
            self.catalogue,
            transport=around.transport,
            stats=around.stats,
            more={"Catalog": lists.ask, **questions.table, "RecordInfo": records.ask},
            own_name=around.own_name,
            version=around.version,
            wall=around.wall,
        )
        self.controls: Final = Controls(
            self.link, self.catalogue, self.permits, around.cameras, around.transport
        )
        self.relay: Final = RelayDesk(
            self.link,
            self.catalogue,
            self.permits,
            SourceDesk(self.link, around.pictures, around.history),
            around.calls,
            around.transport,
            around.ssrcs,
            media_host=self._media_host,
            platform_id=around.platform_id,
        )
        self.speech: Final = SpeechDesk(
            self.link,
            self.catalogue,
            self.permits,
            around.speakers,
            around.calls,
            around.transport,
            around.ssrcs,
            media_host=self._media_host,
        )
        self.link.is_busy = lambda: bool(self.relay.streams or self.speech.calls)
        self.link.listeners.append(self._link_changed)
        self._around = around
        self._transport = around.transport
        self.unreadable = 0
        """Bodies of the superior that could not be read."""
        self.misaddressed = 0
        """Queries and controls for somebody else."""

    def open(self, *, at_once: bool = False) -> None:
        """Begin; ``at_once`` for one that was just entered, and has no crowd of others around it."""
        self.link.open(at_once=at_once)
        self.notices.open()

    async def close(self) -> None:
        await self.notices.close()
        await self.answers.close()
        await self.controls.close()
        await asyncio.gather(self.relay.close("the platform stops"), self.speech.close("the platform stops"))
        await self.permits.close()
        await self.link.close("the platform stops")
        await self.book.close()
        self.catalogue.close()

    async def change(self, superior: Superior) -> None:
        if not superior.is_same_registration(self.link.superior):
            await self.notices.end_all("its settings were changed", "deactivated")
        self.catalogue.change(superior)
        await self.link.apply(superior)

    def is_from(self, incoming: IncomingRequest) -> bool:
        """Whether a request comes from this superior, in that role."""
        sender = incoming.request.from_.uri.user
        return sender == self.link.superior.superior_id and self.link.is_peer(incoming.flow)

    def receive(self, incoming: IncomingRequest) -> bool:
        """Take and answer a request of this superior; False leaves it to others."""
        match incoming.request.method:
            case "OPTIONS":
                self._transport.respond(incoming, 200)
                return True
            case "MESSAGE":
                return self._message(incoming)
            case "INVITE":
                if self._around.is_awaited(incoming.request):
                    return False
                if not self.speech.receive_invite(incoming):
                    self.relay.receive_invite(incoming)
                return True
            case "BYE":
                return self.relay.receive_bye(incoming) or self.speech.receive_bye(incoming)
            case "INFO":
                if not self.relay.receive_info(incoming):
                    self._transport.respond(incoming, NO_DIALOG)
                return True
            case "SUBSCRIBE":
                self.notices.receive_subscribe(incoming)
                return True
            case _:
                return False

    def _link_changed(self, link: SuperiorLink) -> None:
        """A superior that has lost us, or that we have left, gets no pictures and moves nothing (8.1)."""
        if not link.is_online and link.view.state is not LinkState.REGISTERING:
            self.relay.end_all(f"the superior is gone: {link.view.why}")
            self.speech.end_all(f"the superior is gone: {link.view.why}")
            self.controls.let_go()

    def _media_host(self, flow: Flow) -> str:
        return self.link.superior.advertised_host or self._around.media_host(flow)

    def _message(self, incoming: IncomingRequest) -> bool:
        try:
            document = read(incoming.request)
        except MalformedText:
            self.unreadable += 1
            self._around.stats.unreadable += 1
            self._transport.respond(incoming, 400)
            return True
        if document.root in ("Query", "Control") and not self._is_for_us(incoming.request, document):
            self.misaddressed += 1
            self._around.stats.misaddressed += 1
            self._transport.respond(incoming, refusals.NOT_FOUND)
            return True
        match document.root:
            case "Query":
                self.answers.receive(incoming, document, asker_of(incoming, self.link.superior.superior_id))
            case "Control":
                self.controls.receive(incoming, document)
            case "Notify" if document.cmd_type == "Broadcast":
                self.speech.receive_notice(incoming, document)
            case "Response" if document.cmd_type == "Alarm" or self.check.receive(document):
                self._transport.respond(incoming, 200)
            case _:
                return False
        return True

    def _is_for_us(self, request: SipRequest, document: Document) -> bool:
        """Whether it is addressed to us, or to what it is about; either of To and Request-URI is enough."""
        superior = self.link.superior
        known = {superior.own_id, superior.user, superior.own_sip_domain, document.device_id, ""}
        asked = request.uri.removeprefix("sip:").partition("@")[0]
        return bool(known & {request.to.uri.user, asked})


def read(request: SipRequest) -> Document:
    """The document of a request.

    Raises:
        MalformedText: there is none that can be read.
    """
    return parse_document(request.body)
