"""A superior that subscribes, as far as these tests need one."""

from __future__ import annotations

from sipserver.gb import manscdp
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.catalog_notify import CatalogNotify
from sipserver.sip.dialog import Dialog
from sipserver.sip.message import SipRequest, SipResponse
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform


class Listener:
    """One subscription of a superior."""

    def __init__(self, above: SmallPlatform) -> None:
        self._above = above
        self.dialog: Dialog

    async def subscribe(
        self, query: Element, *, event: str = "presence", expires: str = "600", to_tag: str = ""
    ) -> SipResponse:
        request = self._above._request(
            "SUBSCRIBE", OWN_ID, manscdp.serialize_document(query), manscdp.CONTENT_TYPE
        )
        if event:
            request.headers.add("Event", event)
        if expires:
            request.headers.add("Expires", expires)
        if to_tag:
            request.headers.set("To", f"<sip:{OWN_ID}@3402000000>;tag={to_tag}")
        response = await self.send(request)
        if response.status < 300:
            self.dialog = Dialog.from_answer(request, response)
        return response

    async def again(self, expires_s: int, query: Element | None = None) -> SipResponse:
        """In the dialog."""
        body = b"" if query is None else manscdp.serialize_document(query)
        return await self.send(
            self.dialog.make_request(
                "SUBSCRIBE",
                [("Event", "presence"), ("Expires", str(expires_s))],
                body,
                manscdp.CONTENT_TYPE if body else None,
            )
        )

    async def send(self, request: SipRequest) -> SipResponse:
        assert self._above.flow is not None
        return await self._above.transport.request(request, self._above.flow, timeout_s=5.0)

    @property
    def notifies(self) -> list[SipRequest]:
        """In this dialog."""
        return [
            each
            for each in self._above.requests
            if each.method == "NOTIFY" and each.call_id == self.dialog.call_id
        ]

    @property
    def documents(self) -> list[Document]:
        return [manscdp.parse_document(each.body) for each in self.notifies if each.body]

    @property
    def states(self) -> list[str]:
        return [each.headers.get("Subscription-State") for each in self.notifies]

    @property
    def catalog(self) -> list[CatalogNotify]:
        return [CatalogNotify.from_xml(each.element) for each in self.documents if each.cmd_type == "Catalog"]

    @property
    def events(self) -> list[tuple[str, str]]:
        """What was told of the catalogue: event and the last digits of the id."""
        return [
            (event.kind.value if event.kind else "", str(event.item.device_id)[-4:])
            for notify in self.catalog
            for event in notify.events
        ]
