"""The subscriber's side of SUBSCRIBE and NOTIFY: what happens in which state, and what the headers say.

A subscription is wanted until somebody says otherwise. So every failure leads back to asking: at once when
the device only forgot the dialog, later when it refused, with its return when it is away.

Source: RFC 6665 sections 4.1 and 4.4; gb28181.md 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

# Refreshed at 70 to 80 % of the period (gb28181.md 5.1).
REFRESH_AT: Final = 0.75
MIN_REFRESH_S: Final = 1.0
# A longer grant is refreshed as if it were this: a notifier that forgot us is then found within the day.
MAX_EXPIRES_S: Final = 86_400


class State(StrEnum):
    """Where one subscription (订阅) stands."""

    OFF = "off"  # not wanted, nothing open
    WAITING = "waiting"  # wanted; the device is away, or it is too early to ask again
    ASKING = "asking"  # a SUBSCRIBE for a new dialog is out
    ACTIVE = "active"  # the device accepted, and has our dialog
    REFRESHING = "refreshing"  # a SUBSCRIBE in the dialog is out
    DROPPING = "dropping"  # no longer wanted while a SUBSCRIBE is out
    ENDING = "ending"  # Expires: 0 is out
    REVIVING = "reviving"  # wanted again while Expires: 0 is out


class Input(Enum):
    """What can happen to it."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    RESTARTED = "restarted"  # the device registered anew: whatever it knew is gone
    UNREACHABLE = "unreachable"  # its registration ended
    TIMER = "timer"  # refresh or next try is due
    SILENT = "silent"  # it stopped notifying, although it goes on accepting
    ACCEPTED = "accepted"  # 2xx, or a NOTIFY that overtook it
    GONE = "gone"  # 481, 408, no answer: the device has no such dialog
    REFUSED = "refused"  # any other failure
    TERMINATED = "terminated"  # NOTIFY with Subscription-State: terminated


class Action(Enum):
    """What the driver does about it."""

    SUBSCRIBE = "subscribe"  # with a new Call-ID
    REFRESH = "refresh"  # in the dialog
    CANCEL = "cancel"  # in the dialog, Expires: 0
    ARM = "arm"  # set the refresh timer
    RETRY_LATER = "retry later"
    AWAIT_DEVICE = "await device"  # no timer; its registration is the signal
    FORGET = "forget"
    NOTHING = "nothing"


_S, _I, _A = State, Input, Action

