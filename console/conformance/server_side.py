"""The run against a server, as a device: first what a device provokes, then what the operator causes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from console.conformance.caller import Caller
from console.conformance.cases import chosen
from console.conformance.judgement import Expected, Judgement, Seen, read_packet
from console.conformance.log import CaseLog, failed
from console.conformance.model import CaseResult, Fact, Report, Side, Verdict, Words
from console.conformance.run import Tell, close, leave_out, run_case
from console.conformance.server_cases import SERVER_CASES
from console.conformance.server_judges import JUDGES
from console.conformance.server_provoked import PROVOKED
from console.version import product_version
from sipserver.devices.tracing.ladder import LadderStep, ladder
from sipserver.gb.editions import VERSION_HEADER, Edition
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.sip.flow import Transport
from sipserver.transport.trace import SipTrace, TracedPacket

LOOK_EVERY_S: Final = 0.25
REGISTERED_S: Final = 20.0
SETTLE_S: Final = 1.0
SEEN_MAX: Final = 20_000
NAME: Final = "符合性测试设备"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Which server, and as whom."""

    host: str
    port: int
    server_id: str
    device_id: str
    domain: str = ""
    password: str = ""
    edition: Edition = Edition.V3_0
    transport: Transport = Transport.UDP
    seconds: float = 120.0
    """How long the operator of the server has for his part."""
    cases: tuple[str, ...] = ()

    @property
    def device(self) -> SimulatedDeviceSettings:
        return SimulatedDeviceSettings(
            device_id=self.device_id,
            server_id=self.server_id,
            server_host=self.host,
            server_port=self.port,
            domain=self.domain,
            password=self.password,
            transport=self.transport,
            edition=self.edition,
            name=NAME,
            channels=2,
            register_retry_s=2.0,
            keepalive_interval_s=15.0,
            user_agent="TongshiConformance",
        )


def new_report(options: ServerOptions) -> Report:
    """The cover and the cases that wait. Raises ValueError: a case that there is not."""
    device = options.device
    return Report(
        title=Words("GB/T 28181 平台符合性测试报告", "GB/T 28181 conformance of a server"),
        subject=f"{options.host}:{options.port}",
        began_time=datetime.now(UTC),
        ours=Words("模拟设备", "the simulated device"),
        facts=[
            Fact(Words("平台地址", "Server"), f"{options.host}:{options.port} {options.transport}"),
            Fact(Words("平台编码", "Server id"), options.server_id),
            Fact(Words("SIP域", "SIP domain"), device.sip_domain),
            Fact(Words("模拟设备编码", "Id of the simulated device"), options.device_id),
            Fact(Words("模拟通道", "Its channels"), ", ".join(device.all_channel_ids)),
            Fact(
                Words("模拟设备协议版本", "Its protocol version"), f"{VERSION_HEADER} {options.edition.value}"
            ),
            Fact(Words("操作员时限", "Time for the operator"), f"{options.seconds:g} s"),
            Fact(Words("软件版本", "Software"), f"Tongshi {product_version()}"),
        ],
        results=[CaseResult(case) for case in chosen(SERVER_CASES, options.cases)],
    )


async def run(options: ServerOptions, report: Report, tell: Tell) -> None:
    """Both parts.

    Raises:
        OSError, TransportError: the server's name or our own address cannot be used.
    """
    try:
        results = []
        for result in report.results:
            if result.case.since > options.edition:
                text = f"of {result.case.since.value}; run it with --edition {result.case.since.value}"
                leave_out(result, Verdict.NOT_SUPPORTED, text, tell)
            else:
                results.append(result)
        await _provoke(options, [each for each in results if each.case.begun_by is Side.DEVICE], tell)
        waiting = [each for each in results if each.case.begun_by is Side.OPERATOR]
        if waiting:
            await _watch(options, report, waiting, tell)
        close(report)
    except BaseException as error:
        close(report, str(error) or "the run was broken off")
        raise


