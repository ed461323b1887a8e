from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from health.camera_lines import FAMILIES, PREFIX
from health.totals import HELP

DIRECTORY = Path(__file__).parents[3] / "config" / "prometheus"


@pytest.mark.parametrize(
    ("what", "file"), [("config", "prometheus.yml"), ("rules", "tongshi-rules.yml")], ids=["config", "rules"]
)
def test_promtool_accepts_the_examples(what: str, file: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    result = subprocess.run(
        [promtool, "check", what, str(DIRECTORY / file)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_rules_name_only_metrics_that_exist() -> None:
    named = set(re.findall(r"\bgb28181_[a-z_]+", (DIRECTORY / "tongshi-rules.yml").read_text("utf-8")))
    known = {PREFIX + name for name in FAMILIES} | {f"gb28181_{name}" for name in HELP}
    known |= {"gb28181_cameras", "gb28181_cameras_online", "gb28181_cameras_online_ratio"}
    assert named <= known
