"""Two real platforms, one below the other, each in a network namespace of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.namespaces import Place
from tests.support.platform_process import ADMIN_PASSWORD, PlatformProcess

PROVINCE = "34000000002000000001"
COUNTY = "34010200002000000001"
LIMITS = httpx.Limits(keepalive_expiry=1.0)
"""Shorter than the server's: on a busy machine both would give up one connection at the same moment."""


@dataclass(slots=True)
class Platform:
    """One of them, and an administrator's client."""

    process: PlatformProcess
    api: httpx.AsyncClient

    async def get(self, path: str) -> Any:
        """What is there; None for what is not."""
        answer = await self.api.get(path)
        return answer.json() if answer.status_code == 200 else None

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self.api.post(path, json=body or None)
        assert answer.status_code in (200, 201), f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@contextlib.asynccontextmanager
async def platform(
    directory: Path, platform_id: str, place: Place, *, sip: str = "", environment: Mapping[str, str] = {}
) -> AsyncIterator[Platform]:
    """A platform in a namespace. SIP is listened on at its end of the line.

    Args:
        sip: further lines of the table ``[sip]``.
    """
    await asyncio.to_thread(directory.mkdir)
    process = PlatformProcess(
        directory,
        platform_id=platform_id,
        host=place.address,
        media_host="0.0.0.0",  # noqa: S104 - viewers come from the other side
        http_host=place.desk,
        runner=place.runner,
        environment=dict(environment),
        sip=sip,
    )
    base = f"{process.base_url}/api/v1"
    try:
        await process.start()
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30, limits=LIMITS) as api:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            token = (await api.post("/login", json=login)).json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            yield Platform(process, api)
            await process.stop()
    finally:
        process.kill()


async def streaming(site: Platform) -> list[str]:
    """Channels whose pictures come in, and those that go up to the province."""
    running = [each["key"] for each in (await site.get("/channels"))["items"] if each["streaming"]]
    going_up = await site.get(f"/superiors/{PROVINCE}/streams")
    return running + [each["id"] for each in (going_up or {"items": []})["items"]]


async def differing(county: Platform) -> list[Any]:
    """What the province does not know as it is, by the county's ledger."""
    found: list[Any] = (await county.get(f"/superiors/{PROVINCE}/ledger?differing=true"))["items"]
    return found


async def agree(county: Platform, province: Platform) -> bool:
    """Nothing is left to tell, and the province lists what it is shown."""
    shown = (await county.get(f"/superiors/{PROVINCE}/catalogue"))["items"]
    listed = (await province.get(f"/devices/{COUNTY}/channels"))["items"]
    intended = {each["id"]: each["status"] == "ON" for each in shown if each["channel"]}
    known = {each["channel_id"]: each["online"] for each in listed if each["kind"] == "camera"}
    return bool(intended) and intended == known and not await differing(county)
