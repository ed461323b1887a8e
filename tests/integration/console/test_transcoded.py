"""The live call with `codec: "h264"`: what it says, and that a slot given back is free at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from media.nal import VideoCodec
from media.settings import MediaSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import HOST, SmallSite, small_site

H265 = PictureSettings(codec=VideoCodec.H265, loop_s=2, gop_s=1.0)


def slots(count: int) -> MediaSettings:
    return MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports(), transcode_slots=count)


async def live(site: SmallSite, camera: SimulatedDevice, status: int = 200) -> dict[str, Any]:
    path = f"/channels/{camera.settings.all_channel_ids[0]}/live"
    answer = await site.api.post(path, json={"codec": "h264"})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_slot_that_is_given_back_is_free_at_once(tmp_path: Path) -> None:
    async with small_site(tmp_path, media=slots(1)) as site:
        one, other = await site.add_camera(0, pictures=H265), await site.add_camera(1, pictures=H265)
        session = await live(site, one)
        assert session["transcoded_from"] == "H265"
        assert session["video"]["codec"] == "H264"
        assert "avc1" in session["mime"]
        figures = (await site.api.get(f"/sessions/{session['session_id']}")).json()
        assert (figures["transcoded_from"], figures["video"]["codec"]) == ("H265", "H264")
        assert figures["ssrc"], "what is received is the camera's stream"
        assert (await live(site, other, 503))["code"] == "no-slot-free"
        assert (await site.api.delete(f"/sessions/{session['session_id']}")).status_code == 204
        assert (await live(site, other))["transcoded_from"] == "H265"


async def test_h264_takes_no_slot_and_none_at_all_is_said_in_another_word(tmp_path: Path) -> None:
    async with small_site(tmp_path, media=slots(0)) as site:
        plain, coded = await site.add_camera(0), await site.add_camera(1, pictures=H265)
        assert (await live(site, plain))["transcoded_from"] is None
        assert (await live(site, coded, 409))["code"] == "not-playable"
