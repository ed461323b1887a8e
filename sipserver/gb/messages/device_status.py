"""DeviceStatus: whether a device works, encodes and records (设备状态).

Source: GB/T 28181-2022 A.2.4.2 and A.2.6.3.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sipserver.gb import gb_time, manscdp, quirks
from sipserver.gb.errors import MalformedTime
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery:
    """Ask a device how it is."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "DeviceStatus", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class AlarmDuty:
    """One alarm input of the device: ONDUTY, OFFDUTY or ALARM. GB-C075."""

    device_id: GbId
    duty_status: str


@dataclass(frozen=True, slots=True)
class DeviceStatusResponse:
    """The answer; ``None`` stands for what the device did not say."""

    sn: str
    device_id: GbId
    ok: bool = True
    online: bool | None = None
    healthy: bool | None = None
    reason: str = ""
    encoding: bool | None = None
    recording: bool | None = None
    device_time: datetime | None = None
    alarms: tuple[AlarmDuty, ...] = ()

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        alarms = manscdp.child(response, "Alarmstatus")
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
            online=_switch(manscdp.child_text(response, "Online")),
            healthy=_switch(manscdp.child_text(response, "Status")),
            reason=manscdp.child_text(response, "Reason"),
            encoding=_switch(manscdp.child_text(response, "Encode")),
            recording=_switch(manscdp.child_text(response, "Record")),
            device_time=_time_or_none(manscdp.child_text(response, "DeviceTime")),
            alarms=()
            if alarms is None
            else tuple(_duty(item) for item in manscdp.list_items(alarms, "List")),
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "DeviceStatus", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        manscdp.add_text(response, "Online", "OFFLINE" if self.online is False else "ONLINE")
        manscdp.add_text(response, "Status", "ERROR" if self.healthy is False else "OK")
        if self.reason:
            manscdp.add_text(response, "Reason", self.reason)
        for name, value in (("Encode", self.encoding), ("Record", self.recording)):
            if value is not None:
                manscdp.add_text(response, name, "ON" if value else "OFF")
        if self.device_time is not None:
            manscdp.add_text(response, "DeviceTime", gb_time.format_datetime(self.device_time))
        if self.alarms:
            group = manscdp.add_group(response, "Alarmstatus", Num=str(len(self.alarms)))
            for alarm in self.alarms:
                item = manscdp.add_group(group, "Item")
                manscdp.add_text(item, "DeviceID", alarm.device_id)
                manscdp.add_text(item, "DutyStatus", alarm.duty_status)
        return response


def _duty(item: Element) -> AlarmDuty:
    return AlarmDuty(manscdp.child_id(item), manscdp.child_text(item, "DutyStatus").upper())


def _switch(text: str) -> bool | None:
    word = text.strip().upper()
    if word in {"ON", "OK", "ONLINE", "1", "TRUE"}:
        return True
    return False if word in {"OFF", "ERROR", "OFFLINE", "0", "FALSE"} else None


def _time_or_none(text: str) -> datetime | None:
    try:
        return gb_time.parse_time(text) if text else None
    except MalformedTime:
        return None
