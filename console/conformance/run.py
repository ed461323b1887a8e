"""Runs cases one after the other, each with a deadline, and gathers what they say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from console.conformance.log import FAULTS, CaseEnded, CaseLog, failed
from console.conformance.model import CaseResult, Report, Step, Verdict
from sipserver.devices.tracing.ladder import LadderStep

logger = logging.getLogger(__name__)

Tell = Callable[[CaseResult, Step | None], None]
"""Hears of each step, and with None that a case has ended."""
Evidence = Callable[[datetime], Awaitable[list[LadderStep]]]
"""The messages since an instant."""


async def run_case(
    result: CaseResult, act: Callable[[CaseLog], Awaitable[None]], evidence: Evidence, tell: Tell
) -> None:
    """One case: its steps, its verdict, its messages. Only cancellation comes out."""
    log = CaseLog(result, tell)
    ended: CaseEnded | None = None
    try:
        async with asyncio.timeout(result.case.timeout_s):
            await act(log)
    except CaseEnded as end:
        ended = end
    except TimeoutError:
        ended = failed(f"not finished within {result.case.timeout_s:g} s")
    except FAULTS as error:
        ended = log.judge(error)
    except asyncio.CancelledError:
        log.end(failed("the run was broken off"))
        raise
    except Exception as error:
        logger.exception("conformance case %s failed on our side", result.case.case_id)
        ended = CaseEnded(
            Verdict.SKIPPED, f"internal failure of the platform: {type(error).__name__}: {error}"
        )
    log.end(ended)
    chosen = log.evidence
    result.keep(await evidence(log.began_time) if chosen is None else chosen)
    tell(result, None)


def leave_out(result: CaseResult, verdict: Verdict, reason: str, tell: Tell) -> None:
    """A case that is not even begun."""
    result.verdict, result.reason = verdict, reason
    result.began_time = datetime.now(UTC)
    tell(result, None)


def close(report: Report, broken_off: str = "") -> None:
    """The run is over; what did not come to its turn says so."""
    report.ended_time = datetime.now(UTC)
    report.broken_off = broken_off
    for result in _open(report.results):
        result.verdict, result.reason = Verdict.SKIPPED, broken_off or "the run ended before"


def _open(results: Iterable[CaseResult]) -> list[CaseResult]:
    return [result for result in results if not result.verdict.is_end]
