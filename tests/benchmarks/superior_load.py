"""Superior platforms that take what they are sent: their own process, standard library only.

Run: python tests/benchmarks/superior_load.py COUNT

Each has a socket of its own; the first line says on which ports. They accept every REGISTER and answer every
request with 200 at once. Commands, one to a line, each answered with a line of JSON:

``query ADDRESS``            the first asks for the catalogue and reports when its first and last item came
``subscribe ADDRESS``        all subscribe to the catalogue
``expect FIRST RATE COUNT``  camera number k is said to change at FIRST + k / RATE on the monotonic clock
                             that all processes of a machine share; reports how much later each heard of it
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from typing import Any, Final

OWN_ID: Final = "34010000002000000001"
ITEM: Final = re.compile(rb"<Item>\r?\n<DeviceID>(\d+)</DeviceID>\r?\n<Event>")
WAIT_S: Final = 600.0


def superior_id(number: int) -> str:
    return f"3400000000200{number:07d}"


class Superior:
    """One socket."""

    def __init__(self, number: int) -> None:
        self.id = superior_id(number)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self.socket.bind(("127.0.0.1", 0))
        self.serial = 0
        self.items = 0
        self.messages = 0
        self.sum_num = -1
        self.first_at = self.last_at = 0.0
        self.heard: dict[int, float] = {}

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def ask(self, method: str, address: tuple[str, int], headers: str = "") -> None:
        self.serial += 1
        body = (
            f'<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n'
            f"<SN>{self.serial}</SN>\r\n<DeviceID>{OWN_ID}</DeviceID>\r\n</Query>\r\n"
        )
        head = (
            f"{method} sip:{OWN_ID}@3401000000 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{self.id}{self.serial}\r\n"
            f"From: <sip:{self.id}@{self.id[:10]}>;tag=1\r\nTo: <sip:{OWN_ID}@3401000000>\r\n"
            f"Call-ID: {self.id}-{self.serial}\r\nCSeq: {self.serial} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self.id}@127.0.0.1:{self.port}>\r\n{headers}"
            f"Content-Type: Application/MANSCDP+xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendto((head + body).encode(), address)

    def receive(self) -> None:
        datagram, source = self.socket.recvfrom(65_535)
        if datagram.startswith(b"SIP/2.0"):
            return
        head, _, body = datagram.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        names = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
        kept = [line for line in lines[1:] if line.partition(b":")[0] in names]
        if datagram.startswith(b"REGISTER"):
            kept.append(b"Expires: 3600")
        self.socket.sendto(b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""]), source)
        if b"<CmdType>Catalog</CmdType>" not in body:
            return
        now = time.monotonic()
        self.messages += 1
        if datagram.startswith(b"NOTIFY"):
            for item in ITEM.findall(body):
                self.heard.setdefault(int(item[-7:]), now)
            return
        found = re.search(rb"<SumNum>(\d+)</SumNum>", body)
        assert found is not None
        self.sum_num = int(found.group(1))
        self.first_at = self.first_at or now
        self.last_at = now
        self.items += body.count(b"<Item>")


def percentile(values: list[float], fraction: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] if ordered else 0.0


class Load:
    """All of them."""

    def __init__(self, count: int) -> None:
        self.superiors = [Superior(number) for number in range(1, count + 1)]
        self.selector = selectors.DefaultSelector()
        for superior in self.superiors:
            self.selector.register(superior.socket, selectors.EVENT_READ, superior)
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    def turn(self, timeout_s: float) -> str:
        """Take what came; a command when there is one."""
        line = ""
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                line = sys.stdin.readline().strip() or "quit"
            else:
                key.data.receive()
        return line

    def query(self, address: tuple[str, int]) -> dict[str, Any]:
        first = self.superiors[0]
        first.items = first.messages = 0
        first.sum_num, first.first_at = -1, 0.0
        begun = time.monotonic()
        first.ask("MESSAGE", address)
        while first.items != first.sum_num and time.monotonic() - begun < WAIT_S:
            self.turn(1.0)
        return {
            "items": first.items,
            "sum_num": first.sum_num,
            "messages": first.messages,
            "first_s": first.first_at - begun,
            "all_s": first.last_at - begun,
        }

    def expect(self, first: float, rate: float, count: int) -> dict[str, Any]:
        deadline = first + count / rate + 30.0
        while time.monotonic() < deadline and any(len(each.heard) < count for each in self.superiors):
            self.turn(0.2)
        delays = [
            at - (first + number / rate) for each in self.superiors for number, at in each.heard.items()
        ]
        return {
            "heard": [len(each.heard) for each in self.superiors],
            "notifies": sum(each.messages for each in self.superiors),
            "p50_s": percentile(delays, 0.5),
            "p99_s": percentile(delays, 0.99),
            "max_s": max(delays, default=0.0),
        }


def main() -> None:
    load = Load(int(sys.argv[1]))
    print("ready", flush=True)
    print(json.dumps({"ports": [superior.port for superior in load.superiors]}), flush=True)
    while (line := load.turn(1.0)) != "quit":
        command, *arguments = line.split() or [""]
        report: dict[str, Any] = {}
        if command in ("query", "subscribe"):
            host, _, port = arguments[0].rpartition(":")
            if command == "query":
                report = load.query((host, int(port)))
            else:
                for superior in load.superiors:
                    superior.ask("SUBSCRIBE", (host, int(port)), "Event: Catalog\r\nExpires: 3600\r\n")
        elif command == "expect":
            report = load.expect(float(arguments[0]), float(arguments[1]), int(arguments[2]))
        if command:
            print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
