"""Oddities of section 10 of the protocol notes that must not cost the picture: a simulated camera each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from sipserver.simulator.device import SimulatedDevice
from sipserver.sip.flow import Transport
from tests.integration.console.test_diagnosis import SIP
from tests.support.small_site import SmallSite, small_site

TOLERATED = (
    ("announces", Transport.UDP),  # Q15
    ("stale-dialog", Transport.UDP),  # Q17
    ("own-y", Transport.UDP),  # Q55, GB-C106
    ("zero-ssrc", Transport.UDP),  # Q56
    ("constant-ssrc=9", Transport.TCP),  # Q57
    ("no-y", Transport.UDP),  # Q58
    ("no-setup", Transport.TCP),  # Q60
    ("udp-only", Transport.TCP),  # Q61
    ("no-psm", Transport.UDP),  # Q90
    ("all-markers", Transport.UDP),  # Q92
    ("no-timestamp", Transport.UDP),  # Q93
    ("interleaved", Transport.TCP),  # Q96
    ("late-keyframe", Transport.UDP),  # Q99
    ("doubled-packets", Transport.UDP),  # Q103
)


async def _shows(site: SmallSite, camera: SimulatedDevice, fault: str) -> None:
    opened = await site.api.post(f"/channels/{camera.settings.all_channel_ids[0]}/live")
    assert opened.is_success, (fault, opened.text)
    assert opened.json()["video"]["width"] == 640, fault


async def test_the_picture_comes_in_spite_of_it(tmp_path: Path) -> None:
    patient = replace(SIP, keyframe_timeout_s=8.0, tcp_keyframe_timeout_s=8.0)
    async with small_site(tmp_path, sip=patient) as site:
        for index, (fault, transport) in enumerate(TOLERATED):
            await site.add_camera(index, faults=(fault,), transport=transport)
        await asyncio.gather(
            *(_shows(site, camera, fault) for camera, (fault, _) in zip(site.devices, TOLERATED, strict=True))
        )
