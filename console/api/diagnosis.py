"""\"Why is there no picture?\""""

from typing import Annotated

from fastapi import APIRouter, Depends

from access.roles import Action
from console.api.channels import ChannelId
from console.api.devices import DeviceId, known_device
from console.api.diagnosis_models import AdvisedSetting, ChannelDiagnosis, ProbeFinding, ProbeStep
from console.api.problems import documented
from console.auth import Caller, may
from sipserver.devices.diagnosis.findings import Diagnosis, Finding

router = APIRouter(tags=["diagnosis"])

MayDiagnose = Annotated[Caller, Depends(may(Action.DIAGNOSE))]


@router.post(
    "/channels/{channel_id}/diagnosis",
    summary="Find out why a channel shows no picture",
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def diagnose_channel(channel_id: ChannelId, caller: MayDiagnose) -> ChannelDiagnosis:
    """Asks step by step, as a viewer would, until something explains it; takes up to a minute.

    A stream that somebody watches is looked at and not disturbed.
    """
    key = await caller.context.catalog.resolve_channel(channel_id)
    async with caller.recorded(Action.DIAGNOSE, str(key)):
        found = await caller.context.devices.diagnosis.channel(key)
    return _view(found)


@router.post(
    "/devices/{device_id}/diagnosis",
    summary="Find out why a device cannot be reached",
    responses=documented(401, 403, 404, 422, 503),
)
async def diagnose_device(device_id: DeviceId, caller: MayDiagnose) -> ChannelDiagnosis:
    """Registration and the way to the device, without a stream."""
    await known_device(caller, device_id)
    async with caller.recorded(Action.DIAGNOSE, device_id):
        found = await caller.context.devices.diagnosis.device(device_id)
    return _view(found)


def _view(found: Diagnosis) -> ChannelDiagnosis:
    return ChannelDiagnosis(
        device_id=found.device_id,
        channel_id=found.channel_id,
        verdict=_finding(found.verdict),
        warnings=[_finding(warning) for warning in found.warnings],
        steps=[
            ProbeStep(name=step.name, outcome=step.outcome.value, text=step.text, took_s=step.took_s)
            for step in found.steps
        ],
        call_id=found.call_id,
        begin=found.begin_time,
        took_s=found.took_s,
    )


def _finding(finding: Finding) -> ProbeFinding:
    explanation = finding.explanation
    return ProbeFinding(
        reason=finding.reason.value,
        title=explanation.title,
        advice=explanation.advice,
        evidence=list(finding.evidence),
        settings=[
            AdvisedSetting(place=setting.place.value, key=setting.key, value=setting.value)
            for setting in explanation.settings
        ],
    )
