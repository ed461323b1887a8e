"""What one invite showed of itself, kept for whoever has to explain why there is no picture."""

from __future__ import annotations

from dataclasses import dataclass

from media.session import MediaTransport
from media.stats import SessionStats
from sipserver.gb.route_path import Path
from sipserver.gb.sdp import SessionDescription


@dataclass(slots=True)
class InviteEvidence:
    """Filled while the invite goes on; an error that ends it carries it."""

    transport: MediaTransport
    device_host: str = ""
    """Where the INVITE went."""
    call_id: str = ""
    offer: SessionDescription | None = None
    status: int | None = None
    """Of the final answer."""
    heard_provisional: bool = False
    answer: SessionDescription | None = None
    media: SessionStats | None = None
    """The reception when it was given up, or when the first picture was there."""
    instead_of: MediaTransport | None = None
    """The transport that was tried first, and brought nothing or was refused."""
    route_path: Path = ()
    """The platforms below us that the final answer came by, the nearest first; empty: none."""
