"""Messages as a camera and a platform send them, for the tests of this room."""

from __future__ import annotations

from itertools import count

from sipserver.sip.endpoint import Endpoint, Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.sip.events import Event, RequestReceived
from sipserver.sip.message import SipRequest, SipResponse, make_response, parse_message
from sipserver.sip.settings import EndpointSettings

PLATFORM = "34020000002000000001"
CAMERA = "34020000001320000001"
OURS = ("192.0.2.10", 5060)
THEIRS = ("198.51.100.20", 5060)
UDP = Flow(Transport.UDP, OURS, THEIRS)
TCP = Flow(Transport.TCP, OURS, THEIRS, 7)

FIELDS = {
    "Via": "SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bK77a1c09d2",
    "From": f"<sip:{CAMERA}@3402000000>;tag=c41d0a7e",
    "To": f"<sip:{PLATFORM}@3402000000>",
    "Call-ID": "5d0c2c1f9b7e4a10@198.51.100.20",
    "CSeq": "1 MESSAGE",
    "Max-Forwards": "70",
}


def request_bytes(
    method: str = "MESSAGE",
    body: bytes = b"",
    *,
    uri: str = f"sip:{PLATFORM}@3402000000",
    length: str | None = None,
    end: str = "\r\n",
    **fields: str | None,
) -> bytes:
    """A request of the camera. Keywords replace headers (``Call_ID=...``), None takes one out."""
    values: dict[str, str | None] = {**FIELDS, "CSeq": f"1 {method}"}
    values.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{method} {uri} SIP/2.0"]
    lines += [f"{name}: {value}" for name, value in values.items() if value is not None]
    if "Content-Length" not in values:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return (end.join(lines) + end + end).encode() + body


def request(method: str = "MESSAGE", body: bytes = b"", **fields: str | None) -> SipRequest:
    message = parse_message(request_bytes(method, body, **fields))
    assert isinstance(message, SipRequest)
    return message


def own_request(method: str = "MESSAGE", number: int = 1, body: bytes = b"") -> SipRequest:
    """A request of the platform, as its user hands it to the endpoint."""
    return SipRequest(
        method,
        f"sip:{CAMERA}@198.51.100.20:5060",
        [
            ("From", f"<sip:{PLATFORM}@3402000000>;tag=ours1"),
            ("To", f"<sip:{CAMERA}@3402000000>"),
            ("Call-ID", "call-1@192.0.2.10"),
            ("CSeq", f"{number} {method}"),
        ],
        body,
    )


def answer_bytes(sent: bytes, status: int, *, tag: str = "dev77", via: bool = True, **fields: str) -> bytes:
    """The camera's answer to a request that we sent."""
    parsed = parse_message(sent)
    response = SipResponse(status)
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if name != "Via" or via:
            for value in parsed.headers.get_all(name):
                tagged = f"{value};tag={tag}" if name == "To" and tag and status > 100 else value
                response.headers.add(name, tagged)
    for name, value in fields.items():
        response.headers.set(name.replace("_", "-"), value)
    return response.serialize()


class Desk:
    """An endpoint with a clock and an ear, for tests of one side."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        tokens = count(1)
        self.endpoint = Endpoint(lambda: f"token{next(tokens):011d}", settings)
        self.now = 0.0

    def receive(self, data: bytes, flow: Flow = UDP) -> list[Event]:
        self.endpoint.receive(ReceivedPacket(data, flow), self.now)
        return self.endpoint.events()

    def sent(self) -> list[OutgoingPacket]:
        return self.endpoint.packets_to_send()

    def statuses(self) -> list[int]:
        """Status codes of the responses written since the last look."""
        messages = [parse_message(packet.data) for packet in self.sent()]
        return [message.status for message in messages if isinstance(message, SipResponse)]

    def methods(self) -> list[str]:
        messages = [parse_message(packet.data) for packet in self.sent()]
        return [message.method for message in messages if isinstance(message, SipRequest)]

    def sleep_until(self, instant: float) -> list[Event]:
        """Serve timers up to an instant; returns the events on the way."""
        events: list[Event] = []
        while (due := self.endpoint.next_timer()) is not None and due <= instant:
            self.now = max(self.now, due)
            self.endpoint.handle_timer(self.now)
            events += self.endpoint.events()
        self.now = instant
        return events

    def schedule(self, until: float) -> list[float]:
        """Instants at which packets leave on their own."""
        instants: list[float] = []
        while (due := self.endpoint.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.endpoint.handle_timer(self.now)
            instants += [self.now for _ in self.sent()]
        return instants


def take(desk: Desk, data: bytes, flow: Flow = UDP) -> RequestReceived:
    """Feed a request that has to be reported."""
    (event,) = desk.receive(data, flow)
    assert isinstance(event, RequestReceived)
    return event


def answer(desk: Desk, event: RequestReceived, status: int = 200, tag: str | None = None) -> SipResponse:
    response = make_response(event.request, status, to_tag=tag)
    desk.endpoint.respond(event.key, response, desk.now)
    return response


def ack_for(response: SipResponse, branch: str = "z9hG4bK77a1c09d2", number: int = 1) -> bytes:
    return request_bytes(
        "ACK",
        Via=f"SIP/2.0/UDP 198.51.100.20:5060;rport;branch={branch}",
        To=response.headers.get("To"),
        CSeq=f"{number} ACK",
    )
