"""The rule for answers in several messages, read from the trace."""

from __future__ import annotations

from dataclasses import replace

from console.conformance.device_queries import read_answers
from sipserver.devices.tracing.ladder import LadderStep
from tests.support.ladder_steps import message


def fragment(call_id: str, *, sn: int = 5, total: int = 3, items: int = 1, num: bool = True) -> LadderStep:
    number = f' Num="{items}"' if num else ""
    lines = "<Item></Item>" * items
    body = (
        f"<Response><CmdType>RecordInfo</CmdType><SN>{sn}</SN><SumNum>{total}</SumNum>"
        f"<RecordList{number}>{lines}</RecordList></Response>"
    )
    return message(f"MESSAGE x\r\n\r\n{body}", what="MESSAGE", method="MESSAGE", call_id=call_id)


def answer(call_id: str) -> LadderStep:
    return message("", what="200 OK", status=200, method="MESSAGE", call_id=call_id, is_sent=True)


def test_fragments_one_after_the_other() -> None:
    steps = []
    for call_id in "abc":
        steps += [fragment(call_id), answer(call_id)]
    (found,) = read_answers(steps)
    assert (found.fragments, found.items, found.sums, found.hurried) == (3, 3, {3}, 0)


def test_a_fragment_before_the_answer_to_the_last_is_hurried() -> None:
    steps = [fragment("a"), fragment("b"), answer("a"), answer("b"), fragment("c"), answer("c")]
    (found,) = read_answers(steps)
    assert (found.fragments, found.hurried) == (3, 1)


def test_a_repeated_datagram_counts_once_and_items_without_num_are_counted() -> None:
    one = fragment("a", items=2, num=False)
    (found,) = read_answers([one, replace(one), answer("a")])
    assert (found.fragments, found.items, found.hurried) == (1, 2, 0)


def test_answers_are_kept_apart_by_sn() -> None:
    steps = [fragment("a", sn=1, total=1), answer("a"), fragment("b", sn=2, total=1), answer("b")]
    assert [each.fragments for each in read_answers(steps)] == [1, 1]
