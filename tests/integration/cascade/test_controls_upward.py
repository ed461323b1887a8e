"""A superior moves, commands and configures cameras: real sockets, a simulated recorder. GB-C130, GB-C137."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from access.rights import Limits, Right
from cascade.asked.controls import MAX_CONTROLS
from catalog.model import ChannelKey
from sipserver.devices.ptz.lock import Holder
from sipserver.gb import manscdp
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.config_blocks.picture import FrameMirror, SnapShotConfig
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_config import DeviceConfig
from sipserver.gb.messages.device_control import (
    AlarmReset,
    Command,
    DeviceControl,
    DeviceControlResponse,
    DeviceUpgrade,
    DragZoom,
    FormatSdCard,
    GuardCommand,
    HomePosition,
    KeyframeCommand,
    PictureArea,
    PtzCommand,
    PtzPrecise,
    RecordCommand,
    TargetTrack,
    TeleBoot,
    TrackMode,
    UnknownCommand,
    ZoomDirection,
)
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.preset_query import PresetQuery
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.gb.ptz import STOP, CruiseAdd, Instruction, Move, Preset, PresetAction, read_instruction
from sipserver.gb.ptz_frame import PtzFrame
from tests.integration.cascade.conftest import NVR, MakeSite, Site
from tests.unit.cascade.conftest import OWN_ID

CAMERA = GbId("34010200001320000001")
KEY = ChannelKey(NVR, CAMERA)
LEFT = Move(pan=-90)
AREA = PictureArea(1280, 720, 400, 260, 240, 135)
EVERYTHING = tuple(Right)


def frame(instruction: Instruction) -> PtzCommand:
    return PtzCommand(instruction.to_frame().serialize())


async def told(site: Site, command: Command, camera: GbId = CAMERA, sn: str = "71") -> int:
    """The status with which a control is answered."""
    control = DeviceControl(sn, camera, command)
    return (await site.above.send(camera, control.to_xml())).status


async def told_raw(site: Site, command: PtzCommand) -> int:
    """The same for names that we would not write ourselves."""
    control = DeviceControl("71", CAMERA, replace(command, cruise_name="")).to_xml()
    manscdp.add_text(manscdp.add_group(control, "PTZCmdParams"), "CruiseTrackName", command.cruise_name)
    return (await site.above.send(CAMERA, control)).status


async def configured(site: Site, config: DeviceConfig) -> int:
    return (await site.above.send(config.device_id, config.to_xml())).status


def heard(site: Site) -> list[Instruction]:
    """What the camera's head was told."""
    return [
        read_instruction(PtzFrame.parse(each.command.frame))
        for each in site.camera.control.received
        if isinstance(each.command, PtzCommand)
    ]


async def result_of(site: Site, cmd_type: str, sn: str = "71") -> bool:
    """The Result of the Response with this number."""

    def responses() -> list[Document]:
        return [each for each in site.above.of_type(cmd_type) if each.root == "Response" and each.sn == sn]

    await site.until(responses)
    (response,) = responses()
    return DeviceControlResponse.from_xml(response.element).ok


# -------------------------------------------------------------------- PTZ


async def test_a_superior_turns_a_camera_and_stops_it(site: Site) -> None:
    await site.grant(Right.PTZ)
    assert await told(site, frame(LEFT)) == 200
    state = site.below.devices.ptz.state(KEY)
    assert state.lock is not None
    assert state.lock.holder == Holder(site.subject, site.post.link.superior.superior_id, 40)
    assert await told(site, frame(STOP)) == 200
    assert heard(site) == [LEFT, STOP]
    assert site.post.controls.moving == []
    (entry,) = await site.entries("superior.ptz")
    assert (entry.actor, entry.target, entry.outcome) == (site.subject, str(KEY), "done")
    assert json.loads(entry.detail)["command"] == "PTZCmd"


async def test_without_the_right_nothing_reaches_the_camera(site: Site) -> None:
    """GB-C137: who is new may watch, and move nothing."""
    assert await told(site, frame(LEFT)) == 403
    assert await told(site, TeleBoot()) == 403
    assert await told(site, GuardCommand(True)) == 403
    assert await configured(site, DeviceConfig("1", CAMERA, (FrameMirror(mode=1),))) == 403
    assert list(site.camera.control.received) == []
    (entry,) = await site.entries("superior.ptz")
    assert (entry.outcome, json.loads(entry.detail)["reason"]) == ("refused", "no_right")
    assert site.below.stats.permits_refused == {"no_right": 4}
    assert site.below.stats.controls_refused == {"403": 4}


