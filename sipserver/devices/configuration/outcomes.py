"""What came of asking for settings and of changing them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sipserver.gb.config_blocks.block import Block


class TypeState(StrEnum):
    """What a device did with one ConfigType."""

    ANSWERED = "answered"
    REFUSED = "refused"  # Result ERROR, or a SIP failure
    SILENT = "silent"  # 200 to the MESSAGE and nothing more
    SKIPPED = "skipped"  # not asked: it was silent or refused before, or the time was over


@dataclass(frozen=True, slots=True)
class TypeAnswer:
    """One ConfigType; ``block`` only when it was answered."""

    name: str
    state: TypeState
    block: Block | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """The settings of a device or channel, by type, in the order in which they were asked for.

    ``target_id`` is the id that the device answers to. ``others`` came without being asked for.
    """

    target_id: str
    answers: tuple[TypeAnswer, ...]
    others: tuple[Block, ...] = ()


class Confirmation(StrEnum):
    """How it is known that a setting was taken."""

    ANSWERED = "answered"  # Response with Result OK
    REGISTERED_AGAIN = "registered_again"  # applied at once, by registering anew (Q23)
    READ_BACK = "read_back"  # no answer, but the new values are there
    NONE = "none"  # 200 to the MESSAGE, no result: accepted, not known to be applied


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """A change that the device did not refuse.

    ``after`` is what it reports now, when that was asked for; ``differences`` are the fields in which this is
    not what was sent.
    """

    name: str
    target_id: str
    confirmation: Confirmation
    after: Block | None = None
    differences: tuple[str, ...] = ()
