"""A device made of text and sockets: it shares no code with what it plays against."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

Predicate = Callable[["Message"], bool]
DEADLINE_S = 5.0


@dataclass
class Message:
    """What came in, split at the first empty line and at line ends, and no further."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes
    source: tuple[str, int] | None = None

    @classmethod
    def parse(cls, raw: bytes, source: tuple[str, int] | None = None) -> Message:
        head, _, body = raw.partition(b"\r\n\r\n")
        start, *lines = head.decode(errors="replace").split("\r\n")
        headers = [
            (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        return cls(start, headers, body, raw, source)

    def get(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    def get_all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0")

    @property
    def method(self) -> str:
        return self.start.split(" ")[0] if self.is_request else self.get("CSeq").split(" ")[1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,]+)", self.get("Via"))
        return found.group(1) if found else ""

    def xml(self, name: str) -> str:
        found = re.search(rf"<{name}>([^<]*)</{name}>", self.body.decode("gb18030"))
        return found.group(1) if found else ""


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, device: ScriptedDevice) -> None:
        self._device = device

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._device.arrived(Message.parse(data, addr))


class _Stream(asyncio.Protocol):
    def __init__(self, device: ScriptedDevice) -> None:
        self._device = device
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")  # the answer to a ping
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])  # type: ignore[index]
            if len(rest) < length:
                return
            self._device.arrived(Message.parse(head + separator + rest[:length]))
            self._buffer = rest[length:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._device.closed.set()


class ScriptedDevice:
    """Sends what a test says, answers what it was told to answer, remembers the rest in an inbox.

    ``answers`` maps a method to a function from the request to the response text to send, or to None for
    silence. MESSAGE is answered 200 unless a test says otherwise.
    """

    def __init__(
        self,
        device_id: str,
        server: tuple[str, int],
        *,
        platform_id: str = "34020000002000000001",
        password: str = "Abc-12345",  # noqa: S107
        kind: str = "UDP",
        local: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.id = device_id
        self.server = server
        self.platform_id = platform_id
        self.realm = platform_id[:10]
        self.password = password
        self.kind = kind
        self.inbox: list[Message] = []
        self.seen: list[Message] = []
        self.answers: dict[str, Callable[[Message], str | bytes | None]] = {
            "MESSAGE": lambda request: self.response(request, 200)
        }
        self.closed = asyncio.Event()
        self.call_id = f"reg-{device_id}"
        self._local = local
        self._arrived = asyncio.Condition()
        self._transport: asyncio.BaseTransport | None = None
        self._cseq = itertools.count(1)
        self._branches = itertools.count(1)
        self._answered: dict[tuple[str, str], str | bytes | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ life

    async def open(self, tls: ssl.SSLContext | None = None) -> ScriptedDevice:
        loop = asyncio.get_running_loop()
        if self.kind == "UDP":
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=self._local
            )
        else:
            self._transport, _ = await loop.create_connection(lambda: _Stream(self), *self.server, ssl=tls)
        return self

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> ScriptedDevice:
        return self if self._transport is not None else await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def address(self) -> tuple[str, int]:
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    @property
    def hostport(self) -> str:
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # ------------------------------------------------------------ in

    def arrived(self, message: Message) -> None:
        self.seen.append(message)
        if message.is_request and message.method in self.answers:
            key = (message.method, message.branch)
            if key in self._answered:  # a repetition gets the same answer, and is not new
                self._reply(self._answered[key])
                return
            answer = self._answered[key] = self.answers[message.method](message)
            self._reply(answer)
        self.inbox.append(message)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def expect(self, wanted: Predicate, deadline_s: float = DEADLINE_S) -> Message:
        """The first message that fits, now or until the deadline; it is taken out of the inbox."""
        async with asyncio.timeout(deadline_s), self._arrived:
            while True:
                for message in self.inbox:
                    if wanted(message):
                        self.inbox.remove(message)
                        return message
                await self._arrived.wait()

    async def request(self, method: str, deadline_s: float = DEADLINE_S) -> Message:
        return await self.expect(lambda each: each.is_request and each.method == method, deadline_s)

    async def final(self, branch: str, deadline_s: float = DEADLINE_S) -> Message:
        return await self.expect(
            lambda each: not each.is_request and each.branch == branch and each.status >= 200, deadline_s
        )

    async def _tell(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    def _reply(self, answer: str | bytes | None) -> None:
        if answer is not None:
            self.send(answer)

    # ------------------------------------------------------------ out

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        data = text.encode() if isinstance(text, str) else text
        if self._transport is None:
            return
        if self.kind == "UDP":
            self._transport.sendto(data, to or self.server)  # type: ignore[attr-defined]
        else:
            self._transport.write(data)  # type: ignore[attr-defined]

    def branch(self) -> str:
        return f"z9hG4bK{self.id[-4:]}x{next(self._branches):08d}"

    def text(
        self,
        method: str,
        *,
        branch: str,
        call_id: str,
        cseq: int,
        from_: str | None = None,
        to: str | None = None,
        headers: str = "",
        body: bytes = b"",
        uri: str | None = None,
    ) -> bytes:
        head = (
            f"{method} {uri or f'sip:{self.platform_id}@{self.realm}'} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.kind} {self.hostport};rport;branch={branch}\r\n"
            f"From: {from_ or f'<sip:{self.id}@{self.realm}>;tag=t{self.id[-4:]}'}\r\n"
            f"To: {to or f'<sip:{self.platform_id}@{self.realm}>'}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def response(
        self, request: Message, status: int, reason: str = "X", *, headers: str = "", body: bytes = b""
    ) -> bytes:
        vias = "".join(f"Via: {via}\r\n" for via in request.get_all("Via"))
        to = request.get("To")
        if "tag=" not in to and status > 100:
            to += f";tag=dev{self.id[-4:]}"
        head = (
            f"SIP/2.0 {status} {reason}\r\n{vias}From: {request.get('From')}\r\nTo: {to}\r\n"
            f"Call-ID: {request.get('Call-ID')}\r\nCSeq: {request.get('CSeq')}\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def ask(self, method: str, **parts: object) -> Message:
        """Send a request of its own and wait for the final answer."""
        branch = self.branch()
        cseq = next(self._cseq)
        parts.setdefault("call_id", f"c{cseq}-{self.id}")
        self.send(self.text(method, branch=branch, cseq=cseq, **parts))  # type: ignore[arg-type]
        return await self.final(branch)

    # ------------------------------------------------------------ what devices do

    async def register(
        self, *, expires: int | None = 3600, password: str | None = None, headers: str = ""
    ) -> Message:
        """The four messages of a registration; returns the last answer."""
        first = await self.register_once(expires=expires, headers=headers)
        if first.status != 401:
            return first
        return await self.register_once(
            expires=expires, headers=headers + self.credentials(first, password=password)
        )

    async def register_once(self, *, expires: int | None = 3600, headers: str = "") -> Message:
        headers = f"Contact: <sip:{self.id}@{self.hostport}>\r\n" + headers
        if expires is not None:
            headers += f"Expires: {expires}\r\n"
        to = f"<sip:{self.id}@{self.realm}>"
        return await self.ask("REGISTER", call_id=self.call_id, to=to, headers=headers)

    def credentials(self, challenge: Message, *, password: str | None = None, uri: str | None = None) -> str:
        values = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.get("WWW-Authenticate")))
        uri = uri or f"sip:{self.platform_id}@{self.realm}"

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        ha1 = md5(f"{self.id}:{values['realm']}:{password or self.password}")
        answer = md5(f"{ha1}:{values['nonce']}:{md5(f'REGISTER:{uri}')}")
        return (
            f'Authorization: Digest username="{self.id}",realm="{values["realm"]}",'
            f'nonce="{values["nonce"]}",uri="{uri}",response="{answer}",algorithm=MD5\r\n'
        )

    async def keepalive(self, sn: int = 1, **parts: object) -> Message:
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
            f"<SN>{sn}</SN>\r\n<DeviceID>{self.id}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
        )
        return await self.message(body.encode(), **parts)

    async def message(self, body: bytes, **parts: object) -> Message:
        headers = "Content-Type: Application/MANSCDP+xml\r\n"
        return await self.ask("MESSAGE", body=body, headers=headers, **parts)

    async def send_catalog(
        self, sn: str, channel_ids: list[str], *, sum_num: int, name: str = "大门 camera"
    ) -> Message:
        """One fragment of a catalogue answer."""
        items = "".join(
            f"<Item><DeviceID>{channel_id}</DeviceID><Name>{name}</Name><Manufacturer>Demo</Manufacturer>"
            "<Model>D1</Model><Owner>o</Owner><CivilCode>340200</CivilCode><Address>a</Address>"
            f"<Parental>0</Parental><ParentID>{self.id}</ParentID><RegisterWay>1</RegisterWay>"
            "<Secrecy>0</Secrecy><Status>ON</Status></Item>"
            for channel_id in channel_ids
        )
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Response><CmdType>Catalog</CmdType>'
            f"<SN>{sn}</SN><DeviceID>{self.id}</DeviceID><SumNum>{sum_num}</SumNum>"
            f'<DeviceList Num="{len(channel_ids)}">{items}</DeviceList></Response>\r\n'
        )
        return await self.message(body.encode("gb18030"))

    async def query(self, cmd_type: str, deadline_s: float = DEADLINE_S) -> Message:
        """The next query of the platform for this command."""
        return await self.expect(
            lambda each: each.is_request and each.method == "MESSAGE" and each.xml("CmdType") == cmd_type,
            deadline_s,
        )
