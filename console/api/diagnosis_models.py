"""What the API says about a probe."""

from typing import Literal

from pydantic import Field

from console.api.models import ApiModel, Instant


class AdvisedSetting(ApiModel):
    """One thing that can be set to mend it."""

    place: Literal["profile", "platform", "device", "network"] = Field(
        description="`profile`: PUT devices/{device_id}/profile/{key}. `platform`: tongshi.toml."
    )
    key: str = Field(examples=["media_transport"])
    value: str = Field(examples=["udp"], description="Empty when only the operator knows it.")


class ProbeFinding(ApiModel):
    """What is the case, what shows it, and what to do about it."""

    reason: str = Field(
        examples=["tcp-refused", "ok"], description="A short name that never changes; `ok`: nothing is wrong."
    )
    title: str = Field(examples=["No TCP connection for media came about"])
    advice: str = Field(examples=["A firewall closes our media ports for TCP, or the device cannot do it."])
    evidence: list[str] = Field(
        examples=[["the device did not connect to port 30002 (TCP_PASSIVE) within 15 s"]]
    )
    settings: list[AdvisedSetting]


class ProbeStep(ApiModel):
    """One question and its answer."""

    name: str = Field(
        examples=["invited"],
        description="`registered`, `answers`, `addresses`, `listed`, `invited`, `picture`, `quality`.",
    )
    outcome: Literal["passed", "warned", "failed", "skipped"]
    text: str = Field(examples=["online from 198.51.100.20:5060 over UDP"])
    took_s: float = Field(examples=[0.02])


class ChannelDiagnosis(ApiModel):
    """Why there is no picture, or what is wrong with the one there is."""

    device_id: str
    channel_id: str | None = Field(description="Null when only the device was asked.")
    verdict: ProbeFinding
    warnings: list[ProbeFinding]
    steps: list[ProbeStep]
    call_id: str = Field(
        description="Of the INVITE: GET trace/sessions?call_id=... shows its messages. Empty: none was sent."
    )
    begin: Instant
    took_s: float = Field(examples=[3.1])
