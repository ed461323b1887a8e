"""Blocks: written as the standard prints them, read however they come, nothing lost."""

from typing import Any

import pytest
from hypothesis import assume, given

from sipserver.gb import manscdp
from sipserver.gb.config_blocks.block import MAX_READ_ITEMS, MAX_UNKNOWN, UnknownBlock, missing_fields
from sipserver.gb.config_blocks.picture import (
    FrameMirror,
    MaskRegion,
    OsdConfig,
    OsdText,
    PictureMask,
    Rectangle,
    SnapShotConfig,
)
from sipserver.gb.config_blocks.recording import DaySchedule, TimeSegment, VideoRecordPlan
from sipserver.gb.config_blocks.registry import BLOCKS, MAX_BLOCKS, find_block, types_of
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.config_download import ConfigDownloadResponse
from sipserver.gb.messages.device_config import DeviceConfig
from tests.support.config_blocks import any_block

CAMERA = GbId("34020000001320000012")


def read(inner: str) -> tuple[Any, ...]:
    head = f"<CmdType>ConfigDownload</CmdType><SN>7</SN><DeviceID>{CAMERA}</DeviceID><Result>OK</Result>"
    body = f"<Response>{head}{inner}</Response>".encode()
    return ConfigDownloadResponse.from_xml(manscdp.parse_document(body).element).blocks


@given(any_block())
def test_every_block_is_read_as_it_was_written(block: Any) -> None:
    """Through bytes: fields, items, structures, and what no table has."""
    if isinstance(block, UnknownBlock):
        # Elements that cannot be told apart come back numbered: one of the block's own name, and a text and a
        # structure of one name.
        paths = [path.split("/") for path in block.unknown]
        assume(not any(block.name in path[1:] for path in paths))
        assume(not any(path[:length] in paths for path in paths for length in range(1, len(path))))
    sent = DeviceConfig("7", CAMERA, (block,))
    document = manscdp.parse_document(manscdp.serialize_document(sent.to_xml()))
    (found,) = DeviceConfig.from_xml(document.element).blocks
    assert _texts(found) == _texts(block)


def _texts(block: Any) -> Any:
    """A block's content; elements of an unknown block may be grouped anew."""
    return sorted(block.unknown.items()) if isinstance(block, UnknownBlock) else block


def test_a_command_is_laid_out_as_the_standard_prints_it() -> None:
    osd = OsdConfig(
        length=1920,
        width=1080,
        time_x=10,
        time_y=20,
        time_enabled=True,
        time_type=1,
        text_enabled=True,
        lines=(OsdText(text="东门", x=10, y=60),),
    )
    plan = VideoRecordPlan(
        enabled=True,
        schedule=(
            DaySchedule(
                week_day=1,
                segments=(
                    TimeSegment(
                        start_hour=8,
                        start_minute=0,
                        start_second=0,
                        stop_hour=18,
                        stop_minute=0,
                        stop_second=0,
                    ),
                ),
            ),
        ),
        stream_number=0,
    )
    mask = PictureMask(enabled=True, regions=(MaskRegion(number=1, area=Rectangle(0, 0, 64, 48)),))
    command = DeviceConfig("17", CAMERA, (osd, plan, mask, FrameMirror(mode=1)))
    expected = """<?xml version="1.0" encoding="GB2312"?>
<Control>
<CmdType>DeviceConfig</CmdType>
<SN>17</SN>
<DeviceID>34020000001320000012</DeviceID>
<OSDConfig>
<Length>1920</Length>
<Width>1080</Width>
<TimeX>10</TimeX>
<TimeY>20</TimeY>
<TimeEnable>1</TimeEnable>
<TimeType>1</TimeType>
<TextEnable>1</TextEnable>
<SumNum>1</SumNum>
<Item>
<Text>东门</Text>
<X>10</X>
<Y>60</Y>
</Item>
</OSDConfig>
<VideoRecordPlan>
<RecordEnable>1</RecordEnable>
<RecordScheduleSumNum>1</RecordScheduleSumNum>
<RecordSchedule>
<WeekDayNum>1</WeekDayNum>
<TimeSegmentSumNum>1</TimeSegmentSumNum>
<TimeSegment>
<StartHour>8</StartHour>
<StartMin>0</StartMin>
<StartSec>0</StartSec>
<StopHour>18</StopHour>
<StopMin>0</StopMin>
<StopSec>0</StopSec>
</TimeSegment>
</RecordSchedule>
<StreamNumber>0</StreamNumber>
</VideoRecordPlan>
<PictureMask>
<On>1</On>
<SumNum>1</SumNum>
<RegionList Num="1">
<Item>
<Seq>1</Seq>
<Point>0,0,64,48</Point>
</Item>
</RegionList>
</PictureMask>
<FrameMirror>1</FrameMirror>
</Control>
"""
    written = manscdp.serialize_document(command.to_xml()).decode("gb18030")
    assert written.split() == expected.split()