async def test_what_moves_stops_when_the_right_to_move_it_ends(site: Site) -> None:
    await site.grant(Right.PTZ)
    assert await told(site, frame(LEFT)) == 200
    await site.grant(Right.LIVE)
    await site.until(lambda: heard(site) == [LEFT, STOP])
    assert site.post.controls.moving == []
    assert site.below.stats.permits == {"ptz": 1}
    assert site.below.stats.permits_ended == {"no_right": 1}


async def test_what_moves_stops_when_the_superior_is_gone(site: Site) -> None:
    await site.grant(Right.PTZ)
    assert await told(site, frame(LEFT)) == 200
    await site.below.superiors.remove(site.post.link.superior.superior_id)
    await site.until(lambda: heard(site) == [LEFT, STOP])
    assert site.below.devices.ptz.state(KEY).lock is None


async def test_a_stop_passes_although_the_camera_is_presented_no_more(site: Site) -> None:
    """gb28181.md 8.6: stop always passes, for whoever moves."""
    await site.grant(Right.PTZ)
    assert await told(site, frame(LEFT)) == 200
    await site.below.superiors.change(replace(site.post.link.superior, shares=()))
    assert await told(site, frame(STOP)) == 200
    assert heard(site) == [LEFT, STOP]
    assert await told(site, frame(STOP)) == 404


async def test_an_operator_comes_first_and_a_superior_of_higher_priority_before_it(site: Site) -> None:
    operator = Holder("somebody", "an operator", 50)
    site.below.devices.ptz.lock(KEY, operator, 60.0)
    await site.grant(Right.PTZ)
    assert await told(site, frame(LEFT)) == 486
    assert await told(site, frame(Preset(PresetAction.CALL, 3))) == 486
    assert heard(site) == []
    assert site.post.controls.moving == []
    await site.grant(Right.PTZ, limits=Limits(priority=60))
    assert await told(site, frame(LEFT)) == 200


async def test_presets_travel_with_their_names(site: Site) -> None:
    await site.grant(Right.PTZ)
    set_it = replace(frame(Preset(PresetAction.SET, 7)), preset_name="大门")
    assert await told(site, set_it) == 200
    assert site.camera.control.heads[CAMERA].presets[7].name == "大门"


async def test_a_name_that_no_camera_may_be_told_is_refused(site: Site) -> None:
    await site.grant(Right.PTZ)
    long = replace(frame(CruiseAdd(1, 1)), cruise_name="名" * 17)
    assert await told_raw(site, long) == 400
    assert list(site.camera.control.received) == []


async def test_a_frame_that_is_none_is_refused(site: Site) -> None:
    """Too short, too long, no digits, a wrong sum, opposite directions."""
    await site.grant(Right.PTZ)
    wrong = ("", "A50F01", "zz", "A50F010030000000FF", "A50F0108000000BE", "A50F010300000" + "0B8")
    for text in wrong:
        assert await told(site, PtzCommand(text)) == 400, text
    assert list(site.camera.control.received) == []
    assert site.post.controls.refused == len(wrong)


# -------------------------------------------------------------------- all other controls


async def test_controls_without_response_are_answered_when_they_were_done(site: Site) -> None:
    """GB-C063."""
    await site.grant(*EVERYTHING)
    control = site.camera.control
    commands: list[Command] = [
        DragZoom(ZoomDirection.IN, AREA), DragZoom(ZoomDirection.OUT, AREA), PtzPrecise(30.0, 10.0, 2.0),
        TargetTrack(TrackMode.AUTO), KeyframeCommand(), KeyframeCommand("IFameCmd"), FormatSdCard(1),
    ]  # fmt: skip
    for number, command in enumerate(commands, start=1):
        assert await told(site, command) == 200, command
        assert len(control.received) == number, command
        assert (control.received[-1].device_id, type(control.received[-1].command)) == (CAMERA, type(command))
    assert control.tracking == {CAMERA: TrackMode.AUTO}
    assert await told(site, TeleBoot()) == 200
    assert control.restarts == 1
    assert site.above.of_type("DeviceControl") == []


async def test_controls_with_a_response_get_that_of_the_camera(site: Site) -> None:
    """GB-C064, GB-C130: under the superior's number and id."""
    await site.grant(*EVERYTHING)
    control = site.camera.control
    commands = (GuardCommand(True), RecordCommand(True), AlarmReset(), HomePosition(True, 60, 3))
    for number, command in enumerate(commands, start=4711):
        assert await told(site, command, sn=str(number)) == 200, command
        assert await result_of(site, "DeviceControl", str(number)), command
        assert (control.received[-1].command, control.received[-1].sn != str(number)) == (command, True)
    assert (control.is_armed, control.recording, control.alarm_resets) == (True, {CAMERA}, 1)
    assert control.heads[CAMERA].home == HomePosition(True, 60, 3)


