"""Province, city and county: three platforms in this process, each one the superior of the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from access.rights import Right
from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.settings import DeviceSettings
from tests.support.certificates import Authority
from tests.support.platform_process import eventually, free_ports
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

PROVINCE = "34000000002000000001"
CITY = "34010000002000000001"
COUNTY = "34010200002000000001"
QUICK = HistorySettings(end_silence_s=1.0, silence_timeout_s=6.0, drain_s=0.3, playback_linger_s=30.0)
QUICK_LOOK = {"analyzeduration": "500000", "probesize": "100000"}
"""How long FFmpeg looks before it decodes, µs and bytes."""
ALARMS = AlarmSettings(flush_s=0.1)


@dataclass(frozen=True, slots=True)
class Levels:
    """The three, from above."""

    province: SmallSite
    city: SmallSite
    county: SmallSite

    async def grant(self, *rights: Right) -> None:
        """What either superior may do with everything."""
        for below, above in ((self.county, CITY), (self.city, PROVINCE)):
            await decide(below, above, *rights)

    async def known_above(self, channel_id: str) -> None:
        """Until the province lists a channel of the county as one that is on.

        The lists are asked for once each; from then on what changes has to be told.
        """
        for site, device_id in ((self.city, COUNTY), (self.province, CITY)):

            async def listed(site: SmallSite = site, device_id: str = device_id) -> bool:
                found = await site.api.get(f"/channels/{device_id}~{channel_id}")
                return found.status_code == 200 and bool(found.json()["online"])

            await registered(site, device_id)
            answer = await site.api.post(f"/devices/{device_id}/catalog")
            assert answer.status_code == 200, answer.text
            await eventually(listed, f"{site.platform.settings.sip.id} lists {channel_id}")


async def registered(site: SmallSite, device_id: str) -> None:
    async def online() -> bool:
        found = await site.api.get(f"/devices/{device_id}")
        return found.status_code == 200 and bool(found.json()["online"])

    await eventually(online, f"{device_id} is registered")


async def join(below: SmallSite, above: SmallSite, **settings: Any) -> None:
    """Enter one platform as the superior of another, and wait until they are registered."""
    superior_id, own_id = above.platform.settings.sip.id, below.platform.settings.sip.id
    entered = {
        "superior_id": superior_id,
        "own_id": own_id,
        "host": HOST,
        "port": above.sip_port,
        "password": SIP_PASSWORD,
        "keepalive_s": 5,
        "fragment_items": 20,
        "shares": [{"kind": "all"}],
    }
    answer = await below.api.post("/superiors", json=entered | settings)
    assert answer.status_code == 201, answer.text
    await registered(above, own_id)


async def subscribe(above: SmallSite, below_id: str, *kinds: str) -> None:
    """Ask a platform below to tell what changes; returns when it has accepted."""
    for kind in kinds:
        answer = await above.api.put(f"/devices/{below_id}/subscriptions/{kind}", json={})
        assert (answer.status_code, answer.json()["state"]) == (200, "active"), answer.text


async def decide(below: SmallSite, superior_id: str, *rights: Right) -> None:
    """What a superior may do with everything that it is shown."""
    grants = [{"actions": list(rights)}] if rights else []
    answer = await below.api.put(f"/superiors/{superior_id}/grants", json={"grants": grants})
    assert answer.status_code == 200, answer.text


@contextlib.asynccontextmanager
async def three_levels(directory: Path) -> AsyncIterator[Levels]:
    """All three on loopback: the county joins the city over UDP, the city the province over TLS."""
    authority = Authority(directory, "province")
    certificate = authority.issue(HOST)
    (tls_port,) = free_ports(1)
    async with contextlib.AsyncExitStack() as stack:
        sites: list[SmallSite] = []
        for own_id in (PROVINCE, CITY, COUNTY):
            folder = directory / own_id
            folder.mkdir()
            sip = DeviceSettings(
                id=own_id,
                host=HOST,
                port=0,
                password=SIP_PASSWORD,
                catalog_quiet_s=1.0,
                linger_s=0.2,
                query_timeout_s=3.0,
                tls_port=tls_port if own_id == PROVINCE else 0,
                tls_certificate=str(certificate.path) if own_id == PROVINCE else "",
                tls_key=str(certificate.key) if own_id == PROVINCE else "",
            )
            sites.append(
                await stack.enter_async_context(small_site(folder, sip=sip, history=QUICK, alarms=ALARMS))
            )
        levels = Levels(*sites)
        await join(levels.county, levels.city)
        await join(
            levels.city,
            levels.province,
            transport="TLS",
            port=tls_port,
            tls_authorities=str(authority.path),
        )
        # To the catalogue of a platform everybody is subscribed (subscriptions.automatic_platforms).
        await subscribe(levels.city, COUNTY, "alarm")
        await subscribe(levels.province, CITY, "alarm")
        yield levels


async def decoded(url: str, pictures: int, timeout_s: float = 20.0) -> list[tuple[int, int]]:
    """Sizes of the first pictures that FFmpeg decodes from an address; it shares no code with us."""

    def read() -> list[tuple[int, int]]:
        import av

        found: list[tuple[int, int]] = []
        with av.open(url, options=QUICK_LOOK, timeout=timeout_s) as container:
            for frame in container.decode(video=0):
                found.append((frame.width, frame.height))
                if len(found) >= pictures:
                    break
        return found

    return await asyncio.to_thread(read)


async def post(site: SmallSite, path: str, expected: int = 200, **body: Any) -> Any:
    answer: httpx.Response = await site.api.post(path, json=body or None)
    assert answer.status_code == expected, f"{path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None