# A pair that is missing changes nothing: late answers and repeated news are ordinary.
SUBSCRIBER: Final[Mapping[tuple[State, Input], tuple[Action, State]]] = {
    (_S.OFF, _I.WANTED): (_A.SUBSCRIBE, _S.ASKING),
    #
    (_S.WAITING, _I.WANTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.WAITING, _I.UNWANTED): (_A.FORGET, _S.OFF),
    (_S.WAITING, _I.TIMER): (_A.SUBSCRIBE, _S.ASKING),
    (_S.WAITING, _I.RESTARTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.WAITING, _I.UNREACHABLE): (_A.AWAIT_DEVICE, _S.WAITING),
    #
    (_S.ASKING, _I.UNWANTED): (_A.NOTHING, _S.DROPPING),
    (_S.ASKING, _I.RESTARTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.ASKING, _I.UNREACHABLE): (_A.AWAIT_DEVICE, _S.WAITING),
    (_S.ASKING, _I.ACCEPTED): (_A.ARM, _S.ACTIVE),
    (_S.ASKING, _I.GONE): (_A.RETRY_LATER, _S.WAITING),
    (_S.ASKING, _I.REFUSED): (_A.RETRY_LATER, _S.WAITING),
    (_S.ASKING, _I.TERMINATED): (_A.RETRY_LATER, _S.WAITING),
    #
    (_S.ACTIVE, _I.UNWANTED): (_A.CANCEL, _S.ENDING),
    (_S.ACTIVE, _I.RESTARTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.ACTIVE, _I.UNREACHABLE): (_A.AWAIT_DEVICE, _S.WAITING),
    (_S.ACTIVE, _I.TIMER): (_A.REFRESH, _S.REFRESHING),
    (_S.ACTIVE, _I.SILENT): (_A.SUBSCRIBE, _S.ASKING),
    (_S.ACTIVE, _I.ACCEPTED): (_A.ARM, _S.ACTIVE),  # the 2xx after the NOTIFY that overtook it
    (_S.ACTIVE, _I.TERMINATED): (_A.RETRY_LATER, _S.WAITING),
    #
    (_S.REFRESHING, _I.UNWANTED): (_A.NOTHING, _S.DROPPING),
    (_S.REFRESHING, _I.RESTARTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.REFRESHING, _I.UNREACHABLE): (_A.AWAIT_DEVICE, _S.WAITING),
    (_S.REFRESHING, _I.ACCEPTED): (_A.ARM, _S.ACTIVE),
    (_S.REFRESHING, _I.GONE): (_A.SUBSCRIBE, _S.ASKING),  # a new Call-ID at once (GB-C096)
    (_S.REFRESHING, _I.REFUSED): (_A.RETRY_LATER, _S.WAITING),
    (_S.REFRESHING, _I.TERMINATED): (_A.RETRY_LATER, _S.WAITING),
    #
    (_S.DROPPING, _I.WANTED): (_A.NOTHING, _S.ASKING),
    (_S.DROPPING, _I.ACCEPTED): (_A.CANCEL, _S.ENDING),
    (_S.DROPPING, _I.GONE): (_A.FORGET, _S.OFF),
    (_S.DROPPING, _I.REFUSED): (_A.FORGET, _S.OFF),
    (_S.DROPPING, _I.TERMINATED): (_A.FORGET, _S.OFF),
    (_S.DROPPING, _I.UNREACHABLE): (_A.FORGET, _S.OFF),
    (_S.DROPPING, _I.RESTARTED): (_A.FORGET, _S.OFF),
    #
    # Whatever the answer to Expires: 0 is, it is over.
    (_S.ENDING, _I.WANTED): (_A.NOTHING, _S.REVIVING),
    (_S.ENDING, _I.ACCEPTED): (_A.FORGET, _S.OFF),
    (_S.ENDING, _I.GONE): (_A.FORGET, _S.OFF),
    (_S.ENDING, _I.REFUSED): (_A.FORGET, _S.OFF),
    (_S.ENDING, _I.UNREACHABLE): (_A.FORGET, _S.OFF),
    (_S.ENDING, _I.RESTARTED): (_A.FORGET, _S.OFF),
    (_S.REVIVING, _I.UNWANTED): (_A.NOTHING, _S.ENDING),
    (_S.REVIVING, _I.ACCEPTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.REVIVING, _I.GONE): (_A.SUBSCRIBE, _S.ASKING),
    (_S.REVIVING, _I.REFUSED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.REVIVING, _I.RESTARTED): (_A.SUBSCRIBE, _S.ASKING),
    (_S.REVIVING, _I.UNREACHABLE): (_A.AWAIT_DEVICE, _S.WAITING),
}

# Reasons after which asking again at once is right (RFC 6665 section 4.1.3); after all others, and after
# words that nobody defined, it is right only after a pause.
SOON_REASONS: Final = frozenset({"deactivated", "timeout"})


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """What a NOTIFY says about its subscription. A missing header means that it goes on."""

    is_terminated: bool = False
    expires_s: int | None = None
    reason: str = ""
    retry_after_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        """Read the header's value; whatever cannot be read is taken as not said."""
        word, *rest = (part.strip(" \t") for part in text[:512].split(";"))
        parameters = {
            name.strip(" \t").lower(): value.strip(' \t"')
            for name, _, value in (part.partition("=") for part in rest)
        }
        return cls(
            is_terminated=word.lower() == "terminated",
            expires_s=_seconds(parameters.get("expires", "")),
            reason=parameters.get("reason", "").lower(),
            retry_after_s=_seconds(parameters.get("retry-after", "")),
        )


def granted_s(header: str, asked_s: int) -> int:
    """The period that an answer grants: its Expires, else what was asked; never beyond a day."""
    seconds = _seconds(header.strip(" \t"))
    return min(asked_s if seconds is None else seconds, MAX_EXPIRES_S)


def refresh_delay_s(granted: int) -> float:
    """When to refresh, counted from the answer."""
    return max(granted * REFRESH_AT, MIN_REFRESH_S)


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
