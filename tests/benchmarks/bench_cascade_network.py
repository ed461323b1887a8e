"""Two platforms over a bad line: what is left over when it is cut, and how long until everything is back.

Method: two real platforms, each in a network namespace, over a line of this process that delays by DELAY (and
up to half of it more), loses LOSS of the packets of each direction, and translates the addresses of the inner
one. The inner one (the county) has CAMERAS simulated cameras and is registered with the outer one over UDP,
TCP and TLS in turn, with the settings that everybody has: a keepalive each 60 s, three of them missed,
registration tried again after 10 s and later each time. Half of the cameras are watched at the province. Then
the line is cut for CUT seconds, and the translation forgets its table. Told are: how long streams were left
at either end after the cut, and, from the moment that the line is whole again, how long until the county is
registered, until the province lists what it is shown and the ledger knows of no difference, and until a
picture is watched again.

Aims: no stream is left at either end 60 s after the cut; the lists agree within a minute of the registration.

Run, as root: python tests/benchmarks/bench_cascade_network.py [--transport UDP] [--cut SECONDS] ...
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.certificates import Authority
from tests.support.namespaces import INSIDE, OUTSIDE, Line, two_places, unavailable
from tests.support.platform_process import SIP_PASSWORD, eventually, free_ports
from tests.support.two_places import COUNTY, PROVINCE, Platform, agree, platform, streaming

PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Load:
    cameras: int
    delay_s: float
    loss: float
    cut_s: float


async def measure(transport: str, load: Load) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="tongshi-bench-") as name,
        two_places(translated=True) as (inside, outside, line),
    ):
        directory = Path(name)
        certificate = Authority(directory, "province").issue(OUTSIDE)
        (tls_port,) = free_ports(1)
        tls = f'tls_port = {tls_port}\ntls_certificate = "{certificate.path}"\ntls_key = "{certificate.key}"'
        async with (
            platform(directory / "county", COUNTY, inside) as county,
            platform(directory / "province", PROVINCE, outside, sip=tls) as province,
        ):
            settings = {"transport": transport, "tls_authorities": str(directory / "province.pem")}
            settings["port"] = tls_port if transport == "TLS" else province.process.sip_port
            await scenario(Scene(county, province, line, transport, load), settings)


@dataclass(frozen=True, slots=True)
class Scene:
    county: Platform
    province: Platform
    line: Line
    transport: str
    load: Load

    def told(self, what: str, since: float) -> None:
        print(f"{self.transport:<4} {what}: {time.monotonic() - since:.1f} s")

    async def until(self, probe: Callable[[], Awaitable[object]], what: str, since: float) -> None:
        await eventually(probe, what, PATIENCE_S, 0.2)
        self.told(what, since)


async def scenario(scene: Scene, settings: dict[str, object]) -> None:
    conditions, load = scene.line.conditions, scene.load
    conditions.delay_s, conditions.jitter_s, conditions.loss = load.delay_s, load.delay_s / 2, load.loss
    process = scene.county.process
    fleet = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
        process.command(
            "simulate", "camera", "--server", f"{INSIDE}:{process.sip_port}", "--server-id", COUNTY,
            "--password", SIP_PASSWORD, "--count", str(load.cameras), "--bitrate", "128",
        ),
        env=process.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await scene.until(
            lambda: cameras(scene.county, load.cameras), "cameras at the county", time.monotonic()
        )
        begun = time.monotonic()
        entered = {"superior_id": PROVINCE, "own_id": COUNTY, "host": OUTSIDE, "password": SIP_PASSWORD}
        await scene.county.post("/superiors", **entered, shares=[{"kind": "all"}], **settings)
        await scene.until(lambda: online(scene), "registered", begun)
        await scene.until(lambda: agree(scene.county, scene.province), "the list agrees", begun)
        await watch(scene, load.cameras // 2)
        await cut(scene)
    finally:
        fleet.kill()
        fleet.wait(20)


async def cut(scene: Scene) -> None:
    begun = time.monotonic()
    scene.line.conditions.is_cut = True

    async def none(site: Platform) -> bool:
        return not await streaming(site)

    waits = [
        scene.until(lambda: none(scene.province), "no stream left at the province", begun),
        scene.until(lambda: none(scene.county), "no stream left at the county", begun),
        asyncio.sleep(scene.load.cut_s),
    ]
    await asyncio.gather(*waits)
    if scene.line.translation is not None:
        scene.line.translation.forget()
    scene.line.conditions.is_cut = False
    whole = time.monotonic()
    await scene.until(lambda: online(scene), "whole again, registered after", whole)
    await scene.until(
        lambda: agree(scene.county, scene.province), "whole again, the list agrees after", whole
    )
    await watch(scene, 1)
    scene.told("whole again, a picture after", whole)


async def watch(scene: Scene, count: int) -> None:
    """Open live pictures, and leave them open."""
    items = (await scene.province.get(f"/devices/{COUNTY}/channels"))["items"]
    keys = [each["key"] for each in items if each["kind"] == "camera"][:count]
    begun = time.monotonic()
    for key in keys:

        async def opened(key: str = key) -> bool:
            answer = await scene.province.api.post(f"/channels/{key}/live")
            return answer.status_code == 200

        await eventually(opened, f"{key} is watched", PATIENCE_S, 1.0)
    scene.told(f"{len(keys)} pictures watched, one after the other", begun)


async def online(scene: Scene) -> bool:
    link = (await scene.county.get(f"/superiors/{PROVINCE}"))["link"]
    device = await scene.province.get(f"/devices/{COUNTY}")
    return bool(link["state"] == "online" and device and device["online"])


async def cameras(site: Platform, count: int) -> bool:
    items = (await site.get("/channels?limit=500"))["items"]
    return sum(each["kind"] == "camera" and each["online"] for each in items) >= count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--cut", type=float, default=120.0)
    parser.add_argument("--transport", action="append", choices=("UDP", "TCP", "TLS"))
    given = parser.parse_args()
    if reason := unavailable():
        print(f"not measured: {reason}")
        return
    load = Load(given.cameras, given.delay, given.loss, given.cut)
    print(f"{load.cameras} cameras, delay {load.delay_s} s, loss {load.loss:.0%}, cut for {load.cut_s:.0f} s")
    for transport in given.transport or ("UDP", "TCP", "TLS"):
        asyncio.run(measure(transport, load))


if __name__ == "__main__":
    main()
