"""Platforms below us through the API, with this very platform as the subordinate. GB-C128, GB-C131."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.joined_sites import LOWER_ID, UPPER_ID, TwoPlatforms, two_platforms
from tests.support.platform_process import eventually


@pytest.fixture
async def platforms(tmp_path: Path) -> AsyncIterator[TwoPlatforms]:
    async with two_platforms(tmp_path) as opened:
        yield opened


async def test_a_subordinate_is_entered_joins_is_watched_tried_out_and_removed(
    platforms: TwoPlatforms,
) -> None:
    upper, lower = platforms.upper.api, platforms.lower
    camera = await lower.add_camera()
    (channel,) = camera.settings.all_channel_ids
    await platforms.join()
    found = await platforms.subordinate()
    assert (found["name"], found["has_password"], found["link"]["why"]) == ("County", True, "")
    assert found["link"]["registered_at"] is not None
    assert found["link"]["edition"] == "3.0"
    assert (found["catalogue"]["cameras"], found["catalogue"]["directories"]) == (1, 1)
    key = f"{LOWER_ID}~{channel}"

    live = await upper.post(f"/channels/{channel}/live")
    assert live.status_code == 200, live.text
    (stream,) = (await upper.get(f"/subordinates/{LOWER_ID}/streams")).json()["items"]
    assert (stream["channel"], stream["state"], stream["path"]) == (key, "playing", [LOWER_ID])
    (watched,) = (await lower.api.get(f"/superiors/{UPPER_ID}/streams")).json()["items"]
    assert (watched["id"], watched["state"]) == (channel, "sending")

    tried = (await upper.post(f"/subordinates/{LOWER_ID}/test-call")).json()
    assert tried["ok"], tried
    assert [step["name"] for step in tried["steps"]] == ["registration", "answer", "catalogue", "picture"]

    assert (await upper.delete(f"/subordinates/{LOWER_ID}")).status_code == 204
    assert (await upper.get(f"/subordinates/{LOWER_ID}")).json()["code"] == "unknown-subordinate"
    assert (await upper.get("/channels")).json()["items"] == []

    async def is_free() -> bool:
        streams = (await lower.api.get(f"/superiors/{UPPER_ID}/streams")).json()["items"]
        return not streams

    await eventually(is_free, "the picture ended below")


async def test_settings_are_checked_kept_and_acted_on(platforms: TwoPlatforms) -> None:
    upper = platforms.upper.api

    def body(**values: Any) -> dict[str, Any]:
        return {"subordinate_id": LOWER_ID, "password": "a word"} | values

    for wrong in (
        {"subordinate_id": "12"},
        {"password": ""},
        {"expected_hosts": ["not an address"]},
        {"edition": "4.0"},
        {"charset": "KOI8"},
        {"path_rank": -1},
        {"catalog_every_s": 1},
        {"unknown": 1},
    ):
        assert (await upper.post("/subordinates", json=body(**wrong))).status_code == 422, wrong
    entered = await upper.post(
        "/subordinates",
        json=body(expected_hosts=["10.1.2.3", "10.9.8.7/16"], edition="2.0", charset="GB18030", account="us"),
    )
    assert entered.status_code == 201, entered.text
    assert "a word" not in entered.text
    found = entered.json()
    assert (found["link"]["state"], found["link"]["why"]) == ("expected", "it has not registered yet")
    assert found["expected_hosts"] == ["10.1.2.3/32", "10.9.0.0/16"]
    assert (found["edition"], found["charset"], found["account"]) == ("2.0", "GB18030", "us")
    assert found["catalogue"]["state"] == "none"
    assert (await upper.post("/subordinates", json=body())).json()["code"] == "subordinate-exists"
    changed = await upper.put(f"/subordinates/{LOWER_ID}", json={"name": "Town", "enabled": False})
    assert changed.status_code == 200, changed.text
    found = changed.json()
    assert (found["name"], found["has_password"], found["link"]["state"]) == ("Town", True, "off")
    assert (found["edition"], found["charset"], found["expected_hosts"]) == (None, None, [])
    tried = (await upper.post(f"/subordinates/{LOWER_ID}/test-call")).json()
    assert (tried["ok"], len(tried["steps"]), tried["steps"][0]["ok"]) == (False, 1, False)
    for method, path in (("put", ""), ("get", "/streams"), ("post", "/test-call"), ("delete", "")):
        call = getattr(upper, method)
        missing = await call(
            f"/subordinates/34019900002000000009{path}", **({"json": {}} if method == "put" else {})
        )
        assert missing.json()["code"] == "unknown-subordinate", method
    page = (await upper.get("/subordinates", params={"limit": 1})).json()
    assert ([item["subordinate_id"] for item in page["items"]], page["next"]) == ([LOWER_ID], None)


async def test_only_its_own_account_and_address_get_in(platforms: TwoPlatforms) -> None:
    """Another password, another user name, another address: refused; corrected, it comes in by itself."""
    await platforms.lower.add_camera()
    upper = platforms.upper.api
    word = {"subordinate_id": LOWER_ID, "password": "county's own word"}
    assert (await upper.post("/subordinates", json=word | {"account": "county"})).status_code == 201
    superior = {
        "superior_id": UPPER_ID, "host": "127.0.0.1", "port": platforms.upper.sip_port, "retry_s": 1.0,
        "retry_max_s": 1.0, "password": word["password"], "shares": [{"kind": "all"}],
    }  # fmt: skip
    assert (await platforms.lower.api.post("/superiors", json=superior)).status_code == 201

    async def refused() -> bool:
        link = (await platforms.lower.api.get(f"/superiors/{UPPER_ID}")).json()["link"]
        return bool(link["refusals"])

    await eventually(refused, "its user name is not the account", timeout_s=45.0)
    assert (await platforms.subordinate())["link"]["state"] == "expected"
    settings = {"account": "", "expected_hosts": ["192.0.2.0/24"]}
    assert (await upper.put(f"/subordinates/{LOWER_ID}", json=settings)).status_code == 200
    stats = platforms.upper.platform.devices.stats.registrations_refused

    async def other_address() -> bool:
        return stats["not an address that it may register from"] > 0

    await eventually(other_address, "it comes from another address")
    assert (await platforms.subordinate())["link"]["state"] == "expected"
    settings = {"account": "", "expected_hosts": ["127.0.0.0/8"]}
    assert (await upper.put(f"/subordinates/{LOWER_ID}", json=settings)).status_code == 200
    await platforms.whole()
    settings["expected_hosts"] = ["192.0.2.0/24"]
    moved = (await upper.put(f"/subordinates/{LOWER_ID}", json=settings)).json()
    assert moved["link"]["state"] == "lost", "what may not register any more does not stay"


async def test_a_subordinate_s_camera_is_recorded_until_a_stated_time(platforms: TwoPlatforms) -> None:
    """R-4: bounded, of its own short life, among the channel's recordings, and ended by hand as well."""
    upper = platforms.upper.api
    camera = await platforms.lower.add_camera()
    (channel,) = camera.settings.all_channel_ids
    await platforms.join()
    base = f"/channels/{channel}/temporary-recordings"
    for wrong in ({"minutes": 5}, {"reason": "flood"}, {"reason": "flood", "minutes": 1, "end": "x"}):
        assert (await upper.post(base, json=wrong)).status_code == 422, wrong
    past = {"reason": "flood", "end": "2020-01-01T00:00:00+08:00"}
    assert (await upper.post(base, json=past)).json()["code"] == "temporary-recording-refused"
    begun = await upper.post(base, json={"reason": "flood", "minutes": 30})
    assert begun.status_code == 201, begun.text
    recording_id = begun.json()["recording_id"]

    async def recorded() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await upper.get(f"/channels/{channel}/recordings")).json()["items"]
        return [item for item in items if item["size_bytes"]]

    (segment,) = await eventually(recorded, "footage reaches the disk")
    assert (segment["retention_class"], segment["complete"]) == ("temporary", False)
    listed = (await upper.get("/temporary-recordings", params={"channel": channel, "in_force": True})).json()
    assert [(each["recording_id"], each["reason"]) for each in listed["items"]] == [(recording_id, "flood")]
    one = f"/temporary-recordings/{recording_id}"
    later = begun.json()["start"].replace("2026", "2027")
    assert (await upper.patch(one, json={"end": later})).status_code == 409
    ended = (await upper.delete(one)).json()
    assert (ended["in_force"], ended["ended_why"], ended["recording"]) == (False, "stopped", False)
    (segment,) = await recorded()
    assert (segment["retention_class"], segment["complete"]) == ("temporary", True)
    assert segment["keep_until"] < later
    assert (await upper.get("/temporary-recordings/0-0")).json()["code"] == "unknown-temporary-recording"
    assert (await upper.delete(f"/subordinates/{LOWER_ID}")).status_code == 204
    assert (await upper.get(f"/recordings/{segment['segment_id']}.mp4")).status_code == 200, "footage stays"
    assert (await upper.get(f"/channels/{channel}/recordings")).json()["items"] == [segment]


