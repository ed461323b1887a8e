"""Texts of a camera's streams: which one is shown, what arrives, and captures of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "problem.unknown-push": Text("没有这个推流", "No such push"),
    "problem.too-many-pushes": Text("推流数量已达上限", "Too many pushes are running"),
    # which stream a tile shows
    "stream.main": Text("主码流", "Main"),
    "stream.sub": Text("子码流", "Sub"),
    "stream.choose": Text("选择码流", "Choose the stream"),
    "stream_choice.auto": Text("自动", "Automatic"),
    "stream_choice.main": Text("主码流", "Main stream"),
    "stream_choice.sub": Text("子码流", "Sub-stream"),
    "stream.auto_means": Text(
        "多画面用子码流，放大用主码流", "sub-stream on the wall, main stream when enlarged"
    ),
    "stream.no_sub": Text("此摄像机没有子码流", "this camera has none"),
    "stream.by_itself": Text("正在显示：{name}（自动选择）", "Shown: {name} (chosen by itself)"),
    "stream.by_hand": Text("正在显示：{name}（手动选择）", "Shown: {name} (chosen by hand)"),
    "stream.fallen_back": Text(
        "正在显示：{name}（此摄像机没有子码流）", "Shown: {name} (this camera has no sub-stream)"
    ),
    "stream.none_here": Text(
        "{name} 没有子码流，显示主码流", "{name} has no sub-stream: its main stream is shown"
    ),
    "stream.not_switched": Text(
        "{name} 暂不能切换到{stream}，保留当前画面：{why}",
        "{name} stays as it is, “{stream}” cannot be had now: {why}",
    ),
    "tile.enlarge": Text("放大此画面（双击）", "Enlarge this picture (double click)"),
    "tile.shrink": Text("还原（双击或 Esc）", "Back to the wall (double click or Esc)"),
    "tile.details": Text("码流详情与抓包", "Stream details and captures"),
    "tile.transcoded": Text("转码", "Transcoded"),
    "tile.transcoded_title": Text(
        "此浏览器不能解码 {codec}，平台正在转码为 H.264",
        "This browser cannot decode {codec}: the platform makes it H.264",
    ),
    "undecodable.no_slot": Text("{codec} 转码名额已满", "All transcoding slots for {codec} are taken"),
    "undecodable.no_slot_advice": Text(
        "此浏览器不能解码 {codec}，需要平台转码。有空闲名额时会自动显示；可先关闭其他正在转码的画面。",
        "This browser cannot decode {codec}, the platform must transcode it. It is shown by itself when a "
        "slot is free; closing another transcoded picture frees one.",
    ),
    # what arrives, and who takes it
    "details.title": Text("码流详情", "Stream details"),
    "details.choose": Text("先在画面墙上选择一个摄像机", "Select a camera on the wall first"),
    "details.reading": Text("正在读取…", "Reading…"),
    "details.none": Text("现在没有人观看此摄像机", "Nobody watches this camera now"),
    "details.picture": Text("画面", "Picture"),
    "details.rate": Text("帧率与码率", "Rate"),
    "details.gop": Text("关键帧间隔", "Key frames every"),
    "details.seconds": Text("{n} 秒", "{n} s"),
    "details.audio": Text("声音", "Sound"),
    "details.no_audio": Text("无", "none"),
    "details.source": Text("来源", "Comes from"),
    "details.ssrc": Text("SSRC 标识", "SSRC"),
    "details.loss": Text("丢包", "Lost packets"),
    "details.jitter": Text("抖动", "Jitter"),
    "details.received": Text("已接收", "Received"),
    "details.strangers": Text("来自他处的包（已拒收）", "Packets of strangers (refused)"),
    "transport.TCP_PASSIVE": Text("TCP（设备连接平台）", "TCP (the device connects)"),
    "transport.TCP_ACTIVE": Text("TCP（平台连接设备）", "TCP (the platform connects)"),
    "stall.no_packets": Text("画面停住：没有数据到达", "It stands still: nothing arrives"),
    "stall.connection_lost": Text(
        "画面停住：媒体连接断开", "It stands still: the connection for media is lost"
    ),
    "stall.source_changed": Text(
        "画面停住：数据来自另一个地址或 SSRC，已拒收",
        "It stands still: what arrives is from another address or SSRC, and is refused",
    ),
    "stall.not_carried": Text("画面停住：不支持的码流", "It stands still: a stream that is not carried"),
    "stall.no_keyframe": Text("画面停住：等待关键帧", "It stands still: it waits for a key frame"),
    "stall.only_sound": Text("画面停住：只有声音", "It stands still: only sound arrives"),
    "stall.timestamps_frozen": Text("画面停住：时间戳不变", "It stands still: its time stamps stand still"),
    "stall.no_pictures": Text("画面停住：数据中没有画面", "It stands still: no pictures in what arrives"),
    "readers.title": Text("谁在使用", "Who takes it"),
    "readers.none": Text("现在没有人使用", "Nobody now"),
    "readers.recorders": Text("录像（{n} 路）", "Recording ({n})"),
    "readers.skipped": Text("跳过 {n} 帧", "{n} pictures skipped"),
    "readers.push": Text("RTMP 推流", "Push"),
    "way.fmp4_ws": Text("网页", "page"),
    "way.whep": Text("网页 WebRTC", "WebRTC"),
    # captures
    "captures.title": Text("抓包", "Captures"),
    "captures.what": Text(
        "保存摄像机发来的原始数据，供厂家分析。没有画面时会等到下次取流。",
        "Keeps what the camera sends, for its vendor. Without a picture it waits for the next one.",
    ),
    "captures.length": Text("抓包时长", "Length"),
    "captures.seconds": Text("{n} 秒", "{n} s"),
    "captures.minutes": Text("{n} 分钟", "{n} min"),
    "captures.start": Text("开始抓包", "Start"),
    "captures.stop": Text("停止", "Stop"),
    "captures.delete": Text("删除这次抓包", "Delete this capture"),
    "captures.reading": Text("正在读取抓包…", "Reading the captures…"),
    "captures.none": Text("还没有抓包", "No captures yet"),
    "captures.waiting": Text("等待取流…", "Waiting for the stream…"),
    "captures.running": Text("正在抓包…", "Capturing…"),
    "captures.by": Text("{user} 发起 · {n} 个包", "by {user} · {n} packets"),
    "captures.dropped": Text("磁盘过慢，丢弃 {n} 块", "{n} pieces lost: the disk was too slow"),
    "captures.packets": Text("数据包 pcap", "Packets, pcap"),
    "captures.payload": Text("码流文件", "Stream file"),
    "capture_reason.stopped": Text("手动停止", "stopped by hand"),
    "capture_reason.time limit": Text("已到时长", "time is over"),
    "capture_reason.size limit": Text("已到大小上限", "as large as allowed"),
    "capture_reason.session closed": Text("画面已关闭", "the picture was closed"),
    "capture_reason.no stream was opened": Text("一直没有取流", "the stream was not opened"),
    "capture_reason.another capture was started": Text("被另一次抓包取代", "another capture took its place"),
    "problem.unknown-capture": Text("没有这次抓包", "No such capture"),
}
