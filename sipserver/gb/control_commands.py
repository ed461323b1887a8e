"""The commands of DeviceControl that are about the device: restart, record, guard, alarms, firmware, cards.

Each type knows the name of its element, whether the standard has the device answer it (GB-C063, GB-C064), and
which editions know it (GB-C039).

Source: GB/T 28181-2022 A.2.3.1; section 3.3 of the protocol notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sipserver.gb import manscdp
from sipserver.gb.editions import Feature
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Element

KEYFRAME_ELEMENTS: Final = ("IFrameCmd", "IFameCmd")


@dataclass(frozen=True, slots=True)
class TeleBoot:
    """Restart the device (远程启动)."""

    element_name: ClassVar[str] = "TeleBoot"
    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = None

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        one_of(control, cls.element_name, "Boot")
        return cls()

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, "Boot")


@dataclass(frozen=True, slots=True)
class RecordCommand:
    """Start or stop recording in the device (录像控制); the stream number is of 2022."""

    is_start: bool
    stream_number: int | None = None

    element_name: ClassVar[str] = "RecordCmd"
    expects_answer: ClassVar[bool] = True
    feature: ClassVar[Feature | None] = None

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        is_start = one_of(control, cls.element_name, "Record", "StopRecord") == "Record"
        return cls(is_start, manscdp.int_or_none(manscdp.child_text(control, "StreamNumber")))

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, "Record" if self.is_start else "StopRecord")
        add_given(control, StreamNumber=self.stream_number)


@dataclass(frozen=True, slots=True)
class GuardCommand:
    """Arm or disarm (布防, 撤防)."""

    is_armed: bool

    element_name: ClassVar[str] = "GuardCmd"
    expects_answer: ClassVar[bool] = True
    feature: ClassVar[Feature | None] = None

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        return cls(one_of(control, cls.element_name, "SetGuard", "ResetGuard") == "SetGuard")

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, "SetGuard" if self.is_armed else "ResetGuard")


@dataclass(frozen=True, slots=True)
class AlarmReset:
    """Reset an alarm (报警复位), of all methods and types unless they are named (2016)."""

    method: str = ""
    alarm_type: str = ""

    element_name: ClassVar[str] = "AlarmCmd"
    expects_answer: ClassVar[bool] = True
    feature: ClassVar[Feature | None] = None

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        one_of(control, cls.element_name, "ResetAlarm")
        info = manscdp.child(control, "Info")
        if info is None:
            return cls()
        return cls(manscdp.child_text(info, "AlarmMethod"), manscdp.child_text(info, "AlarmType"))

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, "ResetAlarm")
        if self.method or self.alarm_type:
            info = manscdp.add_group(control, "Info")
            add_given(info, AlarmMethod=self.method, AlarmType=self.alarm_type)


@dataclass(frozen=True, slots=True)
class KeyframeCommand:
    """Send a key frame at once (强制关键帧), in either spelling (Q42, GB-C065)."""

    element_name: str = KEYFRAME_ELEMENTS[0]

    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = None

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, "Send")


@dataclass(frozen=True, slots=True)
class DeviceUpgrade:
    """Fetch and install firmware (设备软件升级, 2022); the outcome comes as DeviceUpgradeResult."""

    firmware: str
    file_url: str
    manufacturer: str
    session_id: str

    element_name: ClassVar[str] = "DeviceUpgrade"
    expects_answer: ClassVar[bool] = True
    feature: ClassVar[Feature | None] = Feature.COMMANDS_OF_2022

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        element = required_child(control, cls.element_name)
        return cls(*(manscdp.child_text(element, name) for name in _UPGRADE_ELEMENTS))

    def add_to(self, control: Element) -> None:
        element = manscdp.add_group(control, self.element_name)
        values = (self.firmware, self.file_url, self.manufacturer, self.session_id)
        for name, value in zip(_UPGRADE_ELEMENTS, values, strict=True):
            manscdp.add_text(element, name, value)


_UPGRADE_ELEMENTS: Final = ("Firmware", "FileURL", "Manufacturer", "SessionID")


@dataclass(frozen=True, slots=True)
class FormatSdCard:
    """Format a storage card (存储卡格式化, 2022); cards count from 1, 0 means all."""

    card: int

    element_name: ClassVar[str] = "FormatSDCard"
    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = Feature.COMMANDS_OF_2022

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        return cls(manscdp.child_int(control, cls.element_name))

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, self.card)


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A command that is not of the standard; both texts as received, empty when there was none."""

    element_name: str
    argument: str = ""

    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = None

    def add_to(self, control: Element) -> None:
        if self.element_name:
            manscdp.add_text(control, self.element_name, self.argument)


def required_child(element: Element, name: str) -> Element:
    """A child that has to be there.

    Raises:
        MalformedDocument
    """
    found = manscdp.child(element, name)
    if found is None:
        raise MalformedDocument(f"{name} is missing")
    return found


def one_of(control: Element, name: str, *words: str) -> str:
    """The text of an element as one of the words, read in any case.

    Raises:
        MalformedDocument: another text.
    """
    text = manscdp.child_text(control, name)
    for word in words:
        if word.lower() == text.lower():
            return word
    raise MalformedDocument(f"{name} is {text[:40]!r}, not {' or '.join(words)}")


def add_given(parent: Element, **values: object) -> None:
    """Append an element for each value that there is, in this order."""
    for name, value in values.items():
        if value is not None and value != "":
            manscdp.add_text(parent, name, value)
