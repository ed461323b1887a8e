"""Playbacks and downloads against a device made of text: what is said, and what may be lied."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from catalog.model import CatalogRow, ChannelKey
from sipserver.devices.errors import InviteEnded, KnownRefusal, NoAnswer, NoCapacity, Refused
from sipserver.devices.features import FeatureSettings
from sipserver.devices.history.playbacks import Playback
from sipserver.devices.history.records import RecordSearch, Storage
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.history.stream import HistoryStream, Outcome
from sipserver.devices.profiles.facets import Facet
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.fakes import FakeSession
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice

CHANNEL_ID = "34020000001320000012"
KEY = ChannelKey(DEVICE_ID, CHANNEL_ID)
START = datetime(2024, 5, 1, tzinfo=UTC)
END = START + timedelta(hours=1)
STRANGER_ID = "34020000001180000006"
QUICK = HistorySettings(
    control_timeout_s=0.5, drain_s=0.1, end_silence_s=0.5, silence_timeout_s=5.0, playbacks_max=2
)


async def recorder(make_bench: MakeBench) -> tuple[Bench, ScriptedDevice]:
    """A platform and a registered device with one channel, which answers INVITE, INFO and BYE."""
    bench = await make_bench(asks_devices=False, features=FeatureSettings(history=QUICK))
    bench.catalog.channels[KEY] = CatalogRow(channel_id=CHANNEL_ID, name="门")
    device = bench.device()
    await device.open()
    await device.register()
    device.answers["INVITE"] = lambda request: accept(device, request)
    for method in ("INFO", "BYE"):
        device.answers[method] = lambda request: device.response(request, 200)
    return bench, device


def accept(device: ScriptedDevice, request: Message, *, y: str = "", more: str = "") -> bytes:
    offer = request.body.decode()
    ssrc = y or re.findall(r"y=(\d+)", offer)[0]
    kind = re.findall(r"s=(\w+)", offer)[0]
    body = (
        f"v=0\r\no={CHANNEL_ID} 0 0 IN IP4 127.0.0.1\r\ns={kind}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video 15060 RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n{more}y={ssrc}\r\n"
    )
    headers = f"Contact: <sip:{CHANNEL_ID}@10.1.2.3:5060>\r\nContent-Type: application/sdp\r\n"
    return device.response(request, 200, headers=headers, body=body.encode())


async def play(bench: Bench, playback_id: str = "aa") -> Playback:
    return await bench.service.playbacks.start(playback_id, KEY, START, END, owner="anna")


def session_of(bench: Bench, number: int = -1) -> FakeSession:
    return bench.media.opened[number]


def media_status(notify_type: str = "121", device_id: str = CHANNEL_ID) -> bytes:
    return (
        "<Notify><CmdType>MediaStatus</CmdType><SN>8</SN>"
        f"<DeviceID>{device_id}</DeviceID><NotifyType>{notify_type}</NotifyType></Notify>"
    ).encode()


async def settled(bench: Bench) -> None:
    """Two sweeps over the streams have passed."""
    for _ in range(60):
        await asyncio.sleep(0.01)


async def test_the_offer_of_a_playback(make_bench: MakeBench) -> None:
    """GB-C104, GB-C099, and the order of lines of GB-C098."""
    bench, device = await recorder(make_bench)
    async with device:
        await play(bench)
        invite = await device.request("INVITE")
        session, platform = session_of(bench), bench.settings.id
        y = f"{session.ssrc:010d}"
        assert re.fullmatch(r"120000\d{4}", y)
        assert invite.get("Subject") == f"{CHANNEL_ID}:{y},{platform}:0"
        assert invite.body.decode() == (
            f"v=0\r\no={platform} 0 0 IN IP4 127.0.0.1\r\ns=Playback\r\nu={CHANNEL_ID}:0\r\n"
            "c=IN IP4 127.0.0.1\r\nt=1714521600 1714525200\r\n"
            f"m=video {session.port} RTP/AVP 96 98 97 100\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n"
            "a=rtpmap:98 H264/90000\r\na=rtpmap:97 MPEG4/90000\r\na=rtpmap:100 H265/90000\r\n"
            f"y={y}\r\nf=v/////a///\r\n"
        )


async def test_the_offer_of_a_download_and_the_size_in_the_answer(make_bench: MakeBench) -> None:
    """GB-C105."""
    bench, device = await recorder(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, more="a=filesize:73400320\r\n")
    sessions: list[object] = []
    async with device:
        stream = await bench.service.downloads.open_stream(
            KEY, START, END, speed=4, tag="d", record_type="alarm", on_session=sessions.append
        )
        offer = (await device.request("INVITE")).body.decode()
        assert f"s=Download\r\nu={CHANNEL_ID}:2\r\n" in offer
        assert "a=downloadspeed:4\r\n" in offer
        assert stream.size_bytes == 73_400_320
        assert sessions == [session_of(bench)], "the media session is known before the device is invited"
        await stream.close()
        assert (await device.request("BYE")).get("Call-ID") == stream.call_id


@pytest.mark.parametrize("size", ["0", "-1", "unknown"])
async def test_sizes_that_say_nothing(make_bench: MakeBench, size: str) -> None:
    """GB-C105."""
    bench, device = await recorder(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, more=f"a=filesize:{size}\r\n")
    async with device:
        stream = await bench.service.downloads.open_stream(
            KEY, START, END, speed=99, tag="d", on_session=lambda _: None
        )
        assert stream.size_bytes is None
        assert "a=downloadspeed:16\r\n" in (await device.request("INVITE")).body.decode()


async def test_the_ssrc_of_the_answer_counts(make_bench: MakeBench) -> None:
    """GB-C106."""
    bench, device = await recorder(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, y="1703000007")
    async with device:
        await play(bench)
        assert session_of(bench).expected == 1_703_000_007


async def test_control_stays_in_the_dialog(make_bench: MakeBench) -> None:
    """GB-C108, GB-C100."""
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        invite = await device.request("INVITE")
        await playback.pause()
        info = await device.request("INFO")
        assert info.start == f"INFO sip:{CHANNEL_ID}@10.1.2.3:5060 SIP/2.0"
        assert info.get("Call-ID") == invite.get("Call-ID")
        assert info.get("From") == invite.get("From")
        assert info.get("To").endswith(f";tag=dev{DEVICE_ID[-4:]}")
        assert (info.get("CSeq"), info.get("Content-Type")) == ("2 INFO", "Application/MANSRTSP")
        assert info.body == b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"
        await playback.resume()
        assert b"CSeq: 2\r\nRange: npt=now-\r\n" in (await device.request("INFO")).body
        await playback.seek(100)
        assert (await device.request("INFO")).body == b"PLAY RTSP/1.0\r\nCSeq: 3\r\nRange: npt=100-\r\n\r\n"
        await playback.change_speed(2)
        assert (await device.request("INFO")).body == b"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 2.0\r\n\r\n"
        assert session_of(bench).retimed == [False, False, True]
        await bench.service.playbacks.stop("aa")
        assert (await device.request("INFO")).body == b"TEARDOWN RTSP/1.0\r\nCSeq: 5\r\n\r\n"
        assert (await device.request("BYE")).get("CSeq") == "7 BYE"


async def test_the_position_follows_the_media(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        session, stream = session_of(bench), playback.stream
        session.media_s = 7.0
        assert stream.position_s == 7.0
        await playback.change_speed(4)
        session.media_s = 9.0
        assert stream.position_s == 15.0
        await playback.seek(1000)
        session.media_s = 9.5
        assert stream.position_s == 1002.0
        session.media_s = 99_999.0
        assert stream.position_s == 3600.0
        assert stream.position.time == END


async def test_a_device_that_counts_the_day_is_asked_so(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        bench.service.profiles.learn(DEVICE_ID, Facet.SEEK, "clock", "test")
        playback = await play(bench)
        await playback.seek(60)
        assert b"Range: clock=20240501T080100-" in (await device.request("INFO")).body
        bench.service.profiles.learn(DEVICE_ID, Facet.SEEK, "none", "test")
        with pytest.raises(KnownRefusal):
            await playback.seek(60)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", Refused),
        (481, b"", InviteEnded),
        (200, b"RTSP/1.0 451 Parameter\r\nCSeq: 1\r\n\r\n", Refused),
    ],
)
async def test_answers_to_info(
    make_bench: MakeBench, status: int, body: bytes, error: type[Exception]
) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        device.answers["INFO"] = lambda request: device.response(request, status, body=body)
        with pytest.raises(error):
            await playback.pause()
        assert playback.stream.paused_at is None


async def test_a_body_that_is_no_answer_is_passed_over(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        device.answers["INFO"] = lambda request: device.response(request, 200, body=b"\xff\0<html>")
        await playback.pause()
        assert playback.stream.paused_at is not None


async def test_silence_after_info_has_a_deadline(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        del device.answers["INFO"]
        with pytest.raises(NoAnswer):
            await playback.pause()


async def test_the_end_is_told_then_drained_then_bye(make_bench: MakeBench) -> None:
    """GB-C110: not before the media has run dry."""
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        stream = playback.stream
        answer = await device.message(media_status(), call_id=stream.call_id)
        assert answer.status == 200
        await settled(bench)
        assert stream.outcome is None
        session_of(bench).silence_s = 1.0
        await asyncio.wait_for(stream.ended.wait(), 5)
        assert stream.outcome is Outcome.END_OF_FILE
        await device.request("BYE")


async def test_only_the_device_itself_can_end_its_stream(make_bench: MakeBench) -> None:
    """A lying device loses only its own: the Call-ID of another does not help it."""
    bench, device = await recorder(make_bench)
    stranger = bench.device(STRANGER_ID, local=("127.0.0.2", 0))
    async with device, stranger:
        await stranger.register()
        playback = await play(bench)
        assert (await stranger.message(media_status(), call_id=playback.stream.call_id)).status == 200
        assert playback.stream.end_told_at is None
        assert bench.service.stats.media_status_unused == 1


async def test_other_notices_and_damaged_ones_end_nothing(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        call_id = playback.stream.call_id
        assert (await device.message(media_status("122"), call_id=call_id)).status == 200
        no_id = b"<Notify><CmdType>MediaStatus</CmdType><SN>1</SN><NotifyType>121</NotifyType></Notify>"
        assert (await device.message(no_id, call_id=call_id)).status == 200
        assert playback.stream.end_told_at is None
        stats = bench.service.stats
        assert (stats.media_status_unused, stats.malformed_bodies) == (1, 1)


async def test_a_notice_outside_the_dialog_needs_to_be_unambiguous(make_bench: MakeBench) -> None:
    """Q68: by channel, then by device, when there is only one."""
    bench, device = await recorder(make_bench)
    async with device:
        first, second = await play(bench, "aa"), await play(bench, "bb")
        await device.message(media_status(device_id=DEVICE_ID))
        assert (first.stream.end_told_at, second.stream.end_told_at) == (None, None)
        await device.message(media_status(), call_id=second.stream.call_id)
        assert first.stream.end_told_at is None
        assert second.stream.end_told_at is not None
        await bench.service.playbacks.stop("bb")
        await device.message(media_status(device_id=DEVICE_ID))
        assert first.stream.end_told_at is not None


async def test_no_two_streams_share_a_sender_part(make_bench: MakeBench) -> None:
    """GB-C111: the source would drop the first for the second."""
    bench, device = await recorder(make_bench)
    async with device:
        held = await bench.service.invites.hold(KEY, "live", tag="t")
        await play(bench, "aa")
        await play(bench, "bb")
        subjects = [(await device.request("INVITE")).get("Subject").partition(",")[0] for _ in range(3)]
        assert len(set(subjects)) == 3
        await held.release()


async def test_too_many_playbacks_are_refused(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        await play(bench, "aa")
        await play(bench, "bb")
        with pytest.raises(NoCapacity, match="playbacks_max"):
            await play(bench, "cc")


async def test_giving_up_leaves_nothing_behind(make_bench: MakeBench) -> None:
    """A caller that goes away before the answer: CANCEL, and no session, port or SSRC stays."""
    bench, device = await recorder(make_bench)
    device.answers["INVITE"] = lambda _: None
    async with device:
        asking = asyncio.ensure_future(play(bench))
        await device.request("INVITE")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: not bench.media.sessions)
        assert bench.service.invites.all() == []
        assert bench.service.playbacks.all() == []


async def test_a_shutdown_says_bye(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    async with device:
        playback = await play(bench)
        await bench.service.close()
        await device.request("BYE")
        assert isinstance(playback.stream, HistoryStream)
        assert playback.stream.outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    ("storage", "to", "indistinct"),
    [
        (Storage.ANY, DEVICE_ID, ""),
        (Storage.CENTRE, DEVICE_ID, "0"),
        (Storage.FRONT_END, CHANNEL_ID, "0"),
        (Storage.BOTH, DEVICE_ID, "1"),
    ],
)
async def test_which_storage_is_asked_stands_in_to(
    make_bench: MakeBench, storage: Storage, to: str, indistinct: str
) -> None:
    """GB-C074; 3.8 of the protocol notes."""
    bench, device = await recorder(make_bench)
    async with device:
        search = RecordSearch(KEY, START, END, storage=storage)
        asking = asyncio.ensure_future(bench.service.records.search(search))
        query = await device.query("RecordInfo")
        assert query.get("To") == f"<sip:{to}@3402000000>"
        assert (query.xml("DeviceID"), query.xml("IndistinctQuery")) == (CHANNEL_ID, indistinct)
        answer = (
            f"<Response><CmdType>RecordInfo</CmdType><SN>{query.xml('SN')}</SN><DeviceID>{CHANNEL_ID}</DeviceID>"
            "<Name>x</Name><SumNum>0</SumNum></Response>"
        )
        await device.message(answer.encode())
        assert (await asking).complete


async def test_searches_of_one_device_take_turns(make_bench: MakeBench) -> None:
    bench, device = await recorder(make_bench)
    bench.service.profiles.learn(DEVICE_ID, Facet.RECORD_TYPE, "all", "by this test")
    async with device:
        search = RecordSearch(KEY, START, END)
        both = [asyncio.ensure_future(bench.service.records.search(search)) for _ in range(2)]
        for _ in range(2):
            query = await device.query("RecordInfo")
            assert not [each for each in device.inbox if each.xml("CmdType") == "RecordInfo"]
            answer = (
                f"<Response><CmdType>RecordInfo</CmdType><SN>{query.xml('SN')}</SN>"
                f"<DeviceID>{CHANNEL_ID}</DeviceID><Name>x</Name><SumNum>0</SumNum></Response>"
            )
            await device.message(answer.encode())
        assert all(found.complete for found in await asyncio.gather(*both))


async def test_an_empty_answer_is_asked_for_once_without_type_and_then_not_for_a_while(
    make_bench: MakeBench,
) -> None:
    """Q37: a device of which nothing is known, whose disk is empty."""
    bench, device = await recorder(make_bench)
    async with device:
        types = []
        for queries in (2, 1):
            search = asyncio.ensure_future(bench.service.records.search(RecordSearch(KEY, START, END)))
            for _ in range(queries):
                query = await device.query("RecordInfo")
                types.append(b"<Type>all</Type>" in query.body)
                answer = (
                    f"<Response><CmdType>RecordInfo</CmdType><SN>{query.xml('SN')}</SN>"
                    f"<DeviceID>{CHANNEL_ID}</DeviceID><Name>x</Name><SumNum>0</SumNum></Response>"
                )
                await device.message(answer.encode())
            found = await search
            assert (found.items, found.complete) == ((), True)
        assert types == [True, False, True]
        assert bench.service.profiles.value(DEVICE_ID, Facet.RECORD_TYPE) is None


async def test_what_has_come_by_the_deadline_is_the_result(make_bench: MakeBench) -> None:
    """A caller with less time than the settings give gets a part, and is told that it is one."""
    bench, device = await recorder(make_bench)
    async with device:
        search = asyncio.ensure_future(
            bench.service.records.search(RecordSearch(KEY, START, END), deadline_s=0.6)
        )
        query = await device.query("RecordInfo")
        answer = (
            f"<Response><CmdType>RecordInfo</CmdType><SN>{query.xml('SN')}</SN>"
            f"<DeviceID>{CHANNEL_ID}</DeviceID><Name>x</Name><SumNum>40</SumNum><RecordList Num='1'><Item>"
            f"<DeviceID>{CHANNEL_ID}</DeviceID><Name>x</Name><StartTime>2024-05-01T08:00:00</StartTime>"
            "<EndTime>2024-05-01T08:10:00</EndTime></Item></RecordList></Response>"
        )
        await device.message(answer.encode())
        found = await search
        assert (len(found.items), found.complete) == (1, False)
        with pytest.raises(NoAnswer):
            await bench.service.records.search(RecordSearch(KEY, START, END), deadline_s=0.2)
