"""Every outage that is open, and the judgement of its cause. Pure: times come in, facts go out.

A device is judged some time after it was lost, because its neighbours are noticed one after the other
although they died together: what counts is when each was last heard.

A whole site that falls silent at once has lost its power or its uplink. Which of the two shows when it comes
back: devices that kept running go on with the registration they had, devices that were dark begin a new one.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
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


class _SiteLosses:
    """The lost devices of one site by their last sign of life; a site may have as many as there are."""

    def __init__(self, lost: Iterable[_Open]) -> None:
        self._lost = sorted(lost, key=lambda each: each.loss.heard_at)
        self._heard = [each.loss.heard_at for each in self._lost]

    def together(self, heard_at: float, near_s: float) -> tuple[int, float, datetime | None]:
        """How many were lost about then, within which time, and when the first of them fell silent."""
        first = bisect_left(self._heard, heard_at - near_s)
        last = bisect_right(self._heard, heard_at + near_s)
        if first == last:
            return 0, 0.0, None
        return last - first, self._heard[last - 1] - self._heard[first], self._lost[first].outage.began_time


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
        # By the site that a device was last seen at: made when a loss is judged, void when a device comes or
        # goes; and how many are out that were lost with their whole site.
        self._losses: dict[str, _SiteLosses] = {}
        self._out_with_site: Counter[str] = Counter()
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
                self._leave_site(device_id, before)
            self._site_of[device_id] = site
            self._members.setdefault(site, set()).add(device_id)
        self._refused.pop(device_id, None)
        lost = self._take_lost(device_id, before)
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
        self._losses.pop(self._site_of.get(loss.device_id, ""), None)
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
            self._leave_site(device_id, site)
        self._refused.pop(device_id, None)
        lost = self._take_lost(device_id, site)
        if lost is not None:
            self._change(replace(lost.outage, ended_time=wall))
            self._site_returns(lost.outage.site, wall)
        for key in [key for key in self._troubles if key[0] == device_id]:
            self._change(replace(self._troubles.pop(key), ended_time=wall))

    # ---------------------------------------------------------------- judgement

    def handle_timer(self, now: float, limit: int | None = None) -> bool:
        """Judge the losses whose time has come, ``limit`` of them; True when more are due."""
        judged = 0
        while self._due and self._due[0][0] <= now:
            if judged == limit:
                return True
            judged += 1
            _, device_id = heapq.heappop(self._due)
            lost = self._lost.get(device_id)
            if lost is not None and not lost.is_judged:
                self._judge(lost)
        return False

    def _judge(self, lost: _Open) -> None:
        lost.is_judged = True
        cause, evidence, is_site_wide = self._cause(lost.loss)
        self._count_with_site(lost, self._site_of.get(lost.loss.device_id), -1)
        lost.outage = replace(lost.outage, cause=cause, evidence=evidence, is_site_wide=is_site_wide)
        self._count_with_site(lost, self._site_of.get(lost.loss.device_id), 1)
        self._change(lost.outage)

    def _cause(self, loss: Loss) -> tuple[Cause, str, bool]:
        if loss.has_left:
            return Cause.LEFT, loss.reason, False
        host, times = self._refused.get(loss.device_id, ("", 0))
        if times:
            return Cause.CREDENTIAL, f"{times} REGISTERs from {host} with a wrong password", False
        if loss.was_streaming:
            return Cause.SIP, f"{loss.reason}, while media was still coming", False
        members = len(self._members.get(loss.site, ()))
        together, spread_s, began = self._losses_of(loss.site).together(
            loss.heard_at, self._settings.together_s
        )
        if began is not None and self._is_whole_site(together, members):
            evidence = (
                f"{together} of {members} devices of {loss.site} fell silent within {spread_s:.0f} s:"
                " power, or the uplink of the site"
            )
            self._lose_site(loss.site, began, together, members, evidence)
            return Cause.POWER, evidence, True
        others = members - together
        where = f"{others} other devices of {loss.site} are heard" if others > 0 else f"alone at {loss.site}"
        return Cause.NETWORK, f"{loss.reason}; {where}", False

    def _losses_of(self, site: str) -> _SiteLosses:
        losses = self._losses.get(site)
        if losses is None:
            found = (self._lost.get(device_id) for device_id in self._members.get(site, ()))
            lost = (each for each in found if each is not None and not each.loss.has_left)
            losses = self._losses[site] = _SiteLosses(lost)
        return losses

    def _take_lost(self, device_id: str, site: str | None) -> _Open | None:
        """Out of the lost ones; ``site`` is where it was last seen."""
        lost = self._lost.pop(device_id, None)
        if lost is not None and site is not None:
            self._losses.pop(site, None)
            self._count_with_site(lost, site, -1)
        return lost

    def _count_with_site(self, lost: _Open, site: str | None, step: int) -> None:
        if lost.outage.is_site_wide and site is not None:
            self._out_with_site[site] += step
            if not self._out_with_site[site]:
                del self._out_with_site[site]

    def _is_whole_site(self, lost: int, members: int) -> bool:
        settings = self._settings
        return lost >= settings.site_devices_min and lost >= settings.site_lost_ratio * members

    def _lose_site(self, name: str, began: datetime, lost: int, members: int, evidence: str) -> None:
        known = self._sites.get(name)
        if known is None or known.devices_lost < lost:
            began = began if known is None else min(began, known.began_time)
            site = SiteOutage(name, began, None, Cause.POWER, lost, members, evidence)
            self._sites[name] = site
            self._site_changes.append(site)

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
        if self._out_with_site[name] * 2 < site.devices_lost:
            del self._sites[name]
            self._site_changes.append(replace(site, ended_time=wall))

    def _leave_site(self, device_id: str, site: str) -> None:
        """Mobile devices go through many networks: one that nobody is left in is forgotten."""
        members = self._members[site]
        members.discard(device_id)
        if not members:
            del self._members[site]

    def _change(self, outage: Outage) -> None:
        self._outages[outage.outage_id] = outage
