"""A superior asks about a camera: the simulated camera is asked, over sockets. GB-C133, GB-C137, GB-C138."""

from __future__ import annotations

import asyncio

import pytest

from access.rights import Right
from cascade.asked.answers import MAX_ANSWERS
from sipserver.gb import manscdp
from sipserver.gb.camera_commands import HomePosition
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse
from sipserver.gb.messages.cruise_track import (
    CruisePoint,
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.preset_query import NamedPreset, PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPositionQuery, PtzPositionResponse
from sipserver.gb.messages.sd_card import SdCardStatusQuery, SdCardStatusResponse
from sipserver.gb.ptz import CruiseAdd, Preset, PresetAction
from tests.integration.cascade.conftest import NVR, MakeSite, Site
from tests.unit.cascade.conftest import OWN_ID

CAMERA = GbId("34010200001320000001")
PRESENTED = GbId("33000000001320000001")
"""What a superior calls the camera that wants ids of its own."""


async def asked(site: Site, query: Element, count: int = 1) -> list[Document]:
    """The answers to a query; the MESSAGE itself is answered with 200."""
    sn, cmd_type = manscdp.child_text(query, "SN"), manscdp.child_text(query, "CmdType")
    assert (await site.above.send(manscdp.child_text(query, "DeviceID"), query)).status == 200

    def found() -> list[Document]:
        return [each for each in site.above.of_type(cmd_type) if each.sn == sn]

    await site.until(lambda: len(found()) >= count)
    return found()


@pytest.mark.parametrize("charset", ["GB2312", "UTF-8"])
async def test_presets_go_up_under_the_superiors_id_and_number(make_site: MakeSite, charset: str) -> None:
    """GB-C130, GB-C133: the camera is asked under its own id, with a number of ours."""
    site = await make_site(superior={"keeps_ids": False, "id_prefix": "33000000", "charset": charset})
    head = site.camera.control.heads[CAMERA]
    for number, name in ((3, "东门"), (9, "停车场")):
        head.apply(Preset(PresetAction.SET, number), 0.0, preset_name=name)
    (document,) = await asked(site, PresetQuery("4711", PRESENTED).to_xml())
    answer = PresetQueryResponse.from_xml(document.element)
    assert (answer.device_id, answer.ok) == (PRESENTED, True)
    assert answer.presets == (NamedPreset(3, "东门"), NamedPreset(9, "停车场"))
    body = next(each.body for each in reversed(site.above.requests) if b"PresetQuery" in each.body)
    assert "停车场".encode(charset) in body


async def test_what_a_head_of_2022_can_be_asked(site: Site) -> None:
    head = site.camera.control.heads[CAMERA]
    head.home = HomePosition(True, 30, 3)
    head.apply(CruiseAdd(1, 3), 0.0, cruise_name="环线")
    (home,) = await asked(site, HomePositionQuery("1", CAMERA).to_xml())
    assert HomePositionResponse.from_xml(home.element).home == HomePosition(True, 30, 3)
    (cruises,) = await asked(site, CruiseTrackListQuery("2", CAMERA).to_xml())
    assert CruiseTrackListResponse.from_xml(cruises.element).tracks == (CruiseTrack(1, "环线"),)
    (cruise,) = await asked(site, CruiseTrackQuery("3", CAMERA, 1).to_xml())
    track = CruiseTrackResponse.from_xml(cruise.element)
    assert (track.number, track.name, len(track.points)) == (1, "环线", 1)
    assert isinstance(track.points[0], CruisePoint)
    (position,) = await asked(site, PtzPositionQuery("4", CAMERA).to_xml())
    assert PtzPositionResponse.from_xml(position.element).position.zoom is not None
    (cards,) = await asked(site, SdCardStatusQuery("5", CAMERA).to_xml())
    assert SdCardStatusResponse.from_xml(cards.element).cards


async def test_settings_are_told_to_whoever_may_change_them(site: Site) -> None:
    """GB-C138: and not how the camera registers with us."""
    query = ConfigDownloadQuery("1", CAMERA, ("BasicParam", "FrameMirror")).to_xml()
    (refused,) = await asked(site, query)
    assert not ConfigDownloadResponse.from_xml(refused.element).ok
    await site.grant(Right.CONFIGURATION)
    query = ConfigDownloadQuery("2", CAMERA, ("BasicParam", "FrameMirror")).to_xml()
    found = [ConfigDownloadResponse.from_xml(each.element) for each in await asked(site, query, 2)]
    assert all(each.ok and each.device_id == CAMERA for each in found)
    (basic,) = (block for each in found for block in each.blocks if isinstance(block, BasicParam))
    assert basic.expiration_s is not None
    assert (basic.server_id, basic.server_host, basic.own_id, basic.unknown) == (None, None, None, {})


QUERIES = [
    PresetQuery("1", CAMERA),
    HomePositionQuery("2", CAMERA),
    CruiseTrackListQuery("3", CAMERA),
    CruiseTrackQuery("4", CAMERA, 1),
    PtzPositionQuery("5", CAMERA),
    SdCardStatusQuery("6", CAMERA),
    ConfigDownloadQuery("7", CAMERA, ("BasicParam",)),
]


def is_refused(document: Document) -> bool:
    return manscdp.child_text(document.element, "Result") == "ERROR"


async def test_for_a_camera_that_is_away_the_answer_is_an_error(site: Site) -> None:
    await site.grant(*Right)
    await site.camera.stop()
    for query in QUERIES:
        (answer,) = await asked(site, query.to_xml())
        assert is_refused(answer), query


async def test_a_camera_of_2016_is_not_asked_what_is_of_2022(make_site: MakeSite) -> None:
    """GB-C039."""
    site = await make_site(edition=Edition.V2_0)
    for query in QUERIES[1:6]:
        (answer,) = await asked(site, query.to_xml())
        assert is_refused(answer), query
    (answer,) = await asked(site, QUERIES[0].to_xml())
    assert not is_refused(answer)


async def test_of_settings_those_are_told_that_the_camera_has(make_site: MakeSite) -> None:
    """GB-C070: one answer for each type; one that its edition does not have is not even asked for."""
    site = await make_site(edition=Edition.V2_0)
    await site.grant(Right.CONFIGURATION)
    query = ConfigDownloadQuery("1", CAMERA, ("OSDConfig", "BasicParam", "BasicParam")).to_xml()
    found = [ConfigDownloadResponse.from_xml(each.element) for each in await asked(site, query, 2)]
    assert [(each.ok, len(each.blocks)) for each in found] == [(True, 1), (False, 0)]
    assert isinstance(found[0].blocks[0], BasicParam)


@pytest.mark.parametrize("edition", [Edition.V2_0, Edition.V3_0])
async def test_presets_are_told_as_the_superiors_edition_has_them(
    make_site: MakeSite, edition: Edition
) -> None:
    """GB-C076: SumNum is of 2022."""
    site = await make_site(superior={"edition": edition})
    site.camera.control.heads[CAMERA].apply(Preset(PresetAction.SET, 1), 0.0)
    (answer,) = await asked(site, PresetQuery("1", CAMERA).to_xml())
    has_sum = manscdp.child(answer.element, "SumNum") is not None
    assert has_sum is (edition is Edition.V3_0)
    assert len(PresetQueryResponse.from_xml(answer.element).presets) == 1


@pytest.mark.parametrize("edition", [Edition.V2_0, Edition.V3_0])
async def test_a_superior_is_answered_whatever_its_edition(make_site: MakeSite, edition: Edition) -> None:
    """Who asks for what its edition does not have knows it: the edition of the camera counts."""
    site = await make_site(superior={"edition": edition})
    (answer,) = await asked(site, PtzPositionQuery("1", CAMERA).to_xml())
    assert not is_refused(answer)


async def test_what_is_not_presented_is_not_asked(site: Site) -> None:
    await site.grant(*Right)
    for sn, camera in enumerate(("34010200001320000099", NVR, OWN_ID)):
        for query in (
            PresetQuery(str(sn), GbId(camera)),
            ConfigDownloadQuery(str(sn), GbId(camera), ("FrameMirror",)),
        ):
            (answer,) = await asked(site, query.to_xml())
            assert is_refused(answer)


async def test_our_own_settings_are_how_we_register(site: Site) -> None:
    query = ConfigDownloadQuery("1", GbId(OWN_ID), ("BasicParam", "OSDConfig")).to_xml()
    found = [ConfigDownloadResponse.from_xml(each.element) for each in await asked(site, query, 2)]
    assert [each.ok for each in found] == [True, False]
    own = BasicParam(expiration_s=3_600, heartbeat_interval_s=3_600, heartbeat_count=3)
    assert found[0].blocks == (own,)


async def test_queries_that_cannot_be_read_or_do_not_exist_are_refused(site: Site) -> None:
    strange = manscdp.new_document("Query", "Weather", "1", CAMERA)
    assert (await site.above.send(CAMERA, strange)).status == 488
    assert (await site.above.send(CAMERA, ConfigDownloadQuery("2", CAMERA, ()).to_xml())).status == 400
    nameless = manscdp.new_document("Query", "CruiseTrackQuery", "3", CAMERA)
    assert (await site.above.send(CAMERA, nameless)).status == 400
    assert site.post.answers.refused == 3


async def test_a_flood_of_queries_is_bounded_and_every_one_is_answered(site: Site) -> None:
    sent = [
        site.above.send(CAMERA, PresetQuery(str(number), CAMERA).to_xml())
        for number in range(MAX_ANSWERS + 40)
    ]
    statuses = [response.status for response in await asyncio.gather(*sent)]
    assert set(statuses) <= {200, 503}
    taken = statuses.count(200)
    assert taken >= MAX_ANSWERS
    await site.until(lambda: len(site.above.of_type("PresetQuery")) == taken)
    assert site.post.answers.overflow == statuses.count(503)
