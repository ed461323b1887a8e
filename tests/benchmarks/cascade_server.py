"""What the benchmarks of the cascade share: our side with a large catalogue in SQLite, and its superiors.

The server part runs in this process: SIP transport, catalogue, and everything that faces superiors but
pictures; uvloop; collector settings of the real process. The superiors run in another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from access.audit import AuditLog
from access.policy_store import PolicyStore
from access.rights import Rights
from cascade.model import Superior
from cascade.post import Surroundings
from cascade.rights.trail import Trail
from cascade.shown.shares import Share, ShareKind
from cascade.store import SuperiorStore
from cascade.superiors import Superiors
from catalog.model import CatalogRow
from catalog.store import CatalogStore
from config.database import migrate, open_database
from console.process import settle_garbage_collector
from sipserver.devices.incoming_calls import IncomingCalls
from sipserver.devices.presence import wall_clock
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.ssrc import SsrcPool
from sipserver.transport.driver import SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.benchmarks.fleet_server import FleetProcess, NoMedia
from tests.benchmarks.superior_load import OWN_ID, superior_id

BELOW: Final = "34010300002000000001"
"""The platform whose cameras are presented."""
LOAD: Final = Path(__file__).with_name("superior_load.py")
ROWS: Final = 5_000


class Standing:
    """Everything is there."""

    def online_ids(self) -> set[str]:
        return {BELOW}

    def is_online(self, device_id: str) -> bool:
        return device_id == BELOW


def camera_id(number: int) -> str:
    return f"3401030000131{number:07d}"


def _row(number: int) -> CatalogRow:
    return CatalogRow(
        channel_id=camera_id(number),
        name=f"人民路口 {number} 号摄像机",
        manufacturer="Load",
        model="Fleet",
        owner="0",
        civil_code="340103",
        region_code="340103",
        address=f"人民路 {number}",
        parental=0,
        parent_ids=(BELOW,),
        register_way=1,
        secrecy=0,
        status_online=True,
        longitude=118.0 + number / 1e6,
        latitude=31.3,
        info={"PTZType": "1", "PointType": "2", "GrassrootsCode": "000000"},
    )


async def fill(database: Path, channels: int) -> None:
    """A catalogue of so many cameras."""
    engine = open_database(f"sqlite:///{database}")
    await migrate(engine)
    store = CatalogStore(engine)
    await store.add_devices([BELOW])
    await store.replace_catalog(BELOW, [_row(number) for number in range(channels)], complete=True)
    await engine.dispose()


async def until(claim: Callable[[], bool]) -> None:
    """Look every 50 ms."""
    while not claim():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.05)


@asynccontextmanager
async def below(
    database: Path, superiors: int, **settings: Any
) -> AsyncIterator[tuple[Superiors, CatalogStore, FleetProcess, str]]:
    """Our side, registered with so many superiors; their process, and where we listen."""
    load = await FleetProcess.start(LOAD, superiors)
    ports: list[int] = (await load.report())["ports"]
    engine = open_database(f"sqlite:///{database}")
    transport = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    await transport.open()
    catalog = CatalogStore(engine)
    nobody: Any = NoMedia()
    devices = DeviceService(DeviceSettings(id=OWN_ID, host="127.0.0.1", port=0), transport, nobody, catalog)
    room = Superiors(
        Surroundings(
            transport=transport,
            store=SuperiorStore(engine, seal=str, unseal=str),
            catalog=catalog,
            standing=Standing(),
            pictures=nobody,
            cameras=devices,
            calls=IncomingCalls(),
            ssrcs=SsrcPool(OWN_ID),
            rights=Rights(PolicyStore(engine), BEIJING),
            trail=Trail(AuditLog(engine, b"key"), transport.clock),
            media_host=lambda flow: transport.advertised(flow)[0],
            own_name="county",
            version="1.0",
            wall=wall_clock,
            start_spread_s=0.0,
        )
    )
    transport.request_handler = room.receive
    await room.open()
    for number, port in enumerate(ports, 1):
        await room.add(
            Superior(
                superior_id=superior_id(number),
                host="127.0.0.1",
                port=port,
                own_id=OWN_ID,
                shares=(Share(ShareKind.ALL),),
                **settings,
            )
        )
    await until(lambda: all(post.link.is_online for post in room.list()))
    settle_garbage_collector()
    address = next(each for each in transport.addresses)
    try:
        yield room, catalog, load, f"{address.host}:{address.port}"
    finally:
        await room.close()
        await transport.close()
        await engine.dispose()
        await load.close()
