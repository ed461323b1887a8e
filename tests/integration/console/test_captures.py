"""Captures of what a camera sends, through the API: ordered, listed, fetched, stopped, deleted, refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from access.roles import Role
from media.settings import MediaSettings
from sipserver.sip.flow import Transport
from tests.integration.console.test_diagnosis import SIP
from tests.support.capture_reader import Frame, read_capture
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_disk import small_disk_at
from tests.support.small_site import HOST, SmallSite, small_site

PASSWORD = "capture password 1"
MISSING = "0123456789abcdef"


def media(directory: Path, **changes: Any) -> MediaSettings:
    return MediaSettings(
        host=HOST, port=0, rtp_ports=rtp_ports(), capture_directory=str(directory), **changes
    )


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP, media=media(tmp_path / "captures")) as opened:
        yield opened


async def ordered(site: SmallSite, channel: str, **body: Any) -> dict[str, Any]:
    answer = await site.api.post(f"/channels/{channel}/captures", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(site: SmallSite, capture_id: str) -> dict[str, Any]:
    answer = await site.api.get(f"/captures/{capture_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(site: SmallSite, capture_id: str) -> dict[str, Any]:
    async def probe() -> dict[str, Any] | None:
        found = await shown(site, capture_id)
        return found if found["state"] == "ended" else None

    found = await eventually(probe, "the capture has ended")
    assert found is not None
    return found


async def play(site: SmallSite, channel: str) -> str:
    opened = await site.api.post(f"/channels/{channel}/live")
    assert opened.status_code == 200, opened.text
    return str(opened.json()["session_id"])


async def fetched(site: SmallSite, found: dict[str, Any], suffix: str, folder: Path) -> Path:
    name = next(file["name"] for file in found["files"] if file["name"].endswith(suffix))
    answer = await site.api.get(f"/captures/{found['capture_id']}/files/{name}")
    assert answer.status_code == 200, answer.text
    file = folder / name
    file.write_bytes(answer.content)
    return file


def pictures_in(file: Path) -> int:
    """Of the video, by FFprobe."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-count_frames", "-of", "json"]
    judged = subprocess.run(
        [*command, "-show_entries", "stream=codec_name,nb_read_frames", str(file)],
        capture_output=True,
        check=True,
    )
    (video,) = json.loads(judged.stdout)["streams"]
    assert video["codec_name"] == "h264"
    return int(video["nb_read_frames"])


def rtp_of(frames: list[Frame], port: int) -> list[Frame]:
    return [frame for frame in frames if frame.target[1] == port and frame.payload[:1] == b"\x80"]


