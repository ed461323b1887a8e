"""Keeps a simulated device registered: register, refresh, keepalive, and again when it was forgotten."""

import asyncio
import logging
import random

from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.simulator.errors import RegistrationRefused
from sipserver.simulator.faults import Behaviour
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling
from sipserver.simulator.stats import DeviceStats
from sipserver.sip.digest import DigestClient
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.message import SipResponse
from sipserver.transport.errors import TransportError

# Answers to a keepalive after which a device registers again (2.7 of the protocol notes).
_FORGOTTEN = frozenset({401, 403, 404, 407, 481})

logger = logging.getLogger(__name__)


class Registration:
    """One device's standing with its platform; ``run`` never returns."""

    def __init__(
        self,
        settings: SimulatedDeviceSettings,
        behaviour: Behaviour,
        signalling: Signalling,
        stats: DeviceStats,
    ) -> None:
        self.registered = asyncio.Event()
        self._settings = settings
        self._signalling = signalling
        self._stats = stats
        self._digest = DigestClient(
            settings.username or settings.device_id,
            settings.password + behaviour.password_suffix,
            signalling.transport.token,
        )
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again at once: the connection closed."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            try:
                await self._signalling.connect()
                granted_s = await self._register(self._settings.expires_s)
            except (TransportError, RegistrationRefused, RemoteViolation, OSError) as error:
                self._stats.registrations_refused += 1
                self.registered.clear()
                logger.info("%s is not registered: %s", self._settings.device_id, error)
                # A random part keeps a fleet from coming back all at once.
                await asyncio.sleep(self._settings.register_retry_s * random.uniform(1.0, 1.25))
                continue
            self._stats.registrations += 1
            self.registered.set()
            if not await self._stay(2 / 3 * granted_s):
                self.registered.clear()
                # Again at once, but not in a tight circle with a platform that drops us each time.
                await asyncio.sleep(min(self._settings.register_retry_s, 1.0) * random.random())

    async def unregister(self) -> None:
        """Leave; whatever the platform says about it, we are gone."""
        if not self.registered.is_set():
            return
        self.registered.clear()
        try:
            await self._register(0)
        except (TransportError, RegistrationRefused, RemoteViolation) as error:
            logger.info("%s left without a goodbye: %s", self._settings.device_id, error)

    async def _register(self, expires_s: int) -> float:
        """Register; the seconds that the platform grants.

        Raises:
            RegistrationRefused: another final answer than 200.
            RemoteViolation: challenged again and again, or in a way that cannot be answered.
            TransportError: no answer.
        """
        request = self._signalling.register(expires_s)
        response = await self._signalling.request(request)
        while response.status in {401, 407}:
            request = self._digest.answer(request, response)
            self._signalling.continue_register(request.cseq.number)
            response = await self._signalling.request(request)
        self._digest.accepted()
        if not 200 <= response.status < 300:
            raise RegistrationRefused(response.status, response.reason)
        return _granted(response, expires_s)

    async def _stay(self, refresh_in_s: float) -> bool:
        """Send keepalives until the refresh is due (true) or the platform has lost us (false)."""
        loop = asyncio.get_running_loop()
        refresh_at = loop.time() + refresh_in_s
        keepalive_at = loop.time() + self._settings.keepalive_interval_s
        missed = 0
        while (now := loop.time()) < refresh_at:
            self._woken.clear()
            try:
                async with asyncio.timeout(max(min(keepalive_at, refresh_at) - now, 0.0)):
                    await self._woken.wait()
                return False
            except TimeoutError:
                pass
            if loop.time() < keepalive_at:
                continue
            keepalive_at = max(keepalive_at + self._settings.keepalive_interval_s, loop.time())
            answered = await self._keepalive()
            if answered is None:
                missed += 1
            elif answered in _FORGOTTEN:
                logger.info("%s: keepalive answered with %d", self._settings.device_id, answered)
                return False
            else:
                missed = 0
            if missed >= self._settings.keepalive_misses:
                logger.info("%s: %d keepalives without an answer", self._settings.device_id, missed)
                return False
        return True

    async def _keepalive(self) -> int | None:
        """The status that a keepalive is answered with; ``None`` without an answer."""
        document = Keepalive(self._signalling.next_sn(), GbId(self._settings.device_id)).to_xml()
        self._stats.keepalives_sent += 1
        try:
            response = await self._signalling.send_message(document)
        except TransportError:
            self._stats.keepalives_unanswered += 1
            return None
        return response.status


def _granted(response: SipResponse, asked_s: int) -> float:
    """Contact;expires= before Expires, else what was asked."""
    contact = response.contact
    texts = (contact.params.get("expires") if contact is not None else None, response.headers.get("Expires"))
    return next((float(text) for text in texts if text and text.strip().isdecimal()), float(asked_s))
