"""What the SIP trace costs: CPU time per packet, beside the cost of a whole transaction.

Method: bursts of 16 received packets and 16 sent, as the driver hands them over, from 1,000 flows; CPU time
of this process; the median of five runs, less that of the empty loop. A transaction of bench_registrar.py is
one packet in and one out.

Run: python tests/benchmarks/bench_trace.py [bursts]
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sipserver.devices.tracing.ladder import ladder
from sipserver.devices.tracing.trace import _selected
from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.transport.trace import WATCHES_MAX, SipTrace, packets_of

BURST = 16
FLOWS = 1000
RING_BYTES = 32 << 20
PLATFORM = "34020000002000000001"
Burst = tuple[list[ReceivedPacket], list[OutgoingPacket]]


def device_id(number: int) -> str:
    return f"3402000000132{number:07d}"


def request(method: str, number: int, body: str = "") -> bytes:
    device = device_id(number)
    return (
        f"{method} sip:{PLATFORM}@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK{number:08x}\r\n"
        f"From: <sip:{device}@3402000000>;tag={number:08x}\r\nTo: <sip:{PLATFORM}@3402000000>\r\n"
        f"Call-ID: {number:010x}@10.0.0.1\r\nCSeq: 20 {method}\r\nContact: <sip:{device}@10.0.0.1:5060>\r\n"
        f"Max-Forwards: 70\r\nUser-Agent: Bench/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer(method: str, number: int) -> bytes:
    device = device_id(number)
    return (
        "SIP/2.0 200 OK\r\n"
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;rport=5060;received=10.0.0.1;branch=z9hG4bK{number:08x}\r\n"
        f"From: <sip:{device}@3402000000>;tag={number:08x}\r\nTo: <sip:{PLATFORM}@3402000000>;tag=1\r\n"
        f"Call-ID: {number:010x}@10.0.0.1\r\nCSeq: 20 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def bursts(method: str, body: str = "") -> list[Burst]:
    flows = [Flow(Transport.UDP, ("10.9.9.9", 5060), ("10.0.0.1", 1024 + number)) for number in range(FLOWS)]
    made = []
    for start in range(0, FLOWS - BURST, BURST):
        numbers = range(start, start + BURST)
        received = [ReceivedPacket(request(method, number, body), flows[number]) for number in numbers]
        made.append((received, [OutgoingPacket(answer(method, number), flows[number]) for number in numbers]))
    return made


def cost_ns(run: Callable[[Burst], None], material: list[Burst], count: int) -> float:
    """CPU nanoseconds of one packet in and one out."""
    measured = []
    for _ in range(5):
        began = time.process_time_ns()
        for number in range(count):
            run(material[number % len(material)])
        measured.append((time.process_time_ns() - began) / (count * BURST))
    return statistics.median(measured)


def tapped(trace: SipTrace) -> Callable[[Burst], None]:
    def run(burst: Burst) -> None:
        trace.received(burst[0])
        trace.sent(burst[1])
        trace.handled()

    return run


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    body = (
        '<?xml version="1.0"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n<SN>1</SN>\r\n'
        f"<DeviceID>{PLATFORM}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
    )
    keepalives, registers = bursts("MESSAGE", body), bursts("REGISTER")
    idle = cost_ns(lambda burst: None, keepalives, count)
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, Linux {platform.release()},"
        f" load average {os.getloadavg()[0]:.1f}; {count * BURST:,} transactions a run"
    )
    for name, material, watches in (
        ("keepalive and its 200 (left out)", keepalives, 0),
        ("REGISTER and its 200 (kept)", registers, 0),
        (f"keepalive, {WATCHES_MAX} other devices watched", keepalives, WATCHES_MAX),
        (f"REGISTER, {WATCHES_MAX} other devices watched", registers, WATCHES_MAX),
    ):
        trace = SipTrace(RING_BYTES, 2 << 20)
        for number in range(watches):
            trace.watch(device_id(900_000 + number), None)
        cost = cost_ns(tapped(trace), material, count) - idle
        print(f"{name:44} {cost / 1000:6.2f} µs per transaction, {len(trace.ring):6d} packets held")
    bursts_held = trace.ring.bursts()
    began = time.process_time()
    found = _selected(packets_of(bursts_held), device_id(7), None, None, 5000)
    selected = time.process_time()
    ladder(found)
    print(
        f"looking up one device among {len(trace.ring)} packets: {(selected - began) * 1000:.0f} ms "
        f"in a thread;"
        f" drawing {len(found)} steps: {(time.process_time() - selected) * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
