"""Instructions of the wire part, counted by callgrind: a figure that does not depend on neighbours.

``python tests/benchmarks/bench_instructions.py [--update]``

Each stage of ``media/native/wire/benches/stages`` runs once under callgrind. The counts are held against
``instructions.json``; more than a tenth above the written figure is a regression and the exit code 1. Counts
of another compiler or processor architecture are printed and not compared. ``--update`` writes the file
anew: commit it with the change that moved the figures, and say why.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
NATIVE: Final = ROOT / "media" / "native"
WRITTEN: Final = Path(__file__).with_name("instructions.json")
TOLERANCE: Final = 0.10


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
    """The program that runs a stage, in release mode."""
    if shutil.which("valgrind") is None:
        raise Unavailable("valgrind is not installed (Debian: apt-get install valgrind)")
    arguments = ["--release", "--locked", "--quiet", "--package", "tongshi-wire", "--example", "instructions"]
    subprocess.run(["cargo", "build", "--manifest-path", str(NATIVE / "Cargo.toml"), *arguments], check=True)
    return NATIVE / "target" / "release" / "examples" / "instructions"


def measure(program: Path) -> list[Count]:
    """All stages, each in a run of its own."""
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    counts = []
    for line in listed.splitlines():
        stage, per, items = line.split()
        ran = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
                *("--toggle-collect=instructions::measured*", str(program), stage),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"Collected : (\d+)", ran.stderr)
        if found is None or found[1] == "0":
            raise Unavailable(f"callgrind counted nothing for {stage}: {ran.stderr[-300:]}")
        counts.append(Count(stage, per.lower(), round(int(found[1]) / int(items))))
    return counts


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
