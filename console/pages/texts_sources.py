"""Texts about sources that do not speak GB/T 28181."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

_PROBLEMS: Final[Mapping[str, Text]] = {
    "problem.unknown-source": Text("没有这个接入源", "No such source"),
    "problem.source-exists": Text("通道编号或推流路径已被占用", "The id or path is taken"),
    "problem.source-exists.advice": Text(
        "换一个，或留空由平台分配。", "Choose another one, or leave it empty to get a new one."
    ),
    "problem.unsuitable-source": Text("接入源参数不正确", "This makes no source"),
    "problem.too-many-sources": Text("接入源数量已达上限", "Too many sources"),
    "problem.source-disabled": Text("接入源已停用", "The source is switched off"),
    "problem.source-disabled.advice": Text("在“接入源”中启用它。", "Switch it on under Sources."),
    "problem.not-publishing": Text("当前没有设备向此接入源推流", "Nobody publishes to this source"),
    "problem.not-publishing.advice": Text(
        "检查推流设备上的地址和密钥。", "Check address and key at the device that is to publish."
    ),
    "problem.source-unreachable": Text("接入源无法到达", "The source cannot be reached"),
    "problem.source-unreachable.advice": Text(
        "检查地址、电源和网络。", "Check its address, its power and its network."
    ),
    "problem.source-refused": Text("接入源的端口没有服务", "Nothing listens at the source's port"),
    "problem.source-refused.advice": Text(
        "检查端口，以及摄像机是否启用了 RTSP。", "Check the port, and whether RTSP is on at the camera."
    ),
    "problem.source-timeout": Text("接入源没有数据", "The source sends nothing"),
    "problem.source-timeout.advice": Text(
        "检查网络，或换用另一种传输方式（TCP 或 UDP）。",
        "Check the network, or try the other transport (TCP or UDP).",
    ),
    "problem.source-unauthorised": Text("接入源拒绝了用户名或密码", "The source refuses the password"),
    "problem.source-unauthorised.advice": Text(
        "更正用户名和密码；多次错误会锁定摄像机账号。",
        "Correct user name and password; some wrong ones lock a camera's account.",
    ),
    "problem.source-not-found": Text("接入源没有这路码流", "The source has no such stream"),
    "problem.source-not-found.advice": Text(
        "检查地址中的路径，可通过 ONVIF 搜索获得。", "Check the path; a search over ONVIF tells it."
    ),
    "problem.source-no-video": Text("接入源没有视频", "The source has no picture"),
    "problem.source-codec": Text("不支持接入源的视频编码", "The source's codec is not carried"),
    "problem.source-codec.advice": Text("把摄像机设为 H.264 或 H.265。", "Set the camera to H.264 or H.265."),
    "problem.source-failed": Text("接入源没有送出码流", "The source gives no stream"),
    "problem.onvif-unauthorised": Text("摄像机拒绝了 ONVIF 用户", "The camera refuses the ONVIF user"),
    "problem.onvif-unauthorised.advice": Text(
        "ONVIF 往往有单独的用户，请在摄像机设置中查看。",
        "ONVIF often has users of its own: see the camera's settings.",
    ),
    "problem.onvif-unreachable": Text("摄像机没有 ONVIF 应答", "The camera does not answer over ONVIF"),
    "problem.onvif-unreachable.advice": Text(
        "检查地址和端口，以及摄像机是否启用了 ONVIF。",
        "Check address and port, and whether ONVIF is on at the camera.",
    ),
    "problem.onvif-failed": Text("摄像机的 ONVIF 应答无法使用", "No usable answer over ONVIF"),
}

TEXTS: Final[Mapping[str, Text]] = {**_PROBLEMS}
