"""Instructions of the wire part, counted by callgrind: a figure that does not depend on neighbours.

``python tests/benchmarks/bench_instructions.py [--update]``

All stages of ``media/native/wire/benches/stages`` run once under callgrind, in one process. The counts are
held against ``instructions.json``; more than a tenth above the written figure is a regression and the exit
code 1. Counts of another compiler or processor architecture are printed and not compared. ``--update``
writes the file anew: commit it with the change that moved the figures, and say why.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
NATIVE: Final = ROOT / "media" / "native"
WRITTEN: Final = Path(__file__).with_name("instructions.json")
TOLERANCE: Final = 0.10
MEASURED: Final = "instructions::measured"
"""The function whose calls are counted."""


class Unavailable(Exception):
    """The counts cannot be taken here."""


@dataclass(frozen=True)
class Count:
    """What one stage costs."""

    stage: str
    per: str
    instructions: int


def conditions() -> dict[str, str]:
    """What the counts depend on."""
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    return {"compiler": compiler.strip(), "machine": platform.machine()}


def build() -> Path:
    """The program that runs the stages, in release mode."""
    if shutil.which("valgrind") is None:
        raise Unavailable("valgrind is not installed (Debian: apt-get install valgrind)")
    arguments = ["--release", "--locked", "--quiet", "--package", "tongshi-wire", "--example", "instructions"]
    subprocess.run(["cargo", "build", "--manifest-path", str(NATIVE / "Cargo.toml"), *arguments], check=True)
    return NATIVE / "target" / "release" / "examples" / "instructions"


def measure(program: Path) -> list[Count]:
    """All stages in one run, which writes a file of counts after each of them."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "counts"
        ran = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"),
                *(f"--toggle-collect={MEASURED}", f"--dump-after={MEASURED}", str(program)),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        stages = [line.split() for line in ran.stdout.splitlines()]
        counts = [counted(Path(f"{out}.{part}")) for part in range(1, len(stages) + 1)]
    return [
        Count(stage, per.lower(), round(count / int(items)))
        for (stage, per, items), count in zip(stages, counts, strict=True)
    ]


def counted(file: Path) -> int:
    """What callgrind says that one call took."""
    found = re.search(r"^totals: (\d+)$", file.read_text("utf-8") if file.exists() else "", re.MULTILINE)
    if found is None or found[1] == "0":
        raise Unavailable(f"callgrind counted nothing in {file.name}")
    return int(found[1])


def regressions(counts: list[Count], written: dict[str, Any]) -> list[str]:
    """What has become dearer, in words."""
    found = []
    for count in counts:
        before = written["instructions"].get(count.stage)
        if before is None:
            found.append(f"{count.stage} is not in {WRITTEN.name}: run with --update")
        elif count.instructions > before * (1 + TOLERANCE):
            found.append(
                f"{count.stage}: {count.instructions} instead of {before} instructions a {count.per}"
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Instructions of the wire part.")
    parser.add_argument("--update", action="store_true", help="write the figures anew")
    options = parser.parse_args()
    try:
        counts = measure(build())
    except Unavailable as error:
        print(error)
        return 0
    here = conditions()
    print(
        f"{here['compiler']}, {here['machine']};"
        " 4 s of 4 Mbit/s, 25 pictures a second, packets of 1,400 bytes"
    )
    written = json.loads(WRITTEN.read_text("utf-8")) if WRITTEN.exists() else {"instructions": {}}
    for count in counts:
        before = written["instructions"].get(count.stage, "-")
        print(f"{count.stage:16} {count.instructions:>8} a {count.per:8} written {before:>8}")
    if options.update:
        rows = {count.stage: count.instructions for count in counts}
        WRITTEN.write_text(json.dumps({**here, "instructions": rows}, indent=2) + "\n", "utf-8")
        return 0
    if any(written.get(key) != value for key, value in here.items()):
        print(f"not compared: {WRITTEN.name} was written by {written.get('compiler')}")
        return 0
    found = regressions(counts, written)
    print("\n".join(found) or "none is dearer than written")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
