"""Token buckets and failure counts, with time as a number."""

from __future__ import annotations

from sipserver.devices.limiter import FailureCounts, TokenBuckets


def test_a_bucket_allows_its_burst_and_refills_over_time() -> None:
    buckets = TokenBuckets(burst=3, per_second=2)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert not buckets.take("a", 0.4)
    assert buckets.take("a", 0.6)
    assert buckets.take("b", 0.0)


def test_a_returned_token_can_be_taken_again_and_a_bucket_never_overflows() -> None:
    buckets = TokenBuckets(burst=1, per_second=0)
    assert buckets.take("a", 0.0)
    buckets.give_back("a", 0.0, 10)
    assert buckets.take("a", 0.0)
    assert not buckets.take("a", 0.0)


def test_a_flood_of_sources_does_not_grow_the_table() -> None:
    buckets = TokenBuckets(burst=1, per_second=0, max_sources=100)
    failures = FailureCounts(60.0, max_sources=100)
    for number in range(1000):
        buckets.take(str(number), 0.0)
        failures.failed(str(number), "id", 0.0)
        buckets.give_back(f"unknown {number}", 0.0)
    assert len(buckets) == 100
    assert len(failures) == 100
    assert not buckets.take("999", 0.0)
    assert failures.count("999", "id", 0.0) == 1


def test_failures_are_counted_per_source_and_device_and_forgotten() -> None:
    failures = FailureCounts(memory_s=60.0)
    assert [failures.failed("h", "id", at) for at in (0.0, 1.0, 2.0)] == [1, 2, 3]
    assert failures.count("h", "other", 2.0) == 0
    assert failures.count("other", "id", 2.0) == 0
    assert failures.count("h", "id", 62.0) == 3
    assert failures.count("h", "id", 62.1) == 0
    assert failures.failed("h", "id", 70.0) == 1
    failures.clear("h", "id")
    assert failures.count("h", "id", 70.0) == 0
