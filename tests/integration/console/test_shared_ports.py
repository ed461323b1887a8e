"""Simulated cameras that all send to one port: a whole platform, over UDP and TCP, by the settings alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from media.session import ReceiveOn
from media.settings import MediaSettings
from sipserver.sip.flow import Transport
from tests.integration.console.test_diagnosis import SIP
from tests.integration.console.test_tolerated_faults import TOLERATED
from tests.support.families import has_ipv6
from tests.support.port_ranges import free_ports_in_a_row, rtp_ports
from tests.support.small_site import HOST, SmallSite, small_site

PATIENT = replace(SIP, keyframe_timeout_s=8.0, tcp_keyframe_timeout_s=8.0)


def shared_media() -> MediaSettings:
    ports = free_ports_in_a_row(4)
    return MediaSettings(
        host=HOST,
        port=0,
        rtp_ports=rtp_ports(),
        receive_on=ReceiveOn.SHARED_PORT,
        shared_udp_port=ports.start,
        shared_tcp_port=ports.start + 2,
    )


async def _plays(site: SmallSite, channel_id: str) -> None:
    opened = await site.api.post(f"/channels/{channel_id}/live")
    assert opened.is_success, (channel_id, opened.text)
    assert opened.json()["video"]["width"] == 640


def _places(site: SmallSite) -> dict[str, ReceiveOn]:
    """Where the streams of each device are received."""
    return {
        session.label.partition("/")[0]: session.receive_on
        for session in site.platform.media.sessions.values()
    }


async def test_cameras_play_over_both_shared_ports(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=PATIENT, media=shared_media()) as site:
        for index, transport in enumerate((Transport.UDP, Transport.TCP) * 3):
            await site.add_camera(index, transport=transport)
        nvr = await site.add_nvr(20, channels=3)
        channels = [each.settings.all_channel_ids[0] for each in site.devices[:-1]]
        channels += nvr.settings.all_channel_ids[:3]
        await asyncio.gather(*(_plays(site, channel) for channel in channels))
        media = site.platform.media
        assert len(media.sessions) == 9
        assert {session.receive_on for session in media.sessions.values()} == {ReceiveOn.SHARED_PORT}
        assert {session.port for session in media.sessions.values()} == {
            media.settings.shared_udp_port,
            media.settings.shared_tcp_port,
        }
        for row in media.snapshot():
            assert (row.wrong_ssrc, row.stranger, row.ssrc_mismatch) == (0, 0, False)
        assert media.shared_ports().unknown == 0


async def test_the_oddities_of_devices_cost_no_picture_on_shared_ports_either(tmp_path: Path) -> None:
    """Q55 to Q58 among them: known by their address, or asked once more with a port of their own."""
    async with small_site(tmp_path, sip=PATIENT, media=shared_media()) as site:
        for index, (fault, transport) in enumerate(TOLERATED):
            await site.add_camera(index, faults=(fault,), transport=transport)
        await asyncio.gather(*(_plays(site, each.settings.all_channel_ids[0]) for each in site.devices))


async def test_a_recorder_that_mixes_up_its_ssrcs_shows_no_wrong_channel(tmp_path: Path) -> None:
    """Each channel is sent with the SSRC of the next one; over UDP the announced ports tell them apart."""
    async with small_site(tmp_path, sip=PATIENT, media=shared_media()) as site:
        nvr = await site.add_nvr(0, channels=3, faults=("wrong-ssrc",))
        channels = nvr.settings.all_channel_ids[:3]
        await asyncio.gather(*(_plays(site, channel) for channel in channels))
        rows = site.platform.media.snapshot()
        assert len({row.source for row in rows}) == 3
        for row in rows:
            assert row.ssrc_mismatch or row.port != site.platform.media.settings.shared_udp_port


async def test_a_recorder_with_ssrcs_of_its_own_gets_ports_of_its_own(tmp_path: Path) -> None:
    """Two channels at the same time over TCP: nothing tells which connection is whose."""
    async with small_site(
        tmp_path, sip=replace(PATIENT, tcp_keyframe_timeout_s=3.0), media=shared_media()
    ) as site:
        nvr = await site.add_nvr(0, channels=2, faults=("constant-ssrc=9",), transport=Transport.TCP)
        channels = nvr.settings.all_channel_ids[:2]
        await asyncio.gather(*(_plays(site, channel) for channel in channels))
        sessions = site.platform.media.sessions.values()
        assert ReceiveOn.OWN_PORT in {session.receive_on for session in sessions}


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback (::1)")
@pytest.mark.parametrize("receive_on", list(ReceiveOn))
async def test_a_camera_is_asked_over_ipv6_and_answers_there(tmp_path: Path, receive_on: ReceiveOn) -> None:
    """The offer says IN IP6, and the picture comes over IPv6, over UDP and TCP."""
    media = replace(shared_media(), receive_on=receive_on, rtp_host="::1")
    async with small_site(tmp_path, sip=replace(PATIENT, host="::1"), media=media) as site:
        for index, transport in enumerate((Transport.UDP, Transport.TCP)):
            await site.add_camera(index, transport=transport, server_host="::1", local_host="::1")
        await asyncio.gather(*(_plays(site, each.settings.all_channel_ids[0]) for each in site.devices))
        for invite in site.platform.devices.invites.all():
            assert invite.evidence.offer is not None
            assert b"c=IN IP6 ::1\r\n" in invite.evidence.offer.serialize()
        rows = site.platform.media.snapshot()
        assert len(rows) == 2
        assert all((row.source or "").startswith("[::1]:") for row in rows)
