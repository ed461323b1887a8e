"""The viewers of a session: who may watch, who does, and what was sent to them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from media.endings import Ended
from media.errors import LocalViolation, PlaneClosed, SessionClosed
from media.outputs import OUTPUTS
from media.outputs.signed import PLAY, TTL_MAX_S, Grant, unix_s
from media.session_core import Place, SessionCore
from media.stats import ViewerStats

logger = logging.getLogger(__name__)


class Viewing(SessionCore):
    """A part of :class:`media.reception.MediaSession`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._viewers: Counter[str] = Counter()

    @property
    def viewers(self) -> int:
        """Connections that watch now."""
        return self._viewers.total()

    def grant(
        self,
        tag: str,
        ttl_s: float | None = None,
        *,
        host: str | None = None,
        user: str = "",
        channel: str = "",
        rights: Collection[str] = (PLAY,),
        end_s: float | None = None,
    ) -> dict[str, str]:
        """URLs for one viewer or a group of them, by name of the way out (``media.outputs.OUTPUTS``).

        Args:
            tag: names the grant in :meth:`revoke` and :meth:`viewers_of`; letters, digits and ``._~-``.
            ttl_s: how long they open connections. Default: the setting; at most a day.
            host: as the viewer reaches us; default: the setting, else the listener's address.
            user: who they are for; :meth:`MediaPlane.cut` cuts a user off.
            channel: what the stream is to its viewers.
            rights: what they may do with it, of ``media.outputs.signed``.
            end_s: when open connections end, from now; None lets them stay.
        """
        self._check_open()
        now = time.time()
        lives_s = self._plane.settings.url_ttl_s if ttl_s is None else ttl_s
        if lives_s > TTL_MAX_S:
            raise LocalViolation(f"a URL lives {TTL_MAX_S:.0f} s at most, not {lives_s:g}")
        grant = Grant(
            tag=tag,
            user=user,
            channel=channel,
            rights=frozenset(rights),
            expires_unix_s=unix_s(now + lives_s),
            ends_unix_s=None if end_s is None else unix_s(now + end_s),
        )
        self._plane.engine.allow(self.session_id, tag, user)
        authorities, secure = self._plane.authorities(host), self._plane.is_secure
        self._plane.whep.allow(self, tag)
        return {
            name: output.url(
                authorities[output.scheme], self.session_id, grant, self._plane.url_key, secure=secure
            )
            for name, output in OUTPUTS.items()
            if output.scheme in authorities
        } | {"whep": self._plane.whep.address(self, grant)}

    def revoke(self, tag: str) -> None:
        """Disconnect the viewers of a grant; its URLs open nothing any more."""
        self._plane.whep.revoke(self, tag)
        with contextlib.suppress(SessionClosed, PlaneClosed):  # what has ended has no viewers left
            self._plane.engine.revoke(self.session_id, tag)

    def viewer_stats(self) -> list[ViewerStats]:
        """One row for each viewer now, in the order in which they came; those over WebRTC last."""
        if self.is_closed:
            return []
        try:
            native = [ViewerStats(**viewer) for viewer in self._plane.engine.viewers(self.session_id)]
        except (SessionClosed, PlaneClosed):
            return []  # it is ending
        return native + self._plane.whep.viewer_stats(self)

    def viewers_of(self, tag: str) -> int:
        """Connections that watch by this grant now."""
        return self._viewers[tag]

    # -- facts of the data plane, and of viewers over WebRTC

    def viewer_opened(self, values: Mapping[str, Any]) -> None:
        self._viewers[values["tag"]] += 1
        self._plane.totals.viewers_opened += 1

    def viewer_closed(self, values: Mapping[str, Any]) -> None:
        tag, totals = values["tag"], self._plane.totals
        self._viewers[tag] -= 1
        if self._viewers[tag] <= 0:
            del self._viewers[tag]
        totals.viewers_closed += 1
        totals.viewer_bytes += values["sent_bytes"]
        totals.viewer_fragments_skipped += values["skipped"]
        by_reason, reason = totals.viewers_closed_by_reason, values["reason"]
        by_reason[reason] = by_reason.get(reason, 0) + 1
        figures = {"sent_bytes": values["sent_bytes"], "skipped": values["skipped"]}
        logger.info(
            "viewer left: %s; %s, %d bytes, %d pictures skipped",
            reason,
            values["way"],
            *figures.values(),
            extra={**self.fields(), "tag": tag, "user": values["user"]},
        )
        self._note_end(Ended.VIEWER, reason, who=f"{values['user']} {values['way']}".strip(), **figures)
