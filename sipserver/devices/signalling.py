"""Requests from this platform to a device, and what their outcome means."""

from __future__ import annotations

from itertools import count
from typing import Final

from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import DeviceOffline, NoAnswer, NoCapacity, NotAGbDevice, Refused, UnknownDevice
from sipserver.devices.ports import SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.settings import DeviceSettings
from sipserver.gb import manscdp
from sipserver.gb.charset import GB2312
from sipserver.sip.flow import Flow, format_host
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import FlowClosed, TransportFull
from sipserver.transport.errors import NoAnswer as TransactionTimedOut

USER_AGENT: Final = "Tongshi"
MAX_FORWARDS: Final = "70"


class Signalling:
    """Builds requests as the standard prints them and sends them to where the device really is."""

    def __init__(
        self, settings: DeviceSettings, transport: SipPort, presence: Presence, profiles: Profiles
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._presence = presence
        self._profiles = profiles
        self._sns = count(1)
        self.platform_id: Final = settings.id
        self.domain: Final = settings.realm
        self.own_ids: Final[set[str]] = set()
        """Devices of the catalogue that are this platform itself, for sources that it brings in."""

    def next_sn(self) -> str:
        """A serial number for a query; unique in this process, so also per device."""
        return str(next(self._sns) % manscdp.MAX_SN or next(self._sns))

    def entry_of(self, device_id: str) -> DeviceEntry:
        """The device, when it can be talked to.

        Raises:
            UnknownDevice, NotAGbDevice, DeviceOffline
        """
        entry = self._presence.table.get(device_id)
        if entry is None and device_id in self.own_ids:
            raise NotAGbDevice(
                "the channel belongs to a source that does not speak GB/T 28181", device_id=device_id
            )
        if entry is None:
            raise UnknownDevice(f"device {device_id} is not known", device_id=device_id)
        if not entry.is_online or entry.flow is None:
            reason = entry.offline_reason or "not heard since our start"
            raise DeviceOffline(f"device {device_id} is offline: {reason}", device_id=device_id)
        return entry

    def media_host(self, flow: Flow) -> str:
        """The address to which the peer of this flow is asked to send media."""
        return self._settings.media_advertised_host or self._transport.advertised(flow)[0]

    def request(self, method: str, target_id: str, flow: Flow) -> SipRequest:
        """A request outside of any dialog, to a device or one of its channels."""
        host, port = self._transport.advertised(flow)
        token = self._transport.token
        printed = format_host(host)
        return SipRequest(
            method,
            f"sip:{target_id}@{self.domain}",
            [
                ("From", f"<sip:{self.platform_id}@{self.domain}>;tag={token()}"),
                ("To", f"<sip:{target_id}@{self.domain}>"),
                ("Call-ID", f"{token()}@{printed}"),
                ("CSeq", f"1 {method}"),
                ("Contact", f"<sip:{self.platform_id}@{printed}:{port}>"),
                ("Max-Forwards", MAX_FORWARDS),
                ("User-Agent", USER_AGENT),
            ],
        )

    async def send_document(
        self,
        device_id: str,
        element: manscdp.Element,
        *,
        timeout_s: float,
        abandon: bool = False,
        target_id: str | None = None,
    ) -> None:
        """Send a MANSCDP document as MESSAGE and wait for the answer to the MESSAGE.

        ``abandon``: repeat it no more when the time is over or the task is cancelled. ``target_id`` stands in
        To in place of the device, where that has a meaning (RecordInfo).

        The business answer, if there is one, comes later as a MESSAGE of the device.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        flow = self.entry_of(device_id).flow
        assert flow is not None  # noqa: S101 - entry_of has looked
        request = self.request("MESSAGE", target_id or device_id, flow)
        request.headers.set("Content-Type", manscdp.CONTENT_TYPE)
        charset = self._profiles.value(device_id, Facet.CHARSET) or GB2312
        request.body = manscdp.serialize_document(element, charset)
        response = await self.send(device_id, request, flow, timeout_s=timeout_s, abandon=abandon)
        if response.status >= 300:
            raise Refused(
                f"device {device_id} answered {response.status} {response.reason} to MESSAGE",
                status=response.status,
                device_id=device_id,
            )

    async def send(
        self, device_id: str, request: SipRequest, flow: Flow, *, timeout_s: float, abandon: bool = False
    ) -> SipResponse:
        """Send any request but INVITE; every answer, a failure too, is a sign of life.

        Raises:
            NoAnswer, DeviceOffline, NoCapacity
        """
        try:
            response = await self._transport.request(request, flow, timeout_s=timeout_s, abandon=abandon)
        except TransactionTimedOut as error:
            raise NoAnswer(
                f"device {device_id} did not answer {request.method}: {error}", device_id=device_id
            ) from error
        except FlowClosed as error:
            raise DeviceOffline(
                f"the connection of device {device_id} is gone: {error}", device_id=device_id
            ) from error
        except TransportFull as error:
            raise NoCapacity(f"{request.method} cannot be sent now: {error}", device_id=device_id) from error
        self._presence.answered(device_id)
        return response
