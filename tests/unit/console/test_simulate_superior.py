"""``tongshi simulate superior`` on the command line: help, bad steps, exit codes, JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.cli import app
from sipserver.simulator.superior.run import KINDS

FREE = ("--listen", "127.0.0.1:0")


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(
        app, ["simulate", "superior", *arguments]
    )


def test_the_help_names_the_options_and_the_exit_codes() -> None:
    text = run("--help").output
    for word in ("--steps", "--step", "--list-steps", "--json", "--keep-going", "--tls-listen", "exit code"):
        assert word in text
    assert "superior" in CliRunner().invoke(app, ["simulate", "--help"]).output


def test_the_steps_are_listed() -> None:
    listed = run("--list-steps")
    assert listed.exit_code == 0
    assert all(name in listed.output for name in KINDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[step]]\ndo = 'dance'", "step 1: there is no step 'dance'"),
        ("[superior]\ncolour = 'red'", "[superior] has no 'colour'; it has id, domain"),
        ("[superior]\nid = '12'", "not 20 digits"),
        ("[superior]\nlisten = '127.0.0.1:none'", "is not host:port"),
        ("[superior]\nedition = '9.9'", "9.9"),
        ("[superior]\ncharset = 'EBCDIC'", "EBCDIC"),
        ("[[step]", "steps.toml:"),
    ],
)
def test_a_bad_steps_file_ends_with_2_and_names_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "steps.toml"
    path.write_text(text, "utf-8")
    done = run("--steps", str(path))
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_bad_step_and_a_missing_file_end_with_2(tmp_path: Path) -> None:
    for arguments in (("--step", "live secs=1"), ("--steps", str(tmp_path / "none.toml")), ("--id", "12")):
        assert run(*arguments).exit_code == 2


def test_nobody_registers_and_the_exit_code_says_so() -> None:
    done = run(*FREE, "--step", "wait-registered timeout_s=0", "--step", "options")
    assert done.exit_code == 1
    assert "FAIL   1" in done.output
    assert "nobody registered within 0 s" in done.output
    assert "0 of 2 steps passed, 1 failed, 1 not done" in done.output


def test_the_report_as_json(tmp_path: Path) -> None:
    path = tmp_path / "steps.toml"
    lines = ("[superior]", "listen = '127.0.0.1:0'", "[[step]]", "do = 'wait-registered'", "timeout_s = 0")
    path.write_text("\n".join(lines), "utf-8")
    done = run("--steps", str(path), "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["passed"] is False
    assert [each["told"] for each in report["steps"]] == ["nobody registered within 0 s"]


def test_a_list_begins_with_waiting_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.simulate_superior.FIRST", "wait")
    done = run(*FREE, "--step", "wait-registered timeout_s=0")
    first, second, *_ = done.output.splitlines()
    assert first.startswith("ok     1")
    assert first.endswith("  wait: 1 s")
    assert second.startswith("FAIL   2")


def test_an_address_that_is_taken_ends_with_1() -> None:
    done = run("--listen", "192.0.2.1:5060", "--step", "options")
    assert done.exit_code == 1
    assert "cannot listen" in done.output
