from __future__ import annotations

import re
from typing import get_args

import pytest

from access.audit import Outcome as AuditOutcome
from access.rights import Reason as RightReason
from access.rights import Right, StreamChoice
from cascade.below.subordinates import CatalogState, SubordinateState
from cascade.model import InitialReport, LinkState, RecordSource, TreeForm
from cascade.shown.channel_table import ItemState
from cascade.shown.shares import ShareKind
from cascade.told.ledger import Difference
from console.api.problems import KINDS
from console.api.trial_models import TrialStepName
from console.pages.elements import COMPONENTS
from console.pages.texts import LANGUAGES, TEXTS, language_of, tables
from gateway.model import PullMode, SourceKind, SourceState
from health.outages.model import Cause
from media.facts import StallReason
from media.sources.errors import SourceFailed
from media.sources.opening import RtspTransport
from sipserver.devices.clocks.device_clock import ClockSource
from sipserver.devices.diagnosis.findings import Outcome as StepOutcome
from sipserver.devices.diagnosis.reasons import REASONS, Place, Reason
from sipserver.devices.history.stream import Outcome as HistoryOutcome
from sipserver.devices.invite_state import State as InviteState
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.model import Origin
from sipserver.devices.subscriptions.kinds import Kind
from storage.alarm_files import FileKind, FileState
from storage.download_model import DownloadState

SOURCES = "".join(path.read_text("utf-8") for path in sorted(COMPONENTS.glob("*.js")))
SCRIPTS = "".join(line for line in SOURCES.splitlines(True) if not line.lstrip().startswith("//"))
VERDICTS = {SourceFailed.verdict} | {kind.verdict for kind in SourceFailed.__subclasses__()}
# Kinds of texts whose key is built from a word that the platform says.
SAID_BY_THE_PLATFORM = {
    "action": {"record", "snapshot", "preset"},
    "audit_outcome": set(AuditOutcome),
    "catalogue_state": set(CatalogState),
    "cause": set(Cause),
    "clock_source": set(ClockSource),
    "difference": set(Difference),
    "download_state": set(DownloadState),
    "ended": set(HistoryOutcome) - {HistoryOutcome.END_OF_FILE},
    "facet": set(Facet),
    "file": set(FileKind),
    "file_state": set(FileState) - {FileState.READY},
    "initial_report": set(InitialReport),
    "invite_state": {state.value for state in InviteState},
    "item_state": {state.name.lower() for state in ItemState},
    "origin": set(Origin),
    "outcome": set(StepOutcome),
    "place": set(Place),
    "reason": set(Reason),
    "record_source": set(RecordSource),
    "refusal": set(RightReason) - {RightReason.GRANTED},
    "right": set(Right),
    "share_kind": {kind.name.lower() for kind in ShareKind},
    "source_kind": set(SourceKind),
    "source_mode": set(PullMode),
    "source_state": set(SourceState),
    "source_transport": set(RtspTransport),
    "source_verdict": VERDICTS,
    "stall": set(StallReason),
    "step": {"registered", "answers", "addresses", "listed", "invited", "picture", "quality"},
    "subordinate_state": set(SubordinateState),
    "subscription": set(Kind),
    "superior_state": set(LinkState),
    "superior_stream": set(StreamChoice),
    "tree_form": set(TreeForm),
    "trial_step": set(get_args(TrialStepName)),
}
BUILT = (
    "capture_reason.",
    "captures.",
    "counts.",
    "details.",
    "device.",
    "edition.",
    "holder.",
    "media_choice.",
    "presented_kind.",
    "problem.",
    "ptz.",
    "sender_form.",
    "sender_state.",
    "setting.",
    "share_example.",
    "source.",
    "sources.",
    "state.",
    "stream.",
    "stream_choice.",
    "stream_kind.",
    "subordinates.",
    "superiors.",
    "transport.",
    "view.",
    "way.",
    "weekday.",
    "subscription_state.",
)
BUILT += ("tab.", "told_kind.", "talk.", "value.", *(f"{kind}." for kind in SAID_BY_THE_PLATFORM))
# Failures that no call of the pages can have.
NOT_OF_PAGES = (
    "clip",
    "clips",
    "transfers",
    "schedule",
    "transfer",
    "rule",
    "picture",
    "cursor",
    "method",
    "large",
    "unreadable",
    "long",
)
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def test_every_text_is_there_in_both_languages() -> None:
    for key, text in TEXTS.items():
        assert text.zh.strip(), key
        assert text.en.strip(), key
    assert all(table.keys() == TEXTS.keys() for table in tables().values())


