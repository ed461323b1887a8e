"""The run against a device, inside the platform that it registers to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from catalog.model import Channel, ChannelKey, Device
from console.conformance import (
    device_control,
    device_files,
    device_history,
    device_media,
    device_queries,
    device_registration,
    device_subscriptions,
)
from console.conformance.bench import Bench
from console.conformance.cases import CARD, DEVICE_CASES, FIRMWARE, REBOOT, chosen
from console.conformance.log import CaseLog
from console.conformance.model import Case, CaseResult, Fact, Report, Verdict, Words
from console.conformance.run import Tell, close, leave_out, run_case
from console.version import product_version
from sipserver.devices.errors import DeviceError
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.editions import VERSION_HEADER

Act = Callable[[Bench, CaseLog], Awaitable[None]]

ACTS: Final[Mapping[str, Act]] = {
    "register-unauthenticated": device_registration.register_unauthenticated,
    "register-authenticated": device_registration.register_authenticated,
    "device-info": device_queries.device_info,
    "catalog": device_queries.catalog,
    "device-status": device_queries.device_status,
    "config-basic": device_queries.config_basic,
    "config-coding": device_queries.config_coding,
    "video-parameter-range": device_queries.video_parameter_range,
    "manual-record": device_control.manual_record,
    "live": device_media.live,
    "keyframe": device_media.keyframe,
    "media-keepalive": device_media.media_keepalive,
    "ptz-directions": device_control.ptz_directions,
    "ptz-zoom": device_control.ptz_zoom,
    "record-query": device_queries.record_query,
    "multi-response": device_queries.multi_response,
    "playback-end": device_history.playback_end,
    "playback-pause": device_history.playback_pause,
    "playback-slow": device_history.playback_slow,
    "playback-fast": device_history.playback_fast,
    "playback-drag": device_history.playback_drag,
    "playback-stop": device_history.playback_stop,
    "download": device_history.download,
    "talk": device_media.talk,
    "broadcast": device_media.broadcast,
    "alarm-subscription": device_subscriptions.alarm_subscription,
    "catalog-subscription": device_subscriptions.catalog_subscription,
    "version-header": device_registration.version_header,
    "ptz-precise": device_control.ptz_precise,
    "ptz-position-subscription": device_subscriptions.ptz_position_subscription,
    "cruise-tracks": device_control.cruise_tracks,
    "home-position": device_control.home_position,
    "snapshot-upload": device_files.snapshot_upload,
    "storage-card": device_control.storage_card,
    "target-track": device_control.target_track,
    "format-card": device_control.format_card,
    "upgrade": device_files.upgrade,
    "reboot": device_registration.reboot,
    "redirect": device_registration.redirect,
    "heartbeat": device_registration.heartbeat,
}
# Seen in the registration, so after the restart that makes the device register, when there is one.
_AFTER_REBOOT: Final = ("register-unauthenticated", "register-authenticated", "version-header")


def new_report(
    device: Device, channel: Channel | None, bench: Bench, server: Sequence[Fact], cases: Sequence[Case]
) -> Report:
    """An empty report: the cover, and the cases that wait."""
    entry = bench.entry()
    place = f"{entry.remote[0]}:{entry.remote[1]}" if entry.remote else ""
    facts = [
        Fact(Words("设备编码", "Device id"), device.device_id),
        Fact(Words("设备名称", "Device name"), device.name),
        Fact(Words("厂商、型号", "Manufacturer, model"), f"{device.manufacturer} {device.model}".strip()),
        Fact(Words("固件版本", "Firmware"), device.firmware),
        Fact(Words("User-Agent", "User-Agent"), entry.user_agent),
        Fact(Words("信令地址", "Signalling address"), f"{place} {entry.transport or ''}".strip()),
        Fact(Words("协议版本", "Protocol version"), f"{VERSION_HEADER} {bench.edition.value}"),
        Fact(
            Words("测试通道", "Channel under test"),
            f"{bench.key.channel_id} {channel.shown_name if channel else ''}".strip(),
        ),
        *server,
        Fact(Words("软件版本", "Software"), f"Tongshi {product_version()}"),
        Fact(Words("执行人", "Run by"), bench.username),
    ]
    return Report(
        title=Words("GB/T 28181 设备符合性测试报告", "GB/T 28181 conformance of a device"),
        subject=device.device_id,
        began_time=datetime.now(UTC),
        facts=facts,
        results=[CaseResult(case) for case in cases],
    )


def cases_for(wanted: Sequence[str]) -> tuple[Case, ...]:
    """Raises ValueError: a case that there is not."""
    return chosen(DEVICE_CASES, wanted)


async def run(bench: Bench, report: Report, tell: Tell) -> None:
    """All cases of the report. The device is watched meanwhile, so that its keepalives are in the trace."""
    trace, device_id = bench.devices.trace, bench.device_id
    was_watched = trace.is_watched(device_id)
    with suppress(DeviceError):
        trace.watch(device_id)
    try:
        for result in _in_order(report.results, has_reboot=bench.options.reboot):
            await _run_one(bench, result, tell)
        close(report)
    except BaseException as error:
        close(report, str(error) or "the run was broken off")
        raise
    finally:
        bench.devices.ptz.release_holder(bench.holder.holder_id)
        if not was_watched:
            trace.unwatch(device_id)


async def _run_one(bench: Bench, result: CaseResult, tell: Tell) -> None:
    case = result.case
    if case.needs and not _is_asked_for(bench, case.needs):
        leave_out(result, Verdict.SKIPPED, f"only when it is asked for with {case.needs}", tell)
    elif case.since > bench.edition and not bench.options.despite_edition:
        text = f"of {case.since.value}; the device states {bench.edition.value}"
        leave_out(result, Verdict.NOT_SUPPORTED, text, tell)
    elif not bench.devices.presence.is_online(bench.device_id):
        leave_out(result, Verdict.SKIPPED, "the device is offline", tell)
    else:
        act = ACTS[case.case_id]

        async def evidence(since: datetime) -> list[LadderStep]:
            found = await bench.messages(since)
            return [each for each in found if ">Keepalive<" not in each.text and each.cseq is not None]

        await run_case(result, lambda log: act(bench, log), evidence, tell)


def _is_asked_for(bench: Bench, option: str) -> bool:
    options = bench.options
    return {
        REBOOT: options.reboot,
        FIRMWARE: bool(options.firmware_id),
        CARD: options.format_card is not None,
    }[option]


def _in_order(results: Sequence[CaseResult], *, has_reboot: bool) -> list[CaseResult]:
    """The order of the table, but what is seen in a registration comes after the restart."""
    if not has_reboot:
        return list(results)
    return sorted(results, key=lambda result: result.case.case_id in _AFTER_REBOOT)


def key_of(device_id: str, channel: Channel | None) -> ChannelKey:
    return ChannelKey(device_id, channel.channel_id if channel is not None else device_id)
