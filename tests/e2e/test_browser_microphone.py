"""Chromium as the one who speaks: its microphone is a file with a tone, its loudspeaker a spectrum.

The page is the platform's own log-in page, so that its headers must allow the microphone as well.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from sipserver.devices.audio.settings import AudioSettings
from sipserver.simulator.heard import strongest_hz
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import HOST, SmallSite, small_site
from tests.support.sound_files import tone_wav

MICROPHONE_HZ = 523.0
DEVICE_HZ = 880.0
TOLERANCE_HZ = 8.0

CONNECT = """
async ([path, token]) => {
  const microphone = await navigator.mediaDevices.getUserMedia(
    {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const peer = window.peer = new RTCPeerConnection();
  microphone.getTracks().forEach(track => peer.addTrack(track, microphone));
  peer.ontrack = event => {
    const player = window.player = new Audio();
    player.srcObject = event.streams[0] || new MediaStream([event.track]);
    player.muted = true;
    player.play();
    const context = window.context = new AudioContext();
    const meter = window.meter = context.createAnalyser();
    meter.fftSize = 16384;
    context.createMediaStreamSource(player.srcObject).connect(meter);
  };
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== 'complete') {
    await new Promise(done => peer.onicegatheringstatechange =
      () => peer.iceGatheringState === 'complete' && done());
  }
  const answer = await fetch(path, {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'Authorization': 'Bearer ' + token},
    body: JSON.stringify({sdp: peer.localDescription.sdp})});
  if (!answer.ok) throw new Error(await answer.text());
  await peer.setRemoteDescription(await answer.json());
}
"""
STRONGEST = """
() => {
  if (!window.meter) return 0;
  const bins = new Float32Array(meter.frequencyBinCount);
  meter.getFloatFrequencyData(bins);
  let best = 1;
  for (let i = 2; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
  return bins[best] > -60 ? best * context.sampleRate / meter.fftSize : 0;
}
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    audio = AudioSettings(host=HOST, rtp_ports=rtp_ports())
    async with small_site(tmp_path, audio=audio) as opened:
        yield opened


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium): no browser test is run")
    tone = tmp_path / "microphone.wav"
    tone.write_bytes(tone_wav(MICROPHONE_HZ, 30.0, rate=48_000))
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield await browser.new_page()
        await browser.close()


async def test_chromium_and_a_device_hear_each_other(site: SmallSite, page: Page) -> None:
    """GB-C116: browser microphone over WebRTC to a device with s=Talk, and the device's sound back."""
    camera = await site.add_camera(talk_tone_hz=DEVICE_HZ)
    channel_id = camera.settings.all_channel_ids[0]
    answer = await site.api.post(f"/channels/{channel_id}/audio", json={"mode": "talk"})
    assert answer.status_code == 201, answer.text
    session_id = answer.json()["session_id"]
    token = site.api.headers["Authorization"].removeprefix("Bearer ")
    await page.goto(f"http://{HOST}:{site.platform.http_port}/login")
    await page.evaluate(CONNECT, [f"/api/v1/audio/sessions/{session_id}/webrtc", token])
    call = camera.audio.calls[-1]

    async def device_hears() -> bool:
        hz = strongest_hz(call.heard.loud_samples[-8_000:])
        return hz == pytest.approx(MICROPHONE_HZ, abs=TOLERANCE_HZ)

    async def browser_hears() -> bool:
        hz = float(await page.evaluate(STRONGEST))
        return hz == pytest.approx(DEVICE_HZ, abs=TOLERANCE_HZ)

    await eventually(device_hears, f"the device hears {MICROPHONE_HZ} Hz")
    await eventually(browser_hears, f"the browser hears {DEVICE_HZ} Hz")
    await page.evaluate("() => peer.close()")

    async def is_over() -> bool:
        return call.is_over

    await eventually(is_over, "the device got BYE when the page was gone")
