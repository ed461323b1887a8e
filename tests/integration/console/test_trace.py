"""The SIP trace through the API, against real devices on real sockets."""

from __future__ import annotations

from pathlib import Path

from sipserver.devices.tracing.settings import TraceSettings
from sipserver.sip.flow import Transport
from tests.support.capture_reader import read_capture
from tests.support.platform_process import eventually
from tests.support.small_site import SIP_PASSWORD, SmallSite, small_site


async def _play(site: SmallSite, channel_id: str) -> None:
    answer = await site.api.post(f"/channels/{channel_id}/live")
    assert answer.is_success, answer.text
    assert (await site.api.delete(f"/sessions/{answer.json()['session_id']}")).is_success


async def test_a_device_s_trace_shows_registration_catalogue_and_call_without_secrets(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        device, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]
        await _play(site, channel)
        view = (await site.api.get(f"/devices/{device}/trace", params={"texts": True})).json()
        rungs = [(step["what"], step["sent"]) for step in view["steps"]]
        assert rungs[:4] == [
            ("REGISTER", False),
            ("401 Unauthorized", True),
            ("REGISTER", False),
            ("200 OK", True),
        ]
        assert ("INVITE", True) in rungs
        assert ("ACK", True) in rungs
        invite = next(step for step in view["steps"] if step["what"] == "INVITE")
        assert invite["summary"].startswith("Play, video ")
        assert (invite["from_id"], invite["to_id"]) == (site.platform.settings.sip.id, channel)
        asked = next(step for step in view["steps"] if step["summary"].startswith("Query Catalog"))
        assert asked["sent"]
        proof = next(step for step in view["steps"] if "Authorization:" in step["text"])
        assert 'response="********************************"' in proof["text"]
        assert SIP_PASSWORD not in str(view)

        listed = (await site.api.get(f"/devices/{device}/trace/sessions")).json()["sessions"]
        call = next(session for session in listed if session["method"] == "INVITE")
        assert call["messages"] >= 3
        one = (await site.api.get("/trace/sessions", params={"call_id": call["call_id"]})).json()
        assert {step["call_id"] for step in one["steps"]} == {call["call_id"]}
        assert [step["what"] for step in one["steps"]][:3] == ["INVITE", "200 OK", "ACK"]


async def test_the_trace_is_downloaded_as_text_and_as_a_capture_that_others_read(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        for index, transport in enumerate((Transport.UDP, Transport.TCP)):
            camera = await site.add_camera(index, transport=transport)
            device = camera.settings.device_id
            await _play(site, camera.settings.all_channel_ids[0])
            text = await site.api.get(f"/devices/{device}/trace/download")
            assert text.headers["content-type"] == "text/plain; charset=utf-8"
            assert "--INVITE---" in text.text
            assert "CSeq: 1 INVITE" in text.text
            capture = await site.api.get(f"/devices/{device}/trace/download", params={"format": "pcap"})
            assert capture.headers["content-disposition"] == f'attachment; filename="sip-{device}.pcap"'
            frames = read_capture(capture.content)
            assert {frame.protocol for frame in frames} == {transport.value}
            methods = [frame.payload.split(b" ")[0] for frame in frames]
            assert methods[:2] == [b"REGISTER", b"SIP/2.0"]
            assert b"INVITE" in methods
            assert {frame.source[0] for frame in frames} == {"127.0.0.1"}
            assert {frame.target[1] for frame in frames if frame.payload.startswith(b"REGISTER")} == {
                site.sip_port
            }


async def test_keepalives_are_left_out_until_the_device_is_watched(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(keepalive_interval_s=0.05)
        other = await site.add_camera(1, keepalive_interval_s=0.05)
        device = camera.settings.device_id
        watch = f"/devices/{device}/trace/watch"

        async def summaries(device_id: str) -> list[str]:
            steps = (await site.api.get(f"/devices/{device_id}/trace", params={"limit": 5000})).json()[
                "steps"
            ]
            return [step["summary"] for step in steps]

        async def kept_alive() -> bool:
            return site.platform.devices.stats.keepalives > 10

        await eventually(kept_alive, "both devices say that they live")
        assert not any("Keepalive" in summary for summary in await summaries(device))
        assert (await site.api.put(watch)).status_code == 204
        assert (await site.api.get("/trace")).json()["watched"] == [device]

        async def shown() -> bool:
            view = (await site.api.get(f"/devices/{device}/trace")).json()
            last = view["steps"][-4:]
            return view["watched"] and [step["what"] for step in last].count("200 OK") == 2

        await eventually(shown, "keepalives and the answers to them")
        assert any(summary.startswith("Notify Keepalive") for summary in await summaries(device))
        assert not any("Keepalive" in summary for summary in await summaries(other.settings.device_id))
        assert (await site.api.delete(watch)).status_code == 204
        assert not any("Keepalive" in summary for summary in await summaries(device))


async def test_the_trace_goes_to_disk_when_asked_and_stays_within_its_bounds(tmp_path: Path) -> None:
    settings = TraceSettings(to_disk=True, directory=tmp_path / "trace", file_bytes=65_536, files_max=3)
    async with small_site(tmp_path, trace=settings) as site:
        camera = await site.add_nvr(channels=200, fragment_size=1)
        for _ in range(2):
            await site.api.post(f"/devices/{camera.settings.device_id}/catalog")
    files = sorted((tmp_path / "trace").iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size < 65_536 + 20_000 for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    frames = [frame for file in files for frame in read_capture(file.read_bytes())]
    assert frames == sorted(frames, key=lambda frame: frame.time_s)
    assert any(b"<CmdType>Catalog</CmdType>" in frame.payload for frame in frames)


async def test_only_who_may_view_the_trace_sees_it(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        for path in ("/devices/34020000001320000099/trace", "/devices/34020000001320000099/trace/sessions"):
            answer = await site.api.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown-device")
        answer = await site.api.get("/trace", headers={"Authorization": "Bearer nobody"})
        assert answer.status_code == 401
