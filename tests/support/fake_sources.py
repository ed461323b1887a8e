"""Sources of the fake platform: some in every state, and cameras to be found."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

GATEWAY = "34020000002090000001"
CAMERA_HOST = "192.0.2.64"


def _picture(state: str, **more: Any) -> dict[str, Any]:
    return {
        "state": state,
        "verdict": "",
        "message": "",
        "since": datetime.now(UTC).isoformat(),
        "retry_in_s": None,
        "failures": 0,
        "connections": 1,
        "session_id": None,
        "readers": 0,
        "pictures": 0,
        "received_bytes": 0,
        "left_out": [],
        "peer": "",
        **more,
    }


def source(number: int, name: str, main: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {
        "channel_id": f"340200000013209{number:05d}",
        "device_id": GATEWAY,
        "name": name,
        "kind": "pull",
        "enabled": main is not None,
        "online": main is not None and main["state"] in ("streaming", "idle"),
        "url": f"rtsp://192.0.2.{60 + number}:554/Streaming/Channels/101",
        "sub_url": "",
        "username": "admin",
        "has_password": True,
        "transport": "auto",
        "mode": "on_demand",
        "push_path": "",
        "push_key": None,
        "push_urls": [],
        "onvif_address": "",
        "civil_code": "340200",
        "parent_id": "",
        "place": "",
        "manufacturer": "",
        "model": "",
        "longitude": None,
        "latitude": None,
        "created_at": datetime.now(UTC).isoformat(),
        "main": main,
        "sub": None,
        **more,
    }


def some_sources() -> list[dict[str, Any]]:
    refused = "source rtsp://192.0.2.63:554/Streaming/Channels/101 refused the credentials (401)"
    streaming = _picture("streaming", readers=3, received_bytes=83_400_000, left_out=["opus"])
    return [
        source(1, "人民公园 北门", streaming, mode="always", sub_url="rtsp://192.0.2.61:554/102"),
        source(2, "老城区菜市场入口（二期改造后新装的枪机）", _picture("idle"), transport="udp"),
        source(3, "幸福小区 3 号楼", _picture("failed", verdict="unauthorised", message=refused, failures=4)),
        source(4, "超市门口", None),
        source(
            5,
            "移动执法车 01",
            _picture("waiting"),
            kind="push",
            url="",
            username="",
            has_password=False,
            push_path="push/car01",
            online=False,
        ),
    ]


def add_source_routes(app: FastAPI, api: str) -> None:
    kept = {each["channel_id"]: each for each in some_sources()}
    asked: list[Any] = []

    @app.post("/fake/sources/reset")
    async def reset_sources(empty: bool = False) -> None:
        kept.clear()
        asked.clear()
        kept.update({} if empty else {each["channel_id"]: each for each in some_sources()})

    @app.get("/fake/sources")
    async def what_was_asked() -> Any:
        return asked

    @app.get(f"{api}/sources")
    async def sources() -> Any:
        return {"items": list(kept.values()), "next": None}

    @app.post(f"{api}/sources", status_code=201)
    async def create(body: dict[str, Any]) -> Any:
        asked.append(body)
        if body.get("url", "").startswith("file:"):
            problem = {
                "type": "x",
                "title": "This makes no source",
                "status": 422,
                "code": "unsuitable-source",
                "detail": "Scheme 'file' is not one of rtsp, rtsps, rtmp, rtmps.",
            }
            return JSONResponse(problem, 422)
        made = source(10 + len(kept), body["name"], _picture("connecting"), url=body.get("url", ""))
        if body["kind"] == "push":
            made |= {"kind": "push", "push_path": body["push_path"], "main": _picture("waiting")}
        kept[made["channel_id"]] = made
        key = "kR3-made-once" if body["kind"] == "push" else None
        return {**made, "push_key": key}

    @app.patch(f"{api}/sources/{{channel_id}}")
    async def change(channel_id: str, body: dict[str, Any]) -> Any:
        asked.append(body)
        found = kept[channel_id]
        if "enabled" in body:
            found |= {"enabled": body["enabled"], "main": _picture("idle") if body["enabled"] else None}
        found |= {name: value for name, value in body.items() if name in found}
        return found

    @app.delete(f"{api}/sources/{{channel_id}}", status_code=204)
    async def remove(channel_id: str) -> Response:
        kept.pop(channel_id)
        return Response(status_code=204)

    @app.post(f"{api}/sources/test")
    async def try_address(body: dict[str, Any]) -> Any:
        asked.append(body)
        if body["password"] != "right":
            message = "source rtsp://192.0.2.64:554/101 refused the credentials (401)"
            return {"ok": False, "verdict": "unauthorised", "message": message, "left_out": []}
        return {
            "ok": True,
            "verdict": "ok",
            "message": "",
            "first_picture_s": 0.84,
            "video": {"codec": "H265", "width": 2560, "height": 1440},
            "audio": {"codec": "G711A", "sample_rate": 8000, "channels": 1},
            "left_out": [],
        }

    @app.post(f"{api}/sources/discover")
    async def discover() -> Any:
        await asyncio.sleep(0.3)
        found = {
            "endpoint": "urn:uuid:1",
            "host": CAMERA_HOST,
            "address": f"http://{CAMERA_HOST}/onvif/device_service",
            "name": "HIKVISION DS-2CD3T46",
            "hardware": "DS-2CD3T46WDV3-I3",
            "location": "city hangzhou",
            "channel_id": None,
        }
        other = {
            "endpoint": "urn:uuid:2",
            "host": "192.0.2.61",
            "name": "Dahua",
            "channel_id": "34020000001320900001",
        }
        return {"items": [found, found | other]}

    @app.post(f"{api}/sources/describe")
    async def describe(body: dict[str, Any]) -> Any:
        if body["password"] != "right":
            problem = {"type": "x", "title": "x", "status": 502, "code": "onvif-unauthorised", "detail": "x"}
            return JSONResponse(problem, 502)
        stream = {
            "codec": "H265",
            "width": 2560,
            "height": 1440,
            "fps": 25,
            "bitrate_kbps": 4096,
            "audio": "G711",
        }
        small = {
            "codec": "H264",
            "width": 640,
            "height": 360,
            "fps": 25,
            "bitrate_kbps": 512,
            "audio": "G711",
        }
        return {
            "manufacturer": "HIKVISION",
            "model": "DS-2CD3T46",
            "firmware": "V5.5.82",
            "serial": "1",
            "clock_offset_s": -31.0,
            "streams": [
                {"name": "mainStream", "url": f"rtsp://{CAMERA_HOST}:554/101", **stream},
                {"name": "subStream", "url": f"rtsp://{CAMERA_HOST}:554/102", **small},
            ],
        }
