"""Recordings over HTTP."""

from typing import Any

import httpx
import pytest

CAMERA = "34020000001320000001"
PATH = f"/api/v1/channels/{CAMERA}/recordings"
FILE = "/api/v1/recordings/abcd-000001.mp4"
WHOLE = bytes(range(100))


async def test_a_recording_is_started_and_stopped(admin: httpx.AsyncClient) -> None:
    path = f"/api/v1/channels/{CAMERA}/recording"
    assert (await admin.put(path)).json()["recording"] is True
    assert (await admin.get(f"/api/v1/channels/{CAMERA}")).json()["recording"] is True
    assert (await admin.delete(path)).json() == {
        "device_id": "34020000001110000001",
        "channel_id": CAMERA,
        "wanted": False,
        "recording": False,
    }


async def test_a_viewer_may_not_record(watcher: httpx.AsyncClient, world: Any) -> None:
    answer = await watcher.put(f"/api/v1/channels/{CAMERA}/recording")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert ("recording.control", "watcher", "refused") in await world.audit_actions()


async def test_an_item_says_what_automation_relies_on(admin: httpx.AsyncClient) -> None:
    first = (await admin.get(PATH)).json()["items"][0]
    expected = {
        "segment_id": "abcd-000000",
        "start": "2026-01-01T08:00:00.000+00:00",
        "end": "2026-01-01T08:01:00.000+00:00",
        "size_bytes": 100,
        "video_codec": "H264",
        "complete": True,
    }
    assert expected.items() <= first.items()


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (None, None, [0, 1, 2]),
        ("2026-01-01T16:01:00+08:00", None, [1, 2]),
        ("2026-01-01T08:00:30Z", "2026-01-01T08:01:30Z", [0, 1]),
        (None, "2026-01-01T08:00:00+00:00", []),
    ],
)
async def test_the_time_asked_for_selects_what_overlaps_it(
    admin: httpx.AsyncClient, start: str | None, end: str | None, minutes: list[int]
) -> None:
    params = {name: text for name, text in (("start", start), ("end", end)) if text is not None}
    items = (await admin.get(PATH, params=params)).json()["items"]
    assert [int(item["segment_id"][-6:]) for item in items] == minutes


async def test_a_plus_sign_that_was_not_encoded_is_understood(admin: httpx.AsyncClient) -> None:
    items = (await admin.get(f"{PATH}?start=2026-01-01T16:01:00+08:00")).json()["items"]
    assert len(items) == 2


@pytest.mark.parametrize("start", ["yesterday", "2026-01-01T08:00:00", "1700000000"])
async def test_an_instant_without_offset_is_refused(admin: httpx.AsyncClient, start: str) -> None:
    answer = await admin.get(PATH, params={"start": start})
    assert answer.status_code == 422
    assert answer.json()["errors"][0].startswith("query.start")


@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        (None, 200, WHOLE, None),
        ("bytes=0-9", 206, WHOLE[:10], "bytes 0-9/100"),
        ("bytes=90-", 206, WHOLE[90:], "bytes 90-99/100"),
        ("bytes=-5", 206, WHOLE[95:], "bytes 95-99/100"),
        ("bytes=50-1000", 206, WHOLE[50:], "bytes 50-99/100"),
        ("bytes=100-", 416, b"", "bytes */100"),
        ("bytes=-0", 416, b"", "bytes */100"),
        ("bytes=9-1", 200, WHOLE, None),
        ("bytes=0-1,5-6", 200, WHOLE, None),
        ("pages=1-2", 200, WHOLE, None),
    ],
)
async def test_ranges(
    admin: httpx.AsyncClient, header: str | None, status: int, body: bytes, content_range: str | None
) -> None:
    answer = await admin.get(FILE, headers={} if header is None else {"range": header})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-range") == content_range
    if status != 416:
        assert answer.headers["content-length"] == str(len(body))
        assert answer.headers["content-type"] == "video/mp4"


async def test_a_file_that_changed_is_sent_whole(admin: httpx.AsyncClient) -> None:
    headers = {"range": "bytes=0-9", "if-range": '"another"'}
    assert (await admin.get(FILE, headers=headers)).status_code == 200
    etag = (await admin.head(FILE)).headers["etag"]
    assert (await admin.get(FILE, headers={"range": "bytes=0-9", "if-range": etag})).status_code == 206


async def test_playing_in_many_ranges_is_one_entry_in_the_audit_log(
    admin: httpx.AsyncClient, world: Any
) -> None:
    for first in range(0, 100, 10):
        await admin.get(FILE, headers={"range": f"bytes={first}-{first + 9}"})
    actions = [action for action, _, _ in await world.audit_actions()]
    assert actions.count("recordings.view") == 1


@pytest.mark.parametrize("segment_id", ["..%2f..%2fetc%2fpasswd", "....", "a/b", "%00"])
async def test_an_id_is_never_a_path(admin: httpx.AsyncClient, segment_id: str) -> None:
    answer = await admin.get(f"/api/v1/recordings/{segment_id}.mp4")
    assert answer.status_code in (404, 422)


async def test_a_file_that_is_gone_is_told_apart_from_one_that_never_was(
    admin: httpx.AsyncClient, world: Any
) -> None:
    (world.storage_path / "abcd-000001.mp4").unlink()
    assert (await admin.get(FILE)).json()["code"] == "segment-gone"
    never = await admin.get("/api/v1/recordings/ffff-000001.mp4")
    assert (never.status_code, never.json()["code"]) == (404, "unknown-segment")
