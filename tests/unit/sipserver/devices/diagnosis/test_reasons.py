"""Every reason is explained, and every error of this room stands for one."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from console.api.problems import KINDS
from media.session import MediaTransport
from sipserver.devices import errors
from sipserver.devices.diagnosis import reception
from sipserver.devices.diagnosis.reasons import REASONS, Place, Reason, reason_of
from sipserver.devices.profiles.facets import Facet, is_suitable
from sipserver.gb.media_format import MediaFormat
from tests.unit.sipserver.devices.test_media_verdicts import evidence, stats

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.DeviceError) and kind is not errors.DeviceError
]


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_says_what_to_do(reason: Reason) -> None:
    explanation = REASONS[reason]
    assert explanation.title
    assert explanation.advice.endswith(".")
    for setting in explanation.settings:
        if setting.place is Place.PROFILE:
            assert is_suitable(Facet(setting.key), setting.value)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_has_a_reason(kind: type[errors.DeviceError]) -> None:
    error = kind.__new__(kind)
    assert reason_of(error) in Reason


def test_a_verdict_and_the_problem_of_the_api_have_the_same_name() -> None:
    """GB-C113: distinct failures, distinct errors."""
    pairs = {
        kind: Reason(KINDS[kind].code) for kind in ERRORS if kind in KINDS and KINDS[kind].code in set(Reason)
    }
    assert len(pairs) >= 16
    for kind, reason in pairs.items():
        assert reason_of(kind.__new__(kind)) is reason, kind


def test_a_sound_stream_has_no_warnings() -> None:
    seen = evidence()
    sound = stats(packets=1000, ssrc=200000001, source="198.51.100.20:4000", gop_s=2.0)
    assert reception.warnings(sound, seen) == []


def test_a_stream_with_every_flaw() -> None:
    seen = evidence()
    assert seen.answer is not None
    seen.answer = replace(seen.answer, format=MediaFormat.parse("v/2/6/25/1/4096a/1/8/1"))
    seen.instead_of = MediaTransport.TCP_PASSIVE
    flawed = stats(
        packets=90, lost=10, ssrc=7, source="[2001:db8::9]:4000", gop_s=60.0, bitrate_bps=1_000_000
    )
    found = {finding.reason: finding.evidence for finding in reception.warnings(flawed, seen)}
    assert list(found) == [
        Reason.BANDWIDTH_SHORT, Reason.OTHER_SOURCE, Reason.OTHER_SSRC, Reason.AUDIO_ABSENT,
        Reason.LATE_KEYFRAME, Reason.TRANSPORT_CHANGED,
    ]  # fmt: skip
    assert found[Reason.BANDWIDTH_SHORT] == (
        "10% of the packets never came: 10 of 100",
        "the answer promises 4096 kbit/s, 1000 kbit/s arrive",
    )
    assert "2001:db8::9" in found[Reason.OTHER_SOURCE][0]
