"""Log-in, cookie and cross-site rules over HTTP."""

from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery"
RECORDING = "/api/v1/channels/34020000001320000001/recording"
LOGIN = {"username": "admin", "password": PASSWORD}


async def test_a_token_opens_what_is_closed_without_it(http: httpx.AsyncClient) -> None:
    closed = await http.get("/api/v1/devices")
    assert (closed.status_code, closed.json()["code"]) == (401, "unauthenticated")
    assert closed.headers["www-authenticate"] == "Bearer"
    token = (await http.post("/api/v1/login", json=LOGIN)).json()["token"]
    http.cookies.clear()
    answer = await http.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["username"] == "admin"
    assert "live.view" in answer.json()["actions"]


@pytest.mark.parametrize("header", ["Bearer made.up.token", "Bearer ", "Basic YWRtaW46YWRtaW4=", "x"])
async def test_a_wrong_token_opens_nothing(http: httpx.AsyncClient, header: str) -> None:
    assert (await http.get("/api/v1/me", headers={"authorization": header})).status_code == 401


async def test_a_wrong_password_says_not_which_half_is_wrong(http: httpx.AsyncClient, world: Any) -> None:
    first = await http.post("/api/v1/login", json={"username": "admin", "password": "wrong"})
    second = await http.post("/api/v1/login", json={"username": "nobody", "password": "wrong"})
    assert first.json() == second.json()
    assert (first.status_code, first.json()["code"]) == (401, "wrong-password")
    assert ("log_in", "admin", "refused") in await world.audit_actions()


async def test_a_flood_of_log_ins_is_stopped_before_the_hash(http: httpx.AsyncClient, world: Any) -> None:
    names = [f"user{number}" for number in range(12)]
    codes = [
        (await http.post("/api/v1/login", json={"username": name, "password": "x"})).json()["code"]
        for name in names
    ]
    assert codes == ["wrong-password"] * 10 + ["too-many-log-ins"] * 2
    answer = await http.post("/api/v1/login", json=LOGIN)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    world.clock.now += 60
    assert (await http.post("/api/v1/login", json=LOGIN)).status_code == 200


async def test_a_log_out_voids_the_token(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/api/v1/logout")).status_code == 204
    assert (await admin.get("/api/v1/me")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts(http: httpx.AsyncClient) -> None:
    cookie = (await http.post("/api/v1/login", json=LOGIN)).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_the_cookie_loads_pictures(http: httpx.AsyncClient) -> None:
    await http.post("/api/v1/login", json=LOGIN)
    assert "authorization" not in http.headers
    answer = await http.get("/api/v1/channels/34020000001320000001/snapshot.jpg")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://platform.example:8080"}, 403),
        ({"sec-fetch-site": "cross-site", "x-requested-with": "x"}, 403),
        ({"origin": "http://platform.example:8080"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"x-requested-with": "tongshi"}, 200),
    ],
)
async def test_a_cookie_changes_things_only_from_our_own_page(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await http.post("/api/v1/login", json=LOGIN)
    assert (await http.put(RECORDING, headers=headers)).status_code == status


async def test_a_foreign_page_cannot_log_a_browser_in(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/login", json=LOGIN, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site-request")
    assert "set-cookie" not in answer.headers


async def test_a_page_turns_its_token_into_the_cookie(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/api/v1/cookie")).status_code == 204
    del admin.headers["authorization"]
    assert (await admin.get("/api/v1/me")).status_code == 200


async def test_a_new_password_ends_the_old_log_ins(admin: httpx.AsyncClient) -> None:
    body = {"current": PASSWORD, "new": "another long password"}
    assert (await admin.post("/api/v1/me/password", json=body)).status_code == 204
    assert (await admin.get("/api/v1/me")).status_code == 401
    again = {"username": "admin", "password": "another long password"}
    assert (await admin.post("/api/v1/login", json=again)).status_code == 200


async def test_answers_carry_the_security_headers(http: httpx.AsyncClient) -> None:
    headers = (await http.get("/api/v1/me")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


async def test_a_huge_body_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/api/v1/login", content=b" " * 70_000, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
