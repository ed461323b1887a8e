"""Each row of the quirk catalogue (section 10 of the protocol notes) is imitated, or has a reason why not."""

from __future__ import annotations

import re
from typing import Final

import pytest

from sipserver.simulator.errors import UnknownFault
from sipserver.simulator.faults import FAULTS, Behaviour, behaviour_of, listing, named

_OF_A_SUPERIOR: Final = "a habit of superior platforms: comes with cascading"
_ALWAYS: Final = "what every simulated device does"

FAULTS_OF: Final[dict[int, tuple[str, ...]]] = {
    1: ("lan-contact",),
    2: ("new-port",),
    3: ("empty-keepalive",),
    4: ("platform-id",),
    10: ("large-lost",),
    11: ("waits-for-refusal",),
    12: ("old-nonce",),
    13: ("odd-digest-uri",),
    14: ("sha-256",),
    15: ("announces",),
    17: ("stale-dialog",),
    18: ("bye-481",),
    19: ("no-from-tag",),
    20: ("junk",),
    23: ("basic-param-restarts",),
    24: ("xml-type",),
    25: ("raw-markup",),
    26: ("mislabelled",),
    27: ("head-attributes",),
    28: ("changed-sn",),
    30: ("catalog-loss", "record-loss"),
    31: ("small-sum",),
    32: ("vendor-words",),
    33: ("parent-platform",),
    34: ("several-parents",),
    35: ("civil-code",),
    36: ("organisation-parent",),
    37: ("record-needs-type",),
    38: ("record-cap",),
    39: ("home-name",),
    40: ("config-device-only",),
    41: ("config-draft-names",),
    42: ("old-keyframe",),
    43: ("catalog-notify-response",),
    44: ("notify-out-of-dialog",),
    45: ("forgets-subscriptions",),
    46: ("never-notifies",),
    47: ("positions-by-message",),
    48: ("no-fix",),
    49: ("alarm-storm",),
    50: ("alarm-waits-for-reset",),
    51: ("all-presets",),
    52: ("snapshot-block-name",),
    53: ("alarm-status-case",),
    54: ("strict-sdp",),
    55: ("own-y",),
    56: ("zero-ssrc", "wrong-ssrc"),
    57: ("constant-ssrc",),
    58: ("no-y",),
    59: ("early-media",),
    60: ("no-setup",),
    61: ("udp-only",),
    62: ("sub-profile",),
    63: ("sub-mode",),
    64: ("pcma-channels",),
    65: ("broadcast-device-ids",),
    66: ("talk-only",),
    67: ("no-broadcast-response",),
    68: ("media-status-outside",),
    69: ("no-media-status",),
    70: ("scale-refused", "scale-ignored"),
    71: ("old-mansrtsp",),
    72: ("early-playback",),
    73: ("local-time",),
    77: ("wants-f-line",),
    81: ("keeps-sending",),
    82: ("pack-stuffing",),
    83: ("map-crc",),
    84: ("private-packets",),
    85: ("empty-packs",),
    86: ("separate-pes",),
    87: ("map-flips",),
    88: ("aac-as-g711",),
    89: ("map-length",),
    90: ("no-psm",),
    91: ("pes-length-0",),
    92: ("all-markers", "no-markers"),
    93: ("no-timestamp",),
    94: ("raw-h264", "transport-stream"),
    95: ("vendor-stream",),
    96: ("interleaved",),
    97: ("prefix-256",),
    98: ("tcp-garbage",),
    99: ("late-keyframe",),
    100: ("needs-reports",),
    101: ("bare-sound",),
    103: ("doubled-packets", "swapped-packets"),
}
NO_FAULT: Final[dict[int, str]] = {
    5: "it takes two devices with one id: test_fault_catalogue.py of integration/console starts them",
    6: "about the Date that we send: a device shows nothing of how it reads it (GB-C035)",
    7: "about a device at two platforms; Date is left out by its row (GB-C036)",
    8: _OF_A_SUPERIOR,
    9: _OF_A_SUPERIOR,
    16: "the stack of the simulator cannot leave out Via; a response made of text in test_client.py does",
    21: "a fault of servers, not of devices; that ours always authenticates is tested (GB-C042)",
    22: _ALWAYS + ": over TCP it connects and never listens",
    29: _ALWAYS + ": From is the device, also where a channel was asked",
    74: _OF_A_SUPERIOR,
    75: _OF_A_SUPERIOR,
    76: _OF_A_SUPERIOR,
    78: _OF_A_SUPERIOR,
    79: _OF_A_SUPERIOR,
    80: "a matter of settings: --id, and channel_ids",
    102: "the simulator's packs have one time for each picture, and its encoder makes no B pictures",
}


def test_every_row_is_imitated_or_has_its_reason() -> None:
    assert sorted([*FAULTS_OF, *NO_FAULT]) == list(range(1, 104))
    assert not set(FAULTS_OF) & set(NO_FAULT)


@pytest.mark.parametrize("row", FAULTS_OF)
def test_a_fault_says_which_row_it_imitates(row: int) -> None:
    for name in FAULTS_OF[row]:
        assert f"Q{row}" in re.findall(r"Q\d+", FAULTS[name].imitates), name


def test_no_fault_names_a_row_that_this_table_does_not() -> None:
    for name, fault in FAULTS.items():
        for row in re.findall(r"Q(\d+)", fault.imitates):
            assert name in FAULTS_OF[int(row)] or int(row) in FAULTS_OF, name


def test_several_faults_and_their_measures() -> None:
    found = behaviour_of(["wrong-ssrc", "no-psm", "late-stream=4"])
    assert found == Behaviour(ssrc_offset=1, with_map=False, stream_delay_s=4.0)
    for wrong in (
        "no-such",
        "no-psm=4",
        "late-stream=x",
        "late-stream=-1",
        "late-stream=1e9",
        "late-stream=nan",
    ):
        with pytest.raises(UnknownFault):
            behaviour_of([wrong])


def test_faults_may_come_in_lists_with_commas() -> None:
    assert named(["wrong-ssrc,no-psm, late-stream=4", "", "junk"]) == (
        "wrong-ssrc",
        "no-psm",
        "late-stream=4",
        "junk",
    )


def test_the_listing_has_every_fault_with_its_measure_and_what_it_imitates() -> None:
    lines = listing().splitlines()
    assert len(lines) == len(FAULTS)
    for line, (name, fault) in zip(lines, FAULTS.items(), strict=True):
        assert line.split()[0] == (f"{name}=N" if fault.measure else name)
        assert line.endswith(fault.imitates)
