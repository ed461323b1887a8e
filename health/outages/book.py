"""Every outage that is open, and the judgement of its cause. Pure: times come in, facts go out.

A device is judged some time after it was lost, because its neighbours are noticed one after the other
although they died together: what counts is when each was last heard.

A whole site that falls silent at once has lost its power or its uplink. Which of the two shows when it comes
back: devices that kept running go on with the registration they had, devices that were dark begin a new one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from health.outages.model import Cause, Outage, SiteOutage
from health.outages.settings import OutageSettings

REFUSALS_MAX: Final = 50_000
CHANNEL_OUTAGES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Loss:
    """A device went offline."""

    device_id: str
    site: str
    reason: str
    """As presence names it."""
    heard_at: float
    """Its last sign of life, on the clock of ``now``."""
    call_id: str
    """Of its registration."""
    has_left: bool = False
    """It unregistered."""
    was_streaming: bool = False
    """Media came until now, or nearly."""


@dataclass(slots=True)
class _Open:
    outage: Outage
    loss: Loss
    is_judged: bool = False


class OutageBook:
    """The open outages, and what happened since it was last asked.

    Args:
        first_id: ids are made from it and a counter; unique over restarts when it is.
    """

    def __init__(self, settings: OutageSettings, first_id: str) -> None:
        self._settings = settings
        self._ids: Final = (f"{first_id}-{number}" for number in count(1))
        self._site_of: dict[str, str] = {}
        self._members: dict[str, set[str]] = {}
        self._lost: dict[str, _Open] = {}
        self._troubles: dict[tuple[str, str, Cause], Outage] = {}
        self._sites: dict[str, SiteOutage] = {}
        self._refused: dict[str, tuple[str, int]] = {}
        self._due: list[tuple[float, str]] = []
        self._outages: dict[str, Outage] = {}
        self._site_changes: list[SiteOutage] = []

    # ---------------------------------------------------------------- questions

    def __len__(self) -> int:
        return len(self._lost) + len(self._troubles)

    def open_outages(self) -> Iterator[Outage]:
        yield from (each.outage for each in self._lost.values())
        yield from self._troubles.values()

    def open_sites(self) -> list[SiteOutage]:
        return list(self._sites.values())

    def next_timer(self) -> float | None:
        return self._due[0][0] if self._due else None

    def changes(self) -> tuple[list[Outage], list[SiteOutage]]:
        """What began, was judged or ended since the last call, each in its newest form."""
        outages, self._outages = list(self._outages.values()), {}
        sites, self._site_changes = self._site_changes, []
        return outages, sites

    # ---------------------------------------------------------------- devices

    def online(self, device_id: str, site: str, call_id: str, wall: datetime) -> None:
        """The device registered, or was confirmed after our restart."""
        before = self._site_of.get(device_id)
        if before != site:
            if before is not None:
                self._members[before].discard(device_id)
            self._site_of[device_id] = site
            self._members.setdefault(site, set()).add(device_id)
        self._refused.pop(device_id, None)
        lost = self._lost.pop(device_id, None)
        if lost is None:
            return
        outage = lost.outage
        if outage.is_site_wide and outage.cause is Cause.POWER and call_id and call_id == lost.loss.call_id:
            outage = replace(
                outage,
                cause=Cause.NETWORK,
                evidence=f"{outage.evidence}; it came back with its old registration: it kept running",
            )
            self._recall_site(site)
        self._change(replace(outage, ended_time=wall))
        self._site_returns(site, wall)

    def offline(self, loss: Loss, now: float, wall: datetime) -> None:
        """The device is lost; its cause is judged a while later."""
        if loss.device_id in self._lost:
            return
        began = wall - timedelta(seconds=max(0.0, now - loss.heard_at))
        outage = Outage(
            next(self._ids), loss.device_id, "", loss.site, began, None, Cause.UNKNOWN, loss.reason
        )
        self._lost[loss.device_id] = _Open(outage, loss)
        self._change(outage)
        heapq.heappush(self._due, (now + self._settings.together_s, loss.device_id))

    def resume(self, outage: Outage, loss: Loss) -> None:
        """Take over an outage that was open when we stopped."""
        self._lost[outage.device_id] = _Open(outage, loss, is_judged=True)

    def refused(self, device_id: str, host: str) -> None:
        """A REGISTER with a wrong password."""
        if device_id in self._refused or len(self._refused) < REFUSALS_MAX:
            _, times = self._refused.get(device_id, ("", 0))
            self._refused[device_id] = (host, times + 1)
        lost = self._lost.get(device_id)
        if lost is not None and lost.is_judged and lost.outage.cause is not Cause.CREDENTIAL:
            self._judge(lost)

    # ---------------------------------------------------------------- troubles of a device that is there

    def trouble(self, device_id: str, channel_id: str, cause: Cause, evidence: str, wall: datetime) -> None:
        """Something of an online device does not work; repeated reports are one outage."""
        key = (device_id, channel_id, cause)
        known = self._troubles.get(key)
        if known is None and len(self._troubles) >= CHANNEL_OUTAGES_MAX:
            return
        if known is None:
            site = self._site_of.get(device_id, "")
            known = Outage(next(self._ids), device_id, channel_id, site, wall, None, cause, evidence)
        elif known.evidence == evidence:
            return
        self._troubles[key] = replace(known, evidence=evidence)
        self._change(self._troubles[key])

    def well(self, device_id: str, channel_id: str, cause: Cause, wall: datetime) -> None:
        """It works again."""
        outage = self._troubles.pop((device_id, channel_id, cause), None)
        if outage is not None:
            self._change(replace(outage, ended_time=wall))

    def forget(self, device_id: str, wall: datetime) -> None:
        """The device was removed: nothing of it is out any more."""
        site = self._site_of.pop(device_id, None)
        if site is not None:
            self._members[site].discard(device_id)
        lost = self._lost.pop(device_id, None)
        if lost is not None:
            self._change(replace(lost.outage, ended_time=wall))
        for key in [key for key in self._troubles if key[0] == device_id]:
            self._change(replace(self._troubles.pop(key), ended_time=wall))

    # ---------------------------------------------------------------- judgement

    def handle_timer(self, now: float) -> None:
        """Judge the losses whose time has come."""
        while self._due and self._due[0][0] <= now:
            _, device_id = heapq.heappop(self._due)
            lost = self._lost.get(device_id)
            if lost is not None and not lost.is_judged:
                self._judge(lost)

    def _judge(self, lost: _Open) -> None:
        lost.is_judged = True
        cause, evidence, is_site_wide = self._cause(lost.loss)
        lost.outage = replace(lost.outage, cause=cause, evidence=evidence, is_site_wide=is_site_wide)
        self._change(lost.outage)

    def _cause(self, loss: Loss) -> tuple[Cause, str, bool]:
        if loss.has_left:
            return Cause.LEFT, loss.reason, False
        host, times = self._refused.get(loss.device_id, ("", 0))
        if times:
            return Cause.CREDENTIAL, f"{times} REGISTERs from {host} with a wrong password", False
        if loss.was_streaming:
            return Cause.SIP, f"{loss.reason}, while media was still coming", False
        members = self._members.get(loss.site, set())
        together = self._lost_together(loss, members)
        if self._is_whole_site(len(together), len(members)):
            evidence = self._lose_site(loss, together, len(members))
            return Cause.POWER, evidence, True
        others = len(members) - len(together)
        where = f"{others} other devices of {loss.site} are heard" if others > 0 else f"alone at {loss.site}"
        return Cause.NETWORK, f"{loss.reason}; {where}", False

    def _lost_together(self, loss: Loss, members: set[str]) -> list[_Open]:
        near = self._settings.together_s
        return [
            lost
            for device_id in members
            if (lost := self._lost.get(device_id)) is not None
            and not lost.loss.has_left
            and abs(lost.loss.heard_at - loss.heard_at) <= near
        ]

    def _is_whole_site(self, lost: int, members: int) -> bool:
        settings = self._settings
        return lost >= settings.site_devices_min and lost >= settings.site_lost_ratio * members

    def _lose_site(self, loss: Loss, together: list[_Open], members: int) -> str:
        heard = [each.loss.heard_at for each in together]
        spread_s = max(heard) - min(heard)
        evidence = (
            f"{len(together)} of {members} devices of {loss.site} fell silent within {spread_s:.0f} s:"
            " power, or the uplink of the site"
        )
        known = self._sites.get(loss.site)
        if known is None or known.devices_lost < len(together):
            began = min(each.outage.began_time for each in together)
            began = began if known is None else min(began, known.began_time)
            site = SiteOutage(loss.site, began, None, Cause.POWER, len(together), members, evidence)
            self._sites[loss.site] = site
            self._site_changes.append(site)
        return evidence

    def _recall_site(self, name: str) -> None:
        site = self._sites.get(name)
        if site is not None and site.cause is Cause.POWER:
            evidence = f"{site.evidence}; its devices kept running: the uplink"
            self._sites[name] = replace(site, cause=Cause.NETWORK, evidence=evidence)
            self._site_changes.append(self._sites[name])

    def _site_returns(self, name: str, wall: datetime) -> None:
        """A site is back when more than half of what was lost is."""
        site = self._sites.get(name)
        if site is None:
            return
        still = sum(
            1
            for device_id in self._members.get(name, ())
            if (lost := self._lost.get(device_id)) is not None and lost.outage.is_site_wide
        )
        if still * 2 < site.devices_lost:
            del self._sites[name]
            self._site_changes.append(replace(site, ended_time=wall))

    def _change(self, outage: Outage) -> None:
        self._outages[outage.outage_id] = outage
