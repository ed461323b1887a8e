"""The cases for a server: what a device provokes itself, and what its operator has to do."""

from __future__ import annotations

from typing import Final

from console.conformance.model import Case, Side, Words
from sipserver.gb.editions import Edition

_V3 = Edition.V3_0
_DEVICE, _OPERATOR = Side.DEVICE, Side.OPERATOR

SERVER_CASES: Final = (
    Case(
        "challenge",
        Words("未认证注册返回401及摘要质询", "REGISTER without credentials gets 401 with a digest challenge"),
        "GB-C028; 9.1.2",
        begun_by=_DEVICE,
    ),
    Case(
        "unregistered-keepalive",
        Words("未注册设备的心跳被拒绝", "A keepalive of a device that is not registered is refused"),
        "GB-C047",
        is_mandatory=False,
        begun_by=_DEVICE,
    ),
    Case(
        "wrong-password",
        Words("错误口令注册被拒绝", "A wrong password is refused"),
        "GB-C031; 9.1.2",
        begun_by=_DEVICE,
    ),
    Case(
        "register",
        Words("正确口令注册, Expires 与校时", "REGISTER with the password: 200, Expires and Date"),
        "GB-C028, GB-C035; 9.1.2, 9.10",
        begun_by=_DEVICE,
    ),
    Case(
        "server-version",
        Words("应答携带 X-GB-Ver", "Answers to REGISTER carry X-GB-Ver"),
        "GB-C037; 2022 I",
        is_mandatory=False,
        since=_V3,
        begun_by=_DEVICE,
    ),
    Case(
        "refresh",
        Words("刷新注册须再次认证", "A refresh is authenticated, too"),
        "GB-C032; 9.1.2",
        is_mandatory=False,
        begun_by=_DEVICE,
    ),
    Case(
        "keepalive",
        Words("心跳应答200且无消息体", "A keepalive gets 200 without a body"),
        "GB-C045; 9.6",
        begun_by=_DEVICE,
    ),
    Case(
        "options",
        Words("OPTIONS 应答200", "OPTIONS gets 200"),
        "GB-C025",
        is_mandatory=False,
        begun_by=_DEVICE,
    ),
    Case(
        "unknown-method",
        Words("未知方法应答405及Allow", "An unknown method gets 405 with Allow"),
        "GB-C025; RFC 3261 8.2.1",
        is_mandatory=False,
        begun_by=_DEVICE,
    ),
    Case(
        "unknown-command",
        Words("未知CmdType应答200", "An unknown CmdType gets 200"),
        "GB-C080",
        is_mandatory=False,
        begun_by=_DEVICE,
    ),
    Case(
        "retransmission",
        Words("重发的MESSAGE得到相同应答", "A retransmitted MESSAGE gets the same answer"),
        "GB-C022; RFC 3261 17.2.2",
        begun_by=_DEVICE,
    ),
    Case(
        "malformed", Words("畸形数据报被忽略", "Malformed datagrams are ignored"), "GB-C026", begun_by=_DEVICE
    ),
    Case(
        "alarm",
        Words("报警通知得到200及业务应答", "An alarm gets 200 and a Response"),
        "GB-C051, GB-C077; 9.4",
        begun_by=_DEVICE,
    ),
    Case("unregister", Words("注销", "Unregister"), "GB-C033; 9.1.2", begun_by=_DEVICE),
    Case(
        "catalog-asked",
        Words("注册后查询目录", "The catalogue is asked for after registering"),
        "GB-C058; 9.5",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words(
            "若平台未自动查询，请手动刷新该设备目录",
            "Refresh the device's catalogue, unless it is asked for by itself",
        ),
    ),
    Case(
        "info-asked",
        Words("查询设备信息或状态", "Device information or status is asked for"),
        "GB-C052; 9.5",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("查询设备信息或设备状态", "Ask for device information or status"),
    ),
    Case(
        "live-asked",
        Words("实时点播: INVITE、ACK、BYE 及 SDP", "Live: INVITE, ACK, BYE and their SDP"),
        "GB-C098, GB-C099, GB-C100; 9.2",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words(
            "打开任一通道的实时画面，数秒后关闭",
            "Open the live picture of a channel, and close it after some seconds",
        ),
    ),
    Case(
        "keyframe-asked",
        Words("强制关键帧命令", "Forced key frame command"),
        "GB-C065",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("观看时请求关键帧", "Ask for a key frame while watching"),
    ),
    Case(
        "ptz-asked",
        Words("云台控制指令及停止", "PTZ frames with their checksum, and stop"),
        "GB-C082, GB-C083, GB-C088; A.3",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("转动云台后松开", "Move the camera, and let go"),
    ),
    Case(
        "records-asked",
        Words("录像检索", "Record query"),
        "GB-C073; 9.7",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("检索最近一天的设备录像", "Search the device's recordings of the last day"),
    ),
    Case(
        "playback-asked",
        Words("历史回放及回放控制", "Playback and its control"),
        "GB-C104, GB-C108; 9.8, B",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words(
            "回放一段录像: 暂停、倍速、拖动、停止", "Play a recording: pause, change its speed, drag, stop"
        ),
    ),
    Case(
        "download-asked",
        Words("录像下载", "Download"),
        "GB-C105; 9.9",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("下载一段录像", "Download a part of a recording"),
    ),
    Case(
        "broadcast-asked",
        Words("语音广播", "Broadcast"),
        "GB-C115; 9.12",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("向设备广播", "Speak to the device by broadcast"),
    ),
    Case(
        "talk-asked",
        Words("语音对讲", "Talk"),
        "GB-C116; 9.12",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("与设备对讲", "Talk with the device"),
    ),
    Case(
        "guard-asked",
        Words("布防撤防或录像控制", "Arming or manual recording"),
        "GB-C064; 9.3",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("对设备布防或手动录像", "Arm the device, or start a manual recording"),
    ),
    Case(
        "config-asked",
        Words("设备配置查询", "Configuration query"),
        "GB-C070; 9.5",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words("查询设备配置", "Look at the device's settings"),
    ),
    Case(
        "subscription-asked",
        Words("订阅与对话内刷新", "Subscription, and its refresh in the dialog"),
        "GB-C089, GB-C090; 9.11",
        is_mandatory=False,
        begun_by=_OPERATOR,
        instruction=Words(
            "订阅目录、报警或位置，并等待其刷新",
            "Subscribe to catalogue, alarms or positions, and await a refresh",
        ),
    ),
    Case(
        "snapshot-asked",
        Words("图像抓拍", "Snapshots"),
        "GB-C068; 2022 9.14",
        is_mandatory=False,
        since=_V3,
        begun_by=_OPERATOR,
        instruction=Words("要求设备抓拍", "Ask the device for snapshots"),
    ),
    Case(
        "redirected",
        Words("注册重定向", "Registration redirect"),
        "GB-C040, GB-C041; 2022 9.1.2.3",
        is_mandatory=False,
        since=_V3,
        begun_by=_OPERATOR,
        instruction=Words("将该设备重定向到另一服务器", "Redirect this device to another server"),
    ),
)
