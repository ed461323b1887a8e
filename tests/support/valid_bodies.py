"""A document of every command that a device can send, as the protocol notes print it and not our code.

``{device}`` and ``{channel}`` stand for ids, ``{sn}`` for the serial number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TIME: Final = "2026-05-01T10:20:30"
_ITEM: Final = (
    "<Item><DeviceID>{channel}</DeviceID>%s<Name>东门</Name><Manufacturer>Demo</Manufacturer><Model>D1</Model>"
    "<Owner>o</Owner><CivilCode>340200</CivilCode><Address>a</Address><Parental>0</Parental>"
    "<ParentID>{device}</ParentID><RegisterWay>1</RegisterWay><Secrecy>0</Secrecy><Status>ON</Status>"
    "<Longitude>117.3</Longitude><Latitude>31.8</Latitude><Info><PTZType>1</PTZType></Info></Item>"
)
_RESULT: Final = "<Result>OK</Result>"

_INSIDE: Final[Mapping[tuple[str, str], str]] = {
    ("Notify", "Keepalive"): "<Status>OK</Status><Info><DeviceID>{channel}</DeviceID></Info>",
    ("Notify", "Catalog"): '<SumNum>2</SumNum><DeviceList Num="2">'
    + _ITEM % "<Event>ADD</Event>"
    + _ITEM % "<Event>OFF</Event>"
    + "</DeviceList>",
    ("Notify", "Alarm"): "<AlarmPriority>2</AlarmPriority><AlarmMethod>5</AlarmMethod>"
    "<AlarmTime>2026-05-01T10:20:30</AlarmTime><AlarmDescription>x</AlarmDescription><Longitude>117.3"
    "</Longitude><Latitude>31.8</Latitude><Info><AlarmType>6</AlarmType><AlarmTypeParam><EventType>1"
    "</EventType></AlarmTypeParam></Info>",
    ("Notify", "MediaStatus"): "<NotifyType>121</NotifyType>",
    ("Notify", "MobilePosition"): "<Time>2026-05-01T10:20:30</Time><Longitude>117.3</Longitude><Latitude>31.8"
    "</Latitude><Speed>36</Speed><Direction>90</Direction><Altitude>12</Altitude><SumNum>1</SumNum>"
    '<DeviceList Num="1"><Item><DeviceID>{channel}</DeviceID><CaptureTime>2026-05-01T10:20:30</CaptureTime>'
    "<Longitude>117.3</Longitude><Latitude>31.8</Latitude><Height>3</Height></Item></DeviceList>",
    ("Notify", "PTZPosition"): "<Pan>1.5</Pan><Tilt>2</Tilt><Zoom>3</Zoom><HorizontalFieldAngle>60"
    "</HorizontalFieldAngle><VerticalFieldAngle>40</VerticalFieldAngle><MaxViewDistance>90</MaxViewDistance>",
    ("Notify", "VideoUploadNotify"): "<Time>2026-05-01T10:20:30</Time><Longitude>117.3</Longitude>"
    "<Latitude>31.8</Latitude>",
    ("Notify", "UploadSnapShotFinished"): "<SessionID>" + "a" * 32 + "</SessionID><SnapShotList>"
    "<SnapShotFileID>f1</SnapShotFileID><SnapShotFileID>f2</SnapShotFileID></SnapShotList>",
    ("Notify", "DeviceUpgradeResult"): "<SessionID>" + "a" * 32 + "</SessionID><UpgradeResult>ERROR"
    "</UpgradeResult><Firmware>2.0</Firmware><UpgradeFailedReason>02</UpgradeFailedReason>",
    ("Notify", "Broadcast"): "<SourceID>{channel}</SourceID><TargetID>{device}</TargetID>",
    ("Response", "Catalog"): f'<SumNum>1</SumNum><DeviceList Num="1">{_ITEM % ""}</DeviceList>',
    ("Response", "DeviceInfo"): _RESULT + "<DeviceName>n</DeviceName><Manufacturer>Demo</Manufacturer>"
    "<Model>D1</Model><Firmware>1.0</Firmware><Channel>4</Channel>",
    ("Response", "DeviceStatus"): _RESULT + "<Online>ONLINE</Online><Status>OK</Status><Encode>ON</Encode>"
    "<Record>OFF</Record><DeviceTime>2026-05-01T10:20:30</DeviceTime><Alarmstatus Num='1'><Item>"
    "<DeviceID>{channel}</DeviceID><DutyStatus>ONDUTY</DutyStatus></Item></Alarmstatus>",
    ("Response", "Alarm"): _RESULT,
    ("Response", "Broadcast"): _RESULT,
    ("Response", "DeviceControl"): _RESULT,
    ("Response", "DeviceConfig"): _RESULT,
    ("Response", "ConfigDownload"): _RESULT + "<BasicParam><Name>n</Name><Expiration>3600</Expiration>"
    "<HeartBeatInterval>60</HeartBeatInterval><HeartBeatCount>3</HeartBeatCount></BasicParam>"
    "<VideoParamOpt><VideoFormatOpt>2/5</VideoFormatOpt><ResolutionOpt>5/6</ResolutionOpt></VideoParamOpt>",
    ("Response", "PresetQuery"): "<SumNum>1</SumNum><PresetList Num='1'><Item><PresetID>1</PresetID>"
    "<PresetName>门</PresetName></Item></PresetList>",
    ("Response", "HomePositionQuery"): "<HomePosition><Enabled>1</Enabled><ResetTime>60</ResetTime>"
    "<PresetIndex>5</PresetIndex></HomePosition>",
    ("Response", "CruiseTrackListQuery"): "<SumNum>1</SumNum><CruiseTrackList Num='1'><CruiseTrack>"
    "<Number>0</Number><Name>a</Name></CruiseTrack></CruiseTrackList>",
    ("Response", "CruiseTrackQuery"): "<Number>0</Number><Name>a</Name><SumNum>1</SumNum>"
    "<CruisePointList Num='1'><CruisePoint><PresetIndex>1</PresetIndex><StayTime>5</StayTime><Speed>8</Speed>"
    "</CruisePoint></CruisePointList>",
    ("Response", "PTZPosition"): "<Pan>1.5</Pan><Tilt>2</Tilt><Zoom>3</Zoom>",
    ("Response", "SDCardStatus"): "<SumNum>1</SumNum><SDCardStatusInfo Num='1'><Item><ID>1</ID><HddName>sd"
    "</HddName><Status>formatting</Status><FormatProgress>50</FormatProgress><Capacity>1000</Capacity>"
    "<FreeSpace>10</FreeSpace></Item></SDCardStatusInfo>",
    ("Response", "RecordInfo"): "<Name>n</Name><SumNum>1</SumNum><RecordList Num='1'><Item>"
    "<DeviceID>{channel}</DeviceID><Name>n</Name><FilePath>/a</FilePath><StartTime>2026-05-01T00:00:00"
    "</StartTime><EndTime>2026-05-01T01:00:00</EndTime><Secrecy>0</Secrecy><Type>time</Type>"
    "<FileSize>1000</FileSize></Item></RecordList>",
    # What a device has no business to send; a platform below us may.
    ("Query", "Catalog"): "",
    ("Query", "DeviceInfo"): "",
    ("Query", "DeviceStatus"): "",
    ("Query", "Alarm"): "<StartAlarmPriority>1</StartAlarmPriority><EndAlarmPriority>4</EndAlarmPriority>",
    ("Query", "MobilePosition"): "<Interval>5</Interval>",
    ("Query", "ConfigDownload"): "<ConfigType>BasicParam</ConfigType>",
    ("Query", "PresetQuery"): "",
    ("Query", "HomePositionQuery"): "",
    ("Query", "CruiseTrackListQuery"): "",
    ("Query", "CruiseTrackQuery"): "<Number>0</Number>",
    ("Query", "PTZPosition"): "",
    ("Query", "SDCardStatus"): "",
    (
        "Query",
        "RecordInfo",
    ): "<StartTime>2026-05-01T00:00:00</StartTime><EndTime>2026-05-01T23:59:59</EndTime><Type>all</Type>",
    ("Control", "DeviceControl"): "<PTZCmd>A50F01880100003E</PTZCmd>",
    ("Control", "DeviceConfig"): "<BasicParam><Name>n</Name></BasicParam>",
}

COMMANDS: Final = tuple(_INSIDE)


def valid_body(root: str, cmd_type: str, *, device: str, channel: str, sn: str = "1") -> str:
    """The document with these ids, without a declaration."""
    inside = _INSIDE[root, cmd_type].replace("{device}", device).replace("{channel}", channel)
    head = f"<{root}><CmdType>{cmd_type}</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>"
    return f"{head}{inside}</{root}>"
