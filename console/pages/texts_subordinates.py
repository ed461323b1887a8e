"""Texts about subordinate platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

_PAGE: Final[Mapping[str, Text]] = {
    "problem.unknown-subordinate": Text("没有这个下级平台", "No such subordinate platform"),
    "problem.subordinate-exists": Text("该下级平台已存在", "The subordinate platform is on file already"),
    "problem.unknown-temporary-recording": Text("没有这个临时录像", "No such temporary recording"),
    "problem.temporary-recording-refused": Text("无法建立临时录像", "The temporary recording cannot be"),
    "problem.temporary-recording-refused.advice": Text(
        "结束时间须在将来且不超过最长时限，或先结束其他临时录像。",
        "Its end has to lie ahead and within the longest time allowed, or end another one first.",
    ),
    "subordinates.title": Text("下级平台", "Subordinate platforms"),
    "subordinates.add": Text("添加下级平台", "Add a subordinate"),
    "subordinates.edit_title": Text("修改下级平台", "Change the subordinate"),
    "subordinates.none": Text("还没有下级平台", "No subordinate platforms yet"),
    "subordinates.none_how": Text(
        "为下级平台登记编号和密码，它注册后，其目录会出现在左侧的设备树中。",
        "Enter its id and a password of its own; once it registers, its catalogue is in the tree.",
    ),
    "subordinates.watches": Text("正在取 {n} 路", "{n} from it"),
    "subordinates.remove": Text("删除下级平台", "Remove the subordinate"),
    "subordinates.remove_sure": Text("删除下级平台“{name}”？", "Remove the subordinate “{name}”?"),
    "subordinates.remove_means": Text(
        "将断开它的注册和画面，并删除它的目录；有录像的通道会保留。",
        "Its registration and pictures end and its catalogue goes; channels with recordings stay.",
    ),
    "subordinates.tab_state": Text("状态", "State"),
    "subordinates.tab_streams": Text("取流中", "What comes from it"),
    "subordinates.tab_trial": Text("联调测试", "Test call"),
    "subordinates.state": Text("状态", "State"),
    "subordinates.remote": Text("来自", "Comes from"),
    "subordinates.registered_at": Text("最近注册", "Registered"),
    "subordinates.until": Text("有效至 {time}", "until {time}"),
    "subordinates.last_keepalive_at": Text("最近心跳", "Last keepalive"),
    "subordinates.every": Text("间隔 {s} 秒", "every {s} s"),
    "subordinates.speaks": Text("协议", "Protocol"),
    "subordinates.catalogue": Text("目录", "Catalogue"),
    "subordinates.cameras": Text("通道", "Channels"),
    "subordinates.cameras_are": Text(
        "摄像机 {n} 个，在线 {on} 个，目录 {directories} 个",
        "{n} cameras, {on} on, {directories} directories",
    ),
    "subordinates.missing": Text("不再上报的通道", "No longer listed"),
    "subordinates.from_anywhere": Text("不限制", "anywhere"),
    "subordinates.streams_none": Text("现在没有从它取画面。", "No picture comes from it now."),
    "subordinates.holders": Text("用途", "For"),
    "subordinates.age": Text("时长", "Since"),
    "subordinates.route": Text("经过的平台", "Came by"),
    "trial.begin": Text("开始测试", "Try it"),
    "trial.running": Text("正在测试…", "Trying…"),
    "subordinates.trial_how": Text(
        "依次检查注册、应答、目录，并取一路实时画面。",
        "Is it registered, does it answer, what does it list, and one live picture.",
    ),
    "trial.ok": Text("全部通过", "All is well"),
    "trial.bad": Text("没有通过", "It does not work"),
}

_FORM: Final[Mapping[str, Text]] = {
    "subordinates.name": Text("名称", "Name"),
    "subordinates.id": Text("下级平台编号", "Id of the subordinate"),
    "subordinates.account": Text("认证用户名", "User name"),
    "subordinates.expected_hosts": Text("允许的地址", "Addresses that it may come from"),
    "subordinates.edition": Text("协议版本", "Edition"),
    "subordinates.charset": Text("字符集", "Charset"),
    "subordinates.group_more": Text("更多设置", "More settings"),
    "subordinates.media_transport": Text("媒体传输", "Media transport"),
    "subordinates.path_rank": Text("路径优先级（小者优先）", "Rank among paths (lowest first)"),
    "subordinates.catalog_every_s": Text("目录查询间隔（秒）", "Catalogue asked for every (s)"),
    "subordinates.send_date": Text("注册时为它校时", "Set its clock at registration"),
}

_WORDS: Final[Mapping[str, Text]] = {
    "subordinate_state.off": Text("已停用", "Off"),
    "subordinate_state.expected": Text("尚未注册", "Not registered yet"),
    "subordinate_state.online": Text("在线", "Online"),
    "subordinate_state.doubtful": Text("正在核实", "Being asked"),
    "subordinate_state.lost": Text("离线", "Lost"),
    "catalogue_state.none": Text("还没有目录", "None yet"),
    "catalogue_state.asked": Text("正在接收", "Being asked for"),
    "catalogue_state.waiting": Text("等待查询", "Waits for its turn"),
    "catalogue_state.whole": Text("完整", "Whole"),
    "catalogue_state.partial": Text("不完整", "Came in part"),
    "media_choice.auto": Text("自动选择", "By itself"),
    "media_choice.udp": Text("UDP 传输", "UDP"),
    "media_choice.tcp_passive": Text("TCP 传输（下级连接平台）", "TCP (it connects)"),
    "trial_step.registration": Text("注册", "Registration"),
    "trial_step.answer": Text("应答", "Answer"),
    "trial_step.catalogue": Text("目录", "Catalogue"),
    "trial_step.picture": Text("实时画面", "Live picture"),
    "invite_state.idle": Text("空闲", "Idle"),
    "invite_state.opening": Text("正在准备", "Opening"),
    "invite_state.inviting": Text("正在呼叫", "Inviting"),
    "invite_state.clearing": Text("正在清理旧会话", "Clearing a stale dialog"),
    "invite_state.switching": Text("正在更换传输方式", "Switching the transport"),
    "invite_state.waiting for media": Text("等待画面", "Waits for media"),
    "invite_state.playing": Text("播放中", "Playing"),
    "invite_state.repairing": Text("正在恢复", "Being repaired"),
    "invite_state.lingering": Text("保留中", "Kept for the next"),
    "invite_state.closing": Text("正在关闭", "Closing"),
    "invite_state.closed": Text("已关闭", "Closed"),
    "holder.live": Text("观看", "Watching"),
    "holder.record": Text("录像", "Recording"),
    "holder.relay": Text("转发上级", "Relayed upward"),
    "holder.snapshot": Text("抓图", "Snapshot"),
    "holder.push": Text("推流", "Push"),
    "holder.trial": Text("联调测试", "Test call"),
    "holder.conformance": Text("检测", "Conformance"),
}

TEXTS: Final[Mapping[str, Text]] = {**_PAGE, **_FORM, **_WORDS}
