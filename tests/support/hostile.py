"""What a hostile network sends: SIP that is none, and peers that nobody invited."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

# Linux answers on all of 127/8, so that a stranger is not the camera's own address.
STRANGER: Final = "127.0.0.66"
SERVER_ID: Final = "34020000002000000001"
NOBODY_ID: Final = "34020000001329999999"

_numbers = itertools.count(1)


class DatagramPeer:
    """A UDP socket of a stranger that counts what goes each way."""

    def __init__(self, remote: tuple[str, int], host: str = STRANGER) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((host, 0))
        self.remote: Final = remote
        self.sent_packets = self.sent_bytes = 0
        self.received: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def local(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    @property
    def received_bytes(self) -> int:
        return sum(map(len, self.take()))

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self.remote)
        except ConnectionRefusedError:
            return  # an earlier packet found a closed port; this one is lost as well
        self.sent_packets += 1
        self.sent_bytes += len(data)

    def take(self) -> list[bytes]:
        """Everything received so far."""
        while True:
            try:
                self.received.append(self._socket.recv(65_535))
            except (BlockingIOError, ConnectionRefusedError):
                return self.received

    async def next(self, timeout_s: float = 5.0) -> bytes:
        """The next datagram."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            data = await loop.sock_recv(self._socket, 65_535)
        self.received.append(data)
        return data


def sip(
    method: str = "MESSAGE",
    *,
    sender: str = NOBODY_ID,
    transport: str = "UDP",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
    length: bool = True,
    call_id: str = "",
    branch: str = "",
) -> bytes:
    """A request that is in order, but for what is asked to be wrong with it."""
    number = next(_numbers)
    lines = [
        f"{method} sip:{SERVER_ID}@3402000000 SIP/2.0",
        f"Via: SIP/2.0/{transport} {STRANGER}:5060;rport;branch={branch or f'z9hG4bK{number}'}",
        f"From: <sip:{sender}@3402000000>;tag=f{number}",
        f"To: <sip:{SERVER_ID}@3402000000>",
        f"Call-ID: {call_id or f'hostile{number}'}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *headers,
    ]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def smallest(method: str) -> bytes:
    """The shortest request that is answered at all: the worst case of amplification."""
    number = next(_numbers)
    return (
        f"{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK{number:x}\r\n"
        f"f:<sip:{NOBODY_ID}@a>\r\nt:<sip:a>\r\ni:{number:x}\r\nCSeq:1 {method}\r\n\r\n"
    ).encode()


def keepalive(device_id: str) -> bytes:
    return xml("Notify", "Keepalive", device_id, b"<Status>OK</Status>")


def xml(root: str, command: str, device_id: str, inside: bytes = b"", declaration: bytes = b"") -> bytes:
    return (
        b'<?xml version="1.0" encoding="GB2312"?>\r\n'
        + declaration
        + f"<{root}><CmdType>{command}</CmdType><SN>1</SN><DeviceID>{device_id}</DeviceID>".encode()
        + inside
        + f"</{root}>".encode()
    )


