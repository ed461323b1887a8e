"""The integration contract as a document."""

from typing import Any

import httpx

PATHS = {
    "/api/v1/login": {"post"},
    "/api/v1/devices": {"get"},
    "/api/v1/devices/{device_id}": {"get", "put", "patch"},
    "/api/v1/devices/{device_id}/channels": {"get"},
    "/api/v1/devices/{device_id}/catalog": {"post"},
    "/api/v1/channels": {"get"},
    "/api/v1/channels/{channel_id}": {"get", "patch"},
    "/api/v1/channels/{channel_id}/live": {"post"},
    "/api/v1/channels/{channel_id}/snapshot.jpg": {"get"},
    "/api/v1/channels/{channel_id}/recording": {"put", "delete"},
    "/api/v1/channels/{channel_id}/recordings": {"get"},
    "/api/v1/channels/{channel_id}/ptz": {"get"},
    "/api/v1/channels/{channel_id}/ptz/move": {"post"},
    "/api/v1/channels/{channel_id}/ptz/stop": {"post"},
    "/api/v1/channels/{channel_id}/ptz/lock": {"put", "delete"},
    "/api/v1/channels/{channel_id}/ptz/position": {"get", "put"},
    "/api/v1/channels/{channel_id}/ptz/drag-zoom": {"post"},
    "/api/v1/channels/{channel_id}/ptz/track": {"post"},
    "/api/v1/channels/{channel_id}/presets": {"get"},
    "/api/v1/channels/{channel_id}/presets/{number}": {"put", "delete"},
    "/api/v1/channels/{channel_id}/cruises/{group}": {"get", "patch", "delete"},
    "/api/v1/channels/{channel_id}/home-position": {"get", "put"},
    "/api/v1/channels/{channel_id}/keyframe": {"post"},
    "/api/v1/devices/{device_id}/restart": {"post"},
    "/api/v1/subscriptions": {"get"},
    "/api/v1/devices/{device_id}/subscriptions": {"get"},
    "/api/v1/devices/{device_id}/subscriptions/{kind}": {"put", "delete"},
    "/api/v1/positions": {"get"},
    "/api/v1/devices/{device_id}/positions": {"get"},
    "/api/v1/devices/{device_id}/track": {"get"},
    "/api/v1/channels/{channel_id}/position": {"get"},
    "/api/v1/channels/{channel_id}/track": {"get"},
    "/api/v1/channels/{channel_id}/direction": {"get"},
    "/api/v1/sessions": {"get"},
    "/api/v1/sessions/{session_id}": {"get", "delete"},
    "/api/v1/recordings/{segment_id}.mp4": {"get"},
    "/metrics": {"get"},
    "/healthz": {"get"},
}


async def _document(http: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await http.get("/api/v1/openapi.json")).json()
    return document


async def test_every_promised_route_is_there(http: httpx.AsyncClient) -> None:
    paths = (await _document(http))["paths"]
    for path, methods in PATHS.items():
        assert methods <= set(paths[path]), path


async def test_every_route_has_a_summary_and_problem_responses(http: httpx.AsyncClient) -> None:
    document = await _document(http)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            assert operation.get("summary"), name
            problems = [
                answer
                for answer in operation["responses"].values()
                if "application/problem+json" in answer.get("content", {})
            ]
            assert problems, name
            for status, answer in operation["responses"].items():
                assert int(status) < 400 or "application/problem+json" in answer["content"], (
                    f"{name} {status}"
                )


async def test_problems_are_described_once(http: httpx.AsyncClient) -> None:
    schemas = (await _document(http))["components"]["schemas"]
    assert {"type", "title", "status", "detail", "code"} <= set(schemas["Problem"]["properties"])
    assert "HTTPValidationError" not in schemas


async def test_metrics_are_open_to_this_machine_only(world: Any) -> None:
    async def ask(host: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=world.app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await client.get("/metrics")

    assert (await ask("127.0.0.1")).text.startswith("# TYPE")
    assert (await ask("::ffff:127.0.0.1")).status_code == 200
    closed = await ask("192.0.2.1")
    assert (closed.status_code, closed.json()["code"]) == (403, "metrics-closed")
    assert (await ask("192.0.2.1", authorization="Bearer ")).status_code == 403


async def test_health_needs_no_log_in(http: httpx.AsyncClient) -> None:
    answer = await http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")