async def test_its_tree_stands_under_ours(platforms: TwoPlatforms) -> None:
    """By devices, by groups and by regions, each level page by page."""
    upper = platforms.upper.api
    camera = await platforms.lower.add_camera()
    (channel,) = camera.settings.all_channel_ids
    await platforms.join(tree="groups")

    async def level(view: str, node: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await upper.get("/tree", params={"view": view, "node": node, "limit": 1} | cursor)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            if answer.json()["next"] is None:
                return found
            cursor = {"cursor": answer.json()["next"]}

    key = f"{LOWER_ID}~{channel}"
    (top,) = await level("physical")
    assert (top["node"], top["kind"], top["name"], top["online"], top["cameras"]) == (
        LOWER_ID, "subordinate", "County", True, 1,
    )  # fmt: skip
    assert key in {node["channel"] for node in await level("physical", LOWER_ID)}
    (group,) = await level("business", (await level("business"))[0]["node"])
    (organisation,) = await level("business", group["node"])
    (leaf,) = await level("business", organisation["node"])
    assert (group["kind"], organisation["kind"]) == ("business_group", "virtual_organisation")
    assert (leaf["channel"], leaf["online"], leaf["has_children"]) == (key, True, False)
    walked, node = [], ""
    while True:
        (found,) = await level("regions", node)
        if found["channel"] is not None:
            break
        node = found["node"]
        walked.append(node)
    assert found["channel"] == key
    assert walked
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(walked))
    assert (await upper.get("/tree", params={"node": "34019900002000000009"})).status_code == 404
    assert (await upper.get("/tree", params={"view": "colours"})).status_code == 422
    assert (await upper.get("/tree", params={"cursor": "x", "node": LOWER_ID})).status_code == 400
    assert await level("regions", "99") == []
