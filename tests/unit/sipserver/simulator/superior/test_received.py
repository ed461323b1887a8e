"""What a superior counts of the RTP that it gets."""

import io
import random

from media.nal import VideoCodec
from media.ps import PsMuxer
from media.rtp import RtpPacket, rtp_packetize
from sipserver.simulator.superior.received import HELD_PACKETS, ReceivedPicture

SPS = bytes.fromhex("6742c00ada7b0110000003001000000300c0f122a0")
PICTURE = b"\0\0\0\1" + SPS + b"\0\0\0\1\x68\xce\x3c\x80\0\0\0\1\x65" + bytes(range(1, 250)) * 12
TICKS = 3600


def film(count: int, first: int = 0) -> list[RtpPacket]:
    """So many key frames, 25 a second, as packets."""
    muxer = PsMuxer(VideoCodec.H264)
    packets: list[RtpPacket] = []
    for index in range(count):
        frame = muxer.mux_video(PICTURE, index * TICKS, keyframe=True)
        packets += rtp_packetize(
            frame, sequence=first + len(packets), timestamp=index * TICKS, ssrc=77, max_payload=1000
        )
    return packets


def received(packets: list[RtpPacket], file: io.BytesIO | None = None) -> ReceivedPicture:
    picture = ReceivedPicture(lambda: 1.0, file)
    for packet in packets:
        picture.take(packet.serialize())
    picture.finish()
    return picture


def test_a_film_is_counted_and_written() -> None:
    file, packets = io.BytesIO(), film(10)
    picture = received(packets, file)
    assert (picture.pictures, picture.keyframes, picture.lost) == (10, 10, 0)
    assert picture.codec.lower().endswith("h264")
    assert picture.stream_s == 9 * TICKS / 90_000
    assert picture.figures["ssrcs"] == [77]
    assert file.getvalue() == b"".join(each.payload for each in packets)


def test_packets_that_come_out_of_order_and_twice_give_the_same_film() -> None:
    file, packets = io.BytesIO(), film(20, first=0xFFF0)
    shaken: list[RtpPacket] = []
    dice = random.Random(3)
    for start in range(0, len(packets), 8):
        few = packets[start : start + 8] + packets[start : start + 1]
        # The first of all has to be first: what comes before it is too late.
        tail = few[1:] if start == 0 else few
        dice.shuffle(tail)
        shaken += few[:1] + tail if start == 0 else tail
    picture = received(shaken, file)
    assert (picture.pictures, picture.lost) == (20, 0)
    assert file.getvalue() == b"".join(each.payload for each in packets)


def test_lost_packets_are_counted_once_no_late_one_can_be_expected() -> None:
    packets = film(60)
    assert len(packets) > 2 * HELD_PACKETS
    picture = received(packets[:10] + packets[13:])
    assert picture.lost == 3
    assert 58 <= picture.pictures <= 60


def test_what_is_no_rtp_is_counted_apart() -> None:
    picture = ReceivedPicture(lambda: 1.0)
    for data in (b"", b"x", b"\x00" * 40, b"\x80\xc8\0\6" + bytes(24), b"\x80\x60\0\1" + bytes(8)):
        picture.take(data)
    picture.finish()
    assert (picture.malformed, picture.reports, picture.packets) == (3, 1, 1)
