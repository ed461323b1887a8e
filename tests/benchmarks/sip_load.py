"""The load of bench_registrar.py: its own process, standard library only, datagrams built beforehand.

Run: python tests/benchmarks/sip_load.py PORT register|refresh|keepalive COUNT RUN

``refresh`` registers the same DEVICES devices again and again, ``register`` a new device each time. Runs
started by one process use the same source ports, as devices do.
"""

from __future__ import annotations

import hashlib
import os
import re
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Final

PLATFORM_ID: Final = "34020000002000000001"
REALM: Final = PLATFORM_ID[:10]
PASSWORD: Final = "Abc-12345"
DEVICES: Final = 1000
SOCKETS: Final = 8
WINDOW: Final = 16  # outstanding requests per socket
FIRST_NEW: Final = 1_000_000  # number of the first device that ``register`` brings


def device_id(number: int) -> str:
    return f"3402000000132{number:07d}"


def register_text(number: int, branch: str, cseq: int, authorization: str = "") -> bytes:
    device = device_id(number)
    return (
        f"REGISTER sip:{PLATFORM_ID}@{REALM} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{branch}\r\n"
        f"From: <sip:{device}@{REALM}>;tag=f{number}\r\n"
        f"To: <sip:{device}@{REALM}>\r\n"
        f"Call-ID: reg-{number}@127.0.0.1\r\n"
        f"CSeq: {cseq} REGISTER\r\n"
        f"Contact: <sip:{device}@127.0.0.1:5060>\r\n"
        f"{authorization}"
        "Max-Forwards: 70\r\nUser-Agent: IP Camera\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def keepalive_text(number: int, serial: int, run: str) -> bytes:
    device = device_id(number)
    body = (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
        f"<SN>{serial + 1}</SN>\r\n<DeviceID>{device}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
    )
    return (
        f"MESSAGE sip:{PLATFORM_ID}@{REALM} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKk{run}{serial}\r\n"
        f"From: <sip:{device}@{REALM}>;tag=f{number}\r\n"
        f"To: <sip:{PLATFORM_ID}@{REALM}>\r\n"
        f"Call-ID: k{run}{serial}@127.0.0.1\r\n"
        f"CSeq: 20 MESSAGE\r\n"
        "Content-Type: Application/MANSCDP+xml\r\nMax-Forwards: 70\r\nUser-Agent: IP Camera\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def authorization(number: int, answer: bytes) -> str:
    found = re.search(rb'nonce="([^"]+)"', answer)
    if found is None:
        raise SystemExit(f"no challenge in {answer[:60]!r}")
    nonce, device, uri = found.group(1).decode(), device_id(number), f"sip:{PLATFORM_ID}@{REALM}"

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    response = md5(f"{md5(f'{device}:{REALM}:{PASSWORD}')}:{nonce}:{md5(f'REGISTER:{uri}')}")
    return (
        f'Authorization: Digest username="{device}",realm="{REALM}",nonce="{nonce}",uri="{uri}",'
        f'response="{response}",algorithm=MD5\r\n'
    )


def drive(port: int, work: list[Iterator[bytes]], on_answer: Callable[[bytes], bytes | None]) -> int:
    """Keep WINDOW requests outstanding on each socket until the work is done; returns answers seen."""
    selector = selectors.DefaultSelector()
    answered = 0
    for lane, requests in enumerate(work):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 20_000 + os.getppid() % 20_000 + lane))
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, requests)
        for _ in range(WINDOW):
            if (request := next(requests, None)) is not None:
                sock.send(request)
    while True:
        ready = selector.select(timeout=1.0)
        if not ready:
            return answered
        for key, _ in ready:
            sock, requests = key.fileobj, key.data
            try:
                while True:
                    answer = sock.recv(4096)
                    answered += 1
                    following = on_answer(answer)
                    if following is None:
                        following = next(requests, None)
                    if following is not None:
                        sock.send(following)
            except BlockingIOError:
                pass


def load(port: int, kind: str, count: int, run: str) -> None:
    """Device n always speaks from socket n modulo SOCKETS."""
    serials: dict[int, int] = {}

    def device_of(serial: int) -> int:
        return FIRST_NEW + serial if kind == "register" else serial % DEVICES

    def registrations(lane: int) -> Iterator[bytes]:
        for serial in range(lane, count, SOCKETS):
            number = device_of(serial)
            serials[number] = serials.get(number, 0) + 2
            yield register_text(number, f"r{run}a{serial}", serials[number])

    def second(answer: bytes) -> bytes | None:
        status = answer[8:11]
        if status == b"401":
            found = re.search(rb"branch=z9hG4bKr\w+?a(\d+)", answer)
            serial = int(found.group(1)) if found else 0
            number = device_of(serial)
            return register_text(
                number, f"r{run}b{serial}", serials[number] + 1, authorization(number, answer)
            )
        if status != b"200":
            raise SystemExit(f"unexpected answer {answer[:60]!r}")
        return None

    def first_lines(answer: bytes) -> bytes | None:
        if answer[8:11] != b"200":
            raise SystemExit(f"unexpected answer {answer[:60]!r}")
        return None

    if kind != "keepalive":
        answered = drive(port, [registrations(lane) for lane in range(SOCKETS)], second)
    else:
        built = [
            [keepalive_text(serial % DEVICES, serial, run) for serial in range(lane, count, SOCKETS)]
            for lane in range(SOCKETS)
        ]
        answered = drive(port, [iter(lane) for lane in built], first_lines)
    print(answered, flush=True)


if __name__ == "__main__":
    load(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
