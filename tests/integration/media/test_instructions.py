"""The guard of the wire part's cost: instructions, which no neighbour on the machine can change."""

import json

import pytest

from tests.benchmarks import bench_instructions as bench


def test_no_stage_of_the_wire_part_has_become_dearer() -> None:
    written = json.loads(bench.WRITTEN.read_text("utf-8"))
    for key, value in bench.conditions().items():
        if written[key] != value:
            pytest.skip(f"the figures are those of {written[key]}, here is {value}")
    try:
        counts = bench.measure(bench.build())
    except bench.Unavailable as error:
        pytest.skip(str(error))
    assert bench.regressions(counts, written) == []


def test_a_dearer_stage_and_a_new_one_are_named() -> None:
    counts = [
        bench.Count("old", "packet", 111),
        bench.Count("same", "packet", 110),
        bench.Count("new", "picture", 1),
    ]
    found = bench.regressions(counts, {"instructions": {"old": 100, "same": 100}})
    assert found == [
        "old: 111 instead of 100 instructions a packet",
        "new is not in instructions.json: run with --update",
    ]
