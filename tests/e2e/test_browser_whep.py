"""Chromium plays a camera over WebRTC from the platform's WHEP address (RFC 9725)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from media.nal import VideoCodec
from media.settings import MediaSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.site_page import chromium, logged_in_page, seen, wait_until_it_moves
from tests.support.small_site import HOST, SmallSite, small_site

# What a player does: an offer with all candidates, POSTed to the signed address as it is.
PLAY = """async (url) => {
    const peer = (window.peer = new RTCPeerConnection());
    const video = document.body.appendChild(document.createElement("video"));
    Object.assign(video, { id: "whep", muted: true, autoplay: true, srcObject: new MediaStream() });
    peer.ontrack = ({ track }) => video.srcObject.addTrack(track);
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    await peer.setLocalDescription(await peer.createOffer());
    while (peer.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 20));
    const headers = { "Content-Type": "application/sdp" };
    const answer = await fetch(url, { method: "POST", headers, body: peer.localDescription.sdp });
    if (!answer.ok) return await answer.json();
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    return { status: answer.status, location: answer.headers.get("location") };
}"""
RECEIVED = """async () => {
    const found = {};
    for (const each of (await window.peer.getStats()).values())
        if (each.type === "inbound-rtp")
            found[each.kind] = { codec: (await window.peer.getStats()).get(each.codecId).mimeType,
                packets: each.packetsReceived, decoded: each.framesDecoded || 0 };
    return found;
}"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    media = MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports())
    async with small_site(tmp_path, media=media) as opened:
        yield opened


@pytest.fixture
async def page(site: SmallSite) -> AsyncIterator[Page]:
    async with chromium() as browser:
        yield await logged_in_page(site, browser)


async def live(site: SmallSite, camera: SimulatedDevice, **wanted: str) -> dict[str, str]:
    channel_id = camera.settings.all_channel_ids[0]
    answer = await site.api.post(f"/channels/{channel_id}/live", json=wanted)
    assert answer.status_code == 200, answer.text
    urls: dict[str, str] = answer.json()["urls"]
    return {"whep": urls["whep"], "session": answer.json()["session_id"]}


async def viewers(site: SmallSite, session_id: str) -> int:
    return int((await site.api.get(f"/sessions/{session_id}")).json()["viewers"])


async def test_chromium_shows_a_moving_picture_and_hears_the_camera(site: SmallSite, page: Page) -> None:
    camera = await site.add_camera(pictures=PictureSettings(with_audio=True, loop_s=2, gop_s=1.0))
    address = await live(site, camera)
    answer = await page.evaluate(PLAY, address["whep"])
    assert answer["status"] == 201, answer
    video = page.locator("#whep")
    await page.wait_for_function("document.querySelector('#whep').videoWidth === 640")
    await wait_until_it_moves(video)
    assert (await seen(video))["width"] == 640
    received = await page.evaluate(RECEIVED)
    print(f"received: {received}")
    assert received["video"]["codec"] == "video/H264"
    assert received["video"]["decoded"] > 10
    assert received["audio"]["codec"] in ("audio/PCMA", "audio/PCMU")
    assert received["audio"]["packets"] > 10
    assert await viewers(site, address["session"]) == 1

    # The viewer says goodbye at the address of the answer.
    assert (
        await page.evaluate(
            "(at) => fetch(at, { method: 'DELETE' }).then((r) => r.status)", answer["location"]
        )
        == 204
    )

    async def is_gone() -> bool:
        return await viewers(site, address["session"]) == 0

    await eventually(is_gone, "the viewer is not counted any more")


async def test_h265_is_refused_by_its_code_and_shown_when_it_is_transcoded(
    site: SmallSite, page: Page
) -> None:
    camera = await site.add_camera(pictures=PictureSettings(codec=VideoCodec.H265, loop_s=2, gop_s=1.0))
    plain = await live(site, camera)
    refused = await page.evaluate(PLAY, plain["whep"])
    assert (refused["status"], refused["code"]) == (409, "not-playable")
    await page.evaluate("() => { window.peer.close(); document.querySelector('#whep').remove(); }")
    transcoded = await live(site, camera, codec="h264")
    answer = await page.evaluate(PLAY, transcoded["whep"])
    assert answer["status"] == 201, answer
    await wait_until_it_moves(page.locator("#whep"))


async def test_closing_the_session_ends_the_picture(site: SmallSite, page: Page) -> None:
    camera = await site.add_camera()
    address = await live(site, camera)
    answer = await page.evaluate(PLAY, address["whep"])
    assert answer["status"] == 201, answer
    await wait_until_it_moves(page.locator("#whep"))
    assert (await site.api.delete(f"/sessions/{address['session']}")).status_code == 204
    await page.wait_for_function("['disconnected', 'failed', 'closed'].includes(window.peer.connectionState)")
    assert (await page.evaluate(PLAY, address["whep"]))["status"] in (403, 404)
