"""A process that records until it is killed: ``python -m ... DIRECTORY``; ``grown`` for each fragment."""

import asyncio
import socket
import sys
from pathlib import Path

from media.session import MediaPlane, MediaTransport, RecorderFact, SegmentGrown
from media.settings import MediaSettings
from tests.integration.media.pretend_camera import PretendCamera
from tests.support.port_ranges import rtp_ports


def tell(fact: RecorderFact) -> None:
    if isinstance(fact, SegmentGrown):
        print("grown", flush=True)


async def main(directory: Path) -> None:
    plane = MediaPlane(MediaSettings(host="127.0.0.1", port=0, rtp_ports=rtp_ports()))
    await plane.open()
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")
    session.attach_recorder("cd", directory, metadata=b"", on_fact=tell)
    camera = PretendCamera()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while True:
            camera.send_udp(sender, session.port, 1)
            await asyncio.sleep(0.004)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
