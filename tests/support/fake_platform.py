"""The API of a platform without a platform: for developing and testing the pages.

Run it to look at the pages: ``python tests/support/fake_platform.py PORT [empty|large]``.
Log in as admin, operator or viewer; the password is the name.
"""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse

sys.path.insert(0, str(Path(__file__).parents[2]))

from access.roles import ROLES, Role
from console.client import Client
from console.pages import mount
from tests.support.fake_camera import add_camera_routes
from tests.support.fake_device import add_device_routes
from tests.support.fake_history import add_history_routes
from tests.support.fake_sources import add_source_routes
from tests.support.fake_subordinates import add_subordinate_routes
from tests.support.fake_superiors import add_superior_routes
from tests.support.live_picture import LivePicture, recorded_file, serve_live

TOKEN = "token-of-the-fake"
TOKENS = {TOKEN: Role.ADMIN, "token-of-the-operator": Role.OPERATOR, "token-of-the-viewer": Role.VIEWER}
NVR, CAMERA, OFFLINE = "34020000001110000001", "34020000001320000002", "34020000001320000009"
CHANGING = "2"
WITHOUT_SUB = "3"
PICTURES = {"1": ("H264", 0), "2": ("H264", 1), "3": ("H264", 2), "4": ("H265", 0)}
NAMES = {"1": "人民路口 北", "2": "人民路口 南", "3": "市民广场 东门", "4": "第一小学 正门"}


class FakePlatform:
    """State of the fake: channels, recordings wanted, sessions open."""

    def __init__(self, kind: str = "small") -> None:
        self.kind = kind
        self.recording: set[str] = set()
        self.sessions: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.channels = {} if kind == "empty" else {c["key"]: c for c in self._channels()}

    def devices(self) -> list[dict[str, Any]]:
        if self.kind == "empty":
            return []
        own = [_device(NVR, "仿真录像机", True, "UDP"), _device(OFFLINE, "东门枪机", False, None)]
        if self.kind == "large":
            own += [_device(f"3402000000111{n:07}", f"录像机 {n}", n % 7 != 0, "TCP") for n in range(10, 60)]
        for device in own:
            device["channels"] = sum(c["device_id"] == device["device_id"] for c in self.channels.values())
        return own

    def channel(self, key: str) -> dict[str, Any] | None:
        channel = self.channels.get(key)
        if channel is None:
            return None
        wanted = key in self.recording
        streaming = key in self.sessions.values()
        return {**channel, "recording": wanted, "recording_wanted": wanted, "streaming": streaming}

    def _channels(self) -> list[dict[str, Any]]:
        yield_list = [_channel(NVR, f"3402000000131000000{n}", NAMES[n], True) for n in PICTURES]
        yield_list.append(_channel(OFFLINE, "34020000001310000009", "东门枪机", False))
        if self.kind == "large":
            for device in range(10, 60):
                for n in range(200):
                    key = f"3402{device:04}001310{n:06}"
                    yield_list.append(
                        _channel(f"3402000000111{device:07}", key, f"街道 {device} 第 {n} 路", n % 9 != 0)
                    )
        return yield_list


def _device(device_id: str, name: str, online: bool, transport: str | None) -> dict[str, Any]:
    return {"device_id": device_id, "name": name, "online": online, "transport": transport, "channels": 0}


def _channel(device_id: str, channel_id: str, name: str, online: bool) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "channel_id": channel_id,
        "key": f"{device_id}~{channel_id}",
        "name": name,
        "online": online,
        "streaming": False,
        "recording": False,
        "recording_wanted": False,
        "record_always": False,
        "retention_class": "ordinary",
        "kind": "camera",
        "parent_ids": [],
        "ptz_type": 3 if channel_id.endswith("3") else 1,
    }


def problem(status: int, code: str) -> JSONResponse:
    body = {"type": code, "title": code, "status": status, "detail": f"{code} in English.", "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")


@cache
def segment_file(number: int) -> bytes:
    return recorded_file(number % 3, 4)


