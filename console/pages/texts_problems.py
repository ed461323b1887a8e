"""Failures by their stable code (``problem.<code>``), and what to do about them (``.advice``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "problem.no-answer-from-platform": Text("平台没有应答", "The platform does not answer"),
    "problem.no-answer-from-platform.advice": Text(
        "检查到服务器的网络。", "Check the network to the server."
    ),
    "problem.unauthenticated": Text("请重新登录", "Log in again"),
    "problem.forbidden": Text("没有权限", "Not allowed"),
    "problem.forbidden.advice": Text(
        "请管理员授予相应角色。", "Ask an administrator for a role that includes it."
    ),
    "problem.wrong-password": Text("用户名或密码错误", "Wrong user name or password"),
    "problem.wrong-password.advice": Text(
        "连续失败会暂时锁定。", "Repeated failures lock the name for a while."
    ),
    "problem.locked-out": Text("失败次数过多，已暂时锁定", "Too many failures: locked for a while"),
    "problem.locked-out.advice": Text(
        "请稍后再试，或请管理员重设密码。", "Wait, or have an administrator set a new password."
    ),
    "problem.unsuitable-password": Text("这个密码不能使用", "This password cannot be used"),
    "problem.unsuitable-password.advice": Text(
        "至少 10 个字符，不要重复少数几个字符，也不要与用户名相近。",
        "At least 10 characters, not a few of them repeated, not like the user name.",
    ),
    "problem.too-many-log-ins": Text("登录过于频繁", "Too many log-ins"),
    "problem.log-ins-busy": Text("登录人数过多，请稍后", "Too many log-ins at once, try again soon"),
    "problem.device-offline": Text("设备离线", "The device is offline"),
    "problem.device-offline.advice": Text(
        "检查设备电源、网络和注册参数。", "Check its power, its network and its registration settings."
    ),
    "problem.no-answer": Text("设备没有应答", "The device did not answer"),
    "problem.no-answer.advice": Text(
        "设备在线但不回应呼叫：检查到设备的网络（NAT、防火墙）。",
        "It is online but does not take the call: check the way to it (NAT, firewall).",
    ),
    "problem.refused": Text("设备拒绝了请求", "The device refused"),
    "problem.refused.advice": Text(
        "常见原因：设备路数已满（486）、通道不存在（404）。",
        "Often: too many streams (486), or no such channel (404).",
    ),
    "problem.no-media": Text("没有收到媒体流", "No media arrived"),
    "problem.no-media.advice": Text(
        "设备已同意但没有送达：检查媒体端口是否开放、平台的对外地址是否正确。",
        "The device agreed but nothing arrived: check the media ports and the advertised address.",
    ),
    "problem.capture-refused": Text("现在无法抓包", "The stream cannot be captured now"),
    "problem.capture-refused.advice": Text(
        "等待其他抓包结束或删除一些；拉流和推流的来源无法抓包。",
        "Wait until other captures have ended, or delete some; pulled and pushed sources cannot be captured.",
    ),
    "problem.unknown-capture": Text("没有这个抓包", "No such capture"),
    "problem.unknown-capture.advice": Text(
        "查看抓包列表；平台重启后不保留抓包。",
        "List the captures; they are not kept over a restart.",
    ),
    "problem.wrong-ssrc": Text("媒体流标识（SSRC）不符", "The media carries another SSRC"),
    "problem.wrong-ssrc.advice": Text(
        "可能有另一路流发到本端口：重启设备的流。",
        "Another stream may be sent to our port: restart the device's stream.",
    ),
    "problem.no-keyframe": Text("没有收到关键帧", "No key frame arrived"),
    "problem.no-keyframe.advice": Text(
        "媒体在传输但无法起播：缩短摄像机的关键帧间隔，检查丢包。",
        "Media flows but no picture can start: shorten the key-frame interval, check the loss.",
    ),
    "problem.unknown-channel": Text("通道不存在", "No such channel"),
    "problem.unknown-channel.advice": Text("重新读取设备目录。", "Read the device's catalogue again."),
    "problem.not-a-camera": Text("该条目不是摄像机", "This entry is not a camera"),
    "problem.too-many-sessions": Text("同时观看的画面过多", "Too many live pictures"),
    "problem.too-many-sessions.advice": Text("请关闭一些画面。", "Close some of them."),
    "problem.stream-lost": Text("画面中断", "The picture broke off"),
    "problem.stream-lost.advice": Text("正在自动重新连接。", "It is opened again by itself."),
    "problem.disk-full": Text("录像磁盘已满", "The recording disk is full"),
    "problem.disk-full.advice": Text(
        "释放空间或更换更大的磁盘。", "Free some space, or move to a larger disk."
    ),
    "problem.segment-gone": Text("录像文件已不存在", "The recording's file is gone"),
    "problem.database-away": Text("数据库暂时不可用", "The database is away"),
    "problem.database-away.advice": Text(
        "画面和录像不受影响；请管理员检查数据库。",
        "Pictures and recordings go on; have an administrator look at the database.",
    ),
    "problem.not-ready": Text("平台正在启动或停止", "The platform is starting or stopping"),
    "problem.not-ready.advice": Text("请稍后再试。", "Try again in a few seconds."),
    "problem.internal": Text("平台内部错误", "The platform made a mistake"),
    "problem.internal.advice": Text("详情见服务器日志。", "The server's log has the details."),
    "problem.cross-site-request": Text("请求来自其他网站", "The request comes from another site"),
    "problem.not-found": Text("没有这个资源", "There is nothing here"),
    "problem.invalid-request": Text("请求内容不正确", "The request is not understood"),
    "problem.unknown-device": Text("没有这个设备", "No such device"),
    "problem.unknown-device.advice": Text("设备注册后才会出现。", "A device appears when it registers."),
    "problem.unknown-segment": Text("没有这段录像", "No such recording"),
    "problem.stream-ended": Text("画面出现之前流就结束了", "The stream ended before a picture came"),
    "problem.stream-ended.advice": Text("请重试。", "Try again."),
    "problem.ambiguous-channel": Text("多个设备有这个通道", "Several devices have this channel"),
    "problem.unknown-run": Text("没有此符合性测试", "No such conformance run"),
    "problem.run-under-way": Text("该设备的符合性测试正在进行", "A conformance run is under way"),
    "problem.unknown-session": Text("会话已结束", "The session has ended"),
    "problem.too-many-listeners": Text("订阅消息的人过多", "Too many listen to the news"),
    "problem.unknown-alarm": Text("没有这条报警", "No such alarm"),
    "problem.unknown-alarm.advice": Text("可能已过保存期。", "It may be too old."),
    "problem.unknown-alarm-file": Text("没有这个录像或截图", "No such clip or picture"),
    "problem.alarm-file-not-ready": Text("录像或截图还没有准备好", "The clip or picture is not ready"),
    "problem.not-in-edition": Text(
        "设备声明的标准版本没有这项功能", "The device's edition does not have this"
    ),
    "problem.not-in-edition.advice": Text(
        "若确知设备支持，请管理员在设备档案中设定标准版本。",
        "If it can all the same, have an administrator set the edition in its profile.",
    ),
    "problem.control-held": Text("其他人正在控制这个摄像机", "Somebody else has the camera"),
    "problem.control-held.advice": Text(
        "请等待其松开，或由优先级更高的用户接管。", "Wait until they let go; a higher priority takes it over."
    ),
    "problem.bad-answer": Text("设备的应答无法使用", "The device's answer cannot be used"),
    "problem.bad-answer.advice": Text(
        "下载信令，连同型号和固件版本交给厂家。", "Give its trace to the vendor, with model and firmware."
    ),
    "problem.sdp-unreachable": Text("媒体地址不可达", "A media address cannot be reached"),
    "problem.sdp-unreachable.advice": Text(
        "检查平台的对外媒体地址，或改用 TCP 媒体。", "Check the advertised media address, or use TCP media."
    ),
    "problem.tcp-refused": Text("TCP 媒体连接没有建立", "No TCP connection for media"),
    "problem.tcp-refused.advice": Text(
        "放行 TCP 媒体端口，或为此设备改用 UDP。", "Open the media ports for TCP, or use UDP for the device."
    ),
    "problem.strange-source": Text("收到的不是该设备的媒体", "What arrives is not the device's media"),
    "problem.unsupported-stream": Text("设备发送私有码流", "The device sends a stream of its own kind"),
    "problem.unsupported-stream.advice": Text(
        "设为 H.264 或 H.265 标准码流，并关闭智能编码。",
        "Set H.264 or H.265 in a standard stream, and switch smart codecs off.",
    ),
    "problem.no-pack-header": Text("收到的不是 PS 流", "The media is no program stream"),
    "problem.no-pack-header.advice": Text(
        "把设备的码流封装格式设为 PS。", "Set the device's stream format to PS."
    ),
    "problem.encrypted": Text("画面已加密", "The media is encrypted"),
    "problem.encrypted.advice": Text("在设备上关闭码流加密。", "Switch stream encryption off at the device."),
    "problem.bandwidth-short": Text("途中丢包过多", "Too much of the media is lost"),
    "problem.bandwidth-short.advice": Text(
        "降低码率，或改用 TCP 媒体。", "Lower the camera's bit rate, or use TCP media."
    ),
    "problem.unknown-subscription": Text("没有这个订阅", "No such subscription"),
    "problem.too-many-subscriptions": Text("订阅过多", "Too many subscriptions"),
    "problem.unsuitable-profile": Text("设备档案不能取这个值", "A profile cannot have this"),
    "problem.no-capacity": Text("平台的媒体端口已用完", "All receive ports are in use"),
    "problem.no-capacity.advice": Text("请关闭一些画面。", "Close some streams."),
    "problem.known-refusal": Text("设备以前拒绝过这个操作", "The device refused this before"),
    "problem.known-refusal.advice": Text("请选用列出的其他值。", "Use one of those that are offered."),
    "problem.unknown-playback": Text("播放已结束", "The playback has ended"),
    "problem.bad-pass": Text("播放地址无效或已过期", "The address opens nothing"),
    "problem.not-playable": Text("该码流不能用这种方式播放", "The stream cannot be sent this way"),
    "problem.no-slot-free": Text("名额已满，请稍后再试", "All places are taken"),
    "problem.snapshot-failed": Text("取不到截图", "No still picture"),
    "problem.always-recorded": Text("该通道持续录像", "The channel is always recorded"),
    "problem.unknown-download": Text("没有这个下载", "No such download"),
    "problem.download-gone": Text("下载的文件已不存在", "The file of the download is gone"),
    "problem.download-refused": Text("不能开始下载", "The download cannot be begun"),
    "problem.download-refused.advice": Text(
        "缩短时间段，或等待其他下载完成。", "Ask for less time, or wait until others are done."
    ),
    "problem.no-footage": Text("该时间段没有录像", "Nothing of that time is on the disk"),
    "problem.no-footage.advice": Text(
        "请查看录像列表；超过保存期限的录像已被删除。",
        "The list of recordings shows what there is; older footage is deleted when its time is over.",
    ),
    "problem.too-many-playbacks": Text("同时回放的录像过多", "Too many recordings are played"),
    "problem.too-many-playbacks.advice": Text(
        "请关闭一些回放，或提高上限。", "Close some, or raise the limit."
    ),
    "problem.loudspeaker-busy": Text("其他人正在对它讲话", "Somebody else speaks there"),
    "problem.loudspeaker-busy.advice": Text("请稍后再试。", "Try again when they are done."),
    "problem.too-many-audio-sessions": Text("同时对讲的人过多", "Too much sound at once"),
    "problem.unknown-audio-session": Text("对讲已结束", "The talk has ended"),
    "problem.bad-offer": Text("浏览器的音频参数无法使用", "The browser's offer cannot be answered"),
    "problem.microphone-insecure": Text(
        "浏览器不允许在此页面使用麦克风", "The browser gives no microphone to this page"
    ),
    "problem.microphone-insecure.advice": Text(
        "请通过 https 或在服务器本机（localhost）打开本页面。",
        "Open it by https, or on the server itself (localhost).",
    ),
    "problem.microphone-refused": Text("麦克风未获允许", "The microphone was not allowed"),
    "problem.microphone-refused.advice": Text(
        "在浏览器地址栏左侧允许使用麦克风，然后重试。",
        "Allow it left of the browser's address, then try again.",
    ),
    "problem.microphone-missing": Text("没有找到麦克风", "No microphone was found"),
    "problem.microphone-missing.advice": Text("请接上麦克风后重试。", "Connect one, then try again."),
    "problem.microphone-way": Text(
        "浏览器与平台之间的音频不通", "No sound gets from the browser to the platform"
    ),
    "problem.microphone-way.advice": Text(
        "检查浏览器到平台的 UDP 是否放行。", "Check that UDP passes from the browser to the platform."
    ),
    "problem.voice-ended": Text("对讲已结束", "The talk has ended"),
    "problem.voice-ended.advice": Text("设备或平台结束了通话。", "The device or the platform ended it."),
}
