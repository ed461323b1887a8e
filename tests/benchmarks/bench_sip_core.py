"""SIP transactions per CPU-second of the sans-IO core alone: no socket, no registrar, no database.

Each transaction is the whole way of one request: bytes → parse → server transaction → event → answer →
bytes, with the timers that forget it 37 s later. Virtual time passes at a fixed rate, so that in the steady
state the table holds 37 s of answered transactions. REGISTER is two transactions: 401, and 200 after the
digest is checked. Only CPU time of this process counts.

Run: ``python tests/benchmarks/bench_sip_core.py [transactions]``
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sipserver.sip.digest import DigestServer, Verdict, compute
from sipserver.sip.endpoint import Endpoint, Flow, ReceivedPacket, Transport
from sipserver.sip.events import RequestReceived
from sipserver.sip.message import SipResponse, make_response, parse_message

DEFAULT_TRANSACTIONS = 100_000
# Requests per second of virtual time: 60,000 devices with a keepalive each 60 s, and some.
RATE = 2_000
DEVICES = 5_000
REALM = "3402000000"
PASSWORD = "Abc-12345"
PLATFORM = "34020000002000000001"

KEEPALIVE = (
    "MESSAGE sip:{platform}@{realm} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 10.0.{high}.{low}:5060;rport;branch=z9hG4bK{number:08x}\r\n"
    "From: <sip:{device}@{realm}>;tag={number:08x}\r\n"
    "To: <sip:{platform}@{realm}>\r\n"
    "Call-ID: {number:010x}@10.0.{high}.{low}\r\n"
    "CSeq: 20 MESSAGE\r\n"
    "Content-Type: Application/MANSCDP+xml\r\n"
    "Max-Forwards: 70\r\n"
    "User-Agent: Bench/1.0\r\n"
    "Content-Length: {length}\r\n\r\n{body}"
)
BODY = (
    '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
    "<SN>{number}</SN>\r\n<DeviceID>{device}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
)
REGISTER = (
    "REGISTER sip:{platform}@{realm} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 10.0.{high}.{low}:5060;rport;branch=z9hG4bK{number:08x}{cseq}\r\n"
    "From: <sip:{device}@{realm}>;tag={number:08x}\r\n"
    "To: <sip:{device}@{realm}>\r\n"
    "Call-ID: {number:010x}@10.0.{high}.{low}\r\n"
    "CSeq: {cseq} REGISTER\r\n"
    "Contact: <sip:{device}@10.0.{high}.{low}:5060>\r\n"
    "Max-Forwards: 70\r\n"
    "User-Agent: Bench/1.0\r\n"
    "X-GB-Ver: 3.0\r\n"
    "Expires: 3600\r\n"
    "{authorization}"
    "Content-Length: 0\r\n\r\n"
)


def fields(number: int) -> dict[str, object]:
    device = number % DEVICES
    return {
        "platform": PLATFORM,
        "realm": REALM,
        "device": f"34020000001320{device:06}",
        "number": number,
        "high": device // 250,
        "low": device % 250 + 1,
    }


def flow_of(number: int) -> Flow:
    device = number % DEVICES
    return Flow(Transport.UDP, ("192.0.2.10", 5060), (f"10.0.{device // 250}.{device % 250 + 1}", 5060))


def keepalives(amount: int) -> Iterable[ReceivedPacket]:
    for number in range(amount):
        values = fields(number)
        body = BODY.format(**values)
        yield ReceivedPacket(
            KEEPALIVE.format(length=len(body), body=body, **values).encode(), flow_of(number)
        )


def registers(amount: int, server: DigestServer) -> Iterable[ReceivedPacket]:
    """Pairs: one without credentials, one with the answer to a nonce of the server under test."""
    for number in range(amount // 2):
        values = fields(number)
        yield ReceivedPacket(REGISTER.format(cseq=1, authorization="", **values).encode(), flow_of(number))
        nonce = server.challenge(2 * number / RATE).nonce
        uri = f"sip:{PLATFORM}@{REALM}"
        response = compute(
            username=str(values["device"]),
            realm=REALM,
            password=PASSWORD,
            method="REGISTER",
            uri=uri,
            nonce=nonce,
        )
        authorization = (
            f'Authorization: Digest username="{values["device"]}",realm="{REALM}",nonce="{nonce}",'
            f'uri="{uri}",response="{response}",algorithm=MD5\r\n'
        )
        data = REGISTER.format(cseq=2, authorization=authorization, **values)
        yield ReceivedPacket(data.encode(), flow_of(number))


def answer_ok(event: RequestReceived, now: float) -> SipResponse:
    return make_response(event.request, 200)


def registrar(server: DigestServer) -> Callable[[RequestReceived, float], SipResponse]:
    def answer(event: RequestReceived, now: float) -> SipResponse:
        request = event.request
        authorization = server.read(request)
        if authorization is None:
            challenges = [("WWW-Authenticate", text) for text in server.challenge_texts(now)]
            return make_response(request, 401, headers=[*challenges, ("X-GB-Ver", "3.0")])
        if server.verify(authorization, request.method, PASSWORD, now) is not Verdict.ACCEPTED:
            return make_response(request, 403)
        expires = request.headers.get("Expires")
        return make_response(request, 200, headers=[("Expires", expires), ("X-GB-Ver", "3.0")])

    return answer


def run(packets: list[ReceivedPacket], answer: Callable[[RequestReceived, float], SipResponse]) -> float:
    """CPU seconds for all packets; the answers are checked afterwards."""
    tokens = count()
    endpoint = Endpoint(lambda: f"{next(tokens):016x}")
    last = b""
    started = time.process_time()
    for number, packet in enumerate(packets):
        now = number / RATE
        endpoint.receive(packet, now)
        for event in endpoint.events():
            if isinstance(event, RequestReceived):
                endpoint.respond(event.key, answer(event, now), now)
        for outgoing in endpoint.packets_to_send():
            last = outgoing.data
        due = endpoint.next_timer()
        if due is not None and due <= now:
            endpoint.handle_timer(now)
    spent = time.process_time() - started
    stats = endpoint.stats
    final = parse_message(last)
    if not isinstance(final, SipResponse) or final.status != 200:
        raise SystemExit(f"the last answer was {final!r}")
    if sum(stats.responses_sent.values()) != len(packets):
        raise SystemExit(f"{len(packets)} requests, answers: {dict(stats.responses_sent)}")
    return spent


def main() -> None:
    amount = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TRANSACTIONS
    print(f"python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} CPUs, one used")
    print(f"command: python tests/benchmarks/bench_sip_core.py {amount}")
    print(f"{amount} transactions each, {RATE} per second of virtual time, {DEVICES} devices")
    server = DigestServer(REALM, bytes(range(32)))
    cases = (
        ("keepalive MESSAGE", list(keepalives(amount)), answer_ok),
        ("REGISTER 401 + 200", list(registers(amount, server)), registrar(server)),
    )
    for name, packets, answer in cases:
        spent = run(packets, answer)
        rate, each_us = len(packets) / spent, spent / len(packets) * 1e6
        print(f"{name:20s} {rate:9,.0f} transactions per CPU-second ({each_us:.1f} µs each)")


if __name__ == "__main__":
    main()
