"""Keeps us registered with one superior: register, refresh, keepalive, and again when it has lost us.

Source: gb28181.md 2.6, 2.7, 8.1; GB-C128.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cascade.errors import SuperiorOffline, SuperiorRefused, SuperiorSilent
from cascade.model import LinkState, LinkView, Superior
from cascade.signalling import ANSWER_TIMEOUT_S, SuperiorSignalling
from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.gb.registration_client import Outcome, RegistrationClient, RegistrationPacing, ServerAddress
from sipserver.sip.digest import DigestClient
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipResponse
from sipserver.transport.addresses import split_host_port
from sipserver.transport.driver import SipTransport
from sipserver.transport.errors import TransportError

FORGOTTEN: Final = frozenset({401, 403, 404, 407, 481})
"""Answers to a keepalive that say that the superior does not know us any more (gb28181.md 2.7)."""
BUSY_KEEPALIVE_S: Final = 20.0
"""A superior that pictures go to is asked at least so often, and is lost after ``BUSY_MISSES``: over UDP
nothing else says that nobody is there, and no stream shall be left over for a minute.
"""
BUSY_MISSES: Final = 2
GOODBYE_S: Final = 3.0
"""How long a superior is given to answer when we leave."""

logger = logging.getLogger(__name__)


class SuperiorLink:
    """The registration with one superior; runs between ``open`` and ``close``.

    ``listeners`` are told of every change of state. A change of settings by ``apply`` registers anew only
    where the registration itself changes.
    """

    def __init__(
        self,
        superior: Superior,
        transport: SipTransport,
        *,
        jitter: Callable[[], float] = random.random,
        start_spread_s: float = 0.0,
    ) -> None:
        self.listeners: Final[list[Callable[[SuperiorLink], None]]] = []
        self.is_busy: Callable[[], bool] = lambda: False
        """Whether something runs for it that has to end when it is gone."""
        self.signalling = SuperiorSignalling(superior, transport)
        self._transport = transport
        self._clock = transport.clock
        self._jitter = jitter
        self._start_spread_s = start_spread_s
        self._view = LinkView(state=LinkState.OFF, since=transport.clock())
        self._clients: list[RegistrationClient] = []
        self._digest = self._new_digest()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ---------------------------------------------------------------- life

    def open(self, *, at_once: bool = False) -> None:
        """Begin, after a random part of the start spread; a superior that is switched off stays so."""
        if self.superior.is_enabled and self._task is None:
            spread_s = 0.0 if at_once else self._start_spread_s
            self._clients = self._new_clients(spread_s * self._jitter())
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"superior {self.superior.superior_id}"
            )

    async def close(self, why: str = "switched off") -> None:
        """Leave the superior, within a few seconds, whatever it answers."""
        task, self._task = self._task, None
        if task is None:
            return
        was_online = self._view.state is LinkState.ONLINE
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if was_online:
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await self._register(0)
            except (TimeoutError, TransportError, RemoteViolation) as error:
                logger.info("superior %s was left without a goodbye: %s", self.superior.superior_id, error)
        self.signalling.disconnect(why)
        self._change(LinkState.OFF, why)

    async def apply(self, superior: Superior) -> None:
        """Go on with changed settings; the registration stays where it can."""
        if superior.is_same_registration(self.superior):
            self.signalling.superior = superior
            self._woken.set()
            return
        await self.close("its settings were changed")
        self.signalling = SuperiorSignalling(superior, self._transport)
        self._digest = self._new_digest()
        self.open(at_once=True)

    # ---------------------------------------------------------------- what others see and ask

    @property
    def superior(self) -> Superior:
        return self.signalling.superior

    @property
    def view(self) -> LinkView:
        return self._view

    @property
    def is_online(self) -> bool:
        return self._view.state is LinkState.ONLINE

    @property
    def is_due(self) -> bool:
        """Whether it is tried again at once: sent elsewhere, or the other address has not been tried yet."""
        return any(client.next_at <= self._clock() for client in self._clients)

    def is_peer(self, flow: Flow) -> bool:
        """Whether a flow leads to the superior that we are registered with.

        Also while we register: a superior may ask right behind its 200, in the same burst of packets.
        """
        is_there = self._view.state in (LinkState.REGISTERING, LinkState.ONLINE)
        return is_there and self.signalling.has_flow(flow)

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone; if it was ours we register again."""
        if self.signalling.has_flow(flow):
            self._woken.set()

    async def send_document(self, element: manscdp.Element) -> SipResponse:
        """Send a document to the superior.

        Raises:
            SuperiorOffline, SuperiorSilent, SuperiorRefused
        """
        if not self.is_online:
            raise SuperiorOffline(f"superior {self.superior.superior_id} is offline: {self._view.why}")
        return await self.signalling.send_document(element)

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        client = self._clients[0]
        while True:
            if self.is_online:
                if lost := await self._stay(client):
                    self._lost(client, lost)
                    continue
            else:
                client = min(self._clients, key=lambda each: each.next_at)
                await self._wait(client)
            try:
                await self.signalling.connect(client.server)
                response = await self._register(client.expires_s)
            except (TransportError, RemoteViolation, OSError) as error:
                client.failed(self._clock())
                self._change(LinkState.WAITING, str(error))
                continue
            match client.answered(response, self._clock()):
                case Outcome.REGISTERED:
                    self._registered(client)
                case Outcome.REDIRECTED:
                    self._change(LinkState.WAITING, f"sent to {client.server}")
                case Outcome.REFUSED:
                    why = f"refused: {response.status} {response.reason}"
                    self._change(LinkState.WAITING, why, refusals=1)

    async def _wait(self, client: RegistrationClient) -> None:
        """Until it is time to register; what went wrong stays to be read."""
        self._change(LinkState.WAITING, self._view.why, next_at=client.next_at)
        await asyncio.sleep(max(0.0, client.next_at - self._clock()))
        self._change(LinkState.REGISTERING, self._view.why)

    def _registered(self, client: RegistrationClient) -> None:
        for other in self._clients:
            other.next_at = max(other.next_at, client.next_at)
        self._view = replace(
            self._view, remote=self.signalling.flow.remote, registrations=self._view.registrations + 1,
            keepalives_missed=0,
        )  # fmt: skip
        self._change(LinkState.ONLINE, "", next_at=client.next_at)

    def _lost(self, client: RegistrationClient, why: str) -> None:
        client.lost(self._clock())
        self._change(LinkState.WAITING, why)

    async def _register(self, expires_s: int) -> SipResponse:
        """Register; the final answer, whatever it is.

        Raises:
            RemoteViolation: challenged again and again, or in a way that cannot be answered.
            TransportError: no answer.
        """
        signalling = self.signalling
        request = signalling.register(expires_s)
        while True:
            response = await self._transport.request(
                request, signalling.flow, timeout_s=ANSWER_TIMEOUT_S, abandon=True
            )
            if response.status not in {401, 407}:
                self._digest.accepted()
                return response
            request = self._digest.answer(request, response)
            signalling.continue_register(request.cseq.number)

    async def _stay(self, client: RegistrationClient) -> str:
        """Keepalives until the refresh is due (empty), or the reason why the superior has lost us."""
        keepalive_from = self._clock()
        while (now := self._clock()) < client.next_at:
            # It may become busy meanwhile.
            look_at = min(keepalive_from + self._keepalive_every_s, client.next_at, now + BUSY_KEEPALIVE_S)
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(look_at - now, 0.0)):
                    await self._woken.wait()
            if not self.signalling.is_connected:
                return "the connection closed"
            if self._clock() >= keepalive_from + self._keepalive_every_s:
                keepalive_from = self._clock()
                if lost := await self._keepalive():
                    return lost
        return ""

    @property
    def _keepalive_every_s(self) -> float:
        every_s = self.superior.keepalive_s
        return min(every_s, BUSY_KEEPALIVE_S) if self.is_busy() else every_s

    @property
    def _misses_allowed(self) -> int:
        misses = self.superior.keepalive_misses
        return min(misses, BUSY_MISSES) if self.is_busy() else misses

    async def _keepalive(self) -> str:
        """One keepalive; the reason why the superior has lost us, or nothing."""
        element = Keepalive(self.signalling.next_sn(), GbId(self.superior.own_id)).to_xml()
        missed = 0
        try:
            await self.signalling.send_document(element)
        except SuperiorRefused as error:
            if error.status in FORGOTTEN:
                return f"a keepalive was answered with {error.status}"
        except SuperiorSilent as error:
            missed = self._view.keepalives_missed + 1
            if missed >= self._misses_allowed:
                return f"{missed} keepalives without an answer: {error}"
        finally:
            self._view = replace(self._view, keepalives=self._view.keepalives + 1, keepalives_missed=missed)
        return ""

    def _change(self, state: LinkState, why: str, *, next_at: float | None = None, refusals: int = 0) -> None:
        former = self._view
        was_online = former.state is LinkState.ONLINE
        self._view = replace(
            former,
            state=state,
            why=why,
            since=former.since if state is former.state else self._clock(),
            next_at=next_at,
            refusals=former.refusals + refusals,
            losses=former.losses + (was_online and state is LinkState.WAITING),
        )
        if (state, why) == (former.state, former.why):
            return
        if LinkState.ONLINE in (state, former.state) and state is not former.state:
            logger.info("superior %s is %s: %s", self.superior.superior_id, state, why or "registered")
        for listener in self.listeners:
            listener(self)

    def _new_digest(self) -> DigestClient:
        return DigestClient(self.superior.user, self.superior.password, self._transport.token)

    def _new_clients(self, delay_s: float) -> list[RegistrationClient]:
        """One for each address; the one whose turn is next is tried."""
        superior = self.superior
        addresses = [(superior.host, superior.port)]
        if superior.alternate:
            host, port = split_host_port(superior.alternate)
            addresses.append((host, port or superior.port))
        pacing = RegistrationPacing(superior.expires_s, superior.retry_s, superior.retry_max_s)
        return [
            RegistrationClient(
                ServerAddress(superior.superior_id, host, port),
                pacing,
                self._jitter,
                self._clock() + delay_s,
            )
            for host, port in addresses
        ]
