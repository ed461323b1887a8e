"""A forged source gets at most one answer, and none for what it repeats beyond its share."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile import DatagramPeer, sip, smallest
from tests.support.platform_process import PlatformProcess, eventually
from tests.support.platform_scene import metric

METHODS = ("INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE", "SUBSCRIBE", "NOTIFY", "INFO")
REPEATED = 2_000
SHARE_MAX = 600


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    yield process
    process.kill()


async def test_a_stranger_has_one_answer_and_no_repetition(platform: PlatformProcess) -> None:
    await platform.start()
    address = ("127.0.0.1", platform.sip_port)
    with DatagramPeer(address) as stranger, DatagramPeer(address, "127.0.0.67") as other:
        for method in METHODS:
            stranger.send(smallest(method))
        # T1 is half a second: a refusal that is repeated would come again within a second.
        deadline = asyncio.get_running_loop().time() + 1.2

        async def over() -> bool:
            other.send(sip("OPTIONS"))
            await other.next()
            return asyncio.get_running_loop().time() > deadline

        await eventually(over, "repetitions would have come")
        assert len(stranger.take()) == len(METHODS)
        assert await metric(platform, "gb28181_sip_retransmissions_sent_total") == 0
    with DatagramPeer(address, "127.0.0.70") as reflector, DatagramPeer(address, "127.0.0.71") as other:
        data = smallest("REGISTER")
        for _ in range(REPEATED // 100):
            for _ in range(100):
                reflector.send(data)
            other.send(sip("OPTIONS"))
            await other.next()
        print(f"one REGISTER {REPEATED} times: {len(reflector.take())} answers")
        assert len(reflector.take()) < SHARE_MAX
    assert await platform.stop() == 0
