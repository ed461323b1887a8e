"""Recordings that devices of the fake platform hold: lists, playbacks and downloads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.support.live_picture import recorded_file

SCALES = [0.25, 0.5, 1.0, 2.0, 4.0, -1.0]
REFUSED = 4.0


@dataclass
class FakePlayback:
    """A playback that counts its own time."""

    playback_id: str
    key: str
    start: datetime
    end: datetime
    position_s: float = 0.0
    scale: float = 1.0
    is_paused: bool = False
    counted_at: float = field(default_factory=time.monotonic)

    def count(self) -> None:
        now = time.monotonic()
        if not self.is_paused:
            self.position_s += (now - self.counted_at) * self.scale
        self.counted_at = now

    def state(self) -> dict[str, Any]:
        self.count()
        duration_s = (self.end - self.start).total_seconds()
        is_over = self.position_s >= duration_s
        device_id, _, channel_id = self.key.partition("~")
        return {
            "playback_id": self.playback_id,
            "device_id": device_id,
            "channel_id": channel_id,
            "username": "admin",
            "state": "ended" if is_over else "paused" if self.is_paused else "playing",
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "position_s": self.position_s,
            "duration_s": duration_s,
            "time": (self.start + timedelta(seconds=min(self.position_s, duration_s))).isoformat(),
            "scale": self.scale,
            "scales": SCALES,
            "viewers": 1,
            "ended_reason": "end of file" if is_over else None,
            "detail": "",
        }


def add_history_routes(app: FastAPI, api: str, pictures: dict[str, Any]) -> None:
    """The camera ending in 1 has recorded two stretches of the day; the others nothing."""
    playbacks: dict[str, FakePlayback] = {}
    downloads: list[dict[str, Any]] = []
    said: list[str] = []
    app.state.resets += [playbacks.clear, downloads.clear, said.clear]

    def problem(status: int, code: str) -> JSONResponse:
        return JSONResponse(
            {"code": code, "status": status, "title": code, "detail": f"{code} in English."}, status
        )

    @app.get("/fake/history")
    async def what_was_said() -> Any:
        return {"said": said, "open": list(playbacks)}

    @app.get(f"{api}/channels/{{key}}/device-records")
    async def records(key: str, start: datetime, end: datetime) -> Any:
        if key.endswith("3"):
            return problem(504, "no-answer")
        spans = []
        if key.endswith("1"):
            for begin_s, length_s in ((600, 1800), (3000, 8)):
                begin = start + timedelta(seconds=begin_s)
                spans.append(
                    {"start": begin.isoformat(), "end": (begin + timedelta(seconds=length_s)).isoformat()}
                )
        items = [{**span, "name": "", "type": "time", "size_bytes": 9_000_000} for span in spans]
        return {"items": items, "coverage": spans, "complete": True, "queries": 1}

    @app.post(f"{api}/channels/{{key}}/playbacks")
    async def open_playback(key: str, body: dict[str, Any], request: Request) -> Any:
        playback_id = f"{len(said) + 1:08x}"
        start, end = (datetime.fromisoformat(body[name]) for name in ("start", "end"))
        playback = FakePlayback(playback_id, key, start.astimezone(UTC), end.astimezone(UTC))
        playbacks[playback_id] = playback
        said.append(f"open {(playback.end - playback.start).total_seconds():.0f}")
        url = f"ws://{request.url.netloc}/fake/{key[-1]}"
        video = {"codec": pictures[key[-1]][0], "width": 640, "height": 360}
        return {**playback.state(), "video": video, "audio": None, "urls": {"fmp4_ws": url, "fmp4_http": ""}}

    @app.get(f"{api}/playbacks/{{playback_id}}")
    async def state(playback_id: str) -> Any:
        playback = playbacks.get(playback_id)
        return problem(404, "unknown-playback") if playback is None else playback.state()

    @app.delete(f"{api}/playbacks/{{playback_id}}", status_code=204)
    async def close(playback_id: str) -> None:
        playbacks.pop(playback_id, None)
        said.append("close")

    @app.post(f"{api}/playbacks/{{playback_id}}/{{command}}")
    async def command(playback_id: str, command: str, request: Request) -> Any:
        playback = playbacks.get(playback_id)
        if playback is None:
            return problem(404, "unknown-playback")
        body = await request.json() if await request.body() else {}
        playback.count()
        if command == "seek":
            playback.position_s = (datetime.fromisoformat(body["time"]) - playback.start).total_seconds()
        elif command == "speed":
            if body["scale"] == REFUSED:
                return problem(409, "known-refusal")
            playback.scale = body["scale"]
        playback.is_paused = command == "pause" or (playback.is_paused and command != "resume")
        said.append(command)
        return playback.state()

    @app.post(f"{api}/channels/{{key}}/downloads", status_code=202)
    async def start_download(key: str, body: dict[str, Any]) -> Any:
        device_id, _, channel_id = key.partition("~")
        download = {
            "download_id": f"{len(downloads) + 1:08x}",
            "device_id": device_id,
            "channel_id": channel_id,
            "start": body["start"],
            "end": body["end"],
            "state": "queued",
            "progress": 0.0,
            "received_bytes": 0,
            "detail": "",
            "parts": [],
        }
        downloads.insert(0, download)
        return download

    @app.get(f"{api}/downloads")
    async def list_downloads() -> Any:
        for download in downloads:
            if download["state"] in ("queued", "running"):
                download.update(state="running", progress=download["progress"] + 0.4)
                download["received_bytes"] = int(9_000_000 * download["progress"])
                if download["progress"] >= 1:
                    url = f"{api}/downloads/{download['download_id']}/part-1.mp4"
                    part = {"part_id": "part-1", "size_bytes": 9_000_000, "url": url}
                    download.update(state="complete", progress=1.0, received_bytes=9_000_000, parts=[part])
        return {"items": downloads, "next": None}

    @app.post(f"{api}/downloads/{{download_id}}/cancel")
    async def cancel(download_id: str) -> Any:
        found = next(item for item in downloads if item["download_id"] == download_id)
        found["state"] = "cancelled"
        return found

    @app.delete(f"{api}/downloads/{{download_id}}", status_code=204)
    async def delete(download_id: str) -> None:
        downloads[:] = [item for item in downloads if item["download_id"] != download_id]

    @app.get(f"{api}/downloads/{{download_id}}/{{part_id}}.mp4")
    async def part(download_id: str, part_id: str) -> Response:
        return Response(recorded_file(0, 4), media_type="video/mp4")
