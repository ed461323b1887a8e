"""Documents as some devices write them: serialized, and then wrong in one way."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_CHARSET: Final = "gb18030"
_DEVICE: Final = re.compile(r"<DeviceID>(\w+)</DeviceID>")


def _text_fault(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    def spoil(body: bytes) -> bytes:
        return change(body.decode(_CHARSET)).encode(_CHARSET)

    return spoil


def _raw_markup(text: str) -> str:
    """Characters in names that XML wants escaped."""
    return text.replace("</Name>", " R&D <3F></Name>")


def _head_as_attributes(text: str) -> str:
    found = {name: re.search(rf"\s*<{name}>([^<]*)</{name}>", text) for name in ("CmdType", "SN")}
    written = "".join(f' {name}="{match[1]}"' for name, match in found.items() if match is not None)
    for match in found.values():
        if match is not None:
            text = text.replace(match[0], "", 1)
    return re.sub(r"<(Notify|Response)>", rf"<\1{written}>", text, count=1)


def _alarm_status(text: str) -> str:
    device = _DEVICE.search(text)
    if "<CmdType>DeviceStatus</CmdType>" not in text or device is None:
        return text
    item = f"<Item><DeviceID>{device[1]}</DeviceID><DutyStatus>ONDUTY</DutyStatus></Item>"
    return text.replace("</Response>", f'<AlarmStatus Num="1">{item}</AlarmStatus></Response>')


def _mislabelled(body: bytes) -> bytes:
    """It says GB2312 and is UTF-8."""
    return body.decode(_CHARSET).encode()


DOCUMENT_FAULTS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "raw-markup": _text_fault(_raw_markup),
    "mislabelled": _mislabelled,
    "attributes": _text_fault(_head_as_attributes),
    "alarm-status": _text_fault(_alarm_status),
}
