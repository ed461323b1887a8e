"""The viewers over WebRTC of all sessions: who may, how many, and who is cut off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from media.errors import BadPass, NoSlotFree, NotPlayable, SessionClosed
from media.outputs.signed import PLAY, Grant
from media.outputs.whep import SCOPE, WhepViewer, with_hosts_named
from media.stats import ViewerStats

if TYPE_CHECKING:
    from media.reception import MediaSession
    from media.session_core import SessionCore
    from media.settings import MediaSettings

WAY: Final = "whep"
"""Its name beside ``media.outputs.OUTPUTS``."""


@dataclass(frozen=True, slots=True)
class _Seat:
    session: MediaSession
    grant: Grant
    viewer: WhepViewer
    source: str
    opened_at: float
    """Monotonic."""


class WhepDesk:
    """WebRTC runs in this process, not in the data plane: the number of its viewers is limited."""

    def __init__(self, settings: MediaSettings, url_key: bytes) -> None:
        self._limit: Final = settings.webrtc_viewers_max
        self._url_key: Final = url_key
        self._seats: Final[dict[str, _Seat]] = {}
        self._opening = 0
        self._revoked: Final[dict[str, set[str]]] = {}
        """Tags by session id; a session's go with its end."""

    @property
    def viewers(self) -> int:
        """Viewers now, those included whose offer is being answered."""
        return len(self._seats) + self._opening

    def address(self, session: SessionCore, grant: Grant) -> str:
        """Path and query. The host is that of who answers HTTP for the platform, which is not this room."""
        scope = SCOPE.format(session_id=session.session_id)
        return f"{scope}?{grant.query(self._url_key, scope)}"

    async def open(
        self, session: MediaSession, query: str, offer: str, seen_from: str = ""
    ) -> tuple[str, str]:
        """Answer a browser that shows a pass: the viewer's id, and the SDP answer.

        Args:
            seen_from: the address that the offer came from, for candidates that hide theirs.

        Raises:
            BadPass: not signed, expired or withdrawn.
            NotPlayable: the stream is no H.264, or ended meanwhile.
            NoSlotFree: ``webrtc_viewers_max`` watch already.
            BadOffer: the offer cannot be answered.
            SessionClosed: the session has ended.
        """
        grant = Grant.read(self._url_key, SCOPE.format(session_id=session.session_id), query, time.time())
        self._check(session, grant)
        if session.info is None:
            raise NotPlayable("no picture has come yet")
        if self.viewers >= self._limit:
            raise NoSlotFree(f"{self._limit} viewers watch over WebRTC already (media.webrtc_viewers_max)")
        viewer = WhepViewer(session.tap(), session.info, self._ended)
        self._opening += 1
        try:
            answer = await viewer.answer(with_hosts_named(offer, seen_from))
            self._check(session, grant)
        except BaseException:
            viewer.close("refused")
            raise
        finally:
            self._opening -= 1
        if viewer.is_ending:
            raise NotPlayable("the stream ended, or changed, while the answer was made")
        self._seats[viewer.viewer_id] = _Seat(session, grant, viewer, seen_from, time.monotonic())
        session.viewer_opened({"tag": grant.tag})
        return viewer.viewer_id, answer

    def close(self, session_id: str, viewer_id: str) -> bool:
        """End one viewer; False when the session has none of this id."""
        seat = self._seats.get(viewer_id)
        if seat is None or seat.session.session_id != session_id:
            return False
        seat.viewer.close("closed by the viewer")
        return True

    def allow(self, session: SessionCore, tag: str) -> None:
        """A new pass of this tag was signed."""
        self._revoked.get(session.session_id, set()).discard(tag)

    def revoke(self, session: SessionCore, tag: str) -> None:
        """Disconnect the viewers of a tag; its passes open nothing any more."""
        if not session.is_closed:
            self._revoked.setdefault(session.session_id, set()).add(tag)
        for seat in list(self._seats.values()):
            if seat.session is session and seat.grant.tag == tag:
                seat.viewer.close("revoked")

    def forget(self, session_id: str) -> None:
        """A session has ended; its viewers hear it by themselves."""
        self._revoked.pop(session_id, None)

    def _check(self, session: MediaSession, grant: Grant) -> None:
        if session.close_reason is not None:
            raise SessionClosed(session.close_reason)
        if grant.tag in self._revoked.get(session.session_id, ()) or PLAY not in grant.rights:
            raise BadPass("the right to this stream has been withdrawn")

    def viewer_stats(self, session: SessionCore) -> list[ViewerStats]:
        """One row for each viewer of a session; what waits for the browser is not known here."""
        return [
            ViewerStats(
                way=WAY,
                tag=seat.grant.tag,
                user=seat.grant.user,
                source=seat.source,
                age_s=time.monotonic() - seat.opened_at,
                queued_bytes=0,
                sent_bytes=seat.viewer.sent_bytes,
                skipped=seat.viewer.skipped,
            )
            for seat in self._seats.values()
            if seat.session is session
        ]

    def _ended(self, viewer: WhepViewer, reason: str) -> None:
        seat = self._seats.pop(viewer.viewer_id, None)
        if seat is not None:
            who = {"tag": seat.grant.tag, "user": seat.grant.user, "way": WAY}
            figures = {"sent_bytes": viewer.sent_bytes, "skipped": viewer.skipped}
            seat.session.viewer_closed({**who, "reason": reason, **figures})