async def test_the_second_camera_of_a_command_is_translated_too(make_site: MakeSite) -> None:
    """The dome follows what moves in the panorama: DeviceID2 is the superior's id as well."""
    site = await make_site(superior={"keeps_ids": False, "id_prefix": "33000000"})
    await site.grant(*EVERYTHING)
    presented = sorted((await site.post.catalogue.tree()).channels)
    dome, panorama = GbId(presented[0]), GbId(presented[1])
    assert await told(site, TargetTrack(TrackMode.MANUAL, panorama, AREA), dome) == 200
    (heard_of,) = site.camera.control.received
    assert heard_of.command == TargetTrack(TrackMode.MANUAL, GbId("34010200001320000002"), AREA)
    stranger = GbId("34010200001320000002")
    assert await told(site, TargetTrack(TrackMode.MANUAL, stranger, AREA), dome) == 404
    assert len(site.camera.control.received) == 1


async def test_a_fault_of_ours_is_told_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is answered with 200 and then forgotten."""

    async def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("a fault")

    await site.grant(*EVERYTHING)
    monkeypatch.setattr(site.below.devices.commands, "send", broken)
    monkeypatch.setattr(site.below.devices.ptz, "relay", broken)
    assert await told(site, RecordCommand(True), sn="75") == 200
    assert not await result_of(site, "DeviceControl", "75")
    assert await told(site, frame(LEFT)) == 500
    assert site.post.controls.moving == []


async def test_a_camera_that_fails_is_reported_with_an_error(make_site: MakeSite) -> None:
    site = await make_site(faults=("failing-control",))
    await site.grant(*EVERYTHING)
    assert await told(site, GuardCommand(True)) == 200
    assert not await result_of(site, "DeviceControl")
    (entry,) = await site.entries("superior.configuration")
    assert entry.outcome == "failed"


async def test_a_camera_that_is_away_is_said_to_be_away(site: Site) -> None:
    await site.grant(*EVERYTHING)
    await site.camera.stop()
    assert await told(site, frame(LEFT)) == 480
    assert await told(site, KeyframeCommand()) == 480
    assert await told(site, GuardCommand(True), sn="72") == 200
    assert not await result_of(site, "DeviceControl", "72")


async def test_what_the_cameras_edition_does_not_have_is_refused(make_site: MakeSite) -> None:
    """GB-C039: elements of 2022 never reach a camera of 2016."""
    site = await make_site(edition=Edition.V2_0)
    await site.grant(*EVERYTHING)
    assert await told(site, PtzPrecise(30.0)) == 488
    assert await told(site, FormatSdCard(0)) == 488
    upgrade = DeviceUpgrade("V2", "http://127.0.0.1/fw", "Tongshi", "a" * 32)
    assert await told(site, upgrade, sn="73") == 200
    assert not await result_of(site, "DeviceControl", "73")
    assert list(site.camera.control.received) == []


async def test_an_element_of_2022_is_left_out_or_refused_for_a_camera_of_2016(make_site: MakeSite) -> None:
    """GB-C039: the main stream need not be named, another one cannot be."""
    site = await make_site(edition=Edition.V2_0)
    await site.grant(*EVERYTHING)
    assert await told(site, RecordCommand(True, 0), sn="71") == 200
    assert await result_of(site, "DeviceControl", "71")
    assert [each.command for each in site.camera.control.received] == [RecordCommand(True)]
    assert await told(site, RecordCommand(True, 1), sn="72") == 200
    assert not await result_of(site, "DeviceControl", "72")
    assert len(site.camera.control.received) == 1
    named = replace(frame(Preset(PresetAction.SET, 7)), preset_name="大门")
    assert await told(site, named) == 200
    assert site.camera.control.received[-1].command == replace(named, preset_name="")


async def test_what_is_not_presented_is_not_reached(site: Site) -> None:
    """Another camera, the recorder behind a camera, and ourselves."""
    await site.grant(*EVERYTHING)
    strangers = ["34010200001320000099", NVR, OWN_ID]
    for camera in strangers:
        for command in (frame(LEFT), frame(STOP), TeleBoot(), GuardCommand(False)):
            assert await told(site, command, GbId(camera)) == 404
    assert list(site.camera.control.received) == []
    entries = await site.entries("superior.ptz", 3)
    assert [(each.target, each.outcome) for each in reversed(entries)] == [
        (camera, "refused") for camera in strangers
    ]
    assert {json.loads(each.detail)["reason"] for each in entries} == {"not_presented"}


async def test_what_the_standard_does_not_have_is_refused(site: Site) -> None:
    await site.grant(*EVERYTHING)
    assert await told(site, UnknownCommand("WiperCmd", "On")) == 488
    assert await told(site, UnknownCommand("")) == 488
    strange = manscdp.new_document("Control", "SelfDestruct", "9", CAMERA)
    assert (await site.above.send(CAMERA, strange)).status == 488
    assert await told(site, RecordCommand(True)) == 200


def without_area(zoom: Element) -> Element:
    found = manscdp.child(zoom, "DragZoomIn")
    assert found is not None
    found.clear()
    return zoom


async def test_a_control_that_cannot_be_read_is_refused(site: Site) -> None:
    await site.grant(*EVERYTHING)
    unreadable = (
        without_area(DeviceControl("1", CAMERA, DragZoom(ZoomDirection.IN, AREA)).to_xml()),
        DeviceControl("1", CAMERA, HomePosition(True)).to_xml(),
        DeviceConfig("1", CAMERA).to_xml(),
    )
    manscdp.child(unreadable[1], "HomePosition").clear()  # type: ignore[union-attr]
    for document in unreadable:
        assert (await site.above.send(CAMERA, document)).status == 400
    assert list(site.camera.control.received) == []


async def test_a_flood_of_controls_is_bounded_and_every_one_is_answered(make_site: MakeSite) -> None:
    site = await make_site()
    await site.grant(*EVERYTHING)
    site.camera.control.received.clear()
    sent = [told(site, FormatSdCard(1), sn=str(number)) for number in range(MAX_CONTROLS + 40)]
    statuses = await asyncio.gather(*sent)
    assert set(statuses) <= {200, 503}
    assert len(site.camera.control.received) == statuses.count(200)
    assert site.post.controls.overflow == statuses.count(503)


async def test_what_is_addressed_to_somebody_else_is_refused(site: Site) -> None:
    """A wrong To id, and a wrong Request-URI with it."""
    await site.grant(*EVERYTHING)
    reboot = DeviceControl("1", CAMERA, TeleBoot()).to_xml()
    query = PresetQuery("2", CAMERA).to_xml()
    for document in (reboot, query):
        assert (await site.above.send("34029999002000000001", document)).status == 404
    assert site.post.misaddressed == 2
    assert list(site.camera.control.received) == []
    for address in (OWN_ID, CAMERA):
        assert (await site.above.send(address, query)).status == 200


async def test_how_an_upgrade_ended_is_told_to_whoever_began_it(make_site: MakeSite) -> None:
    """GB-C069: under the superior's id for the camera; from this camera alone."""
    site = await make_site(superior={"keeps_ids": False, "id_prefix": "33000000"})
    await site.grant(*EVERYTHING)
    presented = GbId("33000000001320000001")
    upgrade = DeviceUpgrade("V2", "http://127.0.0.1:9/firmware", "Tongshi", "s" * 32)
    assert await told(site, upgrade, presented) == 200
    assert await result_of(site, "DeviceControl")
    await site.until(lambda: site.above.of_type("DeviceUpgradeResult"))
    (document,) = site.above.of_type("DeviceUpgradeResult")
    result = DeviceUpgradeResult.from_xml(document.element)
    assert (result.device_id, result.session_id, result.ok) == (presented, "s" * 32, False)
    strange = DeviceUpgradeResult("1", CAMERA, "s" * 32, ok=True)
    assert not any(take(NVR, strange) for take in site.below.devices.uploads.elsewhere)