def make_fake(platform: FakePlatform) -> FastAPI:
    """The application, pages included."""
    app = FastAPI()
    api = "/api/v1"
    app.state.resets = [platform.recording.clear, platform.sessions.clear, platform.asked.clear]

    @app.post("/fake/reset")
    async def reset() -> None:
        for forget in app.state.resets:
            forget()

    @app.middleware("http")
    async def demand_login(request: Request, call_next: Any) -> Response:
        path = request.url.path
        token = request.cookies.get("tongshi_session") or request.headers.get("authorization", "")[7:]
        if path.startswith(api) and path != f"{api}/login" and token not in TOKENS:
            return problem(401, "unauthenticated")
        return await call_next(request)  # type: ignore[no-any-return]

    @app.post(f"{api}/login")
    async def login(body: dict[str, str], response: Response) -> Any:
        name = body["username"]
        token = next(
            (token for token, role in TOKENS.items() if role.value == name == body["password"]), None
        )
        if token is None:
            return problem(401, "wrong-password")
        response.set_cookie("tongshi_session", token, httponly=True)
        return {
            "token": token,
            "username": name,
            "role": name,
            "expires_at": datetime.now(UTC).isoformat(),
        }

    @app.post(f"{api}/logout", status_code=204)
    async def logout(response: Response) -> None:
        response.delete_cookie("tongshi_session")

    @app.get(f"{api}/me")
    async def me(request: Request) -> Any:
        token = request.cookies.get("tongshi_session") or request.headers.get("authorization", "")[7:]
        role = TOKENS[token]
        return {"username": role, "role": role, "actions": sorted(action.value for action in ROLES[role])}

    @app.get(f"{api}/server")
    async def server() -> Any:
        addresses = ["udp:192.0.2.7:5060", "tcp:192.0.2.7:5060"]
        return {
            "version": "0",
            "sip_id": "34020000002000000001",
            "sip_domain": "3402000000",
            "sip_addresses": addresses,
        }

    @app.get(f"{api}/overview")
    async def overview() -> Any:
        return {
            "devices": 2,
            "devices_online": 1,
            "cameras": len(platform.channels),
            "cameras_online": sum(c["online"] for c in platform.channels.values()),
            "recordings": len(platform.recording),
            "recordings_wanted": len(platform.recording),
            "disk_free_bytes": 3_210_000_000_000,
            "disk_total_bytes": 8_000_000_000_000,
            "disk_writable": True,
        }

    @app.get(f"{api}/devices")
    async def devices() -> Any:
        return {"items": platform.devices(), "next": None}

    @app.get(f"{api}/devices/{{device_id}}/channels")
    async def device_channels(device_id: str) -> Any:
        keys = [key for key in platform.channels if key.startswith(device_id)]
        return {"items": [platform.channel(key) for key in keys], "next": None}

    @app.post(f"{api}/devices/{{device_id}}/catalog")
    async def catalog(device_id: str) -> Any:
        return {"device_id": device_id, "channels": 4, "complete": True}

    @app.get(f"{api}/channels")
    async def channels() -> Any:
        return {"items": [platform.channel(key) for key in platform.channels], "next": None}

    @app.get(f"{api}/channels/{{key}}")
    async def channel(key: str) -> Any:
        return platform.channel(key) or problem(404, "unknown-channel")

    @app.post(f"{api}/channels/{{key}}/live")
    async def live(key: str, request: Request, wanted: dict[str, str] | None = None) -> Any:
        found = platform.channel(key)
        if found is None:
            return problem(404, "unknown-channel")
        if not found["online"] or key[-1] not in PICTURES:
            return problem(503, "device-offline")
        asked = wanted or {}
        codec = PICTURES[key[-1]][0]
        if codec == "H265" and asked.get("codec") == "h264":
            return problem(503, "no-slot-free")
        stream = "main" if key[-1] == WITHOUT_SUB else asked.get("stream", "main")
        platform.asked.append((key, asked.get("stream", "main")))
        session_id = f"{len(platform.sessions) + 1:016x}"
        platform.sessions[session_id] = key
        url = f"ws://{request.url.netloc}/fake/{key[-1]}"
        return {
            "session_id": session_id,
            "device_id": found["device_id"],
            "channel_id": found["channel_id"],
            "stream": stream,
            "video": {"codec": codec, "width": 640, "height": 360},
            "audio": None,
            "urls": {"fmp4_ws": url, "fmp4_http": ""},
        }

    @app.websocket("/fake/{number}")
    async def picture(socket: WebSocket, number: str) -> None:
        changed = LivePicture("H264", 2, 320, 180) if number == CHANGING else None
        await serve_live(socket, LivePicture(*PICTURES[number]), changed)

    @app.get(f"{api}/sessions/{{session_id}}")
    async def session(session_id: str) -> Any:
        if session_id not in platform.sessions:
            return problem(404, "unknown-session")
        return {
            "session_id": session_id,
            "fps": 25,
            "bitrate_kbps": 2013,
            "packet_loss_ratio": 0.0012,
        }

    @app.get(f"{api}/sessions")
    async def sessions() -> Any:
        return {"items": [], "next": None}

    @app.get(f"{api}/captures")
    async def captures() -> Any:
        return {"items": [], "next": None}

    @app.delete(f"{api}/sessions/{{session_id}}", status_code=204)
    async def close_session(session_id: str) -> None:
        platform.sessions.pop(session_id, None)

    @app.put(f"{api}/channels/{{key}}/recording")
    async def record(key: str) -> Any:
        platform.recording.add(key)
        return {"device_id": "", "channel_id": "", "wanted": True, "recording": True}

    @app.delete(f"{api}/channels/{{key}}/recording")
    async def stop(key: str) -> Any:
        platform.recording.discard(key)
        return {"device_id": "", "channel_id": "", "wanted": False, "recording": False}

    @app.get(f"{api}/channels/{{key}}/recordings")
    async def recordings(key: str, start: datetime, end: datetime) -> Any:
        if not key.endswith("1"):
            return {"items": [], "next": None}
        items = []
        for number in range(12):
            begin = start + timedelta(hours=1 + (number >= 6), seconds=4 * number)
            items.append(
                {
                    "segment_id": f"run-{number:06}",
                    "start": begin.isoformat(),
                    "end": (begin + timedelta(seconds=4)).isoformat(),
                    "size_bytes": 900_000,
                    "video_codec": "H264",
                }
            )
        return {"items": items, "next": None}

    @app.get(f"{api}/recordings/run-{{number}}.mp4")
    async def segment(number: int, request: Request) -> Response:
        data = segment_file(number)
        spec = request.headers.get("range", "")
        if not spec.startswith("bytes="):
            return Response(data, media_type="video/mp4", headers={"accept-ranges": "bytes"})
        first, _, last = spec[6:].partition("-")
        begin, stop_at = int(first), int(last) if last else len(data) - 1
        headers = {"content-range": f"bytes {begin}-{stop_at}/{len(data)}", "accept-ranges": "bytes"}
        return Response(data[begin : stop_at + 1], 206, headers=headers, media_type="video/mp4")

    add_camera_routes(app, api)
    add_device_routes(app, api, platform.devices)
    add_history_routes(app, api, PICTURES)
    add_source_routes(app, api)
    add_superior_routes(app, api)
    add_subordinate_routes(app, api)

    def client_of(request: Request) -> Client:
        return Client.in_process(app, request.cookies.get("tongshi_session"), base_url=str(request.base_url))

    mount(app, client_of)
    return app


if __name__ == "__main__":
    import uvicorn

    port, kind = int(sys.argv[1]), (sys.argv[2] if len(sys.argv) > 2 else "small")
    fake = make_fake(FakePlatform(kind))
    with socket.create_server(("127.0.0.1", port)) as listener:
        # Who connects from now on waits until the application is up.
        print(f"listening on {port}", flush=True)
        uvicorn.Server(uvicorn.Config(fake, log_level="warning", timeout_graceful_shutdown=1)).run(
            sockets=[listener]
        )
