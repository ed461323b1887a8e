"""Two platforms on loopback, one registered with the other: the way a city has a county below it.

Each is told of the other through its own API, as people do it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sipserver.devices.settings import DeviceSettings
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

UPPER_ID: Final = "34010000002000000001"
LOWER_ID: Final = "34012200002000000001"
OTHER_ID: Final = "34012300002000000001"
PASSWORD: Final = "county's own word"


def sip(platform_id: str, **changes: Any) -> DeviceSettings:
    values: dict[str, Any] = {
        "id": platform_id, "host": HOST, "port": 0, "password": SIP_PASSWORD, "catalog_quiet_s": 1.0,
        "linger_s": 0.2, "query_timeout_s": 3.0,
    }  # fmt: skip
    return DeviceSettings(**values | changes)


@dataclass
class TwoPlatforms:
    upper: SmallSite
    lower: SmallSite

    async def join(self, lower: SmallSite | None = None, **superior: Any) -> None:
        """Enter each at the other, and wait until the lower one is registered and its catalogue is there."""
        below = lower or self.lower
        lower_id = below.platform.settings.sip.id
        upper_id = self.upper.platform.settings.sip.id
        entered = await self.upper.api.post(
            "/subordinates", json={"subordinate_id": lower_id, "password": PASSWORD, "name": "County"}
        )
        assert entered.status_code == 201, entered.text
        body = {
            "superior_id": upper_id,
            "host": HOST,
            "port": self.upper.sip_port,
            "password": PASSWORD,
            "fragment_items": 20,
            "retry_s": 1.0,
            "shares": [{"kind": "all"}],
        }
        answer = await below.api.post("/superiors", json=body | superior)
        assert answer.status_code == 201, answer.text
        await self.whole(lower_id)

    async def subordinate(self, lower_id: str = LOWER_ID) -> dict[str, Any]:
        answer = await self.upper.api.get(f"/subordinates/{lower_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def whole(self, lower_id: str = LOWER_ID) -> None:
        async def is_whole() -> bool:
            found = await self.subordinate(lower_id)
            return bool(found["link"]["state"] == "online" and found["catalogue"]["state"] == "whole")

        await eventually(is_whole, f"{lower_id} is registered and its catalogue whole", timeout_s=45.0)


@contextlib.asynccontextmanager
async def two_platforms(directory: Path, **tables: Any) -> AsyncIterator[TwoPlatforms]:
    """An upper and a lower platform that do not know each other yet."""
    for name in ("upper", "lower"):
        (directory / name).mkdir()
    async with (
        small_site(directory / "upper", sip=sip(UPPER_ID), **tables) as upper,
        small_site(directory / "lower", sip=sip(LOWER_ID), **tables) as lower,
    ):
        yield TwoPlatforms(upper, lower)
