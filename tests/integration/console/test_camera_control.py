"""Presets, cruises, home position and commands through the API, obeyed by a simulated camera."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access.audit import Outcome
from catalog.model import CatalogRow, ChannelKind
from sipserver.devices.errors import Refused
from sipserver.gb.camera_commands import (
    DragZoom,
    HomePosition,
    PictureArea,
    TargetTrack,
    TrackMode,
    ZoomDirection,
)
from sipserver.gb.control_commands import AlarmReset, RecordCommand, UnknownCommand
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import PtzCommand
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path) as site:
        yield site


@pytest.fixture
async def camera(site: SmallSite) -> SimulatedDevice:
    return await site.add_camera(edition=Edition.V3_0)


def path(device: SimulatedDevice, rest: str) -> str:
    return f"/channels/{device.settings.all_channel_ids[0]}/{rest}"


def frames(device: SimulatedDevice) -> list[str]:
    return [
        control.command.frame
        for control in device.control.received
        if isinstance(control.command, PtzCommand)
    ]


async def test_presets_are_set_listed_called_and_deleted(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C076, GB-C082."""
    assert (await site.api.put(path(camera, "presets/5"), json={"name": "大门"})).status_code == 204
    listed = await site.api.get(path(camera, "presets"))
    assert listed.json()["items"] == [{"number": 5, "name": "大门"}]
    assert (await site.api.post(path(camera, "presets/5/call"))).status_code == 204
    assert (await site.api.delete(path(camera, "presets/5"))).status_code == 204
    assert (await site.api.get(path(camera, "presets"))).json() == {"items": []}
    assert frames(camera) == ["A50F01810005003B", "A50F01820005003C", "A50F01830005003D"]