def hostile_documents(device_id: str) -> Iterator[bytes]:
    """Bodies for a parser: entities, bombs, depth, width, wrong charsets, and half of everything."""
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 50}">' for n in range(10))
    outside = b'<!DOCTYPE Notify [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    yield xml("Notify", "Keepalive", device_id, b"<Status>&e9;</Status>", f"<!DOCTYPE a [{bomb}]>".encode())
    yield xml("Notify", "Keepalive", device_id, b"<Status>&x;</Status>", outside)
    yield xml("Notify", "Keepalive", device_id, b"", b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">')
    yield xml("Response", "Catalog", device_id, b"<a>" * 9_000 + b"</a>" * 2_000)
    yield xml("Response", "Catalog", device_id, b"<a>" * 6_000)
    yield xml("Response", "Catalog", device_id, b"<Item/>" * 8_000)
    yield xml("Response", "Catalog", device_id, b"<SumNum>" + b"9" * 5_000 + b"</SumNum>")
    yield xml("Response", "DeviceInfo", device_id, b"<Name " + b'a="b" ' * 4_000 + b"/>")
    yield xml("Notify", "Keepalive", device_id, b"\x00" * 50_000)
    yield xml("Notify", "Keepalive", device_id).decode().encode("utf-16")
    yield xml("Notify", "Keepalive" * 2_000, device_id)
    yield b"\xff" * 60_000
    yield b"<" * 60_000
    yield b"&" * 60_000
    yield b"<?xml version='1.0' encoding='no-such-charset'?><Notify/>"
    yield xml("Notify", "Keepalive", device_id)[:-20]


def unanswerable() -> Iterator[bytes]:
    """Datagrams that deserve no answer: nobody can tell who asks for what."""
    dice = random.Random(28181)
    whole = sip(headers=("Content-Type: Application/MANSCDP+xml",), body=keepalive(NOBODY_ID))
    yield from (dice.randbytes(size) for size in (5, 20, 300, 1_400, 60_000, 65_507))
    yield from (b"\0" * size for size in (5, 100, 65_507))
    yield from (whole[:cut] for cut in (1, 20, 40, 80, 120))
    yield b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(200)
    yield b"SIP/2.0 200 OK\r\n\r\n"
    yield b"SIP/2.0 999999 OK\r\nVia: x\r\n\r\n"
    yield b"SIP/2.0 200 OK\r\n" + b"\r\n".join(whole.split(b"\r\n")[1:])
    yield re.sub(rb"Via: [^\r]*\r\n", b"", whole)
    yield re.sub(rb"CSeq: [^\r]*\r\n", b"CSeq: \xb2\xb3 MESSAGE\r\n", whole)
    yield re.sub(rb"CSeq: [^\r]*\r\n", b"CSeq: " + b"9" * 5_000 + b" MESSAGE\r\n", whole)
    yield re.sub(rb"Call-ID: [^\r]*\r\n", b"", whole)
    yield sip("ACK")
    yield sip("ACK", headers=("Content-Length: 5", "Content-Length: 6"), length=False)
    yield sip(headers=tuple(f"X-{number}: y" for number in range(5_000)))
    yield sip(headers=("X-Long: " + "y" * 65_000,), length=False)[:65_507].replace(b"CSeq", b"Seq")


def answerable(device_id: str) -> Iterator[bytes]:
    """Requests of strangers that may be answered once: refused, challenged, or told what is wrong."""
    manscdp = ("Content-Type: Application/MANSCDP+xml",)
    yield sip().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)
    yield sip(headers=("X-Long: " + "y" * 65_000,))[:65_507]
    yield sip(headers=("Via: " + "SIP/2.0/UDP a;branch=b, " * 2_000,))[:40_000]
    for length in (("-5",), ("5", "6"), ("x",), ("99999999999999999999",), ("\N{SUPERSCRIPT TWO}",)):
        lines = tuple(f"Content-Length: {each}" for each in length)
        yield sip(headers=lines, length=False, body=b"hello")
    for body in hostile_documents(NOBODY_ID):
        yield sip(headers=manscdp, body=body)
    yield sip(headers=manscdp, body=keepalive(NOBODY_ID))
    yield sip(headers=manscdp, body=keepalive(device_id))
    yield sip(sender=device_id, headers=manscdp, body=keepalive(device_id))
    yield sip(
        sender=device_id, headers=manscdp, body=xml("Response", "Catalog", device_id, b"<SumNum>0</SumNum>")
    )
    for method in ("BYE", "CANCEL", "SUBSCRIBE", "NOTIFY", "INFO", "OPTIONS", "FLY"):
        yield sip(method)
        yield sip(method, sender=device_id)
    yield sip("REGISTER", sender="x" * 60)
    yield sip("REGISTER", sender=SERVER_ID)
    yield sip("REGISTER", headers=("Contact: *", "Expires: 0"))
    yield sip("REGISTER", headers=("Authorization: Digest " + "a=b," * 5_000,))
    yield sip("REGISTER", headers=('Authorization: Digest username="' + "é" * 9_000,))
    yield sip("REGISTER", headers=("Expires: " + "9" * 9_000, "Contact: <<<>>>"))


def register_with_wrong_password(device_id: str) -> bytes:
    return sip(
        "REGISTER",
        sender=device_id,
        headers=(
            f"Contact: <sip:{device_id}@{STRANGER}:5060>",
            f'Authorization: Digest username="{device_id}", realm="3402000000", '
            f'nonce="{next(_numbers):032x}", uri="sip:{SERVER_ID}@3402000000", '
            f'response="{"0" * 32}", algorithm=MD5',
            "Expires: 3600",
        ),
    )


def rtp(sequence: int, ssrc: int, payload: bytes = b"\0" * 1_200, first: int = 0x80, kind: int = 96) -> bytes:
    return (
        struct.pack("!BBHII", first, kind, sequence & 0xFFFF, sequence * 3_600 & 0xFFFFFFFF, ssrc) + payload
    )


def hostile_rtp(ssrc: int) -> Iterator[bytes]:
    """Packets for a receive port: no RTP, RTP that lies about its own parts, and RTCP of nobody."""
    dice = random.Random(3550)
    yield from (dice.randbytes(size) for size in (1, 11, 12, 13, 100, 1_400, 9_000))
    yield rtp(1, ssrc, b"", first=0x8F)
    yield rtp(2, ssrc, b"\0" * 20, first=0x8F)
    yield rtp(3, ssrc, b"\0\0\xff\xff", first=0x90)
    yield rtp(4, ssrc, b"\xff" * 40, first=0xA0)
    yield rtp(5, ssrc, b"\xff" * 60_000, first=0xBF)
    yield rtp(6, ssrc, b"\0\0\x01\xba" + dice.randbytes(1_000))
    yield from (rtp(number, ssrc, b"", kind=number) for number in range(192, 224))
    yield b"\0" * 65_000
