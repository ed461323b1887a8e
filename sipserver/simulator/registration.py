"""Keeps a simulated device registered: register, refresh, keepalive, and again when it was forgotten."""

import asyncio
import logging
import random

from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.gb.registration_client import Outcome, RegistrationClient, RegistrationPacing
from sipserver.simulator.faults import Behaviour
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling
from sipserver.simulator.stats import DeviceStats
from sipserver.sip.digest import DigestClient
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import TransportError

# Answers to a keepalive after which a device registers again (2.7 of the protocol notes).
_FORGOTTEN = frozenset({401, 403, 404, 407, 481})
# Up to so many times the first pause: a simulated fleet is there to be seen coming back.
RETRY_GROWTH = 4

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
        self._behaviour = behaviour
        self._credentials = ""
        self._signalling = signalling
        self._stats = stats
        self._digest = DigestClient(
            settings.username or settings.device_id,
            settings.password + behaviour.password_suffix,
            signalling.transport.token,
        )
        self._client = RegistrationClient(
            signalling.server,
            RegistrationPacing(
                settings.expires_s,
                settings.register_retry_s,
                RETRY_GROWTH * settings.register_retry_s,
            ),
            random.random,
            asyncio.get_running_loop().time(),
        )
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again at once: the connection closed."""
        self._woken.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        client = self._client
        while True:
            await asyncio.sleep(max(0.0, client.next_at - loop.time()))
            self._signalling.server = client.server
            try:
                await self._signalling.connect()
                response = await self._register(client.expires_s)
            except (TransportError, RemoteViolation, OSError) as error:
                self._refused(str(error))
                client.failed(loop.time())
                continue
            outcome = client.answered(response, loop.time())
            if outcome is Outcome.REDIRECTED:
                self._stats.redirects_followed += 1
                self.registered.clear()
                logger.info("%s is sent to %s", self._settings.device_id, client.server)
            elif outcome is Outcome.REFUSED:
                self._refused(f"{response.status} {response.reason}")
            else:
                self._stats.registrations += 1
                self._signalling.change_port()
                self.registered.set()
                if not await self._stay(client.next_at):
                    self.registered.clear()
                    client.lost(loop.time())

    def _refused(self, why: str) -> None:
        self._stats.registrations_refused += 1
        self.registered.clear()
        logger.info("%s is not registered: %s", self._settings.device_id, why)

    async def unregister(self) -> None:
        """Leave; whatever the platform says about it, we are gone."""
        if not self.registered.is_set():
            return
        self.registered.clear()
        try:
            await self._register(0)
        except (TransportError, RemoteViolation) as error:
            logger.info("%s left without a goodbye: %s", self._settings.device_id, error)

    async def _register(self, expires_s: int) -> SipResponse:
        """Register; the final answer, whatever it is.

        Raises:
            RemoteViolation: challenged again and again, or in a way that cannot be answered.
            TransportError: no answer.
        """
        request = self._spoilt(self._signalling.register(expires_s))
        response = await self._signalling.request(request)
        while response.status in {401, 407}:
            request = self._answer(request, response)
            self._signalling.continue_register(request.cseq.number)
            response = await self._signalling.request(request)
        self._digest.accepted()
        return response

    def _spoilt(self, request: SipRequest) -> SipRequest:
        """The REGISTER as this device writes it."""
        behaviour, headers, own_id = self._behaviour, request.headers, self._settings.device_id
        if behaviour.contact_host:
            headers.set("Contact", f"<sip:{own_id}@{behaviour.contact_host}:5060>")
        if behaviour.registers_as_platform:
            for name in ("From", "To"):
                headers.set(name, headers.get(name).replace(own_id, self._settings.server_id))
        if behaviour.registers_without_tag:
            headers.set("From", headers.get("From").partition(";")[0])
        if behaviour.repeats_credentials and self._credentials:
            headers.set("Authorization", self._credentials)
        return request

    def _answer(self, request: SipRequest, response: SipResponse) -> SipRequest:
        """The challenge answered, over the uri that this device puts into it."""
        if self._behaviour.needs_sha256:
            challenges = [each for each in response.headers.get_all("WWW-Authenticate") if "SHA-256" in each]
            response.headers.remove("WWW-Authenticate")
            for challenge in challenges:
                response.headers.add("WWW-Authenticate", challenge)
        uri = self._behaviour.digest_uri or request.uri
        answered = self._digest.answer(
            SipRequest(request.method, uri, request.headers, request.body), response
        )
        self._credentials = answered.headers.get("Authorization")
        return SipRequest(request.method, request.uri, answered.headers, request.body)

    async def _stay(self, refresh_at: float) -> bool:
        """Send keepalives until the refresh is due (true) or the platform has lost us (false)."""
        loop = asyncio.get_running_loop()
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
            if missed >= self._settings.keepalive_misses and not self._behaviour.waits_for_refusal:
                logger.info("%s: %d keepalives without an answer", self._settings.device_id, missed)
                return False
        return True

    async def _keepalive(self) -> int | None:
        """The status that a keepalive is answered with; ``None`` without an answer."""
        document = Keepalive(self._signalling.next_sn(), GbId(self._settings.device_id)).to_xml()
        self._stats.keepalives_sent += 1
        if self._behaviour.sends_junk:
            self._signalling.send_junk()
        try:
            response = await self._signalling.send_message(
                None if self._behaviour.empty_keepalives else document
            )
        except TransportError:
            self._stats.keepalives_unanswered += 1
            return None
        return response.status
