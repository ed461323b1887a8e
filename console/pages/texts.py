"""Every text of the pages, in Chinese and English; those of one subject are in ``texts_*.py``.

``{name}`` is filled in by the page. ``problem.<code>`` names a failure of the API by its stable code,
``problem.<code>.advice`` says what to do about it; a code that is not here shows the API's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from console.pages import (
    texts_camera,
    texts_device,
    texts_problems,
    texts_sources,
    texts_streams,
    texts_subordinates,
    texts_superiors,
)
from console.pages.text import LANGUAGES, Language, Text

__all__ = ["LANGUAGES", "TEXTS", "Language", "Text", "language_of", "tables"]

_FRAME: Final[Mapping[str, Text]] = {
    "brand": Text("通视", "Tongshi"),
    "title": Text("通视 · 视频共享平台", "Tongshi · video sharing platform"),
    # log-in
    "login.subtitle": Text("公共安全视频共享平台", "Public-safety video sharing platform"),
    "login.username": Text("用户名", "User name"),
    "login.password": Text("密码", "Password"),
    "login.submit": Text("登录", "Log in"),
    "login.busy": Text("正在登录…", "Logging in…"),
    "login.wait": Text("请等待 {s} 秒。", "Wait {s} seconds."),
    "login.first": Text(
        "首次启动的管理员密码在服务器控制台上显示一次。",
        "The administrator's first password is shown once on the server's console.",
    ),
    # frame
    "page.skip": Text("跳到主内容", "Skip to content"),
    "page.language": Text("English", "中文"),
    "page.language_title": Text("Switch to English", "切换到中文"),
    "page.log_out": Text("退出登录", "Log out"),
    "view.name": Text("视图", "View"),
    "view.wall": Text("实时画面", "Live"),
    "view.playback": Text("录像回放", "Playback"),
    "counts.name": Text("概况", "Overview"),
    "counts.online": Text("在线", "Online"),
    "counts.formula": Text("在线率 = 当前在线 ÷ 建档摄像机", "Online rate = online now ÷ cameras on file"),
    "counts.recordings": Text("录像中", "Recording"),
    "counts.recordings_title": Text(
        "正在录像的通道数；缺少时显示应录数",
        "Channels being recorded; with the wanted number when some are missing",
    ),
    "counts.disk": Text("磁盘可用", "Disk free"),
    "counts.disk_title": Text("录像磁盘共 {total}", "The recording disk has {total}"),
    # password
    "password.title": Text("修改密码", "Change password"),
    "password.current": Text("当前密码", "Current password"),
    "password.new": Text("新密码（至少 10 个字符）", "New password (at least 10 characters)"),
    "password.again": Text("再次输入新密码", "New password again"),
    "password.differ": Text("两次输入的新密码不一致", "The two new passwords differ"),
    "password.submit": Text("修改并重新登录", "Change, and log in again"),
    "password.cancel": Text("取消", "Cancel"),
    # tree
    "tree.name": Text("设备与通道", "Devices and channels"),
    "tree.search": Text("搜索名称、编号、地址", "Search name, id, address"),
    "tree.loading": Text("正在读取…", "Loading…"),
    "tree.no_match": Text("没有与“{text}”相符的通道", "No channel matches “{text}”"),
    "tree.no_channels": Text("目录为空，等待设备上报", "The catalogue is empty so far"),
    "tree.online": Text("在线", "Online"),
    "tree.offline": Text("离线", "Offline"),
    "tree.sync": Text("重新读取设备目录", "Read the device's catalogue again"),
    "tree.synced": Text("目录已更新：{n} 个通道", "Catalogue is up to date: {n} channels"),
    "tree.synced_in_part": Text(
        "目录不完整（收到 {n} 个通道），保留上一份完整目录",
        "Catalogue came in part ({n} channels): the last whole one is kept",
    ),
    "empty.title": Text("还没有设备", "No devices yet"),
    "empty.how": Text(
        "在摄像机或录像机的 GB/T 28181 设置中填写以下内容，注册后会自动出现在这里。",
        "Enter this in the camera's or recorder's GB/T 28181 settings; it appears here once it registers.",
    ),
    "empty.sip_id": Text("SIP 服务器编号", "SIP server id"),
    "empty.sip_domain": Text("SIP 域", "SIP domain"),
    "empty.sip_address": Text("SIP 服务器地址", "SIP server address"),
    "empty.password": Text(
        "注册密码为平台配置 [sip] password 中的密码。",
        "The password is the one in [sip] password of the configuration.",
    ),
    # wall
    "wall.name": Text("实时画面墙", "Wall of live pictures"),
    "wall.size": Text("画面数", "Number of pictures"),
    "wall.tiles": Text("{n} 画面", "{n} pictures"),
    "tile.empty": Text("画面 {n}，空", "Picture {n}, empty"),
    "tile.number": Text("画面 {n}", "Picture {n}"),
    "tile.hint": Text("点选或拖入左侧的通道", "Click a channel on the left, or drag one here"),
    "tile.rec": Text("录像", "REC"),
    "tile.recording": Text("正在录像", "Being recorded"),
    "tile.loss": Text("丢包 {loss}", "loss {loss}"),
    "tile.mute": Text("静音", "Mute"),
    "tile.unmute": Text("打开声音", "Sound on"),
    "tile.start": Text("开始录像", "Start recording"),
    "tile.stop": Text("停止录像", "Stop recording"),
    "tile.always": Text("持续录像（由配置决定）", "Always recorded (by configuration)"),
    "tile.started": Text("已开始录像：{name}", "Recording: {name}"),
    "tile.stopped": Text("已停止录像：{name}", "Recording ended: {name}"),
    "tile.snapshot": Text("保存截图", "Save a snapshot"),
    "tile.playback": Text("回放录像", "Play recordings"),
    "tile.close": Text("关闭画面", "Close picture"),
    "tile.retry": Text("重试", "Try again"),
    "tile.retry_in": Text("立即重试（{s} 秒后自动重试）", "Try now (by itself in {s} s)"),
    "state.empty": Text("空", "Empty"),
    "state.opening": Text("正在呼叫设备…", "Calling the device…"),
    "state.connecting": Text("正在等待画面…", "Waiting for the picture…"),
    "state.playing": Text("正在播放", "Playing"),
    "state.stalled": Text("画面中断，等待恢复…", "No new picture, waiting…"),
    "state.waiting": Text("没有画面", "No picture"),
    "state.failed": Text("没有画面", "No picture"),
    "state.undecodable": Text("浏览器不能解码", "The browser cannot decode it"),
    "undecodable.title": Text("此浏览器不能解码 {codec}", "This browser cannot decode {codec}"),
    "undecodable.advice": Text(
        "摄像机工作正常，录像不受影响。请换用支持 {codec} 硬件解码的浏览器，或把摄像机改为 H.264。",
        "The camera works and is recorded all the same. Use a browser with {codec} hardware decoding, "
        "or set the camera to H.264.",
    ),
    "undecodable.still": Text("显示静态截图", "Show a still picture"),
    "undecodable.still_of": Text("{name} 的截图", "Still picture of {name}"),
    "undecodable.still_at": Text("{time} 的静态截图", "still picture of {time}"),
    "undecodable.again": Text("更新", "Renew"),
    "undecodable.no_still": Text("现在取不到截图", "No still picture can be had now"),
    "undecodable.saved": Text(
        "录像文件完好，可以下载后用其他播放器观看。",
        "The recording is sound: save it and play it with another player.",
    ),
    # playback
    "playback.name": Text("录像回放", "Playback"),
    "playback.choose": Text(
        "在左侧选择一个通道，查看它的录像", "Choose a channel on the left to see its recordings"
    ),
    "playback.date": Text("日期", "Date"),
    "playback.day_before": Text("前一天", "Day before"),
    "playback.day_after": Text("后一天", "Day after"),
    "playback.zoom": Text("时间轴范围", "Range of the time line"),
    "playback.timeline": Text("时间轴：左右方向键移动 10 秒", "Time line: left and right move by 10 seconds"),
    "playback.loading": Text("正在读取录像…", "Loading recordings…"),
    "playback.none": Text("{date} 没有录像", "No recordings on {date}"),
    "playback.none_advice": Text(
        "换一天看看，或在实时画面中点“开始录像”。",
        "Choose another day, or start recording on the live picture.",
    ),
    "playback.play_from": Text("从 {time} 开始播放", "Play from {time}"),
    "playback.nothing_after": Text("{time} 之后没有录像", "Nothing was recorded after {time}"),
    "playback.end": Text("已播放到最后", "This is the end of what was recorded"),
    "playback.end_today": Text("有新录像时会自动继续。", "It goes on by itself when more is there."),
    "playback.play": Text("播放", "Play"),
    "playback.pause": Text("暂停", "Pause"),
    "playback.speed": Text("倍速", "Speed"),
    "playback.summary": Text("录像 {hours}，{size}", "{hours} recorded, {size}"),
    "playback.save": Text("下载这一段", "Save this segment"),
}

TEXTS: Final[Mapping[str, Text]] = dict(
    chain(
        _FRAME.items(),
        texts_camera.TEXTS.items(),
        texts_device.TEXTS.items(),
        texts_problems.TEXTS.items(),
        texts_sources.TEXTS.items(),
        texts_streams.TEXTS.items(),
        texts_subordinates.TEXTS.items(),
        texts_superiors.TEXTS.items(),
    )
)


def tables() -> dict[str, dict[str, str]]:
    """Language to key to text, as the components take it."""
    return {language: {key: getattr(text, language) for key, text in TEXTS.items()} for language in LANGUAGES}


def language_of(cookie: str | None, accept_language: str) -> Language:
    """What the person chose, or what the browser asks for; Chinese when it asks for neither."""
    for language in LANGUAGES:
        if cookie == language:
            return language
    for part in accept_language.lower().split(","):
        tag = part.partition(";")[0].strip()
        for language in LANGUAGES:
            if tag == language or tag.startswith(f"{language}-"):
                return language
    return "zh"
