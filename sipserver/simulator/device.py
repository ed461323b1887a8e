"""A camera or NVR to play against: registers, lives, answers, streams."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery
from sipserver.simulator.alarms import AlarmInputs
from sipserver.simulator.answers import answer_query
from sipserver.simulator.audio import Audio
from sipserver.simulator.catalog_changes import CatalogChanges
from sipserver.simulator.channel import Channel
from sipserver.simulator.configuration import Configuration
from sipserver.simulator.control import Control
from sipserver.simulator.faults import behaviour_of
from sipserver.simulator.features import DeviceParts, SimulatedFeature
from sipserver.simulator.firmware import Firmware, SdCards
from sipserver.simulator.history.history import History
from sipserver.simulator.invites import Invites
from sipserver.simulator.mobility import Mobility
from sipserver.simulator.odd_catalog import ANSWER_FAULTS, ITEM_FAULTS, Items
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.registration import Registration
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling, local_host_towards
from sipserver.simulator.stats import DeviceStats
from sipserver.simulator.stills import Stills
from sipserver.simulator.subscriptions import Subscriptions
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError

_ANSWERS_MAX: Final = 50_000
ALLOW: Final = "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, SUBSCRIBE"

logger = logging.getLogger(__name__)


class SimulatedDevice:
    """One simulated device.

    Args:
        pacer: shared by a fleet, so that one timer serves all its streams; a device on its own makes one.
    """

    def __init__(self, settings: SimulatedDeviceSettings, pacer: Pacer | None = None) -> None:
        self._behaviour = behaviour_of(settings.faults)
        if self._behaviour.substream_form:
            settings = replace(settings, substream_form=self._behaviour.substream_form)
        self.settings = settings
        self.stats = DeviceStats()
        self.channels = {
            channel_id: Channel(settings, number, channel_id)
            for number, channel_id in enumerate(settings.all_channel_ids)
        }
        self._shared_pacer = pacer
        self._answers: asyncio.Queue[Element] = asyncio.Queue(_ANSWERS_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self._handlers: dict[str, Callable[[IncomingRequest], None]] = {
            "MESSAGE": self._receive_message,
            "INVITE": self._receive_invite,
            "BYE": self._receive_bye,
            "OPTIONS": self._receive_options,
        }
        self.parts: DeviceParts
        self.alarms: AlarmInputs
        self.control: Control
        self.stills: Stills
        self.configuration: Configuration
        self.firmware: Firmware
        self.sd_cards: SdCards
        self.audio: Audio
        self._features: tuple[SimulatedFeature, ...] = ()
        self.history: History
        self.subscriptions: Subscriptions
        self.catalog: CatalogChanges
        self.mobility: Mobility
        self._signalling: Signalling
        self._registration: Registration
        self._invites: Invites
        self._pacer: Pacer

    async def start(self) -> None:
        """Open the sockets and begin to register; does not wait for the platform.

        Raises:
            ListenFailed: the local address cannot be used.
            OSError: the platform's name cannot be resolved.
        """
        settings = self.settings
        host = settings.local_host or await local_host_towards(settings.server_host, settings.server_port)
        self._pacer = self._shared_pacer or Pacer()
        self._signalling = Signalling(settings, host, self._behaviour)
        await self._signalling.open()
        self._registration = Registration(settings, self._behaviour, self._signalling, self.stats)
        self._invites = Invites(
            settings, self._behaviour, self._signalling, self.channels, self._pacer, self.stats
        )
        self.parts = DeviceParts(
            settings=settings,
            behaviour=self._behaviour,
            signalling=self._signalling,
            registration=self._registration,
            channels=self.channels,
            invites=self._invites,
            pacer=self._pacer,
            stats=self.stats,
            say=self._say,
        )
        # Those that come later may take the place of an earlier one's handlers.
        self.control = Control(self.parts)
        self.stills = Stills(self.parts)
        self.configuration = Configuration(self.parts, self.stills.take)
        self.firmware = Firmware(self.parts)
        self.sd_cards = SdCards(self.parts)
        self.alarms = AlarmInputs(self.parts)
        self.history = History(self.parts)
        self.audio = Audio(self.parts)
        self.subscriptions = Subscriptions(self.parts)
        self.catalog = CatalogChanges(self.parts, self.channels, self.subscriptions)
        self.mobility = Mobility(self.parts, self.subscriptions, self.control.heads)
        self.alarms.notify = self._notify_alarm
        self._features = (
            self.control,
            self.stills,
            self.configuration,
            self.firmware,
            self.sd_cards,
            self.alarms,
            self.history,
            self.audio,
            self.subscriptions,
            self.catalog,
            self.mobility,
        )
        transport = self._signalling.transport
        transport.request_handler = self._receive
        transport.ack_handler = self._receive_ack
        transport.cancelled_handler = self._invites.cancel
        transport.unacknowledged_handler = self._invites.hang_up
        transport.flow_closed_handler = lambda _flow: self._registration.wake()
        for feature in self._features:
            await feature.open()
        self._tasks = [
            asyncio.create_task(self._registration.run()),
            asyncio.create_task(self._send_answers()),
            asyncio.create_task(self._prepare()),
        ]
        logger.info("simulated device %s started on %s", settings.device_id, host)

    async def stop(self) -> None:
        """End every stream with BYE, unregister, close. The platform is given one time-out for each."""
        if not self._tasks:
            return
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for feature in reversed(self._features):
            await feature.close()
        await self._invites.close()
        await self._registration.unregister()
        await self._signalling.close()
        if self._shared_pacer is None:
            self._pacer.close()
        logger.info("simulated device %s stopped: %s", self.settings.device_id, self.stats)

    async def go_dark(self) -> None:
        """Lose power: nothing is said to anybody, and media stops where it is. It can be started again."""
        if not self._tasks:
            return
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._signalling.close()
        for feature in reversed(self._features):
            await feature.close()
        self._invites.abandon()
        if self._shared_pacer is None:
            self._pacer.close()
        logger.info("simulated device %s went dark", self.settings.device_id)

    async def wait_registered(self, timeout_s: float) -> None:
        """Wait for the platform's 200.

        Raises:
            TimeoutError: not registered in time.
        """
        async with asyncio.timeout(timeout_s):
            await self._registration.registered.wait()

    @property
    def is_registered(self) -> bool:
        return bool(self._tasks) and self._registration.registered.is_set()

    @property
    def streams(self) -> int:
        """How many INVITEs are open."""
        return len(self._invites.open) if self._tasks else 0

    def cut_media(self) -> None:
        """The network drops the media of all streams: connections close, and the device does not notice."""
        for served in self._invites.open:
            if served.sender is not None:
                served.sender.close()

    def raise_alarm(self, **alarm: Any) -> bool:
        """Report an alarm; see ``AlarmInputs.raise_alarm``."""
        return self.alarms.raise_alarm(**alarm)

    def set_channel_state(self, channel_id: str, state: str) -> bool:
        """A channel goes ON, OFF, VLOST or DEFECT; False when nobody is subscribed to the catalogue."""
        return self.catalog.set_state(channel_id, state)

    def _notify_alarm(self, alarm: AlarmNotify) -> bool:
        """To those subscribers whose conditions it meets."""
        found = [
            subscriber
            for subscriber in self.subscriptions.of("Alarm")
            if AlarmQuery.from_xml(subscriber.query.element).matches(alarm)
        ]
        for subscriber in found:
            self.subscriptions.tell(subscriber, alarm.to_xml())
        return bool(found)

    def _receive(self, incoming: IncomingRequest) -> None:
        method = incoming.request.method
        self.stats.requests[method] = self.stats.requests.get(method, 0) + 1
        if any(taken(incoming) for taken in self.parts.request_handlers.get(method, ())):
            return
        handler = self._handlers.get(method)
        if handler is None:
            self._signalling.transport.respond(incoming, 405, headers=[("Allow", ALLOW)])
        else:
            handler(incoming)

    def _receive_message(self, incoming: IncomingRequest) -> None:
        """200 without a body at once, the business answer later in a MESSAGE of our own (GB-C051)."""
        try:
            document = manscdp.parse_document(incoming.request.body)
            self._act_on(document)
        except MalformedDocument as error:
            logger.info("%s got a document it cannot read: %s", self.settings.device_id, error)
            self._signalling.transport.respond(incoming, 400)
            return
        self._signalling.transport.respond(incoming, 200)

    def _act_on(self, document: Document) -> None:
        handler = self.parts.commands.get((document.root, document.cmd_type), self._answer_query)
        for answer in handler(document):
            self._say(answer)

    def _answer_query(self, document: Document) -> list[Element]:
        fault = self._behaviour.catalog_fault
        items: Items = {channel_id: channel.item for channel_id, channel in self.channels.items()}
        if fault in ITEM_FAULTS:
            items = ITEM_FAULTS[fault](items, self.settings)
        answers = answer_query(document, self.settings, items, datetime.now(UTC))
        if fault in ANSWER_FAULTS and document.cmd_type == "Catalog":
            answers = ANSWER_FAULTS[fault](answers)
        return answers

    def _say(self, document: Element) -> None:
        if self._answers.full():
            logger.warning("%s has too many answers to send", self.settings.device_id)
            return
        self._answers.put_nowait(document)

    def _receive_ack(self, key: ServerKey, request: SipRequest, _flow: Flow) -> None:
        self._invites.receive_ack(key)
        for handler in self.parts.ack_handlers:
            handler(key, request)

    def _receive_invite(self, incoming: IncomingRequest) -> None:
        self._invites.receive_invite(incoming)

    def _receive_bye(self, incoming: IncomingRequest) -> None:
        self._invites.receive_bye(incoming)

    def _receive_options(self, incoming: IncomingRequest) -> None:
        self._signalling.transport.respond(incoming, 200, headers=[("Allow", ALLOW)])

    async def _send_answers(self) -> None:
        """One after the other: the next fragment only after the answer to the last (GB-C061)."""
        while True:
            answer = await self._answers.get()
            try:
                await self._signalling.send_message(answer)
                self.stats.queries_answered += 1
            except TransportError as error:
                logger.info("%s: an answer was lost: %s", self.settings.device_id, error)

    async def _prepare(self) -> None:
        for channel in self.channels.values():
            await channel.prepare()