# ---------------------------------------------------------------- what a device provokes


async def _provoke(options: ServerOptions, results: Sequence[CaseResult], tell: Tell) -> None:
    if not results:
        return
    caller = await Caller.open(options.device)
    try:
        for result in results:
            await _provoke_one(caller, result, tell)
        if caller.is_registered:
            await caller.register(0, caller.digest())
    finally:
        await caller.close()


async def _provoke_one(caller: Caller, result: CaseResult, tell: Tell) -> None:
    act = PROVOKED[result.case.case_id]
    await run_case(result, lambda log: act(caller, log), caller.messages, tell)


# ---------------------------------------------------------------- what the operator causes


class _Witness:
    """Every message on the wire of the simulated device, read once."""

    def __init__(self) -> None:
        self.seen: Final[list[Seen]] = []

    def take(self, packet: TracedPacket) -> None:
        read = read_packet(packet)
        if read is not None and len(self.seen) < SEEN_MAX:
            self.seen.append(read)


async def _watch(options: ServerOptions, report: Report, results: Sequence[CaseResult], tell: Tell) -> None:
    device = SimulatedDevice(options.device)
    witness = _Witness()
    await device.start()
    try:
        # Nothing was sent yet: the device's tasks begin at the next await.
        transport = device.parts.signalling.transport
        transport.trace = SipTrace(0, 65_536)
        transport.trace.sinks.append(witness.take)
        try:
            await device.wait_registered(REGISTERED_S)
        except TimeoutError:
            for result in results:
                leave_out(result, Verdict.SKIPPED, "the simulated device could not register", tell)
            return
        for result in results:
            tell(result, None)
        await _await_operator(options, witness, list(results), tell)
    finally:
        await device.stop()
    report.facts.append(Fact(Words("收发消息数", "Messages seen"), str(len(witness.seen))))


async def _await_operator(
    options: ServerOptions, witness: _Witness, waiting: list[CaseResult], tell: Tell
) -> None:
    """Look again whenever something was said; a case is over as soon as nothing more of it can come."""
    end = monotonic() + options.seconds
    expected = Expected(frozenset({options.device_id, *options.device.all_channel_ids}), options.edition)
    looked_at = -1
    while waiting and monotonic() < end:
        if looked_at != len(witness.seen):
            looked_at = len(witness.seen)
            for result in list(waiting):
                judgement = JUDGES[result.case.case_id](witness.seen, expected)
                if judgement is not None and judgement.is_complete:
                    waiting.remove(result)
                    await _settle(result, judgement, tell)
        await asyncio.sleep(LOOK_EVERY_S)
    await asyncio.sleep(SETTLE_S)
    for result in waiting:
        judgement = JUDGES[result.case.case_id](witness.seen, expected)
        if judgement is None:
            leave_out(result, Verdict.NOT_SEEN, f"did not happen within {options.seconds:g} s", tell)
        else:
            await _settle(result, judgement, tell)


async def _settle(result: CaseResult, judgement: Judgement, tell: Tell) -> None:
    log = CaseLog(result, tell)
    messages = await asyncio.to_thread(_drawn, judgement.evidence)
    if messages:
        result.began_time = messages[0].time
    for finding in judgement.findings:
        if finding.verdict is Verdict.REMARK:
            log.remark(finding.words.chinese, finding.words.english, finding.detail)
        else:
            is_so = finding.verdict is Verdict.PASSED
            log.check(is_so, finding.words.chinese, finding.words.english, finding.detail)
    log.end(None if judgement.findings else failed("nothing could be read"))
    if messages:
        result.took_s = (messages[-1].time - messages[0].time).total_seconds()
    result.keep(messages)
    tell(result, None)


def _drawn(seen: Sequence[Seen]) -> list[LadderStep]:
    packets = sorted((each.packet for each in seen), key=lambda packet: packet.time_s)
    return ladder(dict.fromkeys(packets))
