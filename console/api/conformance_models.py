"""What the API says about conformance runs."""

from typing import Annotated

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

CaseId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class ConformanceOrder(ApiCommand):
    """What is to be run. The last three do harm, and are left out unless they are asked for."""

    cases: list[CaseId] = Field(
        default=[], max_length=100, examples=[["live", "record-query"]], description="Empty: all of them."
    )
    channel_id: str = Field(
        default="",
        max_length=64,
        pattern=r"^[0-9A-Za-z]*$",
        examples=["34020000001310000001"],
        description="The channel that is looked at. Empty: the first camera of the device that is online.",
    )
    despite_edition: bool = Field(
        default=False, description="Also ask for what the stated edition of the device does not have."
    )
    operator_wait_s: float = Field(
        default=0.0,
        ge=0,
        le=180,
        description="Seconds for somebody at the device to raise an alarm and to change its catalogue.",
    )
    reboot: bool = Field(default=False, description="Restart the device, twice for a device of 3.0.")
    firmware_id: str = Field(
        default="",
        max_length=64,
        pattern=r"^[0-9a-f]*$",
        description="Install this firmware, which was uploaded with POST /firmware.",
    )
    format_card: int | None = Field(
        default=None, ge=0, le=64, description="Erase this storage card; 0 means all."
    )


class ConformanceStep(ApiModel):
    """One thing that was done or looked at."""

    text: str = Field(examples=["ask for device information"])
    text_chinese: str = Field(examples=["查询设备信息"])
    verdict: str = Field(examples=["passed", "failed", "not supported", "skipped", "remark", "running"])
    detail: str = Field(examples=["Tongshi; Simulator; 1.0"])
    begin: Instant
    took_s: float = Field(examples=[0.2], description="Seconds.")


class ConformanceCase(ApiModel):
    """One case with its steps."""

    case_id: str = Field(examples=["live"])
    title: str = Field(examples=["Live picture, opening and closing of ports"])
    title_chinese: str = Field(examples=["实时点播及媒体端口开关"])
    proves: str = Field(examples=["GB-C098, GB-C100; 9.2"])
    mandatory: bool
    since: str = Field(examples=["2.0"], description="The first edition that has it.")
    verdict: str = Field(examples=["waiting", "running", "passed", "failed", "not supported", "skipped"])
    reason: str = Field(examples=["of 3.0; the device states 2.0"])
    took_s: float = Field(examples=[1.4], description="Seconds.")
    messages: int = Field(examples=[12], description="So many messages are kept as evidence.")
    steps: list[ConformanceStep]


class ConformanceRunSummary(ApiModel):
    """One run, without its cases."""

    run_id: str = Field(examples=["0f1e2d3c4b5a6978"])
    device_id: str
    started_by: str
    begin: Instant
    end: Instant | None = Field(description="Null while it runs.")
    broken_off: str = Field(description="Why it ended before its time; empty otherwise.")
    failed: bool = Field(description="A mandatory case failed, or the run was broken off.")
    verdicts: dict[str, int] = Field(examples=[{"passed": 30, "not supported": 9, "skipped": 1}])


class ConformanceRun(ConformanceRunSummary):
    """One run as far as it is."""

    cases: list[ConformanceCase]


class ConformanceRuns(ApiModel):
    """The runs of a device that are kept, the newest first."""

    items: list[ConformanceRunSummary]
