"""For tests in a browser: processes under test, and what a page asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fake_platform.py"
START_S = 90.0
STOP_S = 40.0


@dataclass
class Running:
    """A process under test and what it has written."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    fresh: Queue[str] = field(default_factory=Queue)

    def wait_for(self, wanted: Callable[[str], bool], what: str) -> str:
        """The first new line that is wanted."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                line = self.fresh.get(timeout=0.5)
            except Empty:
                if self.process.poll() is not None:
                    break
                continue
            if wanted(line):
                return line
        raise AssertionError(f"no line with {what}; it wrote:\n" + "".join(self.lines[-60:]))

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def start(command: list[str], environment: Mapping[str, str] | None = None) -> Running:
    """Start a process; its output is read all the time, so that it never waits for us."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    running = Running(process)

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                running.lines.append(line)
                running.fresh.put(line)

    Thread(target=read, daemon=True).start()
    return running


def serve_fake(kind: str = "small") -> Iterator[str]:
    """The address of a fake platform while it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    fake = start([str(FAKE), str(port), kind])
    try:
        fake.wait_for(lambda line: "listening" in line, "listening")
        yield f"http://127.0.0.1:{port}/"
    finally:
        fake.stop()


@dataclass
class Visit:
    """A page, and all that its browser asked for."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def log_in(self, base: str, username: str, password: str) -> None:
        self.page.goto(base)
        self.page.fill("input[name=username]", username)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".ts-wall")
