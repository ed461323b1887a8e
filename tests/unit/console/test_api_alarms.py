"""Who may do what with alarms, and what a rule may not say."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from sipserver.devices.alarms.model import AlarmRule
from tests.unit.console.conftest import CAMERA, DEVICE, SHARED_CAMERA, World

RULE = {"name": "gate", "actions": [{"kind": "snapshot"}]}


class FakeRules:
    def __init__(self) -> None:
        self.rules: dict[str, AlarmRule] = {}

    def all(self) -> list[AlarmRule]:
        return list(self.rules.values())

    def get(self, rule_id: str) -> AlarmRule:
        return self.rules[rule_id]

    async def save(self, rule: AlarmRule) -> None:
        self.rules[rule.rule_id] = rule

    async def remove(self, rule_id: str) -> None:
        del self.rules[rule_id]


@pytest.fixture
def rules(world: World) -> FakeRules:
    made = FakeRules()
    world.devices.alarms = SimpleNamespace(rules=made)
    return made


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"/devices/{DEVICE}/alarm-reset", {}),
        ("PUT", f"/devices/{DEVICE}/guard", {"armed": True}),
        ("PUT", f"/devices/{DEVICE}/alarm-policy", {}),
        ("POST", f"/devices/{DEVICE}/test-alarm", {}),
        ("POST", "/alarms/0123456789abcdef/acknowledge", {}),
        ("POST", "/alarms/0123456789abcdef/reset", None),
        ("POST", "/alarm-rules", RULE),
        ("DELETE", "/alarm-rules/0123456789abcdef", None),
    ],
)
async def test_a_viewer_looks_and_changes_nothing(
    watcher: httpx.AsyncClient, rules: FakeRules, method: str, path: str, body: Any
) -> None:
    answer = await watcher.request(method, "/api/v1" + path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await watcher.get("/api/v1/alarm-rules")).json() == {"items": [], "next": None}
    assert len((await watcher.get("/api/v1/alarm-types")).json()["items"]) == 27


@pytest.mark.parametrize("path", ["/alarms", "/events", "/alarm-rules", "/alarm-files/" + "0" * 32])
async def test_without_a_login_nothing_is_told(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get("/api/v1" + path)).status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"actions": []}, 422),
        ({"actions": [{"kind": "record"}]}, 422),
        ({"actions": [{"kind": "preset"}]}, 422),
        ({"actions": [{"kind": "explode"}]}, 422),
        ({"actions": [{"kind": "record", "before_s": 121}]}, 422),
        ({"methods": [8]}, 422),
        ({"lowest_priority": 0}, 422),
        ({"device_id": "../"}, 422),
        ({"unknown": 1}, 422),
        ({"actions": [{"kind": "snapshot", "channel": "nowhere"}]}, 404),
        ({"actions": [{"kind": "snapshot", "channel": SHARED_CAMERA}]}, 409),
    ],
)
async def test_a_wrong_rule_is_refused(
    admin: httpx.AsyncClient, rules: FakeRules, change: dict[str, Any], status: int
) -> None:
    answer = await admin.post("/api/v1/alarm-rules", json=RULE | change)
    assert answer.status_code == status, answer.text
    assert rules.rules == {}


async def test_rules_are_added_replaced_removed_and_audited(
    admin: httpx.AsyncClient, rules: FakeRules, world: World
) -> None:
    body = {
        "name": "gate",
        "device_id": DEVICE,
        "source_id": CAMERA,
        "methods": [5, 2, 5],
        "actions": [
            {"kind": "record", "before_s": 5, "after_s": 10, "channel": CAMERA, "preset": 7},
            {"kind": "preset", "preset": 3},
        ],
    }
    made = await admin.post("/api/v1/alarm-rules", json=body)
    assert made.status_code == 201
    rule = made.json()
    assert rule["methods"] == [2, 5]
    assert rule["actions"][0] | {} == {
        "kind": "record",
        "before_s": 5.0,
        "after_s": 10.0,
        "channel": f"{DEVICE}~{CAMERA}",
        "preset": 0,
    }
    path = f"/api/v1/alarm-rules/{rule['rule_id']}"
    assert (await admin.get(path)).json() == rule
    changed = await admin.put(path, json=body | {"enabled": False})
    assert (changed.json()["enabled"], changed.json()["rule_id"]) == (False, rule["rule_id"])
    assert (await admin.delete(path)).status_code == 204
    assert rules.rules == {}
    changes = [line for line in await world.audit_actions() if line[0] == "channels.manage"]
    assert len(changes) == 3


@pytest.mark.parametrize(
    "query",
    [
        "method=9",
        "start=yesterday",
        "lowest_priority=5",
        "limit=0",
        "type=-1",
        "end=9999-12-31T23:59:59-14:00",
    ],
)
async def test_a_wrong_question_is_refused(admin: httpx.AsyncClient, rules: FakeRules, query: str) -> None:
    answer = await admin.get(f"/api/v1/alarms?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


async def test_unknown_kinds_of_news_are_refused(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/api/v1/events?kinds=weather")).status_code == 422
