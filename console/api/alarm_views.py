"""From alarms, rules and their files to the API's models, and back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from catalog.model import ChannelKey
from console.api.alarm_models import (
    AlarmActionItem,
    AlarmFileItem,
    AlarmItem,
    AlarmRuleBody,
    AlarmRuleItem,
    GuardState,
    LinkedActionBody,
)
from sipserver.devices.alarms.model import (
    ActionKind,
    Alarm,
    AlarmAction,
    AlarmRule,
    Guard,
    LinkedAction,
)
from storage.alarm_files import AlarmFile, FileState

Resolve = Callable[[str], Awaitable[ChannelKey]]


def alarm_view(alarm: Alarm, actions: Sequence[AlarmAction], files: Mapping[str, AlarmFile]) -> AlarmItem:
    words = alarm.words
    return AlarmItem(
        alarm_id=alarm.alarm_id,
        device_id=alarm.device_id,
        source_id=alarm.source_id,
        channel_id=alarm.channel_id or None,
        priority=alarm.priority or None,
        method=alarm.method or None,
        type=alarm.alarm_type,
        event=alarm.event_type,
        text=words.english,
        text_chinese=words.chinese,
        time=alarm.alarm_time,
        received=alarm.received_time,
        last=alarm.last_time,
        repeats=alarm.repeats,
        description=alarm.description,
        type_text=alarm.type_text,
        extra=alarm.extra.splitlines(),
        longitude=alarm.longitude,
        latitude=alarm.latitude,
        form=alarm.form.value,
        acknowledged_by=alarm.acknowledged_by or None,
        acknowledged=alarm.acknowledged_time,
        note=alarm.note,
        actions=[_action_view(action, files.get(action.file_id)) for action in actions],
    )


def file_view(file: AlarmFile) -> AlarmFileItem:
    is_ready = file.state is FileState.READY
    return AlarmFileItem(
        file_id=file.file_id,
        kind=file.kind.value,
        state=file.state.value,
        start=file.start_time,
        end=file.end_time,
        size_bytes=file.size_bytes,
        keep_until=file.keep_until,
        detail=file.detail,
        url=f"/api/v1/alarm-files/{file.file_id}" if is_ready else None,
    )


def guard_view(guard: Guard) -> GuardState:
    return GuardState(
        target_id=guard.target_id,
        armed=guard.is_armed,
        confirmed=guard.is_confirmed,
        changed=guard.changed_time,
        changed_by=guard.changed_by,
    )


def rule_view(rule: AlarmRule) -> AlarmRuleItem:
    return AlarmRuleItem(
        rule_id=rule.rule_id,
        name=rule.name,
        enabled=rule.is_enabled,
        device_id=rule.device_id,
        source_id=rule.source_id,
        methods=list(rule.methods),
        types=list(rule.types),
        lowest_priority=rule.lowest_priority,
        actions=[
            LinkedActionBody(
                kind=action.kind.value,
                channel=str(action.channel) if action.channel else None,
                before_s=action.before_s,
                after_s=action.after_s,
                preset=action.preset,
            )
            for action in rule.actions
        ],
    )


async def rule_of(rule_id: str, body: AlarmRuleBody, resolve: Resolve) -> AlarmRule:
    """The rule that a caller wrote; its channels are looked up, so that a mistyped one is found now.

    Raises:
        UnknownChannel, AmbiguousChannel
    """
    actions = [
        LinkedAction(
            kind=ActionKind(action.kind),
            channel=await resolve(action.channel) if action.channel else None,
            before_s=action.before_s if action.kind == "record" else 0.0,
            after_s=action.after_s if action.kind == "record" else 0.0,
            preset=action.preset if action.kind == "preset" else 0,
        )
        for action in body.actions
    ]
    return AlarmRule(
        rule_id=rule_id,
        name=body.name,
        is_enabled=body.enabled,
        device_id=body.device_id,
        source_id=body.source_id,
        methods=tuple(sorted(set(body.methods))),
        types=tuple(sorted(set(body.types))),
        lowest_priority=body.lowest_priority,
        actions=tuple(actions),
    )


def _action_view(action: AlarmAction, file: AlarmFile | None) -> AlarmActionItem:
    return AlarmActionItem(
        kind=action.kind.value,
        device_id=action.channel.device_id if action.channel else None,
        channel_id=action.channel.channel_id if action.channel else None,
        outcome=action.outcome.value,
        detail=action.detail,
        file=None if file is None else file_view(file),
    )