async def test_when_stills_are_uploaded_is_told_to_whoever_wanted_them(site: Site) -> None:
    await site.grant(*EVERYTHING)
    stills = SnapShotConfig(count=1, interval_s=1, upload_url="http://127.0.0.1:9/", session_id="p" * 32)
    assert await configured(site, DeviceConfig("71", CAMERA, (stills,))) == 200
    assert await result_of(site, "DeviceConfig")
    await site.until(lambda: site.above.of_type("UploadSnapShotFinished"))
    (document,) = site.above.of_type("UploadSnapShotFinished")
    assert UploadSnapShotFinished.from_xml(document.element).session_id == "p" * 32


# -------------------------------------------------------------------- settings


async def test_settings_are_changed_and_the_camera_says_so(site: Site) -> None:
    await site.grant(*EVERYTHING)
    assert await configured(site, DeviceConfig("71", CAMERA, (FrameMirror(mode=3),))) == 200
    assert await result_of(site, "DeviceConfig")


async def test_a_superior_cannot_take_a_camera_away(site: Site) -> None:
    await site.grant(*EVERYTHING)
    takes_away = BasicParam(server_host="192.0.2.1", server_port=5060)
    assert await configured(site, DeviceConfig("71", CAMERA, (FrameMirror(mode=3), takes_away))) == 200
    assert not await result_of(site, "DeviceConfig")
