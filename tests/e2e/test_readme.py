"""The commands of the README are run, so that they stay true."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.platform_process import ADMIN_PASSWORD, ROOT, PlatformProcess

# All ```sh blocks of the README, line by line.
LINES = [
    line
    for block in re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    for line in block.splitlines()
]
MAKE = [line for line in LINES if line.startswith("make ")]
TONGSHI = [line for line in LINES if line.startswith("tongshi ") and " serve " not in line]
SHELL = [line for line in LINES if not line.startswith(("make ", "tongshi "))]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    yield process
    process.kill()


def run(line: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_readme_has_the_commands_that_these_tests_run() -> None:
    assert "make run" in MAKE
    assert "tongshi serve --config config/tongshi.toml" in LINES
    assert TONGSHI
    assert SHELL


@pytest.mark.parametrize("line", MAKE)
def test_every_make_target_exists(line: str) -> None:
    ended = run(f"{line} --dry-run", {})
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("line", TONGSHI)
def test_every_tongshi_command_works(line: str, platform: PlatformProcess) -> None:
    # The reference file as it is, but for addresses and places that belong to this machine.
    elsewhere = {
        "TONGSHI_SIP__PASSWORD": "a password",
        "TONGSHI_SIP__HOST": "127.0.0.1",
        "TONGSHI_SIP__PORT": str(platform.sip_port),
        "TONGSHI_HTTP__PORT": str(platform.http_port),
        "TONGSHI_MEDIA__PORT": str(platform.media_port),
        "TONGSHI_STORAGE__PATH": str(platform.directory / "recordings"),
        "TONGSHI_DATABASE__URL": f"sqlite:///{platform.directory / 'readme.db'}",
    }
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = run(line, elsewhere | path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.strip()


async def test_the_api_example_works_as_it_is_printed(platform: PlatformProcess) -> None:
    await platform.start()
    environment = {"TONGSHI": platform.base_url, "PASSWORD": ADMIN_PASSWORD, "NO_PROXY": "127.0.0.1"}
    ended = await asyncio.to_thread(run, "\n".join(SHELL), environment)
    assert ended.returncode == 0, ended.stderr
    assert '{"items":[],"next":null}' in ended.stdout
    assert "gb28181_devices 0" in ended.stdout
