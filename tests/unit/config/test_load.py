"""Reading settings: later ones win, and every fault is a line that says what is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Le, MaxLen

from config.errors import ConfigError
from config.load import load_tables


class Mode(StrEnum):
    FAST = "fast"
    SAFE = "safe"


@dataclass(frozen=True, slots=True)
class Net:
    id: str
    port: Annotated[int, Ge(0), Le(65535)] = 5060
    rate: Annotated[float, Ge(0.5)] = 1.0
    on: bool = False
    hosts: tuple[str, ...] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.SAFE
    level: Literal["low", "high"] = "low"
    password: Annotated[str, MaxLen(4)] = ""
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.on and not self.hosts:
            raise ValueError("on = true needs at least one of hosts")


@dataclass(frozen=True, slots=True)
class Disk:
    path: Path = Path("data")


@dataclass(frozen=True, slots=True)
class Both:
    net: Net
    disk: Disk = field(default_factory=Disk)


def _load(text: str, tmp_path: Path, **environment: str) -> Both:
    path = tmp_path / "t.toml"
    path.write_text(text, "utf-8")
    return load_tables(Both, path, environment)


def _faults(text: str, tmp_path: Path, **environment: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        _load(text, tmp_path, **environment)
    return caught.value.faults


def test_the_file_overrides_defaults_and_the_environment_overrides_the_file(tmp_path: Path) -> None:
    text = '[net]\nid = "a"\nport = 1\nrate = 2'
    loaded = _load(
        text, tmp_path, TONGSHI_NET__PORT="2", TONGSHI_DISK__PATH="/srv", HOME="/x", TONGSHI_OTHER="x"
    )
    assert loaded == Both(Net("a", port=2, rate=2.0), Disk(Path("/srv")))


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("ON", "true", True),
        ("RATE", "1.5", 1.5),
        ("HOSTS", "a, b", ("a", "b")),
        ("HOSTS", '["a,b"]', ("a,b",)),
        ("HOSTS", "", ()),
        ("ROUTES", '{"10.0.0.0/8": "10.1.1.1"}', {"10.0.0.0/8": "10.1.1.1"}),
        ("MODE", "fast", Mode.FAST),
        ("FILE", "", None),
        ("FILE", "/a/b", Path("/a/b")),
        ("PASSWORD", "1234", "1234"),
    ],
)
def test_every_kind_of_value_can_come_from_the_environment(
    tmp_path: Path, variable: str, text: str, expected: object
) -> None:
    environment = {"TONGSHI_NET__ID": "x", f"TONGSHI_NET__{variable}": text}
    if variable == "ON":
        environment["TONGSHI_NET__HOSTS"] = "h"
    loaded = load_tables(Both, None, environment)
    assert getattr(loaded.net, variable.lower()) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "port = 70000",
            "net.port = 70000 is wrong: allowed is a whole number from 0 to 65535; the default is 5060",
        ),
        (
            'port = "x"',
            'net.port = "x" is wrong: allowed is a whole number from 0 to 65535; the default is 5060',
        ),
        ("rate = 0", "net.rate = 0 is wrong: allowed is a number of at least 0.5; the default is 1.0"),
        ("on = 3", "net.on = 3 is wrong: allowed is true or false; the default is false"),
        (
            'mode = "slow"',
            'net.mode = "slow" is wrong: allowed is one of "fast", "safe"; the default is "safe"',
        ),
        (
            'level = "mid"',
            'net.level = "mid" is wrong: allowed is one of "low", "high"; the default is "low"',
        ),
        ('hosts = "a"', 'net.hosts = "a" is wrong: allowed is a list, each entry a text; the default is []'),
        ("hosts = [1]", "net.hosts = [1] is wrong (0: Input should be a valid string): allowed is a list"),
        ("prot = 1", "net.prot = 1: the key is unknown, did you mean port"),
        ("colour = 1", "net.colour = 1: the key is unknown"),
    ],
)
def test_a_wrong_line_is_named_with_its_value_and_what_is_allowed(
    tmp_path: Path, line: str, expected: str
) -> None:
    (fault,) = _faults(f'[net]\nid = "a"\n{line}', tmp_path)
    assert fault.startswith(f"{tmp_path}/t.toml: {expected}")
    assert "\n" not in fault


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    faults = _faults('x = 1\n[net]\nport = -1\n[dsik]\npath = "/"', tmp_path, TONGSHI_DISC__PATH="/")
    assert len(faults) == 5
    assert "x = 1 stands outside a table" in faults[0]
    assert "did you mean disk?" in faults[1]
    assert "TONGSHI_DISC__PATH" in faults[2]
    assert "net.port = -1" in faults[3]
    assert faults[4] == "net.id is not set; allowed is a text"


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    (fault,) = _faults('[net]\nid = "a"\npassword = "hunter22"', tmp_path)
    assert "hunter22" not in fault
    assert "(hidden)" in fault


def test_values_that_do_not_fit_together_are_told(tmp_path: Path) -> None:
    assert _faults('[net]\nid = "a"\non = true', tmp_path) == (
        "[net]: on = true needs at least one of hosts",
    )


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_tables(Both, tmp_path / "none.toml", {})
    (fault,) = _faults("[net\nid = 1", tmp_path)
    assert "is not valid TOML" in fault
