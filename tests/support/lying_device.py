"""A platform in this process, a device that lies to it, and another one that must not notice.

Both speak through sockets of their own addresses and share no code with the platform.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, select

from config.migrations.target import target_metadata
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice
from tests.support.damage import Names
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site
from tests.support.valid_bodies import COMMANDS, TIME, valid_body

PLATFORM: Final = "34020000002000000001"
LIAR: Final = "34020000001180000005"
LIAR_CHANNEL: Final = "34020000001310000005"
OTHER: Final = "34020000001180000009"
OTHER_CHANNELS: Final = ("34020000001310000009", "34020000001310000010")
SNAPSHOT_ID: Final = "a" * 32
NAMES: Final = Names(
    (
        OTHER,
        *OTHER_CHANNELS,
        PLATFORM,
        LIAR,
        "34020000001329999999",
        "0",
        "x" * 64,
        "3402000000",
        "é",
        "-1",
        "",
    )
)
REMEMBERED: Final = (
    "devices",
    "channels",
    "alarms",
    "positions",
    "latest_positions",
    "device_clocks",
    "subscriptions",
)
# What its own keepalives change about a device.
_LIVELY: Final = frozenset(
    {"last_seen_at", "expires_at", "registered_at", "keepalive_interval_s", "remote_port"}
)


@dataclass(eq=False)
class Stage:
    """What a test plays on."""

    site: SmallSite
    liar: ScriptedDevice
    other: ScriptedDevice
    failures: list[dict[str, Any]] = field(default_factory=list)
    """What the event loop had to report."""

    async def another_is_served(self) -> None:
        """The other device gets its answer, and nothing of ours failed on the way."""
        answer = await self.other.keepalive()
        assert answer.status == 200
        self.other.inbox.clear()
        self.other.seen.clear()
        assert self.site.platform.transport.stats.handler_failures == 0
        assert self.failures == []

    async def others_rows(self) -> Mapping[str, list[dict[str, Any]]]:
        """Everything that the database says about the other device."""
        await self.site.platform.devices.presence.save()
        await self.site.platform.devices.clocks.save()
        ids = {OTHER, *OTHER_CHANNELS}
        found = {}
        for metadata in target_metadata():
            for table in metadata.tables.values():
                found[table.name] = [row for row in await self._rows(table) if ids & set(_texts(row))]
        return found

    async def _rows(self, table: Table) -> list[dict[str, Any]]:
        async with self.site.platform._engine.connect() as connection:
            rows = (await connection.execute(select(table))).mappings().all()
        return [{key: value for key, value in row.items() if key not in _LIVELY} for row in rows]


def _texts(row: Mapping[str, Any]) -> list[str]:
    """The ids a row belongs to; what a liar wrote into its own rows about others is its own affair."""
    if row.get("device_id"):
        return [row["device_id"]]
    return [value for value in row.values() if isinstance(value, str)]


@contextlib.asynccontextmanager
async def liar_on_stage(directory: Path, kind: str = "UDP") -> AsyncIterator[Stage]:
    """Both devices registered, with catalogues, subscriptions and a position of the other one stored."""
    sip = DeviceSettings(
        host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=0.3, catalog_retries=0, query_timeout_s=0.3,
        linger_s=0.05, invite_timeout_s=0.5, attempts_burst=1_000_000,
    )  # fmt: skip
    quick = SubscriptionSettings(retry_s=0.2, answer_timeout_s=1.0)
    async with small_site(directory, sip=sip, subscriptions=quick) as site:
        server = (HOST, site.sip_port)
        liar = ScriptedDevice(LIAR, server, password=SIP_PASSWORD, kind=kind, local=("127.0.0.2", 0))
        other = ScriptedDevice(OTHER, server, password=SIP_PASSWORD, local=("127.0.0.3", 0))
        stage = Stage(site, liar, other)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: stage.failures.append(context))
        try:
            async with liar, other:
                await _settle(site, liar, (LIAR_CHANNEL,))
                await _settle(site, other, OTHER_CHANNELS)
                await _remember(stage)
                yield stage
        finally:
            asyncio.get_running_loop().set_exception_handler(None)


async def _settle(site: SmallSite, device: ScriptedDevice, channels: tuple[str, ...]) -> None:
    device.answers["SUBSCRIBE"] = lambda request: device.response(
        request, 200, headers=f"Expires: 600\r\nContact: <sip:{device.id}@{device.hostport}>\r\n"
    )

    async def registered() -> bool:
        # A busy machine may be told to come later (503).
        return (await device.register(headers="X-GB-Ver: 3.0\r\n")).status == 200

    await eventually(registered, "the device is registered")
    sn = (await device.query("Catalog")).xml("SN")
    await device.send_catalog(sn, list(channels), sum_num=len(channels))

    async def catalogued() -> bool:
        known = await site.platform.catalog.list_channels(device.id, limit=10)
        return {channel.channel_id for channel in known.items} == set(channels)

    await eventually(catalogued, "the catalogue is stored")
    for kind in ("catalog", "alarm", "mobile_position", "ptz_position"):
        answer = await site.api.put(f"/devices/{device.id}/subscriptions/{kind}", json={})
        assert answer.is_success, answer.text


async def _remember(stage: Stage) -> None:
    """A position, an alarm and the state of its clock, of the other device."""
    for command in (("Notify", "MobilePosition"), ("Notify", "Alarm")):
        # Of now: an old time would be taken for a clock that is wrong.
        now = datetime.now(timezone(timedelta(hours=8))).strftime("%Y-%m-%dT%H:%M:%S")
        body = valid_body(*command, device=OTHER, channel=OTHER_CHANNELS[0]).replace(TIME, now)
        assert (await stage.other.message(body.encode("gb18030"))).status == 200

    async def stored() -> bool:
        rows = await stage.others_rows()
        return all(rows[name] for name in REMEMBERED)

    await eventually(stored, "what the other device reported is stored")


class CrookedAnswers:
    """Lets the liar answer every question with a document that fits it, but for the damage."""

    def __init__(self, liar: ScriptedDevice, dice: random.Random, spoil: Any) -> None:
        self._liar = liar
        self._dice = dice
        self._spoil = spoil
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, request: Message) -> bytes:
        """For ``ScriptedDevice.answers``: 200 at once, and the document right behind it."""
        command = ("Response", request.xml("CmdType"))
        self.asked.add(command)
        if command in COMMANDS:
            asked = request.xml("DeviceID")
            text = valid_body(*command, device=asked, channel=LIAR_CHANNEL, sn=request.xml("SN"))
            for _ in range(self._dice.choice((1, 1, 1, 3))):
                asyncio.get_running_loop().call_soon(self._say, self._spoil(text))
        return self._liar.response(request, self._dice.choice((200,) * 12 + (400, 403, 404, 408, 500, 603)))

    def _say(self, body: bytes) -> None:
        branch = self._liar.branch()
        headers = "Content-Type: Application/MANSCDP+xml\r\n"
        text = self._liar.text(
            "MESSAGE", branch=branch, call_id=f"crooked{branch}", cseq=1, headers=headers, body=body
        )
        self._liar.send(text)


def ladder(text: bytes, limit: int = 600) -> str:
    """A message for the report of a test that failed."""
    return re.sub(r"[^\x20-\x7e\r\n]", ".", text[:limit].decode("latin-1"))