@pytest.mark.parametrize("number", ["0", "256", "-1", "x"])
async def test_presets_outside_of_1_to_255_are_refused(
    site: SmallSite, camera: SimulatedDevice, number: str
) -> None:
    """GB-C086."""
    answers = [
        await site.api.put(path(camera, f"presets/{number}"), json={}),
        await site.api.post(path(camera, f"presets/{number}/call")),
        await site.api.delete(path(camera, f"presets/{number}")),
        await site.api.put(path(camera, f"cruises/1/points/{number}"), json={}),
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert not camera.control.received


async def test_cruises_and_scans(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C076, GB-C082, GB-C087: the frames of section 4.5, and the tracks as they come back."""
    api = site.api
    answers = [
        await api.put(path(camera, "cruises/1/points/5"), json={"name": "巡逻"}),
        await api.patch(path(camera, "cruises/1"), json={"speed": 300, "dwell_s": 30}),
        await api.post(path(camera, "cruises/1/start")),
        await api.put(path(camera, "scans/1/limits/left")),
        await api.put(path(camera, "scans/1/limits/right")),
        await api.patch(path(camera, "scans/1"), json={"speed": 300}),
        await api.post(path(camera, "scans/1/start")),
        await api.put(path(camera, "ptz/auxiliaries/1"), json={"on": True}),
        await api.put(path(camera, "ptz/auxiliaries/1"), json={"on": False}),
    ]
    assert {answer.status_code for answer in answers} == {204}, [answer.text for answer in answers]
    assert (await api.get(path(camera, "cruises"))).json() == {"items": [{"number": 1, "name": "巡逻"}]}
    track = (await api.get(path(camera, "cruises/1"))).json()
    assert track["points"] == [{"preset": 5, "stay_s": 30, "speed": 15}]
    assert (await api.get(path(camera, "cruises/9"))).json()["code"] == "refused"
    assert (await api.delete(path(camera, "cruises/1/points/5"))).status_code == 204
    assert (await api.delete(path(camera, "cruises/1"))).status_code == 204
    assert frames(camera) == [
        "A50F01840105003F",
        "A50F0186012C1078",
        "A50F0187011E005B",
        "A50F01880100003E",
        "A50F018901010040",
        "A50F018901020041",
        "A50F018A012C107C",
        "A50F01890100003F",
        "A50F018C01000042",
        "A50F018D01000043",
        "A50F018501050040",
        "A50F01850100003B",
    ]


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("PATCH", "cruises/1", {}),
        ("PATCH", "cruises/1", {"speed": 4096}),
        ("PATCH", "cruises/256", {"speed": 1}),
        ("PATCH", "scans/1", {"speed": -1}),
        ("PUT", "cruises/1/points/1", {"name": "巡" * 17}),
        ("PUT", "scans/1/limits/top", None),
        ("PUT", "ptz/auxiliaries/256", {"on": True}),
        ("PUT", "ptz/position", {}),
        ("PUT", "ptz/position", {"tilt": 91}),
        ("PUT", "ptz/lock", {"for_s": 0}),
        ("PUT", "home-position", {"enabled": True, "preset": 256}),
        ("POST", "ptz/track", {"mode": "manual"}),
        ("POST", "ptz/drag-zoom", {"area": {"window_width": 0}}),
        ("PUT", "device-recording", {"on": "perhaps"}),
        (
            "POST",
            "ptz/drag-zoom",
            {
                "area": {
                    "window_width": 100,
                    "window_height": 100,
                    "middle_x": 101,
                    "middle_y": 1,
                    "width": 1,
                    "height": 1,
                }
            },
        ),
    ],
)
async def test_wrong_input_is_refused_and_nothing_is_sent(
    site: SmallSite, camera: SimulatedDevice, method: str, rest: str, body: object
) -> None:
    """GB-C086, GB-C087: at n + 1."""
    answer = await site.api.request(method, path(camera, rest), json=body)
    assert answer.status_code == 422, answer.text
    assert not camera.control.received


async def test_the_home_position_is_set_and_read_back(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C067."""
    wanted = {"enabled": True, "reset_time_s": 60, "preset": 5}
    result = await site.api.put(path(camera, "home-position"), json=wanted)
    assert result.json() == {"outcome": "done"}
    assert camera.control.received[-1].command == HomePosition(True, 60, 5)
    assert (await site.api.get(path(camera, "home-position"))).json() == {"home_position": wanted}


async def test_a_position_is_aimed_at_and_read(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C076."""
    aimed = await site.api.put(path(camera, "ptz/position"), json={"pan": 120.5, "tilt": 12.25, "zoom": 4})
    assert aimed.json() == {"outcome": "accepted"}
    position = (await site.api.get(path(camera, "ptz/position"))).json()
    assert (position["pan"], position["tilt"], position["zoom"]) == (120.5, 12.25, 4.0)
    assert position["horizontal_angle"] == 15.0


async def test_drag_zoom_and_tracking(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C063, GB-C066."""
    area = {
        "window_width": 1280,
        "window_height": 720,
        "middle_x": 400,
        "middle_y": 260,
        "width": 240,
        "height": 135,
    }
    box = PictureArea(1280, 720, 400, 260, 240, 135)
    for direction, expected in (("in", ZoomDirection.IN), ("out", ZoomDirection.OUT)):
        answer = await site.api.post(
            path(camera, "ptz/drag-zoom"), json={"direction": direction, "area": area}
        )
        assert answer.json() == {"outcome": "accepted"}
        assert camera.control.received[-1].command == DragZoom(expected, box)
    panorama = "34020000001310009999"
    body = {"mode": "manual", "panorama_channel_id": panorama, "area": area}
    assert (await site.api.post(path(camera, "ptz/track"), json=body)).status_code == 200
    expected_track = TargetTrack(TrackMode.MANUAL, GbId(panorama), box)
    assert camera.control.received[-1].command == expected_track


async def test_a_camera_of_2016_is_spared_what_it_does_not_know(site: SmallSite) -> None:
    """GB-C039: a problem that says how to send it all the same."""
    camera = await site.add_camera(edition=Edition.V2_0)
    for method, rest, body in (
        ("GET", "ptz/position", None),
        ("GET", "home-position", None),
        ("GET", "cruises", None),
        ("GET", "cruises/1", None),
        ("PUT", "ptz/position", {"pan": 1}),
        ("POST", "ptz/track", {"mode": "auto"}),
    ):
        refused = await site.api.request(method, path(camera, rest), json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "not-in-edition"), rest
        assert not camera.control.received
        sent = await site.api.request(method, path(camera, rest), json=body, params={"despite_edition": True})
        assert sent.status_code == 200 or sent.json()["code"] == "refused", sent.text
        camera.control.received.clear()


async def test_recording_restart_and_key_frame(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C063, GB-C064, GB-C065."""
    recorded = await site.api.put(path(camera, "device-recording"), json={"on": True, "stream_number": 1})
    assert recorded.json() == {"outcome": "done"}
    assert camera.control.received[-1].command == RecordCommand(True, 1)
    assert camera.control.recording == set(camera.settings.all_channel_ids)
    assert (await site.api.post(path(camera, "keyframe"))).status_code == 204
    assert camera.control.received[-1].element_name == "IFrameCmd"
    registrations = camera.stats.registrations
    restarted = await site.api.post(f"/devices/{camera.settings.device_id}/restart")
    assert restarted.json() == {"outcome": "accepted"}

    async def is_back() -> bool:
        return camera.stats.registrations > registrations

    await eventually(is_back, "the device registers again")
    assert (await site.api.post("/devices/34020000001110009999/restart")).status_code == 404


async def test_what_is_no_camera_is_not_moved(site: SmallSite, camera: SimulatedDevice) -> None:
    device_id, alarm_id = camera.settings.device_id, "34020000001340000001"
    rows = [CatalogRow(channel_id=alarm_id, name="alarm input", kind=ChannelKind.ALARM)]
    await site.platform.catalog.replace_catalog(device_id, rows, complete=False)
    refused = await site.api.post(f"/channels/{alarm_id}/ptz/move", json={"pan": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-a-camera")


async def test_a_device_obeys_what_it_has_and_ignores_the_rest(
    site: SmallSite, camera: SimulatedDevice
) -> None:
    """GB-C064, GB-C083, as a device: a frame with a wrong checksum moves nothing."""
    commands, device_id = site.platform.devices.commands, camera.settings.device_id
    channel = camera.settings.all_channel_ids[0]
    assert await commands.set_guard(device_id, channel, armed=True) is True
    assert camera.control.is_armed
    assert await commands.reset_alarm(device_id, channel, methods=(2,), alarm_type=1) is True
    assert camera.control.received[-1].command == AlarmReset("2", "1")
    assert camera.control.alarm_resets == 1
    await commands.send(device_id, channel, PtzCommand("A50F0102800000FF"))
    await commands.send(device_id, "34020000001310009999", PtzCommand("A50F010280000037"))
    await commands.send(device_id, channel, UnknownCommand("Dance", "Waltz"))
    assert camera.control.received[-1].element_name == "Dance"
    assert not camera.control.heads[channel].is_moving
    await commands.send(device_id, device_id, PtzCommand("A50F010280000037"))
    assert camera.control.heads[channel].is_moving
    for command in (RecordCommand(True), HomePosition(True)):
        with pytest.raises(Refused):
            await commands.send(device_id, "34020000001310009999", command)


async def test_commands_are_on_record(site: SmallSite, camera: SimulatedDevice) -> None:
    """Who did what to which camera, and how it ended."""
    await site.api.post(path(camera, "presets/5/call"))
    await camera.stop()
    await site.api.post(path(camera, "presets/5/call"))
    lines = await site.platform.app.state.context.audit.list()
    ptz = [line for line in lines if line.action == "ptz.control"]
    assert sorted(line.outcome for line in ptz) == [Outcome.DONE, Outcome.FAILED]
    assert {line.actor for line in ptz} == {"admin"}
    channel = camera.settings.all_channel_ids[0]
    assert {line.target for line in ptz} == {f"{camera.settings.device_id}~{channel}"}


# ---------------------------------------------------------------- devices that go wrong


async def test_a_device_that_never_reports_is_accepted_without_result(tmp_path: Path) -> None:
    """3.3: the fault silent-control."""
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(faults=("silent-control",))
        wanted = {"enabled": False}
        assert (await site.api.put(path(camera, "home-position"), json=wanted)).json() == {
            "outcome": "no_result"
        }


async def test_a_device_that_reports_errors_refuses(site: SmallSite) -> None:
    camera = await site.add_camera(faults=("failing-control",))
    refused = await site.api.put(path(camera, "device-recording"), json={"on": True})
    assert (refused.status_code, refused.json()["code"]) == (502, "refused")


async def test_a_device_that_answers_everything_does_no_harm(site: SmallSite) -> None:
    """3.3: a device that wrongly answers a no-answer command must not cause an error."""
    camera = await site.add_camera(faults=("answers-everything",))
    assert (await site.api.post(path(camera, "presets/1/call"))).status_code == 204
    assert (await site.api.put(path(camera, "device-recording"), json={"on": False})).json() == {
        "outcome": "done"
    }


async def test_an_answer_with_another_serial_number_is_taken(site: SmallSite) -> None:
    """Q28."""
    camera = await site.add_camera(faults=("changed-sn",))
    await site.api.post(path(camera, "presets/1/call"))
    assert (await site.api.put(path(camera, "device-recording"), json={"on": True})).json() == {
        "outcome": "done"
    }


async def test_a_list_of_all_presets_can_be_cut_to_the_named(site: SmallSite) -> None:
    """Q51."""
    camera = await site.add_camera(faults=("all-presets",), edition=Edition.V3_0)
    await site.api.put(path(camera, "presets/7"), json={"name": "gate"})
    assert len((await site.api.get(path(camera, "presets"))).json()["items"]) == 255
    named = (await site.api.get(path(camera, "presets"), params={"named": True})).json()["items"]
    assert named == [{"number": 7, "name": "gate"}]


async def test_a_home_position_under_another_name_is_read(site: SmallSite) -> None:
    """GB-C067, Q39."""
    camera = await site.add_camera(faults=("home-name",), edition=Edition.V3_0)
    answer = (await site.api.get(path(camera, "home-position"))).json()
    assert answer["home_position"]["enabled"] is False


async def test_the_older_spelling_is_what_an_older_camera_obeys(site: SmallSite) -> None:
    """GB-C065, Q42: the fault old-keyframe, with the edition of its header."""
    camera = await site.add_camera(faults=("old-keyframe",), edition=Edition.V2_0)
    assert (await site.api.post(path(camera, "keyframe"))).status_code == 204
    assert camera.stats.keyframes_requested == 1
    assert camera.control.received[-1].element_name == "IFameCmd"