def test_both_languages_fill_in_the_same_values() -> None:
    for key, text in TEXTS.items():
        assert set(PLACEHOLDER.findall(text.zh)) == set(PLACEHOLDER.findall(text.en)), key


def test_chinese_is_chinese_and_english_is_not() -> None:
    # The language switch is written in the language it switches to.
    for key, text in TEXTS.items():
        zh, en = (text.en, text.zh) if key.startswith("page.language") else text
        assert not re.search(r"[\u4e00-\u9fff]", en), key
        assert re.search(r"[\u4e00-\u9fff]", zh) or key == "playback.zoom", key


def test_the_components_use_only_keys_that_exist() -> None:
    named = set(re.findall(r"""\bt\(\s*['"]([a-z_]+(?:\.[a-z_.]+)?)['"]""", SCRIPTS))
    named |= set(re.findall(r"""t\([^()]*\? '([a-z_.]+)' :""", SCRIPTS))
    named |= set(re.findall(r"""t\([^()]*\? '[a-z_.]+' : '([a-z_.]+)'""", SCRIPTS))
    assert len(named) > 60
    assert named <= TEXTS.keys()


def test_no_text_is_left_over() -> None:
    for key in TEXTS:
        assert key.startswith(BUILT) or f'"{key}"' in SCRIPTS or f"'{key}'" in SCRIPTS, key


def test_every_state_of_a_tile_has_its_word() -> None:
    tile = (COMPONENTS / "tile.js").read_text("utf-8")
    states = set(re.findall(r"""(?:this\.state = |setState\()['"](\w+)['"]""", tile)) | {"empty"}
    assert {f"state.{state}" for state in states} <= TEXTS.keys()


@pytest.mark.parametrize("kind", SAID_BY_THE_PLATFORM)
def test_what_the_platform_says_has_its_word(kind: str) -> None:
    assert {f"{kind}.{word}" for word in SAID_BY_THE_PLATFORM[kind]} <= TEXTS.keys()


@pytest.mark.parametrize("kind", ["reason", "cause"])
def test_every_reason_and_cause_says_what_helps(kind: str) -> None:
    assert {f"{kind}.{word}.advice" for word in SAID_BY_THE_PLATFORM[kind]} <= TEXTS.keys()


def test_every_advised_setting_has_its_name() -> None:
    for explanation in REASONS.values():
        for setting in explanation.settings:
            named = {f"setting.{setting.key}", f"facet.{setting.key}"} & TEXTS.keys()
            assert named or setting.key.startswith(("media.", "sip.")), setting.key


def test_every_failure_that_a_page_can_have_is_said_in_both_languages() -> None:
    codes = {kind.code for kind in KINDS.values() if not set(kind.code.split("-")) & set(NOT_OF_PAGES)}
    assert {f"problem.{code}" for code in codes} - TEXTS.keys() <= {
        "problem.no-position",
        "problem.no-microphone",
    }


def test_every_key_of_the_pad_has_its_name() -> None:
    script = (COMPONENTS / "ptz.js").read_text("utf-8")
    ways = re.findall(r"""^  \["([a-z_]+)", """, script, re.MULTILINE)
    lens = re.findall(r"""\{ name: "([a-z]+)", less""", script)
    assert len(ways) == 9
    assert {f"ptz.{way}" for way in ways} <= TEXTS.keys()
    assert {f"ptz.{part}{side}" for part in lens for side in ("", "_less", "_more")} <= TEXTS.keys()


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "zh"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "de-DE,de;q=0.9,en;q=0.8", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr", "zh"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_persons_choice_then_the_browsers_then_chinese(
    cookie: str | None, accepted: str, language: str
) -> None:
    assert language_of(cookie, accepted) == language
    assert language in LANGUAGES
