"""A subordinate platform with a large catalogue: its own process, standard library only.

Run: python tests/benchmarks/catalog_load.py PORT CHANNELS ITEMS_PER_MESSAGE

It registers, waits for the Catalog query, and sends its fragments one after the other, each when the one
before is answered with 200 (GB-C061). A line of JSON tells when the first was sent and the last was
answered, on the monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Final

PLATFORM_ID: Final = "34020000002000000001"
SUBORDINATE_ID: Final = "34020000002000000009"
REALM: Final = PLATFORM_ID[:10]
PASSWORD: Final = "Abc-12345"
URI: Final = f"sip:{PLATFORM_ID}@{REALM}"
REPEAT_S: Final = 0.5


class Subordinate:
    """One socket, one request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(REPEAT_S)
        self._serial = 0
        self.query = b""

    def ask(self, method: str, headers: str, body: bytes = b"") -> bytes:
        """Send a request until it is answered; queries that come meanwhile are answered 200."""
        self._serial += 1
        host, port = self._socket.getsockname()
        user = SUBORDINATE_ID if method == "REGISTER" else PLATFORM_ID
        head = (
            f"{method} {URI} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{self._serial}\r\n"
            f"From: <sip:{SUBORDINATE_ID}@{REALM}>;tag=1\r\nTo: <sip:{user}@{REALM}>\r\n"
            f"Call-ID: c{self._serial}@{host}\r\nCSeq: {self._serial} {method}\r\n"
            f"Max-Forwards: 70\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        datagram = head.encode() + body
        wanted = f"branch=z9hG4bK{self._serial}".encode()
        while True:
            self._socket.send(datagram)
            try:
                while wanted not in (answer := self.receive()) or not answer.startswith(b"SIP/2.0"):
                    pass
            except TimeoutError:
                continue
            return answer

    def receive(self) -> bytes:
        datagram = self._socket.recv(65_535)
        if not datagram.startswith(b"SIP/2.0"):
            lines = datagram.partition(b"\r\n\r\n")[0].split(b"\r\n")
            names = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
            kept = [line for line in lines[1:] if line.partition(b":")[0] in names]
            self._socket.send(b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""]))
            if b"<CmdType>Catalog</CmdType>" in datagram:
                self.query = datagram
        return datagram

    def register(self) -> None:
        headers = f"Contact: <sip:{SUBORDINATE_ID}@127.0.0.1>\r\nExpires: 3600\r\n"
        challenge = self.ask("REGISTER", headers)
        nonce = re.search(rb'nonce="([^"]+)"', challenge)
        assert nonce is not None, challenge
        answer = self.ask("REGISTER", headers + _authorization(nonce.group(1).decode()))
        assert answer.startswith(b"SIP/2.0 200"), answer

    def say(self, body: str) -> None:
        answer = self.ask("MESSAGE", "Content-Type: Application/MANSCDP+xml\r\n", body.encode("gb18030"))
        assert answer.startswith(b"SIP/2.0 200"), answer


def fragments(sn: str, channels: int, size: int) -> Iterator[str]:
    for first in range(0, channels, size):
        numbers = range(first, min(first + size, channels))
        items = "".join(map(_item, numbers))
        yield (
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>\r\n'
            f"<SN>{sn}</SN>\r\n<DeviceID>{SUBORDINATE_ID}</DeviceID>\r\n<SumNum>{channels}</SumNum>\r\n"
            f'<DeviceList Num="{len(numbers)}">\r\n{items}</DeviceList>\r\n</Response>\r\n'
        )


def _item(number: int) -> str:
    return (
        f"<Item>\r\n<DeviceID>3402000000131{number:07d}</DeviceID>\r\n<Name>人民路口{number}</Name>\r\n"
        "<Manufacturer>Load</Manufacturer>\r\n<Model>Fleet</Model>\r\n<Owner>0</Owner>\r\n"
        f"<CivilCode>340200</CivilCode>\r\n<Address>Street</Address>\r\n<Parental>0</Parental>\r\n"
        f"<ParentID>{SUBORDINATE_ID}</ParentID>\r\n<RegisterWay>1</RegisterWay>\r\n<Secrecy>0</Secrecy>\r\n"
        f"<Status>ON</Status>\r\n<Longitude>118.{number:06d}</Longitude>\r\n<Latitude>31.3</Latitude>\r\n"
        "<Info>\r\n<PTZType>1</PTZType>\r\n</Info>\r\n</Item>\r\n"
    )


def _authorization(nonce: str) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    response = md5(f"{md5(f'{SUBORDINATE_ID}:{REALM}:{PASSWORD}')}:{nonce}:{md5(f'REGISTER:{URI}')}")
    return (
        f'Authorization: Digest username="{SUBORDINATE_ID}",realm="{REALM}",nonce="{nonce}",uri="{URI}",'
        f'response="{response}",algorithm=MD5\r\n'
    )


def main() -> None:
    port, channels, size = map(int, sys.argv[1:4])
    subordinate = Subordinate(port)
    subordinate.register()
    print("ready", flush=True)
    while not subordinate.query:
        try:
            subordinate.receive()
        except TimeoutError:
            continue
    found = re.search(rb"<SN>(\d+)</SN>", subordinate.query)
    assert found is not None
    begun = time.monotonic()
    for body in fragments(found.group(1).decode(), channels, size):
        subordinate.say(body)
    print(json.dumps({"begun": begun, "ended": time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
