"""Payload types by the session description."""

import pytest

from media.payloads import LABELS, SETS_MAX, PayloadLabel, label_of

GB_2022 = (
    "streamtype=5;profile-level-id=16;mode=AAC-hbr;config=1588;sizeLength=13;indexLength=3;"
    "indexDeltaLength=3;constantDuration=1024"
)


def test_the_example_of_the_standard_is_read() -> None:
    """GB/T 28181-2022 annex C."""
    assert label_of("mpeg4-generic", 8000, GB_2022) == PayloadLabel("aac", b"\x15\x88", (13, 3, 3), 8000)


def test_other_lengths_and_configurations_are_kept() -> None:
    fmtp = "mode=AAC-lbr; config=1408 ;SizeLength=6; indexlength=2; indexdeltalength=2"
    assert label_of("AAC", 16_000, fmtp) == PayloadLabel("aac", b"\x14\x08", (6, 2, 2), 16_000)


@pytest.mark.parametrize(
    "fmtp", ["", "config=xyz;sizeLength=-1", ";;=;config=", "sizeLength=999;indexLength=é"]
)
def test_parameters_that_make_no_sense_say_nothing(fmtp: str) -> None:
    assert label_of("MPEG4-GENERIC", 8000, fmtp) == PayloadLabel("aac", b"", (13, 3, 3), 8000)


@pytest.mark.parametrize(("name", "label"), list(LABELS.items()))
def test_each_name_has_its_label_in_any_case(name: str, label: str) -> None:
    assert label_of(name.lower()).label == label
    assert label_of("X-NOBODY-KNOWS").label == "unknown"


def test_parameter_sets_of_video_are_taken() -> None:
    """RFC 6184 section 8.1, RFC 7798 section 7.1."""
    found = label_of("H264", 90_000, "packetization-mode=1; sprop-parameter-sets=Z0LAHtkD, aMuMsg==")
    assert found == PayloadLabel(
        "h264", clock_rate=90_000, sets=(b"\x67\x42\xc0\x1e\xd9\x03", b"\x68\xcb\x8c\xb2")
    )
    found = label_of("H265", 90_000, "sprop-pps=RAHA;sprop-vps=QAEM;sprop-sps=QgEB")
    assert found.sets == (b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc0")


@pytest.mark.parametrize("value", ["", ",,,", "!!!", "Z0L", "Z0LA HtkD", "A" * 8_192, "é"])
def test_parameter_sets_that_cannot_be_read_are_left_out(value: str) -> None:
    assert label_of("H264", 90_000, f"sprop-parameter-sets={value}").sets == ()
    assert len(label_of("H264", 90_000, f"sprop-parameter-sets={value},Z0LAHtkD").sets) == 1


def test_only_so_many_sets_are_taken() -> None:
    many = ",".join(["Z0LAHtkD"] * 1_000)
    assert len(label_of("H264", 90_000, f"sprop-parameter-sets={many}").sets) == SETS_MAX
    assert label_of("PS", 90_000, "sprop-parameter-sets=Z0LAHtkD").sets == ()
