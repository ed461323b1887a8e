"""In which form each device is asked for its sub-stream, learned from the pictures that come (Q62, Q63).

A picture smaller than that of the main stream shows that the form was understood; one of the same size shows
that it was not. Then the next form is tried, once; a later asking goes on after it. What works is kept in the
profile, and so is that nothing does. What an operator pinned is used as it is, and not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from catalog.model import Channel, ChannelKey
from media.session import StreamInfo
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.configuration.targets import CAMERA_TYPES
from sipserver.devices.errors import NoSubstream
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.remembered import Remembered
from sipserver.gb.ids import GbId
from sipserver.gb.media_format import MediaFormat
from sipserver.gb.substream import NONE, attributes, forms_to_try

# How long a channel that showed its main picture is left alone, on a device that understands the form.
ASK_AGAIN_AFTER_S: Final = 600.0


class Size(NamedTuple):
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Undecided(NamedTuple):
    """A sub-stream that came while the size of the main stream was not known."""

    form: str
    size: Size


class Substreams:
    """Asked before a sub-stream is, told what came."""

    def __init__(self, profiles: Profiles, gate: EditionGate, *, clock: Callable[[], float]) -> None:
        self._profiles = profiles
        self._gate = gate
        self._clock = clock
        self._main_sizes: Remembered[ChannelKey, Size] = Remembered()
        self._undecided: Remembered[ChannelKey, Undecided] = Remembered()
        # Forms that a channel ignored, and the channels of a device that ignored them all.
        self._ignored: Remembered[ChannelKey, tuple[str, ...]] = Remembered()
        self._without: Remembered[str, frozenset[str]] = Remembered()
        self._without_until: Remembered[ChannelKey, float] = Remembered()

    def attributes(self, device_id: str, number: int, form: str | None = None) -> tuple[str, ...]:
        """The lines of an offer that ask for one stream of several."""
        known = self._profiles.value(device_id, Facet.SUBSTREAM)
        return attributes(number, form or known or self._forms(device_id)[0])

    def begin(self, channel: Channel) -> Attempt | None:
        """To ask for the sub-stream of a channel; None: it is known to have none."""
        key = channel.key
        form = self._profiles.value(key.device_id, Facet.SUBSTREAM) or self.untried(key)
        if form is None or form == NONE or not _lists_substream(channel):
            return None
        if self.is_left_alone(key):
            return None
        if key not in self._main_sizes and (stated := _stated_size(channel)) is not None:
            self._main_sizes[key] = stated
        return Attempt(self, key, form)

    def main_came(self, key: ChannelKey, info: StreamInfo) -> None:
        """The picture of the main stream; with it an earlier sub-stream can be judged.

        Sound alone says nothing.
        """
        if not info.codec:
            return
        self._main_sizes[key] = Size(info.width, info.height)
        undecided = self._undecided.pop(key, None)
        if undecided is not None:
            self.judge(key, undecided.form, undecided.size)

    def is_left_alone(self, key: ChannelKey) -> bool:
        """For a while, because it has no sub-stream."""
        return self._without_until.get(key, 0.0) > self._clock()

    # ---------------------------------------------------------------- for an attempt

    def judge(self, key: ChannelKey, form: str, size: Size) -> bool:
        """Whether this can be the sub-stream; without the main stream's size it counts as one for now."""
        if self._profiles.is_pinned(key.device_id, Facet.SUBSTREAM):
            return True
        main = self._main_sizes.get(key)
        if main is None:
            self._undecided[key] = Undecided(form, size)
            return True
        if size.pixels < main.pixels:
            before = ", ".join(map(_lines, self._ignored.get(key, ())))
            evidence = f"{_lines(form)} brought {size}, the main stream is {main}"
            evidence += f"; {before} brought the main stream" if before else ""
            self._profiles.learn(key.device_id, Facet.SUBSTREAM, form, evidence)
            return True
        self.ignored(key, form, f"brought {size}, as the main stream does")
        return False

    def ignored(self, key: ChannelKey, form: str, what: str) -> None:
        """Where the form is proven, it is this channel that has no sub-stream; else the form is not it."""
        if self._profiles.value(key.device_id, Facet.SUBSTREAM) is not None:
            self._leave_alone(key)
            return
        self._ignored[key] = tuple(dict.fromkeys((*self._ignored.get(key, ()), form)))
        if self.untried(key) is None:
            self._exhausted(key, what)

    def untried(self, key: ChannelKey) -> str | None:
        """The next form that the channel has not ignored; None: none is left, or one is known to work."""
        if self._profiles.value(key.device_id, Facet.SUBSTREAM) is not None:
            return None
        ignored = self._ignored.get(key, ())
        return next((form for form in self._forms(key.device_id) if form not in ignored), None)

    # ---------------------------------------------------------------- inside

    def _exhausted(self, key: ChannelKey, what: str) -> None:
        """Every form was ignored. One channel of a recorder says nothing about the others, two do."""
        device_id = key.device_id
        without = self._without[device_id] = self._without.get(device_id, frozenset()) | {key.channel_id}
        forms = ", ".join(map(_lines, self._ignored.pop(key)))
        if GbId(device_id).type_code in CAMERA_TYPES or len(without) > 1:
            evidence = f"{forms} were ignored: the last {what}"
            self._profiles.learn(device_id, Facet.SUBSTREAM, NONE, evidence)
        self._leave_alone(key)

    def _leave_alone(self, key: ChannelKey) -> None:
        self._without_until[key] = self._clock() + ASK_AGAIN_AFTER_S

    def _forms(self, device_id: str) -> tuple[str, ...]:
        kind = self._profiles.kind_of(device_id)
        return forms_to_try(self._gate.edition(device_id), "" if kind is None else kind.manufacturer)