def test_both_names_of_the_snapshot_block_are_read() -> None:
    """GB-C071, Q52."""
    for name in ("SnapShotConfig", "SnapShot", "snapshot", "SnapshotCfg"):
        inner = f"<{name}><SnapNum>3</SnapNum><Interval>2</Interval></{name}>"
        assert read(inner) == (SnapShotConfig(count=3, interval_s=2),)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("OSD", "OSDConfig"),
        ("OSDCfg", "OSDConfig"),
        ("BasicParamConfig", "BasicParam"),
        ("basicparam", "BasicParam"),
        ("FrameMirrorConfig", "FrameMirror"),
        ("VideoRecordPlanCfg", "VideoRecordPlan"),
        ("SVACEncode", "SVACEncodeConfig"),
        ("VideoParamConfig", "VideoParamConfig"),
        ("VideoParamOpt", "VideoParamOpt"),
        ("VideoParamAttribute", "VideoParamAttribute"),
    ],
)
def test_names_of_drafts_are_understood(name: str, known_as: str) -> None:
    """Q41."""
    row = find_block(name)
    assert row is not None
    assert row.name == known_as


def test_no_two_blocks_are_confused_and_others_are_kept() -> None:
    assert [find_block(name) for name in BLOCKS] == list(BLOCKS.values())
    (block,) = read("<Smoke><Mode>2</Mode><Area><X>1</X></Area><Area><X>3</X></Area></Smoke>")
    assert block == UnknownBlock(name="Smoke", unknown={"Mode": "2", "Area/X": "1", "Area[2]/X": "3"})


def test_what_cannot_be_read_is_shown_and_harms_nothing_else() -> None:
    inner = (
        "<FrameMirror>sideways</FrameMirror>"
        "<PictureMask><on> TRUE </on><RegionList><Item><Seq>one</Seq><Point>1,2,3</Point></Item></RegionList>"
        "<Vendor><Depth>4</Depth></Vendor></PictureMask>"
    )
    mirror, mask = read(inner)
    assert mirror == FrameMirror(unknown={"": "sideways"})
    assert mask == PictureMask(
        enabled=True,
        regions=(MaskRegion(unknown={"Seq": "one", "Point": "1,2,3"}),),
        unknown={"Vendor/Depth": "4"},
    )


def test_passwords_are_neither_kept_nor_shown() -> None:
    (basic,) = read("<BasicParam><Name>gate</Name><Password>secret</Password></BasicParam>")
    assert "secret" not in repr(basic)
    (vendor,) = read("<Ftp><User>a</User><Login><PassWord>secret</PassWord></Login></Ftp>")
    assert "secret" not in repr(vendor)


def test_limits_of_what_is_read_hold() -> None:
    items = "<Item><Text>x</Text></Item>"
    for count, kept in ((MAX_READ_ITEMS, MAX_READ_ITEMS), (MAX_READ_ITEMS + 1, MAX_READ_ITEMS)):
        (osd,) = read(f"<OSDConfig>{items * count}</OSDConfig>")
        assert len(osd.lines) == kept
    for count, kept in ((MAX_UNKNOWN, MAX_UNKNOWN), (MAX_UNKNOWN + 1, MAX_UNKNOWN)):
        (vendor,) = read(f"<Vendor>{'<A>1</A>' * count}</Vendor>")
        assert len(vendor.unknown) == kept
    for count, kept in ((MAX_BLOCKS, MAX_BLOCKS), (MAX_BLOCKS + 1, MAX_BLOCKS)):
        assert len(read("<FrameMirror>1</FrameMirror>" * count)) == kept


def test_a_path_that_is_no_element_is_not_written() -> None:
    texts = {"Good": "1", "B ad": "2", "A//B": "3", "A/B[0]": "4", "C/" * 8 + "D": "5", "1x": "6"}
    command = DeviceConfig("1", CAMERA, (UnknownBlock(name="Vendor", unknown=texts),))
    (found,) = DeviceConfig.from_xml(command.to_xml()).blocks
    assert found.unknown == {"Good": "1"}


def test_missing_fields_are_named_by_path() -> None:
    plan = VideoRecordPlan(enabled=True, schedule=(DaySchedule(week_day=1, segments=(TimeSegment(),)),))
    missing = missing_fields(plan)
    assert missing[0] == "schedule[1].segments[1].start_hour"
    assert missing[-1] == "stream_number"


def test_editions_have_their_blocks() -> None:
    """ConfigDownload of 2.0 knows four types of the table; 3.0 has them and eight more."""
    assert {"BasicParam", "VideoParamOpt", "SVACEncodeConfig", "SVACDecodeConfig"} <= set(
        types_of(Edition.V2_0)
    )
    assert len(types_of(Edition.V3_0)) == 12
    assert types_of(Edition.V1_0) == []
