"""Reports that go with sound we send, for peers that stop listening without them.

Source: RFC 3550 sections 6.4.1 and 6.5; 7.2 of the protocol notes.
"""

import struct
from typing import Final

NTP_OFFSET_S: Final = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_SENDER_REPORT: Final = struct.Struct("!BBHIIIIII")
_CNAME: Final = b"audio@tongshi"


def sender_report(ssrc: int, unix_s: float, rtp_timestamp: int, packets: int, payload_bytes: int) -> bytes:
    """A sender report without reception blocks, and the source description that must go with it."""
    ntp = int((unix_s + NTP_OFFSET_S) * 2**32)
    report = _SENDER_REPORT.pack(
        0x80,
        200,
        6,
        ssrc,
        ntp >> 32 & 0xFFFFFFFF,
        ntp & 0xFFFFFFFF,
        rtp_timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        payload_bytes & 0xFFFFFFFF,
    )
    item = bytes([1, len(_CNAME)]) + _CNAME
    padding = bytes(4 - len(item) % 4)
    words = 1 + (len(item) + len(padding)) // 4
    return report + struct.pack("!BBHI", 0x81, 202, words, ssrc) + item + padding
