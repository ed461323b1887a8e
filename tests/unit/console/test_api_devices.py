"""Devices and channels over HTTP."""

import httpx
import pytest

CAMERA = "34020000001320000001"
DEVICE = "34020000001110000001"
OTHER_DEVICE = "34020000001110000002"
SHARED = "34020000001320000009"


async def test_a_device_says_what_automation_relies_on(admin: httpx.AsyncClient) -> None:
    page = (await admin.get("/api/v1/devices")).json()
    assert page["next"] is None
    first = page["items"][0]
    assert {
        "device_id": DEVICE,
        "name": "NVR 1",
        "online": True,
        "transport": "UDP",
        "channels": 2,
    }.items() <= (first.items())


async def test_a_channel_says_what_automation_relies_on(admin: httpx.AsyncClient) -> None:
    channel = (await admin.get(f"/api/v1/channels/{CAMERA}")).json()
    expected = {
        "channel_id": CAMERA,
        "device_id": DEVICE,
        "name": "大门",
        "online": True,
        "streaming": False,
        "recording": False,
        "retention_class": "ordinary",
    }
    assert expected.items() <= channel.items()


async def test_lists_are_paged_without_losing_anything(admin: httpx.AsyncClient) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/v1/channels", params=params)).json()
        seen += [(item["device_id"], item["channel_id"]) for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [(DEVICE, CAMERA), (DEVICE, SHARED), (OTHER_DEVICE, SHARED)]


async def test_directories_are_listed_on_request(admin: httpx.AsyncClient) -> None:
    items = (await admin.get(f"/api/v1/devices/{DEVICE}/channels", params={"kind": "all"})).json()["items"]
    assert [item["kind"] for item in items] == ["region", "camera", "camera"]


async def test_a_shared_channel_id_is_refused_with_the_full_ids(admin: httpx.AsyncClient) -> None:
    answer = await admin.get(f"/api/v1/channels/{SHARED}")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "ambiguous-channel"
    assert problem["candidates"] == [f"{DEVICE}~{SHARED}", f"{OTHER_DEVICE}~{SHARED}"]
    chosen = await admin.get(f"/api/v1/channels/{problem['candidates'][1]}")
    assert chosen.json()["device_id"] == OTHER_DEVICE


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/devices/34020000001110000099", "unknown-device"),
        ("/api/v1/devices/34020000001110000099/channels", "unknown-device"),
        ("/api/v1/channels/34020000001320000099", "unknown-channel"),
        ("/api/v1/channels/a~b~c", "unknown-channel"),
        ("/api/v1/nowhere", "not-found"),
        ("/api/v1/channels?cursor=made-up", "bad-cursor"),
        ("/api/v1/channels?limit=0", "invalid-request"),
    ],
)
async def test_what_is_not_there_is_a_problem(admin: httpx.AsyncClient, path: str, code: str) -> None:
    answer = await admin.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, answer.status_code)
    assert problem["type"] == f"urn:tongshi:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == path.partition("?")[0]


async def test_a_wrong_method_names_the_right_ones(admin: httpx.AsyncClient) -> None:
    answer = await admin.delete("/api/v1/devices")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


async def test_an_operators_choices_for_a_channel_are_kept(admin: httpx.AsyncClient) -> None:
    change = {"retention_class": "key", "record_always": True, "camera_class": 1, "priority": "key_trade"}
    changed = (await admin.patch(f"/api/v1/channels/{CAMERA}", json=change)).json()
    assert change.items() <= changed.items()
    back = await admin.patch(f"/api/v1/channels/{CAMERA}", json={"camera_class": None, "given_name": "东门"})
    assert back.json()["camera_class"] is None
    assert back.json()["name"] == "东门"
    assert back.json()["record_always"] is True


async def test_a_misspelt_field_is_refused_and_named(admin: httpx.AsyncClient) -> None:
    answer = await admin.patch(f"/api/v1/channels/{CAMERA}", json={"retention": "key"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == ["body.retention: Extra inputs are not permitted"]


async def test_a_device_is_put_on_file_with_a_password_nobody_reads(admin: httpx.AsyncClient) -> None:
    path = "/api/v1/devices/34020000001110000077"
    answer = await admin.put(path, json={"name": "岗亭", "password": "s3cret-of-device"})
    assert answer.status_code == 201
    assert answer.json()["has_password"] is True
    assert "s3cret" not in answer.text
    assert (await admin.put(path, json={"password": ""})).json()["has_password"] is False
    assert (await admin.patch(path, json={"blocked": True})).json()["blocked"] is True


async def test_asking_for_the_catalogue_answers_what_came(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"/api/v1/devices/{DEVICE}/catalog")
    assert answer.json() == {"device_id": DEVICE, "channels": 3, "complete": True, "announced": 3}


async def test_rates_carry_their_formula(admin: httpx.AsyncClient) -> None:
    rates = (await admin.get("/api/v1/rates")).json()
    assert rates["items"][0]["online_rate"] == 0.5
    assert rates["formula"]
