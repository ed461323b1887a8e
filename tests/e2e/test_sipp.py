"""An outside SIP stack registers: sipp (Debian package sip-tester), which shares no code with us."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.platform_process import ROOT, PlatformProcess, eventually, free_ports

SCENARIO = ROOT / "tests/vectors/sipp/register.xml"
DEVICES = 500
REGISTRATIONS_PER_SECOND = 250
# sipp ends a password at the first blank.
PASSWORD = "Sipp-12345"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path, environment={"TONGSHI_SIP__PASSWORD": PASSWORD})
    yield process
    process.kill()


@pytest.fixture
def sipp() -> str:
    path = shutil.which("sipp")
    if path is None:
        pytest.skip("sipp is not installed (Debian package sip-tester): no outside SIP stack registers")
    return path


async def metric(platform: PlatformProcess, name: str) -> float | None:
    async with httpx.AsyncClient(trust_env=False) as http:
        lines = (await http.get(f"{platform.base_url}/metrics")).text.splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), None)


def credentials(path: Path, password: str) -> Path:
    lines = ["SEQUENTIAL"]
    for number in range(DEVICES):
        device_id = f"3402000000132{number:07d}"
        lines.append(f"{device_id};[authentication username={device_id} password={password}]")
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


def command(sipp: str, transport: str, devices: Path, count: int, port: int) -> list[str]:
    """``transport``: ``u1`` one UDP socket, ``t1`` one TCP connection."""
    return [
        *(sipp, f"127.0.0.1:{port}", "-sf", str(SCENARIO), "-inf", str(devices), "-t", transport),
        *("-m", str(count), "-r", str(REGISTRATIONS_PER_SECOND), "-l", str(count), "-i", "127.0.0.1"),
        *("-p", str(free_ports(1)[0]), "-nostdin", "-trace_err", "-timeout", "90", "-timeout_error"),
    ]


async def run(platform: PlatformProcess, line: list[str]) -> "subprocess.CompletedProcess[bytes]":
    return await asyncio.to_thread(
        subprocess.run, line, cwd=platform.directory, capture_output=True, timeout=120, check=False
    )


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_five_hundred_devices_of_another_stack_register_with_digest(
    platform: PlatformProcess, sipp: str, transport: str
) -> None:
    """GB-C014, C028, C035, C037, C045: 401, 200 with Date and X-GB-Ver, then a keepalive."""
    await platform.start()
    devices = credentials(platform.directory / "devices.csv", PASSWORD)
    ended = await run(platform, command(sipp, transport, devices, DEVICES, platform.sip_port))
    assert ended.returncode == 0, ended.stdout.decode(errors="replace")[-3000:]

    async def all_online() -> bool:
        return await metric(platform, "gb28181_devices_online") == DEVICES

    # Over TCP the end of sipp closes the connection, which takes its devices offline (GB-C016).
    if transport == "u1":
        await eventually(all_online, f"{DEVICES} devices online")
    assert await metric(platform, "gb28181_devices_registrations_total") == DEVICES
    assert await metric(platform, "gb28181_devices_keepalives_total") == DEVICES


async def test_a_device_of_another_stack_with_a_wrong_password_never_comes_online(
    platform: PlatformProcess, sipp: str
) -> None:
    """GB-C031."""
    await platform.start()
    devices = credentials(platform.directory / "devices.csv", "not-the-password")
    ended = await run(platform, command(sipp, "u1", devices, 1, platform.sip_port))
    assert ended.returncode == 1, ended.stdout.decode(errors="replace")[-3000:]
    assert await metric(platform, "gb28181_devices_registrations_total") == 0
    assert await metric(platform, "gb28181_devices_online") == 0
