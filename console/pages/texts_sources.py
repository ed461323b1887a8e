"""Texts about sources that do not speak GB/T 28181."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

_PROBLEMS: Final[Mapping[str, Text]] = {
    "problem.not-a-gb-device": Text("此通道不支持 GB/T 28181", "The source does not speak GB/T 28181"),
    "problem.not-a-gb-device.advice": Text(
        "可以观看、录像和抓图，其他操作请在摄像机上进行。",
        "It can be watched, recorded and photographed; all else is done at the camera itself.",
    ),
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

_PAGE: Final[Mapping[str, Text]] = {
    "view.sources": Text("接入源", "Sources"),
    "sources.title": Text("接入源（非国标设备）", "Sources that do not speak GB/T 28181"),
    "sources.count": Text("{n} 个，{online} 个在线", "{n}, {online} online"),
    "sources.search": Text("搜索 ONVIF 摄像机", "Search for ONVIF cameras"),
    "sources.add": Text("添加接入源", "Add a source"),
    "sources.edit": Text("修改接入源", "Change the source"),
    "sources.none": Text("还没有接入源", "No sources yet"),
    "sources.none_how": Text(
        "不支持 GB/T 28181 的摄像机可以通过 RTSP、RTMP 接入，成为平台的国标通道。",
        "Cameras without GB/T 28181 come in by RTSP or RTMP and become channels of this platform.",
    ),
    "sources.live": Text("查看实时画面", "Watch live"),
    "sources.enable": Text("启用", "Switch on"),
    "sources.disable": Text("停用", "Switch off"),
    "sources.remove": Text("删除接入源", "Remove the source"),
    "sources.remove_sure": Text("删除接入源“{name}”？", "Remove the source “{name}”?"),
    "sources.remove_means": Text(
        "通道从目录中消失，已有录像保留到期满。",
        "Its channel leaves the catalogue; its recordings stay until their time is over.",
    ),
    "sources.kind": Text("方式", "Kind"),
    "source_kind.pull": Text("拉流", "Pulled by us"),
    "source_kind.push": Text("设备推流", "Pushed to us"),
    "sources.from": Text("来自 {peer}", "from {peer}"),
    "sources.name": Text("名称", "Name"),
    "sources.url": Text("地址（RTSP 或 RTMP）", "Address (RTSP or RTMP)"),
    "sources.url_example": Text(
        "例如 rtsp://192.0.2.64:554/Streaming/Channels/101", "rtsp://192.0.2.64:554/Streaming/Channels/101"
    ),
    "sources.onvif_example": Text(
        "例如 http://192.0.2.64/onvif/device_service", "http://192.0.2.64/onvif/device_service"
    ),
    "sources.sub_url": Text("子码流地址（可选）", "Address of the sub-stream (optional)"),
    "sources.has_sub": Text("有子码流", "with sub-stream"),
    "sources.username": Text("用户名", "User name"),
    "sources.password": Text("密码", "Password"),
    "sources.password_kept": Text("不修改则保留", "kept unless changed"),
    "sources.transport": Text("传输方式", "Transport"),
    "source_transport.auto": Text("自动传输", "Automatic"),
    "source_transport.tcp": Text("TCP 传输", "TCP"),
    "source_transport.udp": Text("UDP 传输", "UDP"),
    "sources.mode": Text("拉流时机", "Pulled"),
    "source_mode.on_demand": Text("按需", "on demand"),
    "source_mode.always": Text("一直", "always"),
    "sources.channel_id": Text("通道编号", "Channel id"),
    "sources.channel_id_auto": Text("留空自动分配", "empty: assigned"),
    "sources.civil_code": Text("行政区划", "Region code"),
    "sources.place": Text("安装地点", "Place"),
    "sources.push_path": Text("推流路径", "Path to push to"),
    "sources.push_key": Text("推流密钥", "Key"),
    "sources.push_url": Text("推流地址", "Address to push to"),
    "sources.new_key": Text("更换推流密钥", "Make a new key"),
    "sources.key_once": Text("请现在记下密钥，它只显示这一次。", "Note the key now: it is shown this once."),
    "sources.done": Text("已记下", "Noted"),
    "sources.test": Text("测试连接", "Try it"),
    "sources.testing": Text("正在连接…", "Connecting…"),
    "sources.works": Text("连接成功，{s} 秒出画面", "It works: picture after {s} s"),
    "sources.no_sound": Text("无音频", "no sound"),
    "sources.left_out": Text("未接入：{codecs}", "left out: {codecs}"),
    "sources.readers": Text("{n} 个读者", "{n} readers"),
    "sources.save": Text("保存", "Save"),
    "sources.searching": Text("正在搜索本地网络…", "Searching the local networks…"),
    "sources.nothing_found": Text(
        "没有摄像机应答。搜索只到本机所在的网段，其他网段的摄像机可以直接填写地址。",
        "No camera answered. The search stays in this machine's networks; others can be named below.",
    ),
    "sources.on_file": Text("已接入：{id}", "on file as {id}"),
    "sources.onvif_address": Text("ONVIF 服务地址", "Address of the ONVIF service"),
    "sources.ask": Text("询问", "Ask"),
    "sources.read_streams": Text("读取码流", "Read its streams"),
    "sources.clock": Text("时钟偏差 {s} 秒", "clock off by {s} s"),
    "sources.as_main": Text("主码流", "main"),
    "sources.as_sub": Text("子码流", "sub"),
    "sources.no_streams": Text("摄像机没有给出码流地址。", "The camera gives no address of a stream."),
    "sources.back": Text("返回", "Back"),
    "sources.again": Text("重新搜索", "Search again"),
    "sources.use": Text("使用所选码流", "Use these"),
    "source_state.disabled": Text("已停用", "Off"),
    "source_state.unknown": Text("未检查", "Not checked"),
    "source_state.idle": Text("就绪", "Ready"),
    "source_state.connecting": Text("正在连接", "Connecting"),
    "source_state.streaming": Text("拉流中", "Streaming"),
    "source_state.failed": Text("异常", "Failed"),
    "source_state.waiting": Text("等待推流", "Waiting"),
}

_VERDICTS: Final[Mapping[str, Text]] = {
    "source_verdict.failed": Text("没有码流", "No stream"),
    "source_verdict.unreachable": Text("无法到达", "Cannot be reached"),
    "source_verdict.refused": Text("端口无服务", "Nothing listens at the port"),
    "source_verdict.timeout": Text("超时，没有数据", "Sends nothing"),
    "source_verdict.unauthorised": Text("用户名或密码错误", "Wrong user name or password"),
    "source_verdict.forbidden": Text("该用户没有权限", "This user may not watch"),
    "source_verdict.not_found": Text("没有这路码流", "No such stream"),
    "source_verdict.rejected": Text("被拒绝", "Refused"),
    "source_verdict.protocol": Text("协议不符", "Not the protocol"),
    "source_verdict.no_video": Text("没有视频", "No picture"),
    "source_verdict.codec": Text("编码不支持", "Codec not carried"),
    "source_verdict.no_keyframe": Text("没有关键帧", "No key frame"),
    "source_verdict.ended": Text("对端结束了码流", "Ended by the source"),
}

TEXTS: Final[Mapping[str, Text]] = {**_PROBLEMS, **_PAGE, **_VERDICTS}
