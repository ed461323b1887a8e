"""Who takes a stream, what the shared ports saw, and what ended why, through the API and the metrics."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx

from access.roles import Role
from media.outputs.rtp import SenderRequest
from media.session import MediaTransport
from sipserver.sip.flow import Transport
from tests.integration.console.test_shared_ports import PATIENT, shared_media
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

PASSWORD = "figures password 1"


async def metric(site: SmallSite, name: str) -> float:
    text = (await site.api.get(f"http://127.0.0.1:{site.platform.http_port}/metrics")).text
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


async def detail(site: SmallSite, session_id: str) -> dict[str, Any]:
    answer = await site.api.get(f"/sessions/{session_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def endings(site: SmallSite, **query: str) -> list[dict[str, Any]]:
    answer = await site.api.get("/media/endings", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_viewers_receivers_and_ends_of_a_stream(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=PATIENT) as site:
        camera = await site.add_camera()
        channel = camera.settings.all_channel_ids[0]
        live = (await site.api.post(f"/channels/{channel}/live")).json()
        (session,) = site.platform.media.sessions.values()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            request = SenderRequest(
                MediaTransport.UDP,
                ssrc=77,
                host="127.0.0.1",
                port=receiver.getsockname()[1],
                label="superior",
            )
            sender = session.attach_sender(request)
            sender.start()
            async with (
                httpx.AsyncClient(trust_env=False, timeout=20) as viewer,
                viewer.stream("GET", live["urls"]["fmp4_http"]) as answer,
            ):
                parts = answer.aiter_bytes()
                await anext(parts)
                assert await metric(site, "gb28181_media_senders") == 1
                assert await metric(site, "gb28181_media_ports_in_use") == 2

                async def both() -> dict[str, Any] | None:
                    taken_by = (await detail(site, live["session_id"]))["taken_by"]
                    is_there = taken_by["viewers"] and taken_by["senders"][0]["packets"] > 0
                    return taken_by if is_there else None

                taken_by = await eventually(both, "both readers have their figures")
                assert taken_by is not None
                (row,) = taken_by["viewers"]
                assert (row["way"], row["username"]) == ("fmp4_http", "admin")
                assert row["session_id"] == live["session_id"]
                assert row["sent_bytes"] > 0
                (sent,) = taken_by["senders"]
                assert (sent["label"], sent["ssrc"], sent["state"]) == ("superior", "0000000077", "sending")
                assert sent["payload_bytes"] > 0
            sender.close("enough")

            async def told() -> bool:
                return {"viewer", "sender"} <= {row["what"] for row in await endings(site)}

            await eventually(told, "both ends are told")
        (left,) = await endings(site, what="viewer")
        assert left["who"] == "admin fmp4_http"
        assert left["reason"] in {"closed by the viewer", "connection lost"}
        assert left["totals"]["sent_bytes"] > 0
        (ended,) = await endings(site, what="sender")
        assert ended["reason"] == "closed: enough"
        assert (await site.api.delete(f"/sessions/{live['session_id']}")).status_code == 204

        async def closed() -> list[dict[str, Any]]:
            return await endings(site, what="session", stream=camera.settings.device_id)

        (over,) = await eventually(closed, "the stream has ended")
        assert (over["reason"], over["totals"]["packets"] > 10) == ("stopped", True)
        gone = await site.api.get(f"/sessions/{live['session_id']}")
        assert "it was closed" in gone.json()["detail"]
        assert await endings(site, stream="1") == []


async def test_only_who_may_diagnose_sees_them(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=PATIENT) as site:
        await site.platform.users.create("eye", PASSWORD, Role.VIEWER)
        async with httpx.AsyncClient(base_url=site.api.base_url, trust_env=False) as eye:
            login = await eye.post("/login", json={"username": "eye", "password": PASSWORD})
            eye.headers["Authorization"] = f"Bearer {login.json()['token']}"
            for path in ("/media/endings", "/media/shared-ports"):
                assert (await eye.get(path)).status_code == 403
        assert (await site.api.get("/media/endings", params={"what": "nothing"})).status_code == 422


async def test_the_figures_of_shared_ports(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=PATIENT, media=shared_media()) as site:
        for index, transport in enumerate((Transport.UDP, Transport.TCP)):
            await site.add_camera(index, transport=transport)
        for each in site.devices:
            assert (await site.api.post(f"/channels/{each.settings.all_channel_ids[0]}/live")).is_success
        media = site.platform.media
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            target = ("127.0.0.1", media.settings.shared_udp_port)
            stranger.sendto(b"no RTP", target)
            stranger.sendto(b"\x80\x60\0\1\0\0\0\1\x07\x5b\xcd\x15payload", target)

            async def seen() -> bool:
                ports = media.shared_ports()
                return ports.malformed > 0 and ports.unknown > 0

            await eventually(seen, "the stranger was counted")
            own_port = stranger.getsockname()[1]
        found = (await site.api.get("/media/shared-ports")).json()
        assert found["udp_port"] == media.settings.shared_udp_port
        assert found["tcp_port"] == media.settings.shared_tcp_port
        assert (found["malformed"], found["unknown"], found["connections"]) == (1, 1, 1)
        assert found["connections_by_source"] == {"127.0.0.1": 1}
        (row,) = found["unknown_ssrcs"]
        assert row == {
            "ssrc": "0123456789",
            "source": f"127.0.0.1:{own_port}",
            "transport": "udp",
            "count": 1,
        }
        assert await metric(site, "gb28181_media_shared_unknown_total") == 1
        assert await metric(site, "gb28181_media_shared_malformed_total") == 1
        assert await metric(site, "gb28181_media_shared_connections_total") == 1
        assert await metric(site, "gb28181_media_stalled") == 0


async def test_a_site_without_shared_ports_says_so(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=PATIENT) as site:
        found = (await site.api.get("/media/shared-ports")).json()
        assert (found["udp_port"], found["tcp_port"], found["unknown_ssrcs"]) == (0, 0, [])
