"""Texts about one camera: moving it, speaking to it, and why it shows no picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "panel.close": Text("关闭", "Close"),
    "panel.cancel": Text("取消", "Cancel"),
    "tile.ptz": Text("云台控制", "Move the camera"),
    "tile.talk": Text("对讲", "Talk"),
    "tile.why": Text("为什么没有画面？", "Why is there no picture?"),
    # moving a camera
    "ptz.title": Text("云台控制", "Move the camera"),
    "ptz.choose": Text("先在画面墙上选择一个摄像机", "Select a camera on the wall first"),
    "ptz.fixed": Text(
        "目录中登记为固定摄像机，可能不会转动。", "Its catalogue calls it a fixed camera: it may not move."
    ),
    "ptz.pad": Text("方向", "Direction"),
    "ptz.up": Text("上", "Up"),
    "ptz.down": Text("下", "Down"),
    "ptz.left": Text("左", "Left"),
    "ptz.right": Text("右", "Right"),
    "ptz.up_left": Text("左上", "Up and left"),
    "ptz.up_right": Text("右上", "Up and right"),
    "ptz.down_left": Text("左下", "Down and left"),
    "ptz.down_right": Text("右下", "Down and right"),
    "ptz.stop": Text("停止一切动作", "Stop everything"),
    "ptz.speed": Text("速度", "Speed"),
    "ptz.zoom": Text("变倍", "Zoom"),
    "ptz.zoom_less": Text("缩小", "Zoom out"),
    "ptz.zoom_more": Text("放大", "Zoom in"),
    "ptz.focus": Text("聚焦", "Focus"),
    "ptz.focus_less": Text("聚焦近处", "Focus near"),
    "ptz.focus_more": Text("聚焦远处", "Focus far"),
    "ptz.iris": Text("光圈", "Iris"),
    "ptz.iris_less": Text("光圈缩小", "Close the iris"),
    "ptz.iris_more": Text("光圈放大", "Open the iris"),
    "ptz.keys": Text(
        "按住移动，松开即停。键盘：方向键转动，+ 和 − 变倍。",
        "Hold to move, let go to stop. Keys: arrows turn, + and − zoom.",
    ),
    "ptz.holder_away": Text("正在连接…", "Connecting…"),
    "ptz.holder_free": Text("无人控制，按住即可操作", "Nobody has it: press to move"),
    "ptz.holder_mine": Text("由您控制", "You have it"),
    "ptz.holder_other": Text("{name} 正在控制（还有 {s} 秒）", "{name} has it (for {s} s)"),
    "ptz.take_over": Text("接管", "Take over"),
    "ptz.give_back": Text("交还", "Give back"),
    "ptz.refused": Text("不能接管：{name} 正在控制", "It cannot be taken: {name} has it"),
    "ptz.refused_advice": Text(
        "只有优先级更高的用户可以接管；请联系对方，或等待其松开后几秒。",
        "Only a higher priority can take it: ask them, or wait a few seconds after they let go.",
    ),
    "ptz.lost": Text(
        "控制权已被 {name} 接管，动作已停止", "{name} took the camera; the movement was stopped"
    ),
    "ptz.ended_offline": Text(
        "设备离线，恢复后会先补发停止", "The device went offline; stop is sent when it is back"
    ),
    "ptz.ended_failed": Text("设备没有执行这个动作", "The device did not take the movement"),
    "presets.title": Text("预置位", "Presets"),
    "presets.again": Text("重新读取预置位", "Read the presets again"),
    "presets.loading": Text("正在向设备读取…", "Asking the device…"),
    "presets.none": Text(
        "设备没有预置位。转到想要的方向后保存一个。",
        "The device has none. Turn to a direction and save it.",
    ),
    "presets.unnamed": Text("未命名", "unnamed"),
    "presets.call": Text("转到这里", "Turn there"),
    "presets.called": Text("正在转到 {number}：{name}", "Turning to {number}: {name}"),
    "presets.number": Text("预置位编号，1 至 255", "Number of the preset, 1 to 255"),
    "presets.name": Text("名称", "Name"),
    "presets.save": Text("保存当前方向", "Save direction"),
    "presets.saved": Text("已保存 {number}：{name}", "Saved {number}: {name}"),
    "presets.replace": Text("改为当前方向", "Replace by the present direction"),
    "presets.replace_sure": Text("确认改为当前方向", "Replace it"),
    "presets.remove": Text("删除预置位", "Delete the preset"),
    "presets.remove_sure": Text("确认删除", "Delete it"),
    "presets.removed": Text("已删除 {number}：{name}", "Deleted {number}: {name}"),
    "home.title": Text("看守位", "Home position"),
    "home.loading": Text("正在向设备读取…", "Asking the device…"),
    "home.enabled": Text("无人操作时自动返回", "Return when nobody moves it"),
    "home.preset": Text("返回到预置位", "To preset"),
    "home.after": Text("等待秒数", "After seconds"),
    "home.save": Text("保存", "Save"),
    "home.saved": Text("看守位已保存", "The home position is saved"),
    "home.no_result": Text(
        "设备已收到，但没有报告结果", "The device took it and did not report whether it worked"
    ),
    # speaking
    "talk.title": Text("对讲", "Talk"),
    "talk.microphone": Text("正在打开麦克风…", "Opening the microphone…"),
    "talk.calling": Text("正在呼叫设备…", "Calling the device…"),
    "talk.hold": Text("按住讲话", "Hold to talk"),
    "talk.speaking": Text("正在讲话，松开结束", "Speaking, let go to stop"),
    "talk.level": Text("音量", "Level"),
    "talk.end": Text("结束对讲", "End the talk"),
    # why there is no picture
    "diagnosis.title": Text("为什么没有画面", "Why is there no picture"),
    "diagnosis.choose": Text("先选择一个没有画面的摄像机", "Choose a camera without a picture first"),
    "diagnosis.running": Text("正在逐步检查…", "Checking step by step…"),
    "diagnosis.patience": Text("最多一分钟，已用 {s} 秒", "Up to a minute; {s} s so far"),
    "diagnosis.evidence": Text("依据", "Evidence"),
    "diagnosis.settings": Text("建议设置", "Advised settings"),
    "diagnosis.steps": Text("检查步骤", "What was checked"),
    "diagnosis.apply": Text("用于此设备", "Use for this device"),
    "diagnosis.applied": Text(
        "已写入设备档案，正在重新检查", "It is in the device's profile; checking again"
    ),
    "diagnosis.ladder": Text("这次呼叫的信令", "Messages of this call"),
    "diagnosis.again": Text("重新检查", "Check again"),
    "diagnosis.when": Text("{time} 检查，用时 {s} 秒", "Checked at {time}, took {s} s"),
    "place.profile": Text("设备档案", "profile"),
    "place.platform": Text("平台配置", "platform"),
    "place.device": Text("设备", "device"),
    "place.network": Text("网络", "network"),
    "outcome.passed": Text("正常", "passed"),
    "outcome.warned": Text("注意", "warning"),
    "outcome.failed": Text("失败", "failed"),
    "outcome.skipped": Text("跳过", "skipped"),
    "step.registered": Text("注册", "Registered"),
    "step.answers": Text("应答", "Answers"),
    "step.addresses": Text("地址", "Addresses"),
    "step.listed": Text("目录", "Catalogue"),
    "step.invited": Text("呼叫", "Called"),
    "step.picture": Text("画面", "Picture"),
    "step.quality": Text("质量", "Quality"),
    "setting.SIP server address, port and id": Text(
        "SIP 服务器地址、端口和编号", "SIP server address, port and id"
    ),
    "setting.SIP password": Text("注册密码", "SIP password"),
    "setting.devices/{device_id}.password": Text("平台上该设备的密码", "password of the device here"),
    "setting.way from the device to this platform": Text(
        "设备到平台的网络", "way from the device to this platform"
    ),
    "setting.sip.port": Text("SIP 端口（sip.port）", "sip.port"),
    "setting.camera behind this channel": Text("该通道下的摄像机", "camera behind this channel"),
    "setting.SIP transport": Text("SIP 传输协议", "SIP transport"),
    "setting.keepalive interval": Text("心跳周期", "keepalive interval"),
    "setting.firmware": Text("固件", "firmware"),
    "setting.greatest number of streams": Text("最大取流路数", "greatest number of streams"),
    "setting.media.rtp_ports over TCP": Text("TCP 媒体端口（media.rtp_ports）", "media.rtp_ports over TCP"),
    "setting.media.rtp_ports over UDP": Text("UDP 媒体端口（media.rtp_ports）", "media.rtp_ports over UDP"),
    "setting.GB28181 stream format": Text("GB28181 码流封装格式", "GB28181 stream format"),
    "setting.network card of GB28181": Text("GB28181 使用的网卡", "network card of GB28181"),
    "setting.video coding": Text("视频编码", "video coding"),
    "setting.stream encryption": Text("码流加密", "stream encryption"),
    "setting.bit rate": Text("码率", "bit rate"),
    "setting.key-frame interval": Text("关键帧间隔", "key-frame interval"),
    "setting.audio of the stream": Text("码流中的音频", "audio of the stream"),
    # the reasons
    "reason.ok": Text("画面正常", "The picture is there"),
    "reason.ok.advice": Text("无需处理；可以重试画面。", "Nothing to do; try the picture again."),
    "reason.never-registered": Text("设备从未注册", "The device never registered"),
    "reason.never-registered.advice": Text(
        "在设备上填写本平台的地址、端口、SIP 服务器编号、域和密码。",
        "Enter this platform's address, port, SIP server id and domain at the device, and its password.",
    ),
    "reason.wrong-credentials": Text("设备的注册密码错误", "The device's password is wrong"),
    "reason.wrong-credentials.advice": Text(
        "设备给出的密码不对：在设备和平台上设置相同的密码。",
        "It is asked for its password and gives a wrong one: set the same at the device and here.",
    ),
    "reason.device-offline": Text("设备离线", "The device is offline"),
    "reason.device-offline.advice": Text(
        "检查设备电源和网络；下一次注册后恢复在线。",
        "Check its power and network; it is online again from its next registration.",
    ),
    "reason.unknown-channel": Text("设备没有这个通道", "The device has no such channel"),
    "reason.unknown-channel.advice": Text(
        "重新读取设备目录；通道可能已被删除。",
        "Ask it for its catalogue; the channel may have been removed.",
    ),
    "reason.channel-off": Text("设备报告该通道离线", "The device itself calls the channel off"),
    "reason.channel-off.advice": Text(
        "录像机连不上下面的摄像机：检查该摄像机的电源、网络，以及录像机中的密码。",
        "An NVR has lost the camera behind it: check that camera's power, network and password in the NVR.",
    ),
    "reason.no-sip-answer": Text("设备能注册，但不应答", "The device registers, and does not answer"),
    "reason.no-sip-answer.advice": Text(
        "回程不通：NAT 映射已过期，或防火墙只放行单向 SIP。缩短设备的心跳周期，或改用 TCP 注册。",
        "The way back is closed: a NAT binding ran out, or a firewall lets SIP through one way only. "
        "Shorten the device's keepalive interval, or register it over TCP.",
    ),
    "reason.no-answer": Text("设备不应答呼叫（INVITE）", "No answer to INVITE"),
    "reason.no-answer.advice": Text(
        "其他请求有应答，唯独呼叫没有：重启设备；仍不行时把信令交给厂家。",
        "Other requests are answered: the device does not like this INVITE, or is stuck. Restart it; if that "
        "does not help, give the trace to the vendor.",
    ),
    "reason.refused": Text("设备拒绝呼叫", "The device refuses"),
    "reason.refused.advice": Text(
        "404：设备不认识该通道。480 或 503：下面的摄像机离线。"
        "486：取流路数已满，调大上限。488：不支持所要求的媒体，换一种媒体传输方式。",
        "404: it does not know the channel. 480 or 503: the camera behind it is off. 486: too many streams, "
        "raise its limit. 488: it cannot send what is asked for; try the other media transport.",
    ),
    "reason.bad-answer": Text("设备的应答无法使用", "The device's answer cannot be used"),
    "reason.bad-answer.advice": Text(
        "下载这次呼叫的信令，连同型号和固件版本交给厂家。",
        "Download the trace of this call and give it to the vendor, with model and firmware.",
    ),
    "reason.sdp-unreachable": Text("媒体地址不可达", "A media address cannot be reached"),
    "reason.sdp-unreachable.advice": Text(
        "一方给出的是内网地址或错误地址。改为设备能到达的地址，或改用 TCP 媒体（由设备连接平台）。",
        "The address that one side names is private to its own network, or wrong. Name one that the device "
        "reaches, or use TCP media, where the device connects to us.",
    ),
    "reason.tcp-refused": Text("TCP 媒体连接没有建立", "No TCP connection for media came about"),
    "reason.tcp-refused.advice": Text(
        "防火墙没有放行 TCP 媒体端口，或设备不支持 TCP 媒体。",
        "A firewall closes our media ports for TCP, or the device cannot do it.",
    ),
    "reason.no-media": Text(
        "设备同意了，但媒体没有到达", "The device accepts and sends nothing that arrives"
    ),
    "reason.no-media.advice": Text(
        "防火墙没有放行媒体端口，或设备发到了别的地址。",
        "A firewall closes our media ports, or the device sends to another address.",
    ),
    "reason.strange-source": Text("收到的不是该设备的媒体", "What arrives is not the device's media"),
    "reason.strange-source.advice": Text(
        "到达端口的不是 RTP，或来自其他发送方。",
        "Something else than RTP reaches our port, or only packets of another sender.",
    ),
    "reason.other-source": Text("媒体与信令来自不同地址", "Media comes from another address than SIP"),
    "reason.other-source.advice": Text(
        "平台已接收，但中间的防火墙可能不放行：设备有多块网卡，或前面有 NAT。",
        "It is taken, but a firewall between might not take it. The device has several network cards, or NAT "
        "stands before it.",
    ),
    "reason.wrong-ssrc": Text("媒体的 SSRC 不符，已被拒收", "The media carries another SSRC, and is refused"),
    "reason.wrong-ssrc.advice": Text(
        "设备没有按 y= 发送。设为接受设备自己的 SSRC。", "The device ignores y=. Take what it sends."
    ),
    "reason.other-ssrc": Text("媒体的 SSRC 与约定不同", "The media carries another SSRC than agreed"),
    "reason.other-ssrc.advice": Text(
        "端口为此流独用，平台已接收，无需处理；要求更严的上级平台可能会拒收。",
        "It is taken, because the port belongs to this stream alone. Nothing to do here; a superior platform "
        "that is stricter may refuse the device.",
    ),
    "reason.unsupported-stream": Text("设备发送私有码流", "The device sends a stream of its own kind"),
    "reason.unsupported-stream.advice": Text(
        "把通道设为 H.264 或 H.265 标准码流，并关闭智能编码。",
        "Set the channel to H.264 or H.265 in a standard stream, and switch smart codecs off.",
    ),
    "reason.no-pack-header": Text("有数据包，但不是 PS 流", "Packets arrive, but no program stream in them"),
    "reason.no-pack-header.advice": Text(
        "把设备的 GB28181 码流封装格式设为 PS。", "Set the device's GB28181 stream format to PS."
    ),
    "reason.encrypted": Text("画面已加密", "The pictures are encrypted"),
    "reason.encrypted.advice": Text("在设备上关闭码流加密。", "Switch stream encryption off at the device."),
    "reason.bandwidth-short": Text("途中丢包过多", "Too much is lost on the way"),
    "reason.bandwidth-short.advice": Text(
        "线路带宽不够：降低码率，取子码流，或改用 TCP 媒体。",
        "The line carries less than the camera sends. Lower its bit rate, take its sub-stream, or use TCP.",
    ),
    "reason.no-keyframe": Text("有媒体，但没有关键帧", "Media flows, and no key frame comes"),
    "reason.no-keyframe.advice": Text(
        "缩短关键帧间隔，通常为 2 秒。", "Shorten the key-frame interval; two seconds are usual."
    ),
    "reason.late-keyframe": Text("关键帧间隔过长", "Key frames are far apart"),
    "reason.late-keyframe.advice": Text(
        "每次打开画面都要等下一个关键帧：缩短间隔，通常为 2 秒。",
        "Every viewer waits for the next one: shorten the key-frame interval; two seconds are usual.",
    ),
    "reason.audio-absent": Text("声明有音频，但没有收到", "Sound is announced and does not come"),
    "reason.audio-absent.advice": Text(
        "打开设备的拾音器，或关闭码流中的音频。", "Switch the microphone on, or the sound of the stream off."
    ),
    "reason.transport-changed": Text(
        "换了一种媒体传输方式才收到画面", "Media came over the other transport only"
    ),
    "reason.transport-changed.advice": Text(
        "平台已记住，以后直接使用。如果原来的方式应当可用，请检查防火墙。",
        "It is remembered and asked for at once from now on. A firewall closes the first, if it should work.",
    ),
    "reason.no-capacity": Text(
        "平台没有空闲的媒体端口或流编号", "This platform has no free port or stream number"
    ),
    "reason.no-capacity.advice": Text(
        "关闭一些画面，或扩大端口范围。", "Close streams, or widen the range of ports."
    ),
    "reason.stream-ended": Text("画面出现之前流就结束了", "The stream ended before a picture came"),
    "reason.stream-ended.advice": Text(
        "设备挂断，或有人停止了它：查看信令后重试。",
        "The device hung up, or somebody stopped it: see the trace, and try again.",
    ),
}
