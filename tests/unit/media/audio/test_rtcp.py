"""Sender reports, read by aiortc."""

import pytest
from aiortc.rtp import RtcpPacket, RtcpSdesPacket, RtcpSrPacket

from media.audio.rtcp import sender_report


@pytest.mark.parametrize("packets", [0, 250, 2**32 + 5])
def test_report_is_read_by_another_program(packets: int) -> None:
    data = sender_report(200_000_003, 1_714_521_600.5, 40_000, packets, packets * 160)
    report, description = RtcpPacket.parse(data)
    assert isinstance(report, RtcpSrPacket)
    assert isinstance(description, RtcpSdesPacket)
    assert report.ssrc == 200_000_003
    info = report.sender_info
    assert info.ntp_timestamp == (1_714_521_600 + 2_208_988_800 << 32) + 2**31
    assert (info.rtp_timestamp, info.packet_count) == (40_000, packets % 2**32)
    assert description.chunks[0].items[0][1] == b"audio@tongshi"
