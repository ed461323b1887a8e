"""Conformance runs: a device is asked for everything that the standard has, and judged by its answers."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from access.roles import Action, allowed, demand
from catalog.errors import UnknownChannel
from catalog.model import Channel, ChannelKey, ChannelKind
from console.api.conformance_models import (
    ConformanceCase,
    ConformanceOrder,
    ConformanceRun,
    ConformanceRuns,
    ConformanceRunSummary,
    ConformanceStep,
)
from console.api.devices import DeviceId, known_device
from console.api.problems import INVALID, ApiProblem, documented
from console.auth import Caller, may
from console.conformance.bench import Options
from console.conformance.model import CaseResult, Fact, Verdict, Words
from console.conformance.report import POLICY, as_html
from console.conformance.runs import Run

router = APIRouter(tags=["conformance"])

MayDiagnose = Annotated[Caller, Depends(may(Action.DIAGNOSE))]
RunId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="`run_id` of the answer to POST.")]


@router.post(
    "/devices/{device_id}/conformance",
    summary="Begin a conformance run",
    status_code=201,
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def start_run(device_id: DeviceId, order: ConformanceOrder, caller: MayDiagnose) -> ConformanceRun:
    """Runs the cases one after the other, some minutes long; GET shows how far it is.

    The device is commanded, moved and spoken to, and brought back to how it was. A restart, an upgrade and
    the formatting of a card are done only when they are asked for, and need the rights that these have.
    """
    if order.reboot:
        demand(caller.identity.role, Action.CONTROL_DEVICE)
    if order.firmware_id or order.format_card is not None:
        demand(caller.identity.role, Action.CONFIGURE_DEVICE)
    device = await known_device(caller, device_id)
    channel = await _channel(caller, device_id, order.channel_id)
    context = caller.context
    async with caller.recorded(Action.DIAGNOSE, device_id, **order.model_dump(exclude_defaults=True)):
        info = context.server()
        try:
            run = context.conformance.start(
                context.devices,
                device,
                channel,
                Options(**{**order.model_dump(), "cases": tuple(order.cases)}),
                username=caller.username,
                server=(
                    Fact(Words("平台编码", "Platform id"), info.sip_id),
                    Fact(Words("平台信令地址", "Platform's addresses"), ", ".join(info.sip_addresses)),
                ),
            )
        except ValueError as error:
            raise ApiProblem(INVALID, str(error)) from error
    return _view(run)


@router.get(
    "/devices/{device_id}/conformance",
    summary="List the conformance runs of a device",
    responses=documented(401, 403, 404, 422),
)
async def list_runs(device_id: DeviceId, caller: MayDiagnose) -> ConformanceRuns:
    """The last runs are kept until the platform is restarted."""
    await known_device(caller, device_id)
    return ConformanceRuns(items=[_summary(run) for run in caller.context.conformance.of(device_id)])


@router.get(
    "/devices/{device_id}/conformance/{run_id}",
    summary="Progress and result of a conformance run",
    responses=documented(401, 403, 404, 422),
)
async def get_run(device_id: DeviceId, run_id: RunId, caller: MayDiagnose) -> ConformanceRun:
    return _view(caller.context.conformance.get(run_id, device_id))


@router.delete(
    "/devices/{device_id}/conformance/{run_id}",
    summary="Break a conformance run off",
    status_code=204,
    responses=documented(401, 403, 404, 422),
)
async def cancel_run(device_id: DeviceId, run_id: RunId, caller: MayDiagnose) -> None:
    """Answers when the device has back what was changed. The report stays."""
    run = caller.context.conformance.get(run_id, device_id)
    async with caller.recorded(Action.DIAGNOSE, device_id, cancelled=run_id):
        await caller.context.conformance.cancel(run)


@router.get(
    "/devices/{device_id}/conformance/{run_id}/report.html",
    summary="The report of a conformance run",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 422),
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
    },
)
async def get_report(device_id: DeviceId, run_id: RunId, caller: MayDiagnose) -> Response:
    """One page to print, in Chinese and English.

    The whole messages are in it for whoever may see the SIP trace; for others, one line of each.
    """
    run = caller.context.conformance.get(run_id, device_id)
    with_messages = allowed(caller.identity.role, Action.VIEW_TRACE)
    await caller.record(
        Action.VIEW_TRACE if with_messages else Action.DIAGNOSE, device_id, detail={"report": run_id}
    )
    page = as_html(run.report, with_messages=with_messages)
    name = f"conformance-{device_id}-{run.report.began_time:%Y%m%d-%H%M%S}.html"
    return Response(
        page,
        media_type="text/html; charset=utf-8",
        headers={
            "content-security-policy": f"{POLICY}; frame-ancestors 'none'",
            "content-disposition": f'inline; filename="{name}"',
        },
    )


async def _channel(caller: Caller, device_id: str, channel_id: str) -> Channel | None:
    """The channel that was named, else the first camera, best one that is online; None: it has none yet."""
    catalog = caller.context.catalog
    if channel_id:
        key = ChannelKey(device_id, channel_id)
        channel = await catalog.get_channel(key)
        if channel is None:
            raise UnknownChannel(str(key))
        return channel
    page = await catalog.list_channels(device_id, limit=200, kinds=[ChannelKind.CAMERA])
    present = [channel for channel in page.items if channel.present]
    online = (channel for channel in present if channel.status_online is not False)
    return next(online, present[0] if present else None)


def _summary(run: Run) -> ConformanceRunSummary:
    report = run.report
    counted = Counter(result.verdict for result in report.results)
    return ConformanceRunSummary(
        run_id=run.run_id,
        device_id=run.device_id,
        started_by=run.username,
        begin=report.began_time,
        end=report.ended_time,
        broken_off=report.broken_off,
        failed=report.has_failed,
        verdicts={verdict.value: counted[verdict] for verdict in Verdict if counted[verdict]},
    )


def _view(run: Run) -> ConformanceRun:
    cases = [_case(result) for result in run.report.results]
    return ConformanceRun(**dict(_summary(run)), cases=cases)


def _case(result: CaseResult) -> ConformanceCase:
    case = result.case
    return ConformanceCase(
        case_id=case.case_id,
        title=case.title.english,
        title_chinese=case.title.chinese,
        proves=case.proves,
        mandatory=case.is_mandatory,
        since=case.since.value,
        verdict=result.verdict.value,
        reason=result.reason,
        took_s=round(result.took_s, 3),
        messages=len(result.messages),
        steps=[
            ConformanceStep(
                text=step.words.english,
                text_chinese=step.words.chinese,
                verdict=step.verdict.value,
                detail=step.detail,
                begin=step.began_time,
                took_s=round(step.took_s, 3),
            )
            for step in result.steps
        ],
    )
