from __future__ import annotations

import re

import pytest

from console.pages.elements import COMPONENTS
from console.pages.texts import LANGUAGES, TEXTS, language_of, tables

SOURCES = "".join(path.read_text("utf-8") for path in sorted(COMPONENTS.glob("*.js")))
SCRIPTS = "".join(line for line in SOURCES.splitlines(True) if not line.lstrip().startswith("//"))
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
    built = ("state.", "problem.", "counts.")
    for key in TEXTS:
        assert key.startswith(built) or f'"{key}"' in SCRIPTS or f"'{key}'" in SCRIPTS, key


def test_every_state_of_a_tile_has_its_word() -> None:
    tile = (COMPONENTS / "tile.js").read_text("utf-8")
    states = set(re.findall(r"""(?:this\.state = |setState\()['"](\w+)['"]""", tile)) | {"empty"}
    assert {f"state.{state}" for state in states} <= TEXTS.keys()


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
