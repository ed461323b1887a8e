from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from health.counters import MAX_SAMPLES_PER_FIELD, counter_families
from health.errors import MalformedMetric
from health.text import Family, Sample, write_families, write_head, write_labels, write_number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_the_same(value: float) -> None:
    assert float(write_number(value)) == value


# The reader of prometheus_client splits lines at more characters than the format has line ends.
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
)
def test_label_values_read_back_the_same(value: str) -> None:
    text = write_families([Family("a", "gauge", "A.", (Sample(1, {"x": value}),))])
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"x": value}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_family_without_known_values_is_left_out(value: float | None) -> None:
    assert write_families([Family("a", "gauge", "A.", (Sample(value),))]) == ""


@pytest.mark.parametrize("name", ["1a", "a-b", "", "a b", "温度"])
def test_a_malformed_name_is_our_bug(name: str) -> None:
    with pytest.raises(MalformedMetric):
        write_head(name, "gauge", "")
    with pytest.raises(MalformedMetric):
        write_labels({name: "x"})


def test_counters_and_only_counters_end_in_total() -> None:
    with pytest.raises(MalformedMetric):
        write_head("a", "counter", "")
    with pytest.raises(MalformedMetric):
        write_head("a_total", "gauge", "")
    assert write_head("a_total", "counter", "x\ny\\") == "# HELP a_total x\\ny\\\\\n# TYPE a_total counter\n"


@dataclass
class Stats:
    lost: int
    seen_total: int
    by_thing: dict[str, int]
    ready: bool = True
    name: str = "no number"
    _hidden: int = 1


def test_every_number_of_a_stats_object_becomes_a_counter() -> None:
    families = {family.name: family for family in counter_families({"media": Stats(1, 2, {"b": 1, "a": 2})})}
    assert families.keys() == {
        "gb28181_media_lost_total", "gb28181_media_seen_total", "gb28181_media_by_thing_total",
    }  # fmt: skip
    assert families["gb28181_media_by_thing_total"].samples == (
        Sample(2, {"kind": "a"}),
        Sample(1, {"kind": "b"}),
    )


def test_a_mapping_that_grew_without_bound_does_not_flood_prometheus() -> None:
    grown = {str(number): 1 for number in range(MAX_SAMPLES_PER_FIELD + 1)}
    (family,) = counter_families({"sip": {"requests_received": grown}})
    assert len(family.samples) == MAX_SAMPLES_PER_FIELD


def test_an_empty_mapping_gives_no_family() -> None:
    assert list(counter_families({"sip": {"requests_received": {}}})) == []


def test_what_rises_and_falls_is_no_counter() -> None:
    families = counter_families({"storage": {"segments": 7, "segments_opened": 9}, "other": {"segments": 7}})
    assert [family.name for family in families] == [
        "gb28181_storage_segments_opened_total", "gb28181_other_segments_total",
    ]  # fmt: skip


def test_the_reason_of_a_refusal_is_a_label() -> None:
    (family,) = counter_families({"devices": {"registrations_refused": {"wrong_password": 3}}})
    assert family.samples == (Sample(3, {"reason": "wrong_password"}),)
