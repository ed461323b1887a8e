"""One camera of the fake platform: moving it, its presets, and why it shows no picture."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

HELD = "4"
"""Of the camera with this last digit somebody else has the control, until it is taken over."""
STUBBORN = "9"
"""Nobody may take this one."""
STILL = {"pan": 0, "tilt": 0, "zoom": 0, "focus": 0, "iris": 0}


class FakeCamera:
    """What was asked of one camera."""

    def __init__(self, key: str) -> None:
        self.holder = "night-desk" if key[-1] in (HELD, STUBBORN) else None
        self.movements: list[dict[str, float]] = []
        self.said: list[str] = []
        self.presets = {1: "大门", 2: "收费岗亭", 7: ""}
        self.home = {"enabled": False, "preset": 1, "reset_time_s": 60}

    def status(self) -> dict[str, Any]:
        lock = None
        if self.holder is not None:
            expires = datetime.now(UTC) + timedelta(seconds=9)
            is_mine = self.holder == "me"
            lock = {
                "holder": "admin" if is_mine else self.holder,
                "priority": 50,
                "expires_at": expires.isoformat(),
                "is_mine": is_mine,
            }
        movement = self.movements[-1] if self.movements else STILL
        return {
            "lock": lock,
            "movement": movement,
            "is_moving": any(movement.values()),
            "is_stop_owed": False,
        }


def problem(status: int, code: str) -> JSONResponse:
    body = {"type": code, "title": code, "status": status, "detail": f"{code} in English.", "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")


def add_camera_routes(app: FastAPI, api: str) -> None:
    """Routes below ``channels/{key}``; ``/fake/cameras/{key}`` tells a test what was asked."""
    cameras: dict[str, FakeCamera] = {}

    def camera(key: str) -> FakeCamera:
        return cameras.setdefault(key, FakeCamera(key))

    app.state.resets.append(cameras.clear)

    @app.get("/fake/cameras/{key}")
    async def asked(key: str) -> Any:
        return {"movements": camera(key).movements, "said": camera(key).said}

    @app.get(f"{api}/channels/{{key}}/ptz")
    async def status(key: str) -> Any:
        return camera(key).status()

    @app.post(f"{api}/channels/{{key}}/ptz/stop")
    async def stop(key: str) -> Any:
        camera(key).said.append("stop")
        return camera(key).status()

    @app.put(f"{api}/channels/{{key}}/ptz/lock")
    async def lock(key: str) -> Any:
        if key[-1] == STUBBORN:
            return problem(409, "control-held")
        camera(key).holder = "me"
        return camera(key).status()

    @app.delete(f"{api}/channels/{{key}}/ptz/lock", status_code=204)
    async def unlock(key: str) -> None:
        camera(key).holder = None

    @app.websocket(f"{api}/channels/{{key}}/ptz/joystick")
    async def joystick(socket: WebSocket, key: str) -> None:
        await socket.accept()
        await socket.send_json({"type": "status", "status": camera(key).status()})
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                camera(key).movements.append(await socket.receive_json())
                camera(key).holder = "me"
        camera(key).said.append("joystick closed")

    @app.get(f"{api}/channels/{{key}}/presets")
    async def presets(key: str) -> Any:
        found = sorted(camera(key).presets.items())
        return {"items": [{"number": number, "name": name} for number, name in found]}

    @app.put(f"{api}/channels/{{key}}/presets/{{number}}", status_code=204)
    async def set_preset(key: str, number: int, body: dict[str, str]) -> None:
        camera(key).presets[number] = body["name"]
        camera(key).said.append(f"set {number}")

    @app.delete(f"{api}/channels/{{key}}/presets/{{number}}", status_code=204)
    async def delete_preset(key: str, number: int) -> None:
        camera(key).presets.pop(number, None)
        camera(key).said.append(f"delete {number}")

    @app.post(f"{api}/channels/{{key}}/presets/{{number}}/call", status_code=204)
    async def call_preset(key: str, number: int) -> None:
        camera(key).said.append(f"call {number}")

    @app.get(f"{api}/channels/{{key}}/home-position")
    async def home(key: str) -> Any:
        return {"home_position": camera(key).home}

    @app.put(f"{api}/channels/{{key}}/home-position")
    async def set_home(key: str, body: dict[str, Any]) -> Any:
        camera(key).home = body
        return {"outcome": "done"}

    @app.post(f"{api}/channels/{{key}}/diagnosis")
    async def diagnose(key: str, request: Request) -> Response:
        device_id, _, channel_id = key.partition("~")
        settings = [
            {"place": "network", "key": "media.rtp_ports over TCP", "value": "open"},
            {"place": "profile", "key": "media_transport", "value": "udp"},
        ]
        evidence = [
            "the device did not connect to port 30002 (TCP_PASSIVE) within 15 s",
            "answered 200 after 0.2 s",
        ]
        steps = [
            ("registered", "passed", "online from 198.51.100.20:5060 over UDP"),
            ("answers", "passed", "answers a status query"),
            ("addresses", "warned", "media is asked for to 203.0.113.5, which is no address of this machine"),
            ("listed", "passed", "in the catalogue"),
            ("invited", "failed", "no TCP connection came about"),
        ]
        found = {
            "device_id": device_id,
            "channel_id": channel_id,
            "verdict": {
                "reason": "tcp-refused",
                "title": "No TCP connection for media came about",
                "advice": "A firewall closes our media ports for TCP, or the device cannot do it.",
                "evidence": evidence,
                "settings": settings,
            },
            "warnings": [
                {
                    "reason": "channel-off",
                    "title": "The device itself calls the channel off",
                    "advice": "Check the camera behind it.",
                    "evidence": ["its catalogue says Status OFF"],
                    "settings": [],
                }
            ],
            "steps": [
                {"name": name, "outcome": outcome, "text": text, "took_s": 0.1}
                for name, outcome, text in steps
            ],
            "call_id": "live-12-0001@192.0.2.10",
            "begin": datetime.now(UTC).isoformat(),
            "took_s": 15.4,
        }
        return JSONResponse(found)