def fill(file: Path) -> None:
    """Up to the last byte of the disk."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 4096)


async def audited(site: SmallSite) -> list[dict[str, Any]]:
    """Details of what the audit log has about captures."""
    entries = await site.platform.app.state.context.audit.list()
    return [json.loads(entry.detail) for entry in entries if str(entry.action) == "device.diagnose"]


async def test_a_stream_that_is_not_open_is_captured_from_its_first_packet_on(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    order = await ordered(site, channel, max_s=60)
    assert (order["state"], order["files"], order["requested_by"]) == ("waiting", [], "admin")
    assert not list((tmp_path / "captures").iterdir())
    await play(site, channel)
    (session,) = site.platform.media.sessions.values()

    async def enough() -> bool:
        return session.stats().access_units > 20

    await eventually(enough, "a second of pictures")
    assert (await shown(site, order["capture_id"]))["state"] == "running"
    answer = await site.api.post(f"/captures/{order['capture_id']}/stop")
    assert answer.status_code == 200
    found = await ended(site, order["capture_id"])
    assert (found["reason"], found["dropped"]) == ("stopped", 0)
    assert [Path(file["name"]).suffix for file in found["files"]] == [".pcap", ".ps"]
    pcap = await fetched(site, found, ".pcap", tmp_path)
    frames = read_capture(pcap.read_bytes())
    assert len(frames) == found["packets"]
    rtp = rtp_of(frames, session.port)
    assert rtp
    assert {frame.protocol for frame in rtp} == {"UDP"}
    ssrcs = {frame.payload[8:12] for frame in rtp}
    assert ssrcs == {(session.stats().ssrc or 0).to_bytes(4)}
    assert rtp[0].payload[12:16] == b"\x00\x00\x01\xba"  # the first packet of all begins a pack
    assert pictures_in(await fetched(site, found, ".ps", tmp_path)) >= 20
    listed = (await site.api.get("/captures")).json()["items"]
    assert [each["capture_id"] for each in listed] == [order["capture_id"]]


async def test_a_running_stream_over_tcp_is_captured_at_once_and_its_end_ends_it(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await site.add_camera(transport=Transport.TCP)
    channel = camera.settings.all_channel_ids[0]
    session_id = await play(site, channel)
    order = await ordered(site, channel)
    assert order["state"] == "running"
    (session,) = site.platform.media.sessions.values()
    before = session.stats().access_units

    async def enough() -> bool:
        return session.stats().access_units > before + 40

    await eventually(enough, "some pictures")
    assert (await site.api.delete(f"/sessions/{session_id}")).status_code == 204
    found = await ended(site, order["capture_id"])
    assert found["reason"] == "session closed"
    frames = read_capture((await fetched(site, found, ".pcap", tmp_path)).read_bytes())
    assert {frame.protocol for frame in frames} == {"TCP"}
    data = b"".join(frame.payload for frame in frames)
    assert [frame.sequence for frame in frames] == sorted(frame.sequence for frame in frames)
    assert len(data) > 10_000
    # From the first key frame on; it began somewhere.
    assert pictures_in(await fetched(site, found, ".ps", tmp_path)) >= 10


async def test_bytes_and_seconds_bound_it(tmp_path: Path) -> None:
    bounds = media(tmp_path / "captures", capture_max_bytes=50_000, capture_max_s=2.0)
    async with small_site(tmp_path, sip=SIP, media=bounds) as site:
        camera = await site.add_camera()
        channel = camera.settings.all_channel_ids[0]
        await play(site, channel)
        large = await ordered(site, channel, max_bytes=1 << 30, max_s=3600)
        assert (large["max_bytes"], large["max_s"]) == (50_000, 2.0)
        found = await ended(site, large["capture_id"])
        assert found["reason"] == "size limit"
        assert 25_000 < sum(file["size_bytes"] for file in found["files"]) <= 50_000
        small = await ordered(site, channel, max_bytes=20_000, max_s=2)
        found = await ended(site, small["capture_id"])
        assert sum(file["size_bytes"] for file in found["files"]) <= 20_000
        # A channel that nobody opens: the order lapses with the time that it may take.
        other = await site.add_camera(1)
        lapsed = await ordered(site, other.settings.all_channel_ids[0], max_s=1)
        assert (await ended(site, lapsed["capture_id"]))["reason"] == "no stream was opened"


async def test_the_second_transport_is_captured_where_the_first_brought_nothing(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await site.add_camera(transport=Transport.TCP, faults=("udp-only",))
    channel = camera.settings.all_channel_ids[0]
    order = await ordered(site, channel)
    await play(site, channel)

    async def running() -> bool:
        return bool((await shown(site, order["capture_id"]))["state"] == "running")

    await eventually(running, "the capture of the second transport")
    (session,) = site.platform.media.sessions.values()

    async def some() -> bool:
        return session.stats().access_units > 5

    await eventually(some, "some pictures")
    await site.api.post(f"/captures/{order['capture_id']}/stop")
    found = await ended(site, order["capture_id"])
    frames = read_capture((await fetched(site, found, ".pcap", tmp_path)).read_bytes())
    assert {frame.protocol for frame in frames} == {"UDP"}
    assert len(list((tmp_path / "captures").iterdir())) == 2


async def test_deleting_ends_it_and_takes_its_files(site: SmallSite, tmp_path: Path) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    await play(site, channel)
    order = await ordered(site, channel)
    (session,) = site.platform.media.sessions.values()

    async def written() -> bool:
        return len(list((tmp_path / "captures").iterdir())) == 2

    await eventually(written, "both files are there")
    assert (await site.api.delete(f"/captures/{order['capture_id']}")).status_code == 204

    async def gone() -> bool:
        return not list((tmp_path / "captures").iterdir())

    await eventually(gone, "its files are gone")
    assert not session.captures
    again = await site.api.get(f"/captures/{order['capture_id']}")
    assert (again.status_code, again.json()["code"]) == (404, "unknown-capture")
    waiting = await ordered(site, (await site.add_camera(1)).settings.all_channel_ids[0])
    stopped = (await site.api.post(f"/captures/{waiting['capture_id']}/stop")).json()
    assert (stopped["state"], stopped["reason"]) == ("ended", "stopped")
    assert (await site.api.delete(f"/captures/{waiting['capture_id']}")).status_code == 204
    assert (await site.api.get("/captures")).json()["items"] == []


async def test_a_directory_that_was_emptied_or_taken_away_is_made_again(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    waiting = await ordered(site, channel)
    shutil.rmtree(tmp_path / "captures")
    await play(site, channel)
    assert (await shown(site, waiting["capture_id"]))["state"] == "running"
    shutil.rmtree(tmp_path / "captures")
    second = await ordered(site, channel)
    assert second["state"] == "running"
    first = await ended(site, waiting["capture_id"])
    assert first["reason"] == "another capture was started"
    # Its files went with the directory: the API says so, and goes on.
    gone = await site.api.get(f"/captures/{first['capture_id']}/files/{first['files'][0]['name']}")
    assert (gone.status_code, gone.json()["code"]) == (410, "segment-gone")


async def test_what_a_former_run_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    left = [folder / f"{MISSING}{suffix}" for suffix in (".pcap", ".ps")]
    kept = [folder / "notes.txt", folder / "holiday.pcap", folder / f"{MISSING}.mp4"]
    for file in left + kept:
        file.write_bytes(b"x")
    async with small_site(tmp_path, sip=SIP, media=media(folder)):
        assert sorted(folder.iterdir()) == sorted(kept)


async def test_a_full_disk_is_told_and_the_stream_goes_on(tmp_path: Path) -> None:
    with small_disk_at(tmp_path / "disk", 256 * 1024) as disk:
        async with small_site(tmp_path, sip=SIP, media=media(disk / "captures")) as site:
            camera = await site.add_camera()
            channel = camera.settings.all_channel_ids[0]
            await play(site, channel)
            order = await ordered(site, channel)
            found = await ended(site, order["capture_id"])
            assert "No space left" in found["reason"]
            (session,) = site.platform.media.sessions.values()
            seen = session.stats().access_units

            async def goes_on() -> bool:
                return session.stats().access_units > seen

            await eventually(goes_on, "the stream goes on")
            await site.api.delete(f"/captures/{order['capture_id']}")
            fill(disk / "filler")
            refused = await site.api.post(f"/channels/{channel}/captures", json={})
            assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")


async def test_only_so_many_are_kept_and_only_so_many_wait(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=SIP, media=media(tmp_path / "captures", captures_kept=2)) as site:
        camera = await site.add_camera()
        channel = camera.settings.all_channel_ids[0]
        first, second = [await ordered(site, channel) for _ in range(2)]
        refused = await site.api.post(f"/channels/{channel}/captures", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "capture-refused")
        assert "media.captures_kept" in refused.json()["detail"]
        await site.api.post(f"/captures/{first['capture_id']}/stop")
        third = await ordered(site, channel)
        listed = (await site.api.get("/captures")).json()["items"]
        assert [each["capture_id"] for each in listed] == [second["capture_id"], third["capture_id"]]


async def test_what_is_fed_by_this_platform_cannot_be_captured(site: SmallSite) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    fed = await site.platform.media.open_fed(label=f"{camera.settings.device_id}~{channel}")
    refused = await site.api.post(f"/channels/{channel}/captures", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "capture-refused")
    assert (await site.api.get("/captures")).json()["items"] == []
    await fed.close("done")


async def test_only_who_may_diagnose_may_and_the_audit_log_says_who_did(
    site: SmallSite, tmp_path: Path
) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    await play(site, channel)
    order = await ordered(site, channel, stream="main", max_bytes=100_000)
    capture_id = order["capture_id"]
    await site.api.post(f"/captures/{capture_id}/stop")
    found = await ended(site, capture_id)
    name = found["files"][0]["name"]
    for _ in range(2):  # a second look is not a second entry
        assert (await site.api.get(f"/captures/{capture_id}/files/{name}")).status_code == 200
    part = await site.api.get(f"/captures/{capture_id}/files/{name}", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"\xd4\xc3\xb2\xa1")
    assert part.headers["content-type"] == "application/vnd.tcpdump.pcap"
    await site.platform.users.create("eye", PASSWORD, Role.VIEWER)
    async with httpx.AsyncClient(base_url=site.api.base_url, trust_env=False) as eye:
        anybody = await eye.get("/captures")
        assert anybody.status_code == 401
        login = await eye.post("/login", json={"username": "eye", "password": PASSWORD})
        eye.headers["Authorization"] = f"Bearer {login.json()['token']}"
        for method, path in (
            ("GET", "/captures"),
            ("GET", f"/captures/{capture_id}"),
            ("GET", f"/captures/{capture_id}/files/{name}"),
            ("POST", f"/captures/{capture_id}/stop"),
            ("DELETE", f"/captures/{capture_id}"),
            ("POST", f"/channels/{channel}/captures"),
        ):
            answer = await eye.request(method, path, json={} if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
    assert (await site.api.delete(f"/captures/{capture_id}")).status_code == 204
    details = await audited(site)
    mine = [each for each in details if str(each.get("what", "")).startswith("capture")]
    told = [(each["what"], each.get("file"), each.get("max_bytes")) for each in mine]
    assert sorted(told, key=str) == sorted(
        [
            ("capture", None, 100_000),
            ("capture stopped", None, None),
            ("capture", name, None),
            ("capture deleted", None, None),
        ],
        key=str,
    )


@pytest.mark.parametrize("body", [{"max_bytes": 999}, {"max_s": 0}, {"stream": "third"}])
async def test_orders_that_make_no_sense_are_refused(site: SmallSite, body: dict[str, Any]) -> None:
    camera = await site.add_camera()
    channel = camera.settings.all_channel_ids[0]
    answer = await site.api.post(f"/channels/{channel}/captures", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    for path in (f"/captures/{MISSING}", f"/captures/{MISSING}/files/{MISSING}.pcap"):
        missing = await site.api.get(path)
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown-capture")
    odd = await site.api.get(f"/captures/{MISSING}/files/..%2Fsecrets.pcap")
    assert odd.status_code in (404, 405, 422)
