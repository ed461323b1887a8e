"""How a device wants its playbacks controlled: learned from its answers to INFO (Q71)."""

from __future__ import annotations

from typing import Final

from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb.editions import Edition
from sipserver.gb.mansrtsp import MANSRTSP, RTSP, Control

# What a device says to a control that it does not understand.
NOT_UNDERSTOOD: Final = frozenset({400, 405, 415, 457, 488, 501, 505, 551})
SEEK_NPT: Final = "npt"
SEEK_NONE: Final = "none"


class Habits:
    """The start line and the seeking of one device, as seen in one playback.

    A refused seek alone says little: the device may refuse every control. Once another one was accepted, it
    says that the device cannot seek.
    """

    def __init__(self, profiles: Profiles, device_id: str) -> None:
        self._profiles = profiles
        self._device_id = device_id
        self._refused_lines: dict[str, int] = {}
        self._refused_seek: int | None = None
        self._has_accepted = False

    @property
    def start_line(self) -> str:
        known = self._profiles.value(self._device_id, Facet.START_LINE)
        return known if known in (RTSP, MANSRTSP) else RTSP

    def other_start_line(self, control: Control, status: int, edition: Edition) -> str | None:
        """The start line to try once after this answer; None: it was not for that.

        Devices of 2011 state no edition, so that they pass for those of 2016.
        """
        is_settled = self._has_accepted or self._refused_lines or edition >= Edition.V3_0
        known = self._profiles.value(self._device_id, Facet.START_LINE)
        if status not in NOT_UNDERSTOOD or is_settled or known is not None:
            return None
        self._refused_lines[control.start_line] = status
        return MANSRTSP if control.start_line == RTSP else RTSP

    def note(self, control: Control, status: int) -> None:
        """A control was answered for good."""
        is_seek = (control.npt is not None and control.npt.start_s is not None) or bool(control.clock)
        if status < 300:
            self._accepted(control, is_seek=is_seek)
        elif is_seek and status in NOT_UNDERSTOOD:
            self._refused_seek = status
            if self._has_accepted:
                self._learn_no_seek(status)

    def _accepted(self, control: Control, *, is_seek: bool) -> None:
        self._has_accepted = True
        before = "".join(f"{line} was answered {code}, " for line, code in self._refused_lines.items())
        if self._profiles.value(self._device_id, Facet.START_LINE) is None:
            evidence = f"{before}{control.method} {control.start_line} 200"
            self._profiles.learn(self._device_id, Facet.START_LINE, control.start_line, evidence)
        if is_seek and control.npt is not None:
            evidence = f"Range: {control.npt} was answered 200"
            if self._profiles.value(self._device_id, Facet.SEEK) is None:
                self._profiles.learn(self._device_id, Facet.SEEK, SEEK_NPT, evidence)
        elif self._refused_seek is not None:
            self._learn_no_seek(self._refused_seek)

    def _learn_no_seek(self, status: int) -> None:
        """What sought before and does not now had another reason."""
        if self._profiles.value(self._device_id, Facet.SEEK) is None:
            evidence = f"a change of position was answered {status}, other controls 200"
            self._profiles.learn(self._device_id, Facet.SEEK, SEEK_NONE, evidence)
