"""Live sessions and still pictures over HTTP."""

from typing import Any

import httpx
import pytest

from sipserver.devices import errors

CAMERA = "34020000001320000001"
FOLDER = "34020000001110000001~340200"


async def _open(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/channels/{CAMERA}/live")
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def test_live_answers_with_codec_size_and_addresses(admin: httpx.AsyncClient) -> None:
    live = await _open(admin)
    assert live["video"] == {"codec": "H264", "width": 1920, "height": 1080}
    assert live["audio"] == {"codec": "G711A", "sample_rate": 8000, "channels": 1}
    # The listener's own host is a wildcard; the caller gets the host that it used itself.
    tagged = f"tag={live['session_id']}&ttl=60"
    shown = {name: url for name, url in live["urls"].items() if url is not None}
    assert shown == {
        "fmp4_ws": f"ws://platform.example:8090/fmp4/abc?{tagged}",
        "fmp4_http": f"http://platform.example:8090/fmp4/abc?{tagged}",
    }


async def test_two_callers_have_sessions_of_their_own(
    admin: httpx.AsyncClient, watcher: httpx.AsyncClient, world: Any
) -> None:
    first, second = await _open(admin), await _open(watcher)
    assert first["session_id"] != second["session_id"]
    assert (await admin.delete(f"/api/v1/sessions/{first['session_id']}")).status_code == 204
    ended, kept = world.streams.made
    assert (ended.revoked, ended.released) == ([first["session_id"]], [True])
    assert (kept.revoked, kept.released) == ([], [])
    gone = await admin.get(f"/api/v1/sessions/{first['session_id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown-session")


async def test_statistics_of_a_session(admin: httpx.AsyncClient, world: Any) -> None:
    live = await _open(admin)
    world.streams.holds[0].viewers = 2
    statistics = (await admin.get(f"/api/v1/sessions/{live['session_id']}")).json()
    expected = {"viewers": 2, "readers": 1, "packets": 100, "packet_loss_ratio": 0.01, "bitrate_kbps": 4000.0}
    assert expected.items() <= statistics.items()
    assert statistics["ssrc"] == "0200000001"
    assert statistics["started_at"].endswith("+00:00")


@pytest.mark.parametrize(("body", "stream"), [(None, "main"), ({}, "main"), ({"stream": "sub"}, "sub")])
async def test_the_sub_stream_is_asked_for_by_name(
    admin: httpx.AsyncClient, world: Any, body: Any, stream: str
) -> None:
    opened = await admin.post(f"/api/v1/channels/{CAMERA}/live", json=body)
    assert (opened.status_code, opened.json()["stream"]) == (200, stream)
    assert world.streams.made[0].stream == stream
    assert (await admin.get("/api/v1/sessions")).json()["items"][0]["stream"] == stream
    wrong = await admin.post(f"/api/v1/channels/{CAMERA}/live", json={"stream": "third"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-request")


async def test_a_viewer_sees_and_ends_only_its_own_sessions(
    admin: httpx.AsyncClient, watcher: httpx.AsyncClient
) -> None:
    others, own = await _open(admin), await _open(watcher)
    items = (await watcher.get("/api/v1/sessions")).json()["items"]
    assert [item["session_id"] for item in items] == [own["session_id"]]
    assert (await watcher.delete(f"/api/v1/sessions/{others['session_id']}")).status_code == 404
    assert len((await admin.get("/api/v1/sessions")).json()["items"]) == 2


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (errors.DeviceOffline("device 1 is offline"), 503, "device-offline"),
        (errors.NoAnswer("no answer within 10 s"), 504, "no-answer"),
        (errors.Refused("the device answered 486", status=486), 502, "refused"),
        (errors.NoMedia("nothing came within 10 s"), 504, "no-media"),
        (errors.WrongSsrc("all 90 packets carry 7"), 502, "wrong-ssrc"),
        (errors.NoKeyframe("200 packets, no key frame"), 504, "no-keyframe"),
        (errors.NoCapacity("no port is free"), 503, "no-capacity"),
        (errors.UnknownChannel("no such channel"), 404, "unknown-channel"),
        (OSError(28, "No space left on device"), 507, "disk-full"),
        (RuntimeError("the secret is 1234"), 500, "internal"),
    ],
)
async def test_every_reason_for_no_picture_is_told_apart(
    admin: httpx.AsyncClient, world: Any, fault: Exception, status: int, code: str
) -> None:
    world.streams.fault = fault
    answer = await admin.post(f"/api/v1/channels/{CAMERA}/live")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert "1234" not in answer.text
    assert problem["detail"].rstrip().endswith((".", "?"))
    assert problem.get("sip_code") == (486 if code == "refused" else None)
    assert ("live.view", "admin", "failed") in await world.audit_actions()


async def test_a_directory_has_no_picture(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"/api/v1/channels/{FOLDER}/live")
    assert (answer.status_code, answer.json()["code"]) == (409, "not-a-camera")


async def test_a_full_table_says_so(admin: httpx.AsyncClient, world: Any) -> None:
    for _ in range(3):
        await _open(admin)
    answer = await admin.post(f"/api/v1/channels/{CAMERA}/live")
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-sessions")


async def test_sessions_end_when_their_viewers_are_gone_for_the_linger_time(
    admin: httpx.AsyncClient, world: Any
) -> None:
    await _open(admin)
    (hold,) = world.streams.holds
    hold.viewers = 1
    world.clock.now += 100
    await world.leases.sweep()
    hold.viewers = 0
    world.clock.now += 19.9
    await world.leases.sweep()
    assert world.leases.list() != []
    world.clock.now += 0.1
    await world.leases.sweep()
    assert world.leases.list() == []
    assert hold.released == [False]


async def test_a_lost_stream_ends_its_sessions(admin: httpx.AsyncClient, world: Any) -> None:
    live = await _open(admin)
    world.streams.holds[0].lost.set()
    await world.leases.sweep()
    assert (await admin.get(f"/api/v1/sessions/{live['session_id']}")).status_code == 404


async def test_a_still_picture_gives_the_stream_back(admin: httpx.AsyncClient, world: Any) -> None:
    answer = await admin.get(f"/api/v1/channels/{CAMERA}/snapshot.jpg", params={"width": "320"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == b"\xff\xd8jpeg320"
    assert world.streams.holds == []
    assert ("snapshot.take", "admin", "done") in await world.audit_actions()


async def test_who_takes_a_stream_is_shown_and_others_only_to_who_may_end_them(
    admin: httpx.AsyncClient, watcher: httpx.AsyncClient
) -> None:
    for client, expected in ((admin, ["me", "somebody else"]), (watcher, ["me"])):
        live = await _open(client)
        taken_by = (await client.get(f"/api/v1/sessions/{live['session_id']}")).json()["taken_by"]
        assert [row["username"] for row in taken_by["viewers"]] == expected
        assert taken_by["recorders"] == 1


async def test_a_session_whose_stream_is_lost_says_why_for_a_while(
    admin: httpx.AsyncClient, world: Any
) -> None:
    live = await _open(admin)
    hold = world.streams.made[0]
    hold.lost_reason = "nothing arrives any more (no_packets, for 20 s)"
    hold.lost.set()
    await world.leases.sweep()
    gone = await admin.get(f"/api/v1/sessions/{live['session_id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown-session")
    assert "its stream was lost: nothing arrives any more (no_packets, for 20 s)" in gone.json()["detail"]
