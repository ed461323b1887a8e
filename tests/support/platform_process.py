"""A real ``tongshi serve`` in a process of its own, with its own ports and data."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.support.port_ranges import rtp_ports

ADMIN_PASSWORD = "e2e admin password"
SIP_PASSWORD = "e2e camera password"
PLATFORM_ID = "34020000002000000001"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
ROOT = Path(__file__).parents[2]

ResultT = TypeVar("ResultT")


def free_ports(count: int) -> list[int]:
    """Ports that are free for TCP and UDP now."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    continue
        if port not in found:
            found.append(port)
    return found


async def eventually(
    probe: Callable[[], Awaitable[ResultT]], what: str, timeout_s: float = 30.0, every_s: float = 0.1
) -> ResultT:
    """The first true answer of ``probe``; a test fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"within {timeout_s} s: {what}"
        await asyncio.sleep(every_s)


@dataclass
class PlatformProcess:
    """Started by :meth:`start`; its log is in ``log_path``, also over restarts."""

    directory: Path
    extra: str = ""
    sip_port: int = 0
    http_port: int = 0
    media_port: int = 0
    rtp_ports: str = field(default_factory=rtp_ports)
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    platform_id: str = PLATFORM_ID
    host: str = "127.0.0.1"
    """Of SIP."""
    media_host: str = "127.0.0.1"
    sip: str = ""
    """Further lines of the table."""
    http_host: str = "127.0.0.1"
    runner: tuple[str, ...] = ()
    """What the command is run by, as in ``ip netns exec``."""

    def __post_init__(self) -> None:
        self.sip_port, self.http_port, self.media_port = free_ports(3)
        self.config.write_text(
            f"""
[sip]
id = "{self.platform_id}"
domain = "{self.platform_id[:10]}"
password = "{SIP_PASSWORD}"
host = "{self.host}"
port = {self.sip_port}
linger_s = 1.0
{self.sip}
[http]
host = "{self.http_host}"
port = {self.http_port}
lease_linger_s = 5.0
[media]
host = "{self.media_host}"
port = {self.media_port}
rtp_ports = "{self.rtp_ports}"
[storage]
path = "{self.directory / "recordings"}"
free_floor_bytes = 1000000
[database]
url = "sqlite:///{self.directory / "platform.db"}"
[access]
hash_memory_kib = 1024
hash_rounds = 1
{self.extra}
""",
            "utf-8",
        )

    @property
    def config(self) -> Path:
        return self.directory / "platform.toml"

    @property
    def log_path(self) -> Path:
        return self.directory / "platform.log"

    @property
    def base_url(self) -> str:
        return f"http://{self.http_host}:{self.http_port}"

    def command(self, *arguments: str) -> list[str]:
        return [*self.runner, sys.executable, "-m", "console", *arguments]

    def env(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TONGSHI_")}
        return {**kept, "TONGSHI_ADMIN_PASSWORD": ADMIN_PASSWORD, **self.environment}

    async def start(self) -> dict[str, str]:
        """Wait for the line ``ready``; returns its addresses."""
        before = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.process = self._launch()

        async def ready() -> dict[str, str]:
            text = self.log_path.read_bytes()[before:].decode()
            assert self.process is not None
            assert self.process.poll() is None, text
            match = re.search(r"^.*: ready (.*)$", text, re.MULTILINE)
            return dict(pair.split("=", 1) for pair in match[1].split()) if match else {}

        return await eventually(ready, "the line ready", START_TIMEOUT_S)

    def _launch(self) -> "subprocess.Popen[bytes]":
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self.command("serve", "--config", str(self.config)),
                cwd=ROOT,
                env=self.env(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code."""
        process = self.process
        assert process is not None
        process.send_signal(number)
        self.process = None
        return await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)

    async def run(self, *arguments: str, text: str = "") -> tuple[int, str]:
        """Another ``tongshi`` command; exit code and everything it wrote."""

        def call() -> tuple[int, str]:
            done = subprocess.run(
                self.command(*arguments),
                cwd=ROOT,
                env=self.env(),
                input=text.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=START_TIMEOUT_S,
                check=False,
            )
            return done.returncode, done.stdout.decode()

        return await asyncio.to_thread(call)

    def log(self) -> str:
        return self.log_path.read_text("utf-8") if self.log_path.exists() else ""

    def kill(self) -> None:
        """For the end of a test that failed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT_S)
            self.process = None
