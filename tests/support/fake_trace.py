"""What devices of the fake platform and the platform have said to each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Response

PEER = "198.51.100.20:5060"
OWN = "192.0.2.10:5060"
CALL_ID = "live-12-0001@192.0.2.10"
# sent by us, seconds ago, what, method, status, summary
LADDER = [
    (False, 95.0, "REGISTER", "REGISTER", None, "expires 3600"),
    (True, 94.99, "401 Unauthorized", "REGISTER", 401, "nonce given"),
    (False, 94.9, "REGISTER", "REGISTER", None, "expires 3600, with digest"),
    (True, 94.89, "200 OK", "REGISTER", 200, "Date, expires 3600"),
    (True, 60.0, "MESSAGE", "MESSAGE", None, "Query Catalog, sn 17"),
    (False, 59.96, "200 OK", "MESSAGE", 200, ""),
    (False, 59.9, "MESSAGE", "MESSAGE", None, "Response Catalog, sn 17, 4 of 4 items"),
    (True, 59.89, "200 OK", "MESSAGE", 200, ""),
    (True, 20.0, "INVITE", "INVITE", None, "Play, video 30002 TCP/RTP/AVP 96, at 192.0.2.10, y 0200000001"),
    (False, 19.97, "100 Trying", "INVITE", 100, ""),
    (False, 19.8, "200 OK", "INVITE", 200, "Play, video 15060 TCP/RTP/AVP 96, at 198.51.100.20"),
    (True, 19.79, "ACK", "ACK", None, ""),
    (True, 4.8, "BYE", "BYE", None, ""),
    (False, 4.7, "481 Call Does Not Exist", "BYE", 481, ""),
]


def add_trace_routes(app: FastAPI, api: str) -> None:
    """The trace of every device is the same."""
    watched: set[str] = set()
    app.state.resets.append(watched.clear)
    now = datetime.now(UTC)

    def steps(call_id: str | None) -> list[dict[str, Any]]:
        return [
            {
                "time": (now - timedelta(seconds=ago)).isoformat(),
                "sent": sent,
                "transport": "UDP",
                "local": OWN,
                "remote": PEER,
                "what": what,
                "method": method,
                "status": status,
                "call_id": CALL_ID if method in ("INVITE", "ACK", "BYE") else f"{method}-1",
                "cseq": 1,
                "from_id": "34020000002000000001",
                "to_id": "34020000001310000001",
                "summary": summary,
                "size_bytes": 700,
                "text": f"{what} sip:34020000001310000001@{PEER} SIP/2.0\r\nMax-Forwards: 70\r\n\r\n",
            }
            for sent, ago, what, method, status, summary in LADDER
            if call_id is None or (call_id == CALL_ID) is (method in ("INVITE", "ACK", "BYE"))
        ]

    @app.get(f"{api}/trace/sessions")
    async def session(call_id: str) -> Any:
        return {"device_id": None, "call_id": call_id, "watched": False, "steps": steps(call_id)}

    @app.get(f"{api}/devices/{{device_id}}/trace")
    async def trace(device_id: str, call_id: str | None = None) -> Any:
        is_watched = device_id in watched
        return {"device_id": device_id, "call_id": call_id, "watched": is_watched, "steps": steps(call_id)}

    @app.get(f"{api}/devices/{{device_id}}/trace/sessions")
    async def sessions(device_id: str) -> Any:
        begin = (now - timedelta(seconds=20)).isoformat()
        one = {
            "call_id": CALL_ID,
            "method": "INVITE",
            "begin": begin,
            "end": begin,
            "messages": 6,
            "last_status": 481,
        }
        return {"device_id": device_id, "sessions": [one]}

    @app.get(f"{api}/devices/{{device_id}}/trace/download")
    async def download(device_id: str) -> Response:
        disposition = f'attachment; filename="sip-{device_id}.txt"'
        return Response("INVITE", media_type="text/plain", headers={"content-disposition": disposition})

    @app.put(f"{api}/devices/{{device_id}}/trace/watch", status_code=204)
    async def watch(device_id: str) -> None:
        watched.add(device_id)

    @app.delete(f"{api}/devices/{{device_id}}/trace/watch", status_code=204)
    async def unwatch(device_id: str) -> None:
        watched.discard(device_id)
