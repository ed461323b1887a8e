"""What superiors did goes into the log behind them, in order, and floods are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from access.audit import Outcome
from access.errors import AuditBehind
from cascade.rights import trail
from cascade.rights.trail import Asker, Entry, Trail, asker_of
from sipserver.sip.flow import Flow, Transport
from sipserver.sip.message import SipRequest

SUPERIOR = "34020000002000000001"


class Book:
    """Remembers what was written; fails as often as told."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Mapping[str, object] | None]] = []
        self.failures: list[Exception] = []

    async def record(self, action: str, **fields: Any) -> None:
        if self.failures:
            raise self.failures.pop()
        self.written.append((action, fields["detail"]))


class Request:
    """As much of an incoming request as is looked at."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        sender = ("From", f'"somebody" <sip:{SUPERIOR}@3402000000>;tag=a')
        self.request = SipRequest("MESSAGE", "sip:a@b", [sender, *headers])
        self.flow = Flow(Transport.UDP, ("192.0.2.1", 5060), ("192.0.2.2", 5060))


def entry(action: str = "superior.ptz", outcome: Outcome = Outcome.REFUSED, **detail: object) -> Entry:
    return Entry(f"superior:{SUPERIOR}", action, "nvr~one", outcome, Asker("192.0.2.2"), detail)


async def written(book: Book, *entries: Entry, clock: float = 0.0) -> None:
    found = Trail(book, lambda: clock)
    found.open()
    for each in entries:
        found.note(each)
    await found.close()
    await found.close()
    found.note(entries[0])
    assert found.lost >= 1, "after the end nothing is taken"


async def test_entries_are_written_in_order_and_before_the_end() -> None:
    book = Book()
    await written(book, *(entry(f"a{number}", Outcome.DONE) for number in range(20)))
    assert [action for action, _ in book.written] == [f"a{number}" for number in range(20)]


async def test_the_same_refusal_is_counted_for_a_while() -> None:
    book, now = Book(), 0.0
    found = Trail(book, lambda: now)
    found.open()
    for _ in range(100):
        found.note(entry(reason="no_right"))
    found.note(entry(reason="other_hours"))
    now = trail.REPEATED_WITHIN_S
    found.note(entry(reason="no_right"))
    await found.close()
    details = [detail for _, detail in book.written]
    assert details == [
        {"reason": "no_right"}, {"reason": "other_hours"}, {"reason": "no_right", "repeated": 99},
    ]  # fmt: skip


async def test_a_flood_of_different_refusals_is_summed_up() -> None:
    book, now = Book(), 0.0
    found = Trail(book, lambda: now)
    found.open()
    for number in range(trail.MAX_REFUSALS + 700):
        found.note(replace(entry(reason="not_presented"), target=str(number)))
    now = trail.REPEATED_WITHIN_S
    found.note(entry(reason="not_presented"))
    await found.close()
    assert len(book.written) == trail.MAX_REFUSALS + 2
    assert book.written[-2] == ("superior.flood", {"left_out": 700})


async def test_what_cannot_be_written_loses_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    book = Book()
    book.failures = [RuntimeError("a fault"), AuditBehind("the database is away")]
    await written(book, *(entry(f"a{number}", Outcome.DONE) for number in range(3)))
    assert [action for action, _ in book.written] == ["a2"]
    assert "is not in the audit log" in caplog.text


async def test_what_waits_is_bounded() -> None:
    book = Book()
    found = Trail(book, lambda: 0.0)
    for number in range(trail.MAX_WAITING + 5):
        found.note(replace(entry(f"a{number}", Outcome.DONE), actor=f"superior:{number % 9}"))
    assert found.lost == 5
    found.open()
    await found.close()
    assert len(book.written) == trail.MAX_WAITING


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ((("Monitor-User-Identity", "gateway-user7-police-3"),), "gateway-user7-police-3"),
        ((("Subject", "34010200001320000001:0,34020000003000000007:0"),), "34020000003000000007"),
        ((("Subject", f"34010200001320000001:0,{SUPERIOR}:0"),), "somebody"),
        ((("Subject", ",,,::"),), "somebody"),
        ((), "somebody"),
    ],
)
def test_the_superiors_user_is_kept_where_it_is_sent(headers: tuple[tuple[str, str], ...], user: str) -> None:
    """gb28181.md 2.9."""
    assert asker_of(Request(*headers), SUPERIOR) == Asker("192.0.2.2", user)  # type: ignore[arg-type]


def test_a_user_has_a_bound() -> None:
    found = asker_of(Request(("Monitor-User-Identity", "x" * 9_999)), SUPERIOR)  # type: ignore[arg-type]
    assert len(found.user) == trail.MAX_IDENTITY
