"""Fragments put together. GB-C058, C059, C060, Q28, Q30, Q31, field lesson 14."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import catalog_collector
from sipserver.gb.catalog_collector import CatalogCollector
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogResponse, fragments

NVR = GbId("34020000001180000005")


def items(count: int) -> list[CatalogItem]:
    return [CatalogItem(GbId(f"3402000000132{number:07d}"), name=str(number)) for number in range(count)]


@given(count=st.integers(1, 30), size=st.integers(1, 7), seed=st.integers())
def test_fragments_in_any_order_and_twice_make_the_whole(count: int, size: int, seed: int) -> None:
    """GB-C058."""
    parts = fragments("7", NVR, items(count), size) * 2
    random.Random(seed).shuffle(parts)
    collector = CatalogCollector("7", now=0.0)
    for part in parts:
        collector.receive(part, now=1.0)
    assert collector.result is not None
    assert collector.result.complete
    assert {item.device_id for item in collector.result.items} == {item.device_id for item in items(count)}
    assert collector.result.duplicates == count
    assert collector.next_timer() is None


def test_missing_fragment_ends_by_quiet_and_is_not_complete() -> None:
    """GB-C059, Q30."""
    parts = fragments("7", NVR, items(3), 1)
    collector = CatalogCollector("7", now=0.0)
    collector.receive(parts[0], now=5.0)
    collector.receive(parts[2], now=12.0)
    assert collector.next_timer() == 27.0
    collector.handle_timer(26.9)
    assert collector.result is None
    collector.handle_timer(27.0)
    assert collector.result is not None
    assert not collector.result.complete
    assert (len(collector.result.items), collector.result.sum_num) == (2, 3)


def test_silence_from_the_start_is_an_empty_incomplete_result() -> None:
    collector = CatalogCollector("7", now=100.0)
    collector.handle_timer(115.0)
    assert collector.result is not None
    assert not collector.result.complete
    assert collector.result.items == ()


def test_a_trickle_ends_at_the_total_time() -> None:
    collector = CatalogCollector("7", now=0.0, quiet_s=15.0, total_s=60.0)
    for number, part in enumerate(fragments("7", NVR, items(100), 1)[:6]):
        collector.receive(part, now=10.0 * number)
    assert collector.next_timer() == 60.0
    collector.handle_timer(60.0)
    assert collector.result is not None
    assert collector.collected == 6


def test_a_large_catalogue_that_goes_on_bringing_items_is_not_cut_off() -> None:
    """25 minutes of one item in 15 ms."""
    parts = fragments("7", NVR, items(1000), 1)
    collector = CatalogCollector("7", now=0.0)
    for number, part in enumerate(parts, start=1):
        now = 1.5 * number
        collector.handle_timer(now)
        assert collector.result is None
        collector.receive(part, now)
    assert collector.result is not None
    assert collector.result.complete


def test_repetitions_without_end_are_not_listened_to_for_long() -> None:
    part = fragments("7", NVR, items(2), 1)[0]
    collector = CatalogCollector("7", now=0.0, quiet_s=15.0, stalled_s=60.0)
    for second in range(0, 61, 10):
        collector.handle_timer(float(second))
        assert (collector.result is None) == (second < 60)
        collector.receive(part, float(second))
    assert not collector.result.complete  # type: ignore[union-attr]


def test_sum_zero_is_complete_at_once() -> None:
    """GB-C060."""
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 0), now=1.0)
    assert collector.result is not None
    assert collector.result.complete
    assert collector.result.items == ()


def test_varying_sum_counts_as_the_largest() -> None:
    parts = items(3)
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 3, (parts[0],)), now=0.0)
    collector.receive(CatalogResponse("7", NVR, 1, (parts[1],)), now=0.0)
    assert collector.result is None
    collector.receive(CatalogResponse("7", NVR, 2, (parts[2],)), now=0.0)
    assert collector.result is not None
    assert collector.result.sum_num == 3


def test_sum_that_is_too_small_loses_no_items() -> None:
    """Q31: what comes after the end is added."""
    parts = items(3)
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 1, (parts[0],)), now=0.0)
    assert collector.result is not None
    collector.receive(CatalogResponse("7", NVR, 1, tuple(parts[1:])), now=1.0)
    assert len(collector.result.items) == 3
    assert collector.result.complete


def test_late_fragment_with_a_larger_sum_takes_completeness_back() -> None:
    parts = items(2)
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 1, (parts[0],)), now=0.0)
    collector.receive(CatalogResponse("7", NVR, 5, (parts[1],)), now=1.0)
    assert collector.result is not None
    assert not collector.result.complete


def test_late_fragment_completes_what_quiet_had_ended() -> None:
    parts = fragments("7", NVR, items(2), 1)
    collector = CatalogCollector("7", now=0.0)
    collector.receive(parts[0], now=0.0)
    collector.handle_timer(15.0)
    collector.receive(parts[1], now=16.0)
    assert collector.result is not None
    assert collector.result.complete


def test_duplicate_id_with_another_name_is_counted_and_the_last_wins() -> None:
    first = items(1)[0]
    second = CatalogItem(first.device_id, name="new")
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 2, (first, second)), now=0.0)
    collector.handle_timer(15.0)
    assert collector.result is not None
    assert [item.name for item in collector.result.items] == ["new"]
    assert collector.result.duplicates == 1
    assert not collector.result.complete


def test_items_without_an_id_count_towards_the_sum() -> None:
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 2, tuple(items(1)), unusable=1), now=0.0)
    assert collector.result is not None
    assert (collector.result.complete, collector.result.unusable) == (True, 1)


@pytest.mark.parametrize(("sent", "came", "ours"), [("7", "7", True), ("0007", "7", True), ("7", "8", False)])
def test_fragment_belongs_to_us_by_its_sn_without_leading_zeros(sent: str, came: str, ours: bool) -> None:
    """Q28."""
    assert CatalogCollector(sent, now=0.0).accepts(CatalogResponse(came, NVR, 0)) is ours


def test_number_of_items_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_collector, "MAX_COLLECTED_ITEMS", 3)
    exact = CatalogCollector("7", now=0.0)
    exact.receive(CatalogResponse("7", NVR, 3, tuple(items(3))), now=0.0)
    assert exact.result is not None
    assert exact.result.complete
    beyond = CatalogCollector("7", now=0.0)
    beyond.receive(CatalogResponse("7", NVR, 4, tuple(items(4))), now=0.0)
    beyond.handle_timer(15.0)
    assert beyond.result is not None
    assert (len(beyond.result.items), beyond.result.complete) == (3, False)


def test_a_list_of_nothing_but_items_without_an_id_may_delete_nothing() -> None:
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 10_000, (), unusable=10_000), now=0.0)
    assert collector.result is not None
    assert (collector.result.complete, collector.result.unusable) == (False, 10_000)


def test_a_sum_that_is_exceeded_at_once_ends_the_collection_by_silence_alone() -> None:
    """Q31: it counts something else, so more may come."""
    collector = CatalogCollector("7", now=0.0)
    collector.receive(CatalogResponse("7", NVR, 1, tuple(items(2))), now=0.0)
    assert collector.result is None
    collector.receive(CatalogResponse("7", NVR, 1, tuple(items(4))), now=1.0)
    assert collector.next_timer() == 16.0
    collector.handle_timer(16.0)
    assert collector.result is not None
    assert (len(collector.result.items), collector.result.complete) == (4, True)
