"""How steps are written, and what is said about those that are not understood."""

from pathlib import Path

import pytest

from sipserver.simulator.superior.errors import BadSteps
from sipserver.simulator.superior.run import DEFAULT_STEPS, KINDS
from sipserver.simulator.superior.steps import (
    MAX_FILE_BYTES,
    MAX_STEPS,
    listing,
    load_file,
    parse_file,
    parse_line,
)


def test_a_step_has_its_parameters_and_the_defaults_of_the_others() -> None:
    step = parse_line(KINDS, 'live transport=tcp-active seconds=2.5 save="a b.ps"')
    assert (step.name, step.text("transport"), step.number("seconds")) == ("live", "tcp-active", 2.5)
    assert (step.text("save"), step.text("stream")) == ("a b.ps", "main")
    assert str(step) == "live transport=tcp-active seconds=2.5 save=a b.ps"
    assert str(parse_line(KINDS, "options")) == "options"


def test_the_default_steps_are_steps() -> None:
    assert [parse_line(KINDS, line).name for line in DEFAULT_STEPS][:2] == ["wait-registered", "options"]


def test_a_file_has_settings_and_steps() -> None:
    file = parse_file(
        KINDS,
        """
        [superior]
        id = "34000000002000000009"
        [[step]]
        do = "wait-registered"
        timeout_s = 5
        [[step]]
        do = "ptz"
        move = "up"
        speed = 200
        """,
        "a.toml",
    )
    assert file.superior == {"id": "34000000002000000009"}
    assert [str(step) for step in file.steps] == ["wait-registered timeout_s=5.0", "ptz move=up speed=200"]
    assert parse_file(KINDS, "", "empty.toml").steps == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "names nothing to do"),
        ("dance", "there is no step 'dance'; there are wait-registered, "),
        ("live seconds", "'seconds' is not of the form name=value"),
        ("live secs=2", "live has no parameter 'secs'; it has subordinate, channel, transport"),
        ("live seconds=long", "seconds is a number, not 'long'"),
        ("live transport=rfc2217", "transport is one of udp, tcp-passive, tcp-active"),
        ("ptz speed=0", "speed is between 1 and 255"),
        ("ptz speed=256", "speed is between 1 and 255"),
        ("ptz speed=1.5", "speed is a whole number"),
        ("live seconds=nan", "seconds is between"),
        ("live 'seconds=1", "No closing quotation"),
    ],
)
def test_a_line_that_is_not_understood_is_told_with_what_there_is(line: str, said: str) -> None:
    with pytest.raises(BadSteps) as caught:
        parse_line(KINDS, line)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[step]", "bad.toml:"),
        ("[[step]]\nseconds = 1", "bad.toml: step 1: do = ... is missing"),
        ("[[step]]\ndo = 1", "do = ... is missing"),
        ("[[step]]\ndo = 'options'\n[[step]]\ndo = 'live'\nsave = ['a']", "step 2: live: save is a text"),
        ("[[step]]\ndo = 'ptz'\nspeed = true", "speed is a whole number"),
        ("step = 3", "steps are written as [[step]]"),
        ("step = [1]", "steps are written as [[step]]"),
        ("superior = 3", "[superior] is a table"),
        ("[superior]\nid = ['1']", "[superior] is a table"),
        ("[steps]", "'steps' is neither [superior] nor [[step]]"),
        ("[[step]]\ndo = 'options'\n" * (MAX_STEPS + 1), f"{MAX_STEPS + 1} steps"),
    ],
)
def test_a_file_that_is_not_understood_names_the_place(text: str, said: str) -> None:
    with pytest.raises(BadSteps) as caught:
        parse_file(KINDS, text, "bad.toml")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    for name, said in (
        ("none", "No such file"),
        ("latin", "utf-8"),
        ("long", "more than"),
        (".", "directory"),
    ):
        with pytest.raises(BadSteps, match=said):
            load_file(KINDS, tmp_path / name)


def test_the_listing_names_every_step_and_parameter() -> None:
    text = listing(KINDS)
    for kind in KINDS.values():
        assert f"\n{kind.name} " in f"\n{text}"
        for parameter in kind.parameters:
            assert f"    {parameter.name}=" in text
            if not isinstance(parameter.default, str) or parameter.default:
                parameter.read(parameter.default)
