"""The life of one invite, from the first holder to the answered BYE, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class State(Enum):
    """Where an invite is."""

    IDLE = "idle"
    OPENING = "opening"  # port and SSRC are being taken: the port listens before the INVITE goes out
    INVITING = "inviting"  # INVITE sent, no final answer yet
    CLEARING = "clearing"  # 486: ending the stale dialog of an earlier run, then once more
    SWITCHING = "switching"  # BYE, new port, once more over the other transport or in another form
    WAITING_MEDIA = "waiting for media"  # acknowledged; no key frame yet
    PLAYING = "playing"
    REPAIRING = "repairing"  # it stood still: asked for anew, while session and holders stay
    LINGERING = "lingering"  # nobody holds it any more; kept a while for the next one
    CLOSING = "closing"  # BYE until answered, then port and SSRC go back
    CLOSED = "closed"

    @property
    def is_over(self) -> bool:
        return self in _OVER

    @property
    def is_established(self) -> bool:
        return self in _ESTABLISHED


_OVER: Final = frozenset({State.CLOSING, State.CLOSED})
_ESTABLISHED: Final = frozenset({State.PLAYING, State.REPAIRING, State.LINGERING})


class Input(Enum):
    """What can happen to it."""

    HELD = "held"  # a holder came
    LAST_RELEASED = "last released"  # the last holder left
    OPENED = "opened"  # a media session is ready
    ANSWERED = "answered"  # 2xx with a usable answer
    BUSY = "busy"  # 486 for the first time
    NO_TCP = "no tcp"  # the device answered RTP/AVP, or 4xx, to an offer over TCP, for the first time
    NO_PATH = "no path"  # accepted, and no packet came; the other transport may be tried
    OTHER_FORM = "other form"  # it can be asked for in another form, or on a port of its own
    CLEARED = "cleared"
    KEYFRAME = "keyframe"  # the first picture can be shown
    FAILED = "failed"  # anything that ends it with an error
    REMOTE_BYE = "remote bye"
    STALLED = "stalled"  # the picture stands still, and the device is to be asked anew
    MOVED = "moved"  # and it moves again
    LINGER_OVER = "linger over"
    LOST = "lost"  # media silent or closed, device offline
    STOPPED = "stopped"  # an operator or our shutdown
    ENDED = "ended"  # BYE answered or given up, resources returned


class Action(Enum):
    OPEN = "open"
    INVITE = "invite"
    CLEAR = "clear"
    SWITCH = "switch"
    REPHRASE = "rephrase"
    AWAIT_MEDIA = "await media"
    DELIVER = "deliver"
    REPAIR = "repair"
    LINGER = "linger"
    RESUME = "resume"
    CLOSE = "close"  # fail the holders that wait, then BYE
    FORGET = "forget"


_BEFORE_PICTURE: Final = (
    State.OPENING,
    State.INVITING,
    State.CLEARING,
    State.SWITCHING,
    State.WAITING_MEDIA,
)

# What ends an invite in every state in which it lives. Before the picture there is no linger: the last
# holder that gives up ends the invite, by CANCEL where no final answer has come.
_ENDS: Final = {
    (state, cause): (Action.CLOSE, State.CLOSING)
    for state in (*_BEFORE_PICTURE, *_ESTABLISHED)
    for cause in (Input.FAILED, Input.REMOTE_BYE, Input.LOST, Input.STOPPED)
} | {
    (state, Input.LAST_RELEASED): (Action.CLOSE, State.CLOSING)
    for state in (*_BEFORE_PICTURE, State.REPAIRING)
}

# A pair that is missing changes nothing: outcomes that come late belong to a state that is gone.
INVITE: Final[Mapping[tuple[State, Input], tuple[Action, State]]] = {
    (State.IDLE, Input.HELD): (Action.OPEN, State.OPENING),
    (State.IDLE, Input.STOPPED): (Action.FORGET, State.CLOSED),
    (State.OPENING, Input.OPENED): (Action.INVITE, State.INVITING),
    (State.INVITING, Input.ANSWERED): (Action.AWAIT_MEDIA, State.WAITING_MEDIA),
    (State.INVITING, Input.BUSY): (Action.CLEAR, State.CLEARING),
    (State.INVITING, Input.NO_TCP): (Action.SWITCH, State.SWITCHING),
    (State.CLEARING, Input.CLEARED): (Action.INVITE, State.INVITING),
    (State.SWITCHING, Input.OPENED): (Action.INVITE, State.INVITING),
    # Hung up by the device while the accepted dialog is still being written down.
    (State.INVITING, Input.NO_PATH): (Action.SWITCH, State.SWITCHING),
    (State.WAITING_MEDIA, Input.NO_PATH): (Action.SWITCH, State.SWITCHING),
    (State.INVITING, Input.OTHER_FORM): (Action.REPHRASE, State.SWITCHING),
    (State.WAITING_MEDIA, Input.OTHER_FORM): (Action.REPHRASE, State.SWITCHING),
    (State.WAITING_MEDIA, Input.KEYFRAME): (Action.DELIVER, State.PLAYING),
    (State.PLAYING, Input.STALLED): (Action.REPAIR, State.REPAIRING),
    (State.REPAIRING, Input.MOVED): (Action.RESUME, State.PLAYING),
    (State.LINGERING, Input.STALLED): (Action.CLOSE, State.CLOSING),
    (State.PLAYING, Input.LAST_RELEASED): (Action.LINGER, State.LINGERING),
    (State.LINGERING, Input.HELD): (Action.RESUME, State.PLAYING),
    (State.LINGERING, Input.LINGER_OVER): (Action.CLOSE, State.CLOSING),
    (State.CLOSING, Input.ENDED): (Action.FORGET, State.CLOSED),
    **_ENDS,
}
