"""Devices of the fake platform: how they stand, and their alarms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.support.fake_trace import PEER, add_trace_routes
from tests.support.live_picture import recorded_file


class FakeAlarms:
    """Alarms, and who listens to their news."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.listeners: list[asyncio.Queue[tuple[str, dict[str, Any]]]] = []

    def tell(self, name: str, alarm: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener.put_nowait((name, alarm))


def alarm(number: int, device_id: str, channel_id: str, minutes_ago: float, **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "alarm_id": f"{number:08x}",
        "device_id": device_id,
        "source_id": channel_id,
        "channel_id": channel_id,
        "priority": 1,
        "method": 5,
        "type": 6,
        "event": 1,
        "text": "intrusion, entering",
        "text_chinese": "入侵检测报警(进入区域)",
        "time": at.isoformat(),
        "received": at.isoformat(),
        "last": at.isoformat(),
        "repeats": 0,
        "description": "",
        "type_text": "",
        "extra": [],
        "longitude": None,
        "latitude": None,
        "form": "notify",
        "acknowledged_by": None,
        "acknowledged": None,
        "note": "",
        "actions": [],
        **more,
    }


def file_action(kind: str, file_kind: str, state: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    file_id = f"{file_kind}-{state}"
    return {
        "kind": kind,
        "device_id": None,
        "channel_id": None,
        "outcome": "done" if state == "ready" else "waiting",
        "detail": "",
        "file": {
            "file_id": file_id,
            "kind": file_kind,
            "state": state,
            "start": now,
            "end": now,
            "size_bytes": 900_000,
            "keep_until": now,
            "detail": "",
            "url": f"/api/v1/alarm-files/{file_id}" if state == "ready" else None,
        },
    }


def add_device_routes(app: FastAPI, api: str, devices: Callable[[], list[dict[str, Any]]]) -> None:
    """Routes below ``devices/{device_id}``, alarms, events and outages."""
    alarms = FakeAlarms()
    app.state.resets.append(alarms.items.clear)
    known = {device["device_id"]: device for device in devices()}
    _add_alarms(app, api, alarms, list(known))
    _add_state(app, api, known)
    add_trace_routes(app, api)


def _add_alarms(app: FastAPI, api: str, alarms: FakeAlarms, device_ids: list[str]) -> None:
    def begin() -> None:
        if not device_ids:
            return
        device_id = device_ids[0]
        clip, picture = file_action("record", "clip", "ready"), file_action("snapshot", "picture", "ready")
        waiting = file_action("record", "clip", "waiting")
        failed = {"kind": "preset", "outcome": "failed", "detail": "the device did not answer", "file": None}
        others = {"text": "video loss", "text_chinese": "视频丢失报警", "method": 2, "type": 1, "priority": 2}
        done = {"acknowledged_by": "operator1", "acknowledged": datetime.now(UTC).isoformat()}
        first, second = "34020000001310000001", "34020000001310000002"
        alarms.items[:] = [
            alarm(3, device_id, first, 2, actions=[clip, picture], repeats=4, description="东侧围墙"),
            alarm(2, device_id, second, 11, actions=[waiting, failed], **others),
            alarm(1, device_id, first, 90, priority=3, **done),
        ]

    begin()
    app.state.resets.append(begin)

    @app.get(f"{api}/alarms")
    async def listed(acknowledged: bool | None = None, limit: int = 100) -> Any:
        found = [
            a for a in alarms.items if acknowledged is None or bool(a["acknowledged_by"]) is acknowledged
        ]
        return {"items": found[:limit], "next": "more" if len(found) > limit else None}

    @app.post(f"{api}/alarms/{{alarm_id}}/acknowledge")
    async def acknowledge(alarm_id: str) -> Any:
        found = next(item for item in alarms.items if item["alarm_id"] == alarm_id)
        found.update(acknowledged_by="admin", acknowledged=datetime.now(UTC).isoformat())
        alarms.tell("alarm-changed", found)
        return found

    @app.post("/fake/alarm")
    async def raised() -> Any:
        new = alarm(
            len(alarms.items) + 1, device_ids[0], "34020000001310000002", 0, text_chinese="移动目标检测报警"
        )
        new["text"] = "moving target"
        alarms.items.insert(0, new)
        alarms.tell("alarm-raised", new)
        return new

    @app.get(f"{api}/alarm-files/{{file_id}}")
    async def file(file_id: str) -> Response:
        if file_id.startswith("clip"):
            return Response(recorded_file(1, 4), media_type="video/mp4")
        return Response(PICTURE, media_type="image/svg+xml")

    @app.get(f"{api}/events")
    async def events() -> StreamingResponse:
        queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        alarms.listeners.append(queue)

        async def stream() -> AsyncIterator[str]:
            try:
                yield "retry: 1000\n\n"
                while True:
                    name, data = await queue.get()
                    yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
            finally:
                alarms.listeners.remove(queue)

        return StreamingResponse(stream(), media_type="text/event-stream")


PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360">'
    '<rect width="640" height="360" fill="#345"/></svg>'
)


def _add_state(app: FastAPI, api: str, known: dict[str, dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    subscribed: dict[str, str] = {}
    guards: list[dict[str, Any]] = []
    asked: list[str] = []

    def begin() -> None:
        subscribed.clear()
        subscribed.update(catalog="active", alarm="waiting")

    begin()
    app.state.resets += [guards.clear, asked.clear, begin]

    def ago(seconds: float) -> str:
        return (now - timedelta(seconds=seconds)).isoformat()

    @app.get("/fake/devices")
    async def what_was_asked() -> Any:
        return asked

    @app.get(f"{api}/devices/{{device_id}}")
    async def device(device_id: str) -> Any:
        found = known.get(device_id)
        if found is None:
            return JSONResponse({"code": "unknown-device", "status": 404, "title": "No such device"}, 404)
        online = {
            "remote": PEER,
            "edition": "2.0",
            "manufacturer": "Hikvision",
            "model": "DS-7916N",
            "firmware": "V4.31.105",
            "registered_at": ago(7_400),
            "expires_at": ago(-1_200),
            "last_seen_at": ago(20),
            "catalog_at": ago(3_000),
            "catalog_complete": True,
        }
        return {**found, **(online if found["online"] else {"last_seen_at": ago(90_000)})}

    @app.post(f"{api}/devices/{{device_id}}/restart")
    async def restart(device_id: str) -> Any:
        asked.append(f"restart {device_id}")
        return {"outcome": "accepted"}

    @app.get(f"{api}/devices/{{device_id}}/clock")
    @app.post(f"{api}/devices/{{device_id}}/clock")
    async def clock(device_id: str) -> Any:
        if not known[device_id]["online"]:
            return {"device_id": device_id, "offset_s": None, "changes": []}
        return {
            "device_id": device_id,
            "offset_s": 42.2,
            "error_s": 1.0,
            "source": "status",
            "measured_at": ago(300),
            "drifting_since": ago(9_000),
            "zone_hours": 0,
            "changes": [],
        }

    @app.get(f"{api}/devices/{{device_id}}/alarm-situation")
    async def situation(device_id: str) -> Any:
        return {"device_id": device_id, "guards": guards, "newest": ago(120), "advice": []}

    @app.put(f"{api}/devices/{{device_id}}/guard")
    async def guard(device_id: str, body: dict[str, Any]) -> Any:
        state = {
            "target_id": device_id,
            "armed": body["armed"],
            "confirmed": True,
            "changed": datetime.now(UTC).isoformat(),
            "changed_by": "admin",
        }
        guards[:] = [state]
        return state

    @app.get(f"{api}/devices/{{device_id}}/subscriptions")
    async def subscriptions(device_id: str) -> Any:
        items = [
            {
                "device_id": device_id,
                "kind": kind,
                "target_id": device_id,
                "state": state,
                "error": "refused with 489" if state == "waiting" else "",
                "notifies": 12,
                "is_mute": False,
            }
            for kind, state in subscribed.items()
        ]
        return {"items": items, "next": None}

    @app.put(f"{api}/devices/{{device_id}}/subscriptions/{{kind}}")
    async def subscribe(device_id: str, kind: str) -> Any:
        subscribed[kind] = "active"
        return {}

    @app.delete(f"{api}/devices/{{device_id}}/subscriptions/{{kind}}", status_code=204)
    async def unsubscribe(device_id: str, kind: str) -> None:
        subscribed.pop(kind, None)

    @app.get(f"{api}/outages")
    async def outages(device_id: str) -> Any:
        ended = {
            "outage_id": "1",
            "device_id": device_id,
            "channel_id": None,
            "site": "10.1.2.0/24",
            "began_at": ago(90_000),
            "ended_at": ago(86_500) if known[device_id]["online"] else None,
            "cause": "power",
            "is_site_wide": True,
            "evidence": "9 of 9 devices of 10.1.2.0/24 fell silent within 31 s",
            "advice": "",
        }
        return {"items": [ended], "next": None}

    @app.get(f"{api}/devices/{{device_id}}/profile")
    async def profile(device_id: str) -> Any:
        values = [
            ("media_transport", "udp", "answered RTP/AVP to an offer over TCP", "learned from this device"),
            (
                "scales_refused",
                "8,16",
                "PLAY with Scale: 8 was answered 454",
                "learned from devices of its kind",
            ),
            ("ssrc", "own", "", "pinned for its kind"),
        ]
        return {
            "device_id": device_id,
            "manufacturer": "Hikvision",
            "model": "DS-7916N",
            "firmware": "V4.31.105",
            "values": [
                {
                    "facet": facet,
                    "value": value,
                    "evidence": evidence,
                    "origin": origin,
                    "learned": ago(50_000),
                    "pinned": "pinned" in origin,
                }
                for facet, value, evidence, origin in values
            ],
        }

    @app.put(f"{api}/devices/{{device_id}}/profile/{{facet}}", status_code=204)
    async def pin(device_id: str, facet: str, body: dict[str, str]) -> None:
        asked.append(f"pin {facet}={body['value']}")

    @app.delete(f"{api}/devices/{{device_id}}/profile/{{facet}}", status_code=204)
    async def unpin(device_id: str, facet: str) -> None:
        asked.append(f"forget {facet}")
