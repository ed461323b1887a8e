"""Settings of devices through everything: API, SIP, simulated devices that keep them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipserver.devices.profiles.facets import Facet
from sipserver.gb import manscdp
from sipserver.gb.config_blocks.picture import FrameMirror
from sipserver.gb.config_blocks.registry import types_of
from sipserver.gb.editions import Edition
from sipserver.gb.manscdp import Document, Element
from sipserver.simulator.device import SimulatedDevice
from tests.support.small_site import SmallSite, small_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path) as opened:
        yield opened


def channel_of(device: SimulatedDevice) -> str:
    return device.settings.all_channel_ids[0]


def asked(device: SimulatedDevice) -> int:
    return device.stats.requests.get("MESSAGE", 0)


async def blocks(site: SmallSite, path: str, **params: Any) -> dict[str, dict[str, Any]]:
    answer = await site.api.get(f"{path}/configuration", params=params)
    assert answer.status_code == 200, answer.text
    return {item["name"]: item for item in answer.json()["items"]}


async def test_every_type_of_the_edition_is_asked_for_one_by_one_and_shown(site: SmallSite) -> None:
    """GB-C070: one Response for each type."""
    for index, edition in enumerate((Edition.V2_0, Edition.V3_0)):
        camera = await site.add_camera(index, edition=edition)
        before = asked(camera)
        found = await blocks(site, f"/channels/{channel_of(camera)}")
        assert list(found) == types_of(edition)
        known = set(camera.configuration.blocks[channel_of(camera)])
        assert {name for name, item in found.items() if item["state"] == "answered"} == known
        assert {item["state"] for name, item in found.items() if name not in known} <= {"refused"}
        assert asked(camera) - before == len(found)
        assert found["BasicParam"]["values"]["name"] == camera.channels[channel_of(camera)].item.name


async def test_a_device_that_manages_several_types_is_asked_once(site: SmallSite) -> None:
    """GB-C070: types joined by a slash, learned after single questions were answered."""
    camera = await site.add_camera(edition=Edition.V3_0)
    path = f"/channels/{channel_of(camera)}"
    wanted = ["BasicParam", "OSDConfig", "FrameMirror"]
    await blocks(site, path, types=wanted)
    before = asked(camera)
    found = await blocks(site, path, types=wanted)
    assert [item["state"] for item in found.values()] == ["answered"] * 3
    assert asked(camera) - before == 1
    assert site.platform.devices.profiles.value(camera.settings.device_id, Facet.CONFIG_TYPES) == "joined"


async def test_a_device_that_answers_the_first_type_only_is_asked_one_by_one_again(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0, faults=("config-first-type",))
    path = f"/channels/{channel_of(camera)}"
    for _ in range(2):
        found = await blocks(site, path, types=["BasicParam", "OSDConfig"])
        assert [item["state"] for item in found.values()] == ["answered", "answered"]
    assert site.platform.devices.profiles.value(camera.settings.device_id, Facet.CONFIG_TYPES) == "single"


async def test_joined_types_may_come_in_one_answer(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0, faults=("config-one-answer",))
    path = f"/channels/{channel_of(camera)}"
    for _ in range(2):
        found = await blocks(site, path, types=["BasicParam", "OSDConfig"])
        assert [item["state"] for item in found.values()] == ["answered", "answered"]


async def test_types_that_a_device_does_not_answer_are_told_and_not_asked_for_again(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V2_0, faults=("config-silent-types",))
    path = f"/devices/{camera.settings.device_id}"
    first = await blocks(site, path)
    assert first["BasicParam"]["state"] == "answered"
    assert {first["AudioParamOpt"]["state"]} == {"silent"}
    second = await blocks(site, path)
    assert second["AudioParamOpt"]["state"] == "skipped"
    assert second["BasicParam"]["state"] == "answered"


async def test_a_setting_is_changed_and_read_back(site: SmallSite) -> None:
    """GB-C064: DeviceConfig waits for its Response."""
    camera = await site.add_camera(edition=Edition.V3_0)
    channel = channel_of(camera)
    path = f"/channels/{channel}/configuration"
    plan = {
        "enabled": True,
        "stream_number": 0,
        "schedule": [
            {
                "week_day": 1,
                "segments": [
                    {
                        "start_hour": 8,
                        "start_minute": 0,
                        "start_second": 0,
                        "stop_hour": 18,
                        "stop_minute": 30,
                        "stop_second": 0,
                    }
                ],
            }
        ],
    }
    osd = {
        "length": 640,
        "width": 360,
        "time_x": 8,
        "time_y": 8,
        "time_enabled": True,
        "lines": [{"text": "东门 1 号", "x": 8, "y": 40}],
    }
    mask = {
        "enabled": True,
        "regions": [{"number": 1, "area": {"left": 0, "top": 0, "right": 64, "bottom": 48}}],
    }
    for name, values in {
        "VideoRecordPlan": plan,
        "OSDConfig": osd,
        "PictureMask": mask,
        "FrameMirror": {"mode": 3},
        "AlarmReport": {"motion_detection": True, "field_detection": False},
        "VideoAlarmRecord": {"enabled": True, "after_s": 20, "before_s": 5, "stream_number": 0},
        "BasicParam": {"name": "大门", "heartbeat_interval_s": 30},
    }.items():
        answer = await site.api.put(f"{path}/{name}", json=values, params={"read_back": True})
        assert answer.status_code == 200, answer.text
        change = answer.json()
        assert (change["confirmation"], change["differences"]) == ("answered", []), change
        assert values.items() <= change["values"].items()
    assert camera.configuration.blocks[channel]["FrameMirror"] == FrameMirror(mode=3)


async def test_wrong_values_are_refused_before_anything_is_sent(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0)
    path = f"/channels/{channel_of(camera)}/configuration"
    before = asked(camera)
    for name, values, field in (
        ("FrameMirror", {"mode": 4}, "mode"),
        ("FrameMirror", {"modus": 1}, "modus"),
        ("FrameMirror", {}, "mode"),
        ("PictureMask", {"enabled": True, "regions": [{"numero": 1}]}, "regions[1].numero"),
        ("VideoRecordPlan", {"enabled": True}, "stream_number"),
        ("VideoParamOpt", {"resolutions": "5"}, "VideoParamOpt"),
        ("SnapShotConfig", {"count": 1}, "SnapShotConfig"),
        ("Vendor Block", {"unknown": {}}, "Vendor Block"),
        ("VendorBlock", {"mode": 1}, "VendorBlock"),
    ):
        answer = await site.api.put(f"{path}/{name}", json=values)
        assert answer.status_code == 422, (name, answer.text)
        assert field in answer.json()["detail"]
    assert asked(camera) == before


async def test_what_the_edition_does_not_have_needs_the_word_of_the_operator(site: SmallSite) -> None:
    """GB-C039: the gate, and the way around it."""
    camera = await site.add_camera(edition=Edition.V2_0)
    path = f"/channels/{channel_of(camera)}"
    refused = await site.api.put(f"{path}/configuration/FrameMirror", json={"mode": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-in-edition")
    refused = await site.api.get(f"{path}/sd-cards")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-in-edition")
    sent = await site.api.put(
        f"{path}/configuration/FrameMirror", json={"mode": 1}, params={"despite_edition": True}
    )
    assert (sent.status_code, sent.json()["code"]) == (502, "refused")
    cards = await site.api.get(f"{path}/sd-cards", params={"despite_edition": True})
    assert cards.status_code == 200


async def test_basic_parameters_applied_by_registering_anew_count_as_taken(site: SmallSite) -> None:
    """Q23: no Response, but a new registration."""
    camera = await site.add_camera(faults=("basic-param-restarts",))
    answer = await site.api.put(
        f"/devices/{camera.settings.device_id}/configuration/BasicParam",
        json={"name": "renamed"},
        params={"read_back": True},
    )
    assert answer.status_code == 200, answer.text
    change = answer.json()
    assert (change["confirmation"], change["values"]["name"]) == ("registered_again", "renamed")


async def test_a_camera_that_listens_to_its_device_id_only_is_found_out(site: SmallSite) -> None:
    """Q40: the channel's id is passed over; the device's id works and is remembered."""
    camera = await site.add_camera(edition=Edition.V3_0, faults=("config-device-only",))
    device_id = camera.settings.device_id
    path = f"/channels/{channel_of(camera)}/configuration"
    first = await site.api.put(f"{path}/FrameMirror", json={"mode": 1})
    assert (first.status_code, first.json()["target_id"]) == (200, device_id)
    assert site.platform.devices.profiles.value(device_id, Facet.CONFIG_TARGET) == "device"
    before = asked(camera)
    again = await site.api.put(f"{path}/FrameMirror", json={"mode": 2})
    assert again.json()["confirmation"] == "answered"
    assert asked(camera) == before + 1


async def test_a_channel_of_a_recorder_is_never_confused_with_the_recorder(site: SmallSite) -> None:
    nvr = await site.add_nvr(edition=Edition.V3_0, channels=2, faults=("config-device-only",))
    answer = await site.api.put(f"/channels/{channel_of(nvr)}/configuration/FrameMirror", json={"mode": 1})
    assert answer.json()["confirmation"] == "none"
    assert nvr.configuration.changes == 0


async def test_blocks_under_other_names_are_understood(site: SmallSite) -> None:
    """GB-C071: SnapShotConfig and SnapShot are the same (Q52); drafts have other names (Q41)."""
    faults = ("config-draft-names", "snapshot-block-name")
    camera = await site.add_camera(edition=Edition.V3_0, faults=faults)
    types = ["BasicParam", "OSDConfig", "FrameMirror", "SnapShotConfig"]
    found = await blocks(site, f"/channels/{channel_of(camera)}", types=types)
    assert {name: item["state"] for name, item in found.items()} == dict.fromkeys(types, "answered")
    assert found["SnapShotConfig"]["values"]["count"] == 1


async def test_a_block_of_a_vendor_is_sent_kept_and_shown(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0)
    path = f"/channels/{channel_of(camera)}"
    values = {"unknown": {"Mode": "2", "Area/Item/X": "1", "Area/Item[2]/X": "3"}}
    sent = await site.api.put(f"{path}/configuration/SmokeDetection", json=values)
    assert sent.json()["confirmation"] == "answered"
    found = await blocks(site, path, types=["SmokeDetection"])
    assert found["SmokeDetection"]["values"] == values


async def test_storage_cards_show_the_progress_of_a_format(site: SmallSite) -> None:
    """GB-C076: SDCardStatus; GB-C063: FormatSDCard is not answered."""
    camera = await site.add_camera(edition=Edition.V3_0)
    path = f"/channels/{channel_of(camera)}/sd-cards"
    cards = (await site.api.get(path)).json()["items"]
    assert [(card["card_id"], card["status"]) for card in cards] == [("1", "ok"), ("2", "unformatted")]
    assert (await site.api.post(f"{path}/format", json={"card": 9})).status_code == 422
    assert (await site.api.post(f"{path}/format", json={"card": 2})).status_code == 202
    seen = []
    for _ in range(6):
        card = (await site.api.get(path)).json()["items"][1]
        seen.append((card["status"], card["progress_percent"]))
    assert seen[0] == ("formatting", 0)
    assert seen[-1] == ("ok", None)
    assert [progress for status, progress in seen if status == "formatting"] == [0, 25, 50, 75]


async def test_kinds_of_settings_come_with_their_schema_and_changes_are_on_record(site: SmallSite) -> None:
    kinds = (await site.api.get("/configuration-blocks")).json()["items"]
    schema = next(kind["values"] for kind in kinds if kind["name"] == "OSDConfig")
    assert schema["properties"]["lines"]["maxItems"] == 8
    camera = await site.add_camera(edition=Edition.V3_0)
    await site.api.put(f"/channels/{channel_of(camera)}/configuration/FrameMirror", json={"mode": 1})
    unknown = await site.api.get("/devices/34020000001329999999/configuration")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-device")


async def test_a_device_that_answers_nothing_is_given_up_after_two_types(site: SmallSite) -> None:
    nvr = await site.add_nvr(edition=Edition.V3_0, channels=2, faults=("config-device-only",))
    before = asked(nvr)
    answer = await site.api.get(f"/channels/{channel_of(nvr)}/configuration")
    assert (answer.status_code, answer.json()["code"]) == (504, "no-answer")
    assert asked(nvr) - before == 2
    await nvr.stop()
    away = await site.api.get(f"/channels/{channel_of(nvr)}/configuration")
    assert (away.status_code, away.json()["code"]) == (503, "device-offline")


async def test_answers_that_cannot_be_read_are_counted_and_harm_nothing(site: SmallSite) -> None:
    """A lying device loses its own answers only."""
    camera = await site.add_camera(edition=Edition.V3_0)
    stats = site.platform.devices.stats
    before = stats.malformed_bodies

    def nameless(document: Document) -> list[Element]:
        return [manscdp.new_document("Response", document.cmd_type, document.sn, "")]

    camera.parts.commands["Query", "ConfigDownload"] = nameless
    camera.parts.commands["Query", "SDCardStatus"] = nameless
    path = f"/channels/{channel_of(camera)}"
    silent = await site.api.get(f"{path}/configuration", params={"types": "BasicParam"})
    assert (silent.status_code, silent.json()["code"]) == (504, "no-answer")
    cards = await site.api.get(f"{path}/sd-cards")
    assert (cards.status_code, cards.json()["code"]) == (502, "bad-answer")
    assert stats.malformed_bodies >= before + 2
    status = await site.api.get(f"/devices/{camera.settings.device_id}")
    assert status.json()["online"] is True


async def test_callers_at_the_same_time_get_each_their_own(site: SmallSite) -> None:
    """Answers are told apart by SN; one that comes twice is one."""
    camera = await site.add_camera(edition=Edition.V3_0)
    first = camera.parts.commands["Query", "ConfigDownload"]
    camera.parts.commands["Query", "ConfigDownload"] = lambda document: first(document) * 2
    path = f"/channels/{channel_of(camera)}"
    names = ["BasicParam", "OSDConfig", "FrameMirror", "AlarmReport", "PictureMask"]
    found = await asyncio.gather(*(blocks(site, path, types=[name]) for name in names))
    assert [list(each) for each in found] == [[name] for name in names]
    assert {item["state"] for each in found for item in each.values()} == {"answered"}
