"""Superior platforms of the fake platform: one in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

NVR = "34010200001180000001"
PRESENTED = 450


def _superior(number: int, name: str, state: str, **more: Any) -> dict[str, Any]:
    link = {
        "state": state,
        "why": more.pop("why", ""),
        "since": (datetime.now(UTC) - timedelta(hours=3)).isoformat(),
        "next_in_s": more.pop("next_in_s", None),
        "remote": f"192.0.2.{number}:5060" if state == "online" else "",
        "registrations": 14,
        "refusals": 1,
        "losses": 2,
        "keepalives": 1284,
        "keepalives_missed": 0,
    }
    settings = {
        "name": name,
        "enabled": state != "off",
        "host": f"192.0.2.{number}",
        "port": 5060,
        "transport": "UDP",
        "alternate": "",
        "domain": "",
        "own_id": "34010200002000000001",
        "own_domain": "",
        "username": "",
        "edition": "3.0",
        "charset": "GB2312",
        "advertised_host": "",
        "expires_s": 3600,
        "keepalive_s": 60.0,
        "keepalive_misses": 3,
        "retry_s": 10.0,
        "retry_max_s": 300.0,
        "tree": "flat",
        "with_own_item": True,
        "id_prefix": "",
        "keeps_ids": True,
        "fragment_items": 1,
        "fragment_pause_s": 0.0,
        "notify_items": 20,
        "notify_wait_s": 1.0,
        "initial_report": "abnormal",
        "pushes_alarms": False,
        "record_source": "own_first",
        "record_wait_s": 12.0,
        "takes_ssrc": True,
        "awaits_ack": True,
        "speech_tcp": False,
        "tls_authorities": "",
        "tls_verify": True,
        "tls_name": "",
        "shares": [{"kind": "all", "value": "", "shown": True}],
    }
    streams = more.pop("streams", 0)
    told = {"superior_id": f"340000000020000000{number:02d}", "has_password": True, "link": link}
    return {**settings, **told, "streams": streams, **more}


def some_superiors() -> list[dict[str, Any]]:
    region = {"kind": "region", "value": "340102", "shown": True}
    hidden = {"kind": "device", "value": NVR, "shown": False}
    return [
        _superior(
            10, "省公安厅视频共享平台", "online", next_in_s=1740.0, streams=2, alternate="192.0.2.11:5060"
        ),
        _superior(
            20,
            "市政法委综治平台",
            "waiting",
            why="REGISTER was answered 403 Forbidden: unknown platform, or a wrong password",
            next_in_s=42.0,
            edition="2.0",
            transport="TCP",
            shares=[region, hidden],
        ),
        _superior(30, "", "off", why="switched off", shares=[]),
    ]


def _items() -> list[dict[str, Any]]:
    own = {
        "id": "34010200002000000001",
        "name": "县级平台",
        "kind": "system",
        "parent_ids": [],
        "status": None,
        "channel": None,
    }
    cameras = [
        {
            "id": f"3401020000132{number:07d}",
            "name": f"路口 {number}",
            "kind": "camera",
            "parent_ids": [own["id"]],
            "status": "OFF" if number % 7 == 0 else "ON",
            "channel": f"{NVR}~3401020000132{number:07d}",
        }
        for number in range(1, PRESENTED)
    ]
    return [own, *cameras]


def _stream(number: int, state: str, form: str) -> dict[str, Any]:
    return {
        "id": f"3401020000132{number:07d}",
        "kind": "play" if state == "sending" else "download",
        "ssrc": f"02000000{number:02d}",
        "state": state,
        "transport": "udp",
        "peer": "192.0.2.10:30000" if state == "sending" else None,
        "payload_bytes": 48_200_000 * number,
        "form": form,
    }


INITIAL: dict[str, Any] = {
    "grants": [{"actions": ["live", "playback", "download"], "scope": "all", "value": "", "hours": []}],
    "limits": {"streams": None, "kbps": None, "stream": "as_asked", "priority": 40},
}
DAY_HOURS = {"weekdays": [1, 2, 3, 4, 5], "start": "08:00", "end": "24:00"}
DECIDED: dict[str, Any] = {
    "grants": [
        {"actions": ["live", "playback"], "scope": "all", "value": "", "hours": []},
        {"actions": ["ptz"], "scope": "region", "value": "340102", "hours": [DAY_HOURS]},
    ],
    "limits": {"streams": 16, "kbps": 64_000, "stream": "sub", "priority": 60},
}


def _entry(number: int, actor: str, action: str, outcome: str, **detail: Any) -> dict[str, Any]:
    return {
        "sequence": number,
        "time": datetime.now(UTC).isoformat(),
        "actor": actor,
        "source": "192.0.2.10",
        "action": action,
        "target": f"{NVR}~34010200001320000007",
        "outcome": outcome,
        "detail": detail,
    }


AUDIT = [
    _entry(3, "superior:34000000002000000010", "superior.ptz", "refused", reason="no_right"),
    _entry(2, "superior:34000000002000000010", "superior.live", "done", user="王警官"),
    _entry(1, "admin", "devices.manage", "done", did="decide rights"),
]


def _line(number: int, difference: str | None, **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {
        "id": f"3401020000132{number:07d}",
        "name": f"路口 {number}",
        "channel": f"{NVR}~3401020000132{number:07d}",
        "intended": "on",
        "sent": "on",
        "sent_at": at,
        "acknowledged": "on",
        "acknowledged_at": at,
        "refused_status": None,
        "listed": "unknown",
        "difference": difference,
        **more,
    }


LEDGER = [
    _line(1, None),
    _line(2, "never_sent", sent="absent", sent_at=None, acknowledged="absent", acknowledged_at=None),
    _line(3, "refused", acknowledged="off", refused_status=403),
]


def _add_ledger_routes(app: FastAPI, api: str, told: list[str]) -> None:
    @app.get(f"{api}/superiors/{{superior_id}}/ledger/summary")
    async def summary(superior_id: str) -> Any:
        return {
            "intended": 3,
            "acknowledged": 3 if told else 1,
            "differences": {} if told else {"never_sent": 1, "refused": 1},
            "strangers": ["34010200001320000999"],
            "sent": 184,
            "unanswered": 2,
            "refused": 1,
        }

    @app.get(f"{api}/superiors/{{superior_id}}/ledger")
    async def ledger(superior_id: str, difference: str = "", differing: bool = False) -> Any:
        lines = [
            line
            for line in LEDGER
            if (line["difference"] == difference if difference else line["difference"] or not differing)
        ]
        return {"items": [] if told and differing else lines, "next": None}

    @app.post(f"{api}/superiors/{{superior_id}}/ledger/push", status_code=202)
    async def push(superior_id: str) -> Any:
        told.append(superior_id)
        return {"entries": 2}

    @app.post(f"{api}/superiors/{{superior_id}}/ledger/check")
    async def check(superior_id: str) -> Any:
        problem = {"type": "x", "title": "x", "status": 504, "code": "superior-silent", "detail": "x"}
        return JSONResponse(problem, 504)

    @app.get(f"{api}/superiors/{{superior_id}}/subscriptions")
    async def subscriptions(superior_id: str) -> Any:
        kinds = ["Catalog", "Alarm", "Alarm"] if superior_id.endswith("10") else []
        common = {"scope": superior_id, "expires_in_s": 1_800.0, "notices": 12, "unanswered": 0}
        return {"items": [common | {"kind": kind} for kind in kinds], "next": None}


def _add_rights_routes(app: FastAPI, api: str, asked: list[Any], rights: dict[str, Any]) -> None:
    used = {"streams": 2, "kbps": 8_120.0, "moving": 0, "refused": 4}

    @app.get(f"{api}/superiors/{{superior_id}}/grants")
    async def grants(superior_id: str) -> Any:
        decided = rights.get(superior_id)
        return (decided or INITIAL) | {"is_initial": decided is None, "usage": used}

    @app.put(f"{api}/superiors/{{superior_id}}/grants")
    async def decide(superior_id: str, body: dict[str, Any]) -> Any:
        asked.append(body)
        rights[superior_id] = body
        return body | {"is_initial": False, "usage": used}

    @app.delete(f"{api}/superiors/{{superior_id}}/grants", status_code=204)
    async def forget(superior_id: str) -> Response:
        rights.pop(superior_id)
        return Response(status_code=204)

    @app.get(f"{api}/superiors/{{superior_id}}/audit")
    async def audit(superior_id: str) -> Any:
        return {"items": AUDIT if superior_id in AUDIT[0]["actor"] else [], "next": None}


def add_superior_routes(app: FastAPI, api: str) -> None:
    kept: dict[str, dict[str, Any]] = {}
    asked: list[Any] = []
    rights: dict[str, Any] = {}
    told: list[str] = []
    _add_ledger_routes(app, api, told)
    _add_rights_routes(app, api, asked, rights)

    @app.post("/fake/superiors/reset")
    async def reset_superiors(empty: bool = False) -> None:
        kept.clear()
        asked.clear()
        rights.clear()
        told.clear()
        rights["34000000002000000020"] = DECIDED
        kept.update({} if empty else {each["superior_id"]: each for each in some_superiors()})

    @app.get("/fake/superiors")
    async def what_superiors_were_asked() -> Any:
        return asked

    @app.get(f"{api}/superiors")
    async def superiors() -> Any:
        return {"items": list(kept.values()), "next": None}

    @app.post(f"{api}/superiors", status_code=201)
    async def enter(body: dict[str, Any]) -> Any:
        asked.append(dict(body))
        if body["superior_id"] in kept:
            problem = {"type": "x", "title": "x", "status": 409, "code": "superior-exists", "detail": "x"}
            return JSONResponse(problem, 409)
        made = _superior(40, body["name"], "registering", why="REGISTER is sent")
        kept[body["superior_id"]] = made | body | {"has_password": bool(body.pop("password", ""))}
        return kept[body["superior_id"]]

    @app.put(f"{api}/superiors/{{superior_id}}")
    async def change_superior(superior_id: str, body: dict[str, Any]) -> Any:
        asked.append(body)
        kept[superior_id] |= body
        kept[superior_id]["link"]["state"] = "online" if body["enabled"] else "off"
        return kept[superior_id]

    @app.delete(f"{api}/superiors/{{superior_id}}", status_code=204)
    async def remove_superior(superior_id: str) -> Response:
        kept.pop(superior_id)
        return Response(status_code=204)

    @app.post(f"{api}/superiors/{{superior_id}}/test-call")
    async def try_superior(superior_id: str) -> Any:
        step = {"name": "registration", "ok": False, "detail": "refused: 403 Forbidden", "took_ms": 31.0}
        return {"ok": False, "steps": [step]}

    @app.get(f"{api}/superiors/{{superior_id}}/catalogue")
    async def catalogue(superior_id: str, cursor: str = "0", limit: int = 100) -> Any:
        items = _items() if kept[superior_id]["shares"] else _items()[:1]
        start = int(cursor)
        end = start + limit
        return {"items": items[start:end], "next": str(end) if end < len(items) else None}

    @app.get(f"{api}/superiors/{{superior_id}}/streams")
    async def streams(superior_id: str) -> Any:
        watched = [_stream(1, "sending", "passed"), _stream(2, "waiting", "none")]
        return {"items": watched[: kept[superior_id]["streams"]], "next": None}