class Attempt:
    """One asking for a sub-stream: in one form, and once more in the next."""

    def __init__(self, substreams: Substreams, key: ChannelKey, form: str) -> None:
        self._substreams = substreams
        self._key = key
        self._may_step = True
        self.form = form

    def take(self, info: StreamInfo) -> bool:
        """Whether this picture is taken; False: ask again, in another form.

        Raises:
            NoSubstream: it is the main picture, and enough was tried for now.
        """
        if not info.codec:
            return True  # sound alone: a camera without a picture, which says nothing about the form
        size = Size(info.width, info.height)
        if self._substreams.judge(self._key, self.form, size):
            return True
        self._step(f"{_lines(self.form)} brought {size}, as the main stream does")
        return False

    def refused(self, status: int, *, is_certain: bool) -> None:
        """The offer was not taken; ``is_certain``: nothing else in it can be the reason.

        Raises:
            NoSubstream: enough was tried for now.
        """
        if is_certain:
            self._substreams.ignored(self._key, self.form, f"was refused with {status}")
        self._step(f"an offer with {_lines(self.form)} was refused with {status}")

    def _step(self, why: str) -> None:
        form = self._substreams.untried(self._key) if self._may_step else None
        if form is None or form == self.form or self._substreams.is_left_alone(self._key):
            raise NoSubstream.about(self._key, why)
        self._may_step, self.form = False, form


def _lines(form: str) -> str:
    return " ".join(f"a={line}" for line in attributes(1, form))


def _lists_substream(channel: Channel) -> bool:
    """Whether its StreamNumberList has room for one, or says nothing (``0/1/2``, 0 is the main stream)."""
    numbers = channel.info.get("StreamNumberList", "").replace(" ", "")
    return not re.fullmatch(r"[0-9](/[0-9])*", numbers) or "1" in numbers.split("/")


def _stated_size(channel: Channel) -> Size | None:
    """The size of its picture by the catalogue, where that names a single one."""
    size = MediaFormat(resolution=channel.info.get("Resolution", "").strip()).size
    return None if size is None else Size(*size)
