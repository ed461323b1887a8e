"""The load of the scale benchmarks: a fleet of devices in a process of its own, standard library only.

Run: python tests/benchmarks/fleet_load.py PORT DEVICES

Every device has an address of its own within 127.0.0.0/8: one socket sends from all of them, because each
datagram carries its source address (IP_PKTINFO). Devices behave as the standard says: a request without an
answer is repeated after 0.5, 1, 2, 4, 4 ... seconds, a challenge is answered, a query of the platform gets
200 and then a MESSAGE with the business answer.

Commands come on standard input, one per line; a line of JSON on standard output tells how each went. Between
commands queries are answered, and a device that is refused a keepalive stays silent.
    register SECONDS     every device registers, evenly spread over so many seconds, with a Call-ID as before
    restart SECONDS      the same, with a new Call-ID, as after a power cut
    keepalive SECONDS INTERVAL   keepalives of all devices for so long
    quit
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
import re
import select
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PLATFORM_ID: Final = "34020000002000000001"
REALM: Final = PLATFORM_ID[:10]
PASSWORD: Final = "Abc-12345"
SOURCE_PORT: Final = 45_062
GIVE_UP_S: Final = 32.0
GIVEN_UP_PAUSE_S: Final = 10.0  # shorter than real devices wait, which only makes it harder
BUFFER_BYTES: Final = 4 * 1024 * 1024
IP_PKTINFO: Final = getattr(socket, "IP_PKTINFO", 8)
URI: Final = f"sip:{PLATFORM_ID}@{REALM}"

_NONCE: Final = re.compile(rb'nonce="([^"]+)"')
_RETRY_AFTER: Final = re.compile(rb"\r\nRetry-After: (\d+)")
_BRANCH: Final = re.compile(rb"branch=z9hG4bK(\d+)x(\d+)")


def device_id(number: int) -> str:
    return f"3402000000132{number:07d}"


def host(number: int) -> str:
    """127.1.0.1 and on; never an address that ends in 0 or 255."""
    rest, last = divmod(number, 254)
    return f"127.{1 + rest // 256}.{rest % 256}.{1 + last}"


@dataclass(slots=True)
class Pending:
    """A request that waits for its answer."""

    number: int
    datagram: bytes
    interval: float
    give_up_at: float
    is_register: bool


@dataclass
class Outcome:
    """What one command brought; ``done`` counts registrations, or keepalives and business answers."""

    done: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    given_up: int = 0
    seconds: float = 0.0


class Fleet:
    """All devices; ``serial`` tells their requests apart."""

    def __init__(self, port: int, devices: int, source_port: int = SOURCE_PORT) -> None:
        self._platform = ("127.0.0.1", port)
        self._devices = devices
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._socket.bind(("0.0.0.0", source_port))  # noqa: S104 - every loopback address
        self._socket.setblocking(False)
        self._source_port = source_port
        self._serial = 0
        self._life = 0
        self._pending: dict[int, Pending] = {}
        self._timers: list[tuple[float, int]] = []
        self._later: list[tuple[float, int]] = []
        self._is_registering = False
        self._sources = [
            [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, socket.inet_aton(host(n)), b"\0" * 4))]
            for n in range(devices)
        ]
        self.outcome = Outcome()

    # ---------------------------------------------------------------- commands

    def register(self, seconds: float, *, new_life: bool) -> Outcome:
        """Until every device is registered: a device that is put off or not answered comes again."""
        self._life += new_life
        self._is_registering = True
        outcome = self._drive(seconds, self._devices, self._register)
        self._is_registering = False
        return outcome

    def keepalive(self, seconds: float, interval: float) -> Outcome:
        count = int(self._devices * seconds / interval)
        return self._drive(seconds, count, self._keepalive)

    def idle(self) -> None:
        """Answer what the platform asks, until there is a command."""
        while True:
            self._repeat(time.monotonic())
            if sys.stdin in select.select([self._socket, sys.stdin], [], [], 0.1)[0]:
                return
            self._receive(0.0)

    # ---------------------------------------------------------------- the loop

    def _drive(self, seconds: float, count: int, start: Callable[[int, float], None]) -> Outcome:
        """Start ``count`` requests evenly over ``seconds``; ends when they are done, but not earlier."""
        self.outcome = Outcome()
        begun = time.monotonic()
        started = 0
        while True:
            now = time.monotonic()
            due = count if seconds <= 0 else min(count, int((now - begun) / seconds * count))
            for _ in range(min(due - started, 64)):
                start(started % self._devices, now)
                started += 1
            self._repeat(now)
            if started == count and now - begun >= seconds and self._is_over(count):
                break
            self._receive(0.0 if started < due else 0.002)
        self.outcome.seconds = time.monotonic() - begun
        return self.outcome

    def _is_over(self, count: int) -> bool:
        return self.outcome.done >= count if self._is_registering else not self._pending

    def _receive(self, timeout: float) -> None:
        if not select.select([self._socket], [], [], timeout)[0]:
            return
        try:
            for _ in range(256):
                datagram = self._socket.recv(65_535)
                if datagram.startswith(b"SIP/2.0 "):
                    self._answered(datagram)
                else:
                    self._asked(datagram)
        except BlockingIOError:
            pass

    def _repeat(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, serial = heapq.heappop(timers)
            pending = self._pending.get(serial)
            if pending is None:
                continue
            if now >= pending.give_up_at:
                del self._pending[serial]
                self.outcome.given_up += 1
                if pending.is_register:
                    heapq.heappush(self._later, (now + GIVEN_UP_PAUSE_S, pending.number))
                continue
            self.outcome.repeated += 1
            pending.interval = min(2 * pending.interval, 4.0)
            self._write(pending.number, pending.datagram)
            heapq.heappush(timers, (now + pending.interval, serial))
        while self._later and self._later[0][0] <= now:
            self._register(heapq.heappop(self._later)[1], now)

    def _send(self, number: int, datagram: bytes, serial: int, now: float) -> None:
        is_register = datagram.startswith(b"REGISTER")
        self._pending[serial] = Pending(number, datagram, 0.5, now + GIVE_UP_S, is_register)
        heapq.heappush(self._timers, (now + 0.5, serial))
        self._write(number, datagram)

    def _write(self, number: int, datagram: bytes) -> None:
        # What does not fit is lost, as on a full line, and repeated.
        with contextlib.suppress(BlockingIOError):
            self._socket.sendmsg([datagram], self._sources[number], 0, self._platform)

    # ---------------------------------------------------------------- requests of the devices

    def _register(self, number: int, now: float, authorization: str = "") -> None:
        serial = self._next()
        device, here = device_id(number), host(number)
        text = (
            f"REGISTER {URI} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here}:{self._source_port};rport;branch=z9hG4bK{number}x{serial}\r\n"
            f"From: <sip:{device}@{REALM}>;tag=f{number}\r\n"
            f"To: <sip:{device}@{REALM}>\r\n"
            f"Call-ID: reg-{self._life}-{number}@{here}\r\n"
            f"CSeq: {serial} REGISTER\r\n"
            f"Contact: <sip:{device}@{here}:{self._source_port}>\r\n"
            f"{authorization}"
            "Max-Forwards: 70\r\nUser-Agent: IP Camera\r\nX-GB-Ver: 2.0\r\n"
            "Expires: 3600\r\nContent-Length: 0\r\n\r\n"
        )
        self._send(number, text.encode(), serial, now)

    def _keepalive(self, number: int, now: float) -> None:
        self._message(
            number,
            now,
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
            f"<SN>{self._serial + 1}</SN>\r\n<DeviceID>{device_id(number)}</DeviceID>\r\n"
            "<Status>OK</Status>\r\n</Notify>\r\n",
        )

    def _message(self, number: int, now: float, body: str) -> None:
        serial = self._next()
        device, here = device_id(number), host(number)
        text = (
            f"MESSAGE {URI} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here}:{self._source_port};rport;branch=z9hG4bK{number}x{serial}\r\n"
            f"From: <sip:{device}@{REALM}>;tag=f{number}\r\n"
            f"To: <sip:{PLATFORM_ID}@{REALM}>\r\n"
            f"Call-ID: m{serial}@{here}\r\n"
            f"CSeq: {serial} MESSAGE\r\n"
            "Content-Type: Application/MANSCDP+xml\r\nMax-Forwards: 70\r\nUser-Agent: IP Camera\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._send(number, text.encode(), serial, now)

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    # ---------------------------------------------------------------- what the platform says

    def _answered(self, datagram: bytes) -> None:
        found = _BRANCH.search(datagram)
        pending = self._pending.pop(int(found.group(2)), None) if found is not None else None
        if pending is None:
            return
        status = datagram[8:11].decode()
        self.outcome.statuses[status] += 1
        if status == "401":
            nonce = _NONCE.search(datagram)
            assert nonce is not None, datagram
            now = time.monotonic()
            self._register(pending.number, now, _authorization(pending.number, nonce.group(1).decode()))
        elif status == "503":
            wait_s = int(_RETRY_AFTER.search(datagram).group(1))  # type: ignore[union-attr]
            heapq.heappush(self._later, (time.monotonic() + wait_s, pending.number))
        elif status == "200":
            self.outcome.done += pending.is_register or not self._is_registering

    def _asked(self, datagram: bytes) -> None:
        """A query of the platform: 200 at once, then the answer of a camera with one channel."""
        head, _, body = datagram.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        kept = [
            line for line in lines[1:] if line.partition(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
        ]
        user = lines[0].partition("sip:")[2].partition("@")[0]
        number = int(user[13:])
        answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode()
        self._write(number, answer)
        if b"<Query>" in body:
            self._message(number, time.monotonic(), _business_answer(user, body.decode()))


def _business_answer(device: str, query: str) -> str:
    command = query.partition("<CmdType>")[2].partition("<")[0]
    sn = query.partition("<SN>")[2].partition("<")[0]
    channel = f"{device[:10]}131{device[13:]}"
    rest = {
        "Catalog": f'<SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>{channel}</DeviceID>'
        f"<Name>Camera {device[13:]}</Name><Manufacturer>Load</Manufacturer><Model>Fleet</Model>"
        f"<Owner>0</Owner><CivilCode>340200</CivilCode><Address>Street</Address><Parental>0</Parental>"
        f"<ParentID>{device}</ParentID><RegisterWay>1</RegisterWay><Secrecy>0</Secrecy>"
        "<Status>ON</Status></Item></DeviceList>",
        "DeviceInfo": "<DeviceName>Camera</DeviceName><Result>OK</Result><Manufacturer>Load</Manufacturer>"
        "<Model>Fleet</Model><Firmware>1.0</Firmware><Channel>1</Channel>",
    }.get(command, "<Result>OK</Result>")
    return (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n'
        f"<CmdType>{command}</CmdType>\r\n<SN>{sn}</SN>\r\n<DeviceID>{device}</DeviceID>\r\n{rest}\r\n"
        "</Response>\r\n"
    )


def _authorization(number: int, nonce: str) -> str:
    device = device_id(number)

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    response = md5(f"{md5(f'{device}:{REALM}:{PASSWORD}')}:{nonce}:{md5(f'REGISTER:{URI}')}")
    return (
        f'Authorization: Digest username="{device}",realm="{REALM}",nonce="{nonce}",uri="{URI}",'
        f'response="{response}",algorithm=MD5\r\n'
    )


def main() -> None:
    fleet = Fleet(int(sys.argv[1]), int(sys.argv[2]))
    print("ready", flush=True)
    while True:
        fleet.idle()
        match sys.stdin.readline().split():
            case ["register", seconds]:
                outcome = fleet.register(float(seconds), new_life=False)
            case ["restart", seconds]:
                outcome = fleet.register(float(seconds), new_life=True)
            case ["keepalive", seconds, interval]:
                outcome = fleet.keepalive(float(seconds), float(interval))
            case _:
                return
        print(json.dumps({**vars(outcome), "statuses": dict(outcome.statuses)}), flush=True)


if __name__ == "__main__":
    main()
