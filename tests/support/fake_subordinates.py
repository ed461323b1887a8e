"""Subordinate platforms of the fake platform: one in each state that matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse


def _ago(**parts: float) -> str:
    return (datetime.now(UTC) - timedelta(**parts)).isoformat()


def _subordinate(number: int, name: str, state: str, **more: Any) -> dict[str, Any]:
    is_here = state in ("online", "doubtful")
    was_here = is_here or state == "lost"
    return {
        "subordinate_id": f"340201000020000000{number:02d}",
        "name": name,
        "enabled": state != "off",
        "has_password": True,
        "account": "",
        "expected_hosts": [],
        "edition": None,
        "charset": None,
        "send_date": True,
        "media_transport": None,
        "path_rank": 100,
        "catalog_every_s": None,
        "link": {
            "state": state,
            "why": more.pop("why", ""),
            "online_since": _ago(hours=26) if is_here else None,
            "registered_at": _ago(minutes=31) if was_here else None,
            "expires_at": _ago(minutes=-29) if is_here else None,
            "last_keepalive_at": _ago(seconds=22) if was_here else None,
            "last_seen_at": _ago(seconds=22) if was_here else None,
            "keepalive_interval_s": 60.0 if was_here else None,
            "transport": "UDP" if was_here else None,
            "remote": f"198.51.100.{number}:5060" if was_here else None,
            "edition": "3.0" if was_here else None,
            "user_agent": "Tongshi 0.5" if was_here else "",
        },
        "catalogue": {
            "state": more.pop("catalogue", "whole"),
            "at": _ago(minutes=12) if was_here else None,
            "age_s": 720.0 if was_here else None,
            "cameras": 8_214 if was_here else 0,
            "cameras_on": 8_102 if was_here else 0,
            "directories": 164 if was_here else 0,
            "others": 0,
            "missing": 3 if state == "lost" else 0,
        },
        "streams": more.pop("streams", 0),
        **more,
    }


def some_subordinates() -> list[dict[str, Any]]:
    return [
        _subordinate(10, "镜湖区视频共享平台", "online", streams=1, expected_hosts=["198.51.100.0/24"]),
        _subordinate(20, "弋江区平台", "lost", why="no keepalive for 183 s", catalogue="partial"),
        _subordinate(30, "鸠江区平台", "expected", why="it has never registered", catalogue="none"),
    ]


def add_subordinate_routes(app: FastAPI, api: str) -> None:
    kept: dict[str, dict[str, Any]] = {}
    asked: list[Any] = []

    @app.post("/fake/subordinates/reset")
    async def reset_subordinates(empty: bool = False) -> None:
        kept.clear()
        asked.clear()
        kept.update({} if empty else {each["subordinate_id"]: each for each in some_subordinates()})

    @app.get("/fake/subordinates")
    async def what_subordinates_were_asked() -> Any:
        return asked

    @app.get(f"{api}/subordinates")
    async def subordinates() -> Any:
        return {"items": list(kept.values()), "next": None}

    @app.post(f"{api}/subordinates", status_code=201)
    async def enter_subordinate(body: dict[str, Any]) -> Any:
        asked.append(dict(body))
        if body["subordinate_id"] in kept:
            problem = {"type": "x", "title": "x", "status": 409, "code": "subordinate-exists", "detail": "x"}
            return JSONResponse(problem, 409)
        body.pop("password")
        kept[body["subordinate_id"]] = _subordinate(40, "", "expected", catalogue="none") | body
        return kept[body["subordinate_id"]]

    @app.put(f"{api}/subordinates/{{subordinate_id}}")
    async def change_subordinate(subordinate_id: str, body: dict[str, Any]) -> Any:
        asked.append(body)
        kept[subordinate_id] |= body
        kept[subordinate_id]["link"]["state"] = "online" if body["enabled"] else "off"
        return kept[subordinate_id]

    @app.delete(f"{api}/subordinates/{{subordinate_id}}", status_code=204)
    async def remove_subordinate(subordinate_id: str) -> Response:
        kept.pop(subordinate_id)
        return Response(status_code=204)

    @app.get(f"{api}/subordinates/{{subordinate_id}}/streams")
    async def subordinate_streams(subordinate_id: str) -> Any:
        stream = {
            "channel": f"{subordinate_id}~34020100001320000007",
            "stream": "main",
            "session_id": "1",
            "state": "playing",
            "transport": "UDP",
            "ssrc": "0200000001",
            "holders": ["live", "record"],
            "age_s": 3_725.0,
            "path": [subordinate_id, "34020101002000000001"],
        }
        return {"items": [stream] * kept[subordinate_id]["streams"], "next": None}

    @app.post(f"{api}/subordinates/{{subordinate_id}}/test-call")
    async def trial(subordinate_id: str) -> Any:
        if kept[subordinate_id]["link"]["state"] != "online":
            detail = "lost: no keepalive for 183 s"
            steps = [{"name": "registration", "ok": False, "detail": detail, "took_ms": 0.1}]
            return {"ok": False, "steps": steps}
        said = {
            "registration": "registered from 198.51.100.10:5060",
            "answer": "DeviceInfo: 镜湖区视频共享平台",
            "catalogue": "8214 cameras, whole",
            "picture": "H264 1920x1080 from 34020100001320000007",
        }
        steps = [{"name": name, "ok": True, "detail": text, "took_ms": 84.0} for name, text in said.items()]
        return {"ok": True, "steps": steps}
