"""The cases, as a plain table: what a device is asked; those for a server are in ``server_cases.py``.

Source: field-lessons section 4; the statements are those of docs/conformance.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from console.conformance.model import Case, Side, Words
from sipserver.gb.editions import Edition

REBOOT: Final = "reboot"
FIRMWARE: Final = "firmware_id"
CARD: Final = "format_card"
_V2, _V3 = Edition.V2_0, Edition.V3_0
_DEVICE = Side.DEVICE

DEVICE_CASES: Final = (
    Case(
        "register-unauthenticated",
        Words("无认证注册", "Register without authentication"),
        "GB-C028; 9.1.2.1",
        begun_by=_DEVICE,
    ),
    Case(
        "register-authenticated",
        Words("数字摘要认证注册", "Register with authentication"),
        "GB-C028, GB-C030, GB-C035; 9.1.2.2",
        begun_by=_DEVICE,
    ),
    Case("device-info", Words("设备信息查询", "Device information"), "GB-C051, GB-C052; 9.5, A.2.4.4"),
    Case("catalog", Words("设备目录查询", "Catalogue"), "GB-C058, GB-C003; 9.5, A.2.4.3", timeout_s=180),
    Case("device-status", Words("设备状态查询", "Device status"), "GB-C075; 9.5, A.2.4.2"),
    Case(
        "config-basic",
        Words("设备基本配置查询", "Configuration query: basic parameters"),
        "GB-C070; 9.5, A.2.4.7",
        since=Edition.V1_1,
    ),
    Case(
        "config-coding",
        Words("视频编码配置查询", "Configuration query: video coding"),
        "GB-C070; 9.5, A.2.4.7",
        is_mandatory=False,
        since=Edition.V1_1,
    ),
    Case(
        "video-parameter-range",
        Words("视频参数范围查询", "Video parameter range"),
        "GB-C070; 9.5, A.2.4.7",
        is_mandatory=False,
        since=Edition.V1_1,
    ),
    Case(
        "manual-record",
        Words("手动录像开始与停止", "Manual recording: start and stop"),
        "GB-C064; 9.3, A.2.3.1.4",
        is_mandatory=False,
    ),
    Case(
        "live",
        Words("实时点播及媒体端口开关", "Live picture, opening and closing of ports"),
        "GB-C098, GB-C099, GB-C100, GB-C102, GB-C106; 9.2",
        timeout_s=90,
    ),
    Case("keyframe", Words("强制关键帧", "Forced key frame"), "GB-C063, GB-C065; A.2.3.1.8", since=_V2),
    Case(
        "media-keepalive",
        Words("媒体流保活", "Media keepalive: the same Subject again replaces the stream"),
        "GB-C111; 2022 K, 2016 M",
        is_mandatory=False,
        since=_V2,
    ),
    Case(
        "ptz-directions",
        Words("云台上下左右控制", "PTZ in four directions"),
        "GB-C063, GB-C082, GB-C088; 9.3, A.3",
        is_mandatory=False,
    ),
    Case(
        "ptz-zoom",
        Words("变倍控制", "Zoom in and out"),
        "GB-C063, GB-C082, GB-C088; 9.3, A.3",
        is_mandatory=False,
    ),
    Case("record-query", Words("录像文件检索", "Record query"), "GB-C073; 9.7, A.2.4.5", timeout_s=200),
    Case(
        "multi-response",
        Words("多响应消息传输", "Multi-response rule"),
        "GB-C058, GB-C061; 2022 M, 2016 N",
        is_mandatory=False,
        since=_V2,
        timeout_s=200,
    ),
    Case(
        "playback-end",
        Words("历史回放至文件结束", "Playback to its end message"),
        "GB-C104, GB-C110; 9.8",
        timeout_s=120,
    ),
    Case("playback-pause", Words("回放暂停与恢复", "Playback: pause and resume"), "GB-C108; 9.8, B"),
    Case("playback-slow", Words("回放慢放", "Playback: slow"), "GB-C108; 9.8, B", is_mandatory=False),
    Case(
        "playback-fast",
        Words("回放快放与恢复正常", "Playback: fast, and back to normal"),
        "GB-C108; 9.8, B",
        timeout_s=90,
    ),
    Case("playback-drag", Words("回放随机拖放", "Playback: drag"), "GB-C108; 9.8, B"),
    Case("playback-stop", Words("回放停止", "Playback: stop"), "GB-C100, GB-C108; 9.8, B"),
    Case(
        "download",
        Words("录像下载至文件结束", "Download to its end message"),
        "GB-C105, GB-C110; 9.9",
        timeout_s=120,
    ),
    Case("talk", Words("语音对讲", "Talk"), "GB-C116; 9.12.2", is_mandatory=False),
    Case("broadcast", Words("语音广播", "Broadcast"), "GB-C115; 9.12.1", is_mandatory=False),
    Case(
        "alarm-subscription",
        Words("布防与报警订阅、刷新、取消", "Alarm subscription after arming, refresh, cancel"),
        "GB-C064, GB-C077, GB-C090; 9.4, 9.11",
        is_mandatory=False,
        since=_V2,
        timeout_s=420,
    ),
    Case(
        "catalog-subscription",
        Words("目录订阅、首次通知与变更通知", "Catalogue subscription, first report and change"),
        "GB-C089, GB-C090, GB-C091; 9.11",
        timeout_s=420,
    ),
    Case(
        "version-header",
        Words("协议版本标识 (X-GB-Ver)", "Version header"),
        "GB-C037, GB-C038; 2022 I",
        begun_by=_DEVICE,
        since=_V3,
    ),
    Case(
        "ptz-precise",
        Words("云台精准控制", "Precise PTZ"),
        "GB-C063, GB-C076; 2022 A.2.3.1.11",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "ptz-position-subscription",
        Words("云台精准状态订阅", "PTZ position subscription"),
        "GB-C090, GB-C097; 2022 9.11",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "cruise-tracks",
        Words("巡航轨迹列表与轨迹查询", "Cruise list and track"),
        "GB-C076; 2022 A.2.4.11",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "home-position",
        Words("看守位信息查询", "Home position query"),
        "GB-C067; 2022 A.2.4.10",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "snapshot-upload",
        Words("图像抓拍与上传", "Snapshot upload"),
        "GB-C068, GB-C069, GB-C071, GB-C072; 2022 9.14",
        is_mandatory=False,
        since=_V3,
        timeout_s=120,
    ),
    Case(
        "storage-card",
        Words("存储卡状态查询", "Storage card status"),
        "GB-C076; 2022 A.2.4.14",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "target-track",
        Words("目标跟踪", "Target tracking"),
        "GB-C063; 2022 A.2.3.1.14",
        is_mandatory=False,
        since=_V3,
    ),
    Case(
        "format-card",
        Words("存储卡格式化", "Formatting of a storage card"),
        "GB-C063; 2022 A.2.3.1.13",
        is_mandatory=False,
        since=_V3,
        needs=CARD,
        timeout_s=300,
    ),
    Case(
        "upgrade",
        Words("设备软件升级及结果", "Upgrade and its result"),
        "GB-C064, GB-C068, GB-C069; 2022 9.13",
        is_mandatory=False,
        since=_V3,
        needs=FIRMWARE,
        timeout_s=1800,
    ),
    Case(
        "reboot",
        Words("远程启动、注销与重新注册", "Remote reboot, unregister and re-register"),
        "GB-C033, GB-C063; 9.3",
        needs=REBOOT,
        timeout_s=400,
    ),
    Case(
        "redirect",
        Words("注册重定向", "Registration redirect"),
        "GB-C040, GB-C041; 2022 9.1.2.3",
        is_mandatory=False,
        since=_V3,
        needs=REBOOT,
        timeout_s=400,
    ),
    Case(
        "heartbeat",
        Words("状态信息报送 (心跳)", "Heartbeat"),
        "GB-C045; 9.6",
        begun_by=_DEVICE,
        timeout_s=400,
    ),
)


def chosen(table: Iterable[Case], wanted: Iterable[str]) -> tuple[Case, ...]:
    """The cases with these ids in the order of the table; none named: all.

    Raises:
        ValueError: an id that the table does not have.
    """
    known = {case.case_id: case for case in table}
    names = set(wanted)
    if unknown := sorted(names - known.keys()):
        raise ValueError(f"no case is named {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(case for case in known.values() if not names or case.case_id in names)
