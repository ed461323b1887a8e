"""A camera that is found and asked over ONVIF, on real sockets: WS-Discovery and the SOAP calls.

It has its own words for everything (prefixes, blanks, order), as cameras do, and checks who asks.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

HOST = "127.0.0.1"
SOAP = 'xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'


@dataclass
class OnvifHabits:
    """How the camera behaves; may be changed while it runs."""

    username: str = "admin"
    password: str = "onvif secret"
    clock_offset: timedelta = timedelta(0)
    has_get_services: bool = True
    has_media2: bool = True
    uses_http_digest: bool = False
    is_mute: bool = False
    told_host: str = "10.9.8.7"
    """A camera behind a translation of addresses names its own."""
    streams: list[tuple[str, str, str, int, int]] = field(
        default_factory=lambda: [
            ("Profile_2", "subStream", "H264", 640, 360),
            ("Profile_1", "mainStream", "H265", 2560, 1440),
        ]
    )
    rtsp_port: int = 554


class OnvifCamera:
    """``async with OnvifCamera() as camera``: ``camera.address`` is its device service."""

    def __init__(self, habits: OnvifHabits | None = None, group: tuple[str, int] | None = None) -> None:
        self.habits = habits or OnvifHabits()
        self.group = group
        self.calls: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._discovery: asyncio.DatagramTransport | None = None
        self._callers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/onvif/device_service"

    async def __aenter__(self) -> OnvifCamera:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        if self.group is not None:
            await self._join(self.group)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._discovery is not None:
            self._discovery.close()
        if self._server is not None:
            self._server.close()
        while self._callers:
            for writer in self._callers:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    # -- discovery

    async def _join(self, group: tuple[str, int]) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind((group[0], group[1]))
        member = struct.pack("4s4s", socket.inet_aton(group[0]), socket.inet_aton(HOST))
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        loop = asyncio.get_running_loop()
        self._discovery, _ = await loop.create_datagram_endpoint(lambda: _Answering(self), sock=listening)

    def match(self, question: str) -> bytes:
        """ProbeMatches for a Probe."""
        asked = re.search(r"MessageID>([^<]+)<", question)
        relates = asked[1] if asked else ""
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope {SOAP} xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><SOAP-ENV:Header>
<wsa:RelatesTo>{relates}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch>
<wsa:EndpointReference><wsa:Address>urn:uuid:cam-{self.port}</wsa:Address></wsa:EndpointReference>
<d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>
 onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Yard%20Cam
 onvif://www.onvif.org/hardware/DS-2CD onvif://www.onvif.org/location/East </d:Scopes>
<d:XAddrs> {self.address} http://[fe80::1]/onvif/device_service </d:XAddrs>
</d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>""".encode()

    # -- calls

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = re.search(r"(?im)^content-length:\s*(\d+)", head)
                body = (await reader.readexactly(int(size[1]) if size else 0)).decode()
                if self.habits.is_mute:
                    await reader.read()
                    return
                status, extra, answer = self._answer(head, body)
                lines = [f"HTTP/1.1 {status} X", *extra, "Content-Type: application/soap+xml"]
                lines += [f"Content-Length: {len(answer)}", "", ""]
                writer.write("\r\n".join(lines).encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._callers.discard(writer)
            writer.transport.abort()

    def _answer(self, head: str, body: str) -> tuple[int, list[str], bytes]:
        named = re.search(r"Body>\s*<(?:\w+:)?(\w+)", body)
        call = named[1] if named else ""
        self.calls.append(call)
        if call != "GetSystemDateAndTime":
            if self.habits.uses_http_digest and "authorization: digest" not in head.lower():
                return 401, ['WWW-Authenticate: Digest realm="cam", nonce="abc", qop="auth"'], b""
            if not self.habits.uses_http_digest and not self._is_authorised(body):
                return 400, [], _fault("ter:NotAuthorized", "Sender not Authorized")
        build = getattr(self, f"_{call}", None)
        if build is None or (call == "GetServices" and not self.habits.has_get_services):
            return 500, [], _fault("ter:ActionNotSupported", "Optional Action Not Implemented")
        return 200, [], _envelope(build(body))

    def _is_authorised(self, body: str) -> bool:
        parts = {
            name: found[1] if (found := re.search(rf"<(?:\w+:)?{name}(?:\s[^>]*)?>([^<]*)<", body)) else ""
            for name in ("Username", "Password", "Nonce", "Created")
        }
        if parts["Username"] != self.habits.username:
            return False
        created = datetime.strptime(parts["Created"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        if abs(created - self._now()) > timedelta(seconds=30):
            return False
        joined = base64.b64decode(parts["Nonce"]) + parts["Created"].encode() + self.habits.password.encode()
        return base64.b64encode(hashlib.sha1(joined).digest()).decode() == parts["Password"]  # noqa: S324

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.habits.clock_offset

    def _service(self, name: str) -> str:
        return f"http://{self.habits.told_host}:{self.port}/onvif/{name}"

    def _GetSystemDateAndTime(self, _: str) -> str:
        now = self._now()
        return f"""<tds:GetSystemDateAndTimeResponse xmlns:tds="http://www.onvif.org/ver10/device/wsdl">
<tds:SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>
<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month>
<tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"""

    def _GetDeviceInformation(self, _: str) -> str:
        return """<tds:GetDeviceInformationResponse xmlns:tds="http://www.onvif.org/ver10/device/wsdl">
<tds:Manufacturer>HIKVISION</tds:Manufacturer><tds:Model> DS-2CD3T46 </tds:Model>
<tds:FirmwareVersion>V5.5.82</tds:FirmwareVersion><tds:SerialNumber>E123</tds:SerialNumber>
<tds:HardwareId>88</tds:HardwareId></tds:GetDeviceInformationResponse>"""

    def _GetServices(self, _: str) -> str:
        listed = {"http://www.onvif.org/ver10/media/wsdl": "media"}
        if self.habits.has_media2:
            listed["http://www.onvif.org/ver20/media/wsdl"] = "media2"
        services = "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{self._service(name)}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for namespace, name in listed.items()
        )
        head = '<tds:GetServicesResponse xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
        return f"{head}{services}</tds:GetServicesResponse>"

    def _GetCapabilities(self, _: str) -> str:
        return f"""<tds:GetCapabilitiesResponse xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><tds:Capabilities>
<tt:Media><tt:XAddr>{self._service("media")}</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"""

    def _GetProfiles(self, body: str) -> str:
        is_media2 = "ver20/media" in body
        profiles = []
        for token, name, codec, width, height in self.habits.streams:
            video = f"""<tt:Encoding>{codec}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>
<tt:Height>{height}</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>25.0</tt:FrameRateLimit>
<tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"""
            if is_media2:
                inner = f"""<tr2:Configurations><tr2:VideoEncoder token="v">{video}</tr2:VideoEncoder>
<tr2:AudioEncoder token="a"><tt:Encoding>PCMA</tt:Encoding></tr2:AudioEncoder></tr2:Configurations>"""
                profiles.append(
                    f'<tr2:Profiles token="{token}"><tr2:Name>{name}</tr2:Name>{inner}</tr2:Profiles>'
                )
            else:
                inner = f"""<tt:VideoEncoderConfiguration token="v">{video}</tt:VideoEncoderConfiguration>
<tt:AudioEncoderConfiguration token="a"><tt:Encoding>G711</tt:Encoding></tt:AudioEncoderConfiguration>"""
                profiles.append(
                    f'<trt:Profiles token="{token}"><tt:Name>{name}</tt:Name>{inner}</trt:Profiles>'
                )
        prefix, version = ("tr2", "ver20") if is_media2 else ("trt", "ver10")
        joined = "".join(profiles)
        namespace = f'xmlns:{prefix}="http://www.onvif.org/{version}/media/wsdl"'
        return f"<{prefix}:GetProfilesResponse {namespace}>{joined}</{prefix}:GetProfilesResponse>"

    def _GetStreamUri(self, body: str) -> str:
        token = re.search(r"ProfileToken>([^<]+)<", body)
        path = f"/{token[1] if token else ''}?a=1&amp;b=2"
        uri = f"rtsp://{self.habits.told_host}:{self.habits.rtsp_port}{path}"
        if "ver20/media" in body:
            return f"""<tr2:GetStreamUriResponse xmlns:tr2="http://www.onvif.org/ver20/media/wsdl">
<tr2:Uri>{uri}</tr2:Uri></tr2:GetStreamUriResponse>"""
        return f"""<trt:GetStreamUriResponse xmlns:trt="http://www.onvif.org/ver10/media/wsdl"><trt:MediaUri>
<tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect></trt:MediaUri></trt:GetStreamUriResponse>"""


class _Answering(asyncio.DatagramProtocol):
    def __init__(self, camera: OnvifCamera) -> None:
        self._camera = camera
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(b"not XML at all", addr)
        for _ in range(2):  # some answer twice
            self._transport.sendto(self._camera.match(data.decode()), addr)


def _envelope(body: str) -> bytes:
    head = f'<?xml version="1.0" encoding="utf-8" ?>\n<SOAP-ENV:Envelope {SOAP}>'
    return f"{head}<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>".encode()


def _fault(code: str, reason: str) -> bytes:
    return _envelope(f"""<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>
<SOAP-ENV:Subcode><SOAP-ENV:Value>{code}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason>
<SOAP-ENV:Text xml:lang="en">{reason}</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>""")
