"""A server examined by a simulated device: this platform, and one that does everything wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.client import ConformanceOrder
from console.conform import examine_device, examine_server
from console.conformance import server_side
from console.conformance.model import CaseResult, Report, Step, Verdict
from console.conformance.run import Tell
from console.conformance.server_cases import SERVER_CASES
from console.conformance.server_side import ServerOptions
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Transport
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.support.platform_process import eventually
from tests.support.small_site import ADMIN_PASSWORD, HOST, SIP_PASSWORD, SmallSite, small_site

DEVICE_ID = "34020000001320099999"
SERVER_ID = "34020000002000000001"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path) as opened:
        yield opened


def options_for(port: int, **changes: Any) -> ServerOptions:
    made = ServerOptions(
        host=HOST, port=port, server_id=SERVER_ID, device_id=DEVICE_ID, password=SIP_PASSWORD, seconds=60.0
    )
    return replace(made, **changes)


async def examined(options: ServerOptions, tell: Tell = lambda *_: None) -> Report:
    report = server_side.new_report(options)
    await server_side.run(options, report, tell)
    return report


def verdicts(report: Report) -> dict[str, str]:
    return {result.case.case_id: result.verdict.value for result in report.results}


class Operator:
    """Does at our platform what the operator of a server is asked to do."""

    def __init__(self, site: SmallSite, options: ServerOptions) -> None:
        self.turn = asyncio.Event()
        self._site = site
        self._channel = f"/channels/{DEVICE_ID}~{options.device.all_channel_ids[0]}"

    def tell(self, result: CaseResult, _step: Step | None) -> None:
        if result.verdict is Verdict.WAITING:
            self.turn.set()

    async def do_everything(self) -> None:
        """Once the run has said that it waits for it."""
        await self.turn.wait()
        await eventually(self._is_there, "the simulated device is registered")
        await self._watch()
        await self._look_at_recordings()
        await self._speak()
        for expires_s in (60, 90):
            await self._ask("PUT", f"/devices/{DEVICE_ID}/subscriptions/alarm", {"expires_s": expires_s})
        await self._ask("PUT", f"/devices/{DEVICE_ID}/guard", {"armed": True})
        await self._ask("GET", f"{self._channel}/configuration")
        await self._ask("POST", f"{self._channel}/snapshot-bursts", {"count": 1, "interval_s": 1})

    async def _is_there(self) -> bool:
        channel = await self._site.api.get(self._channel)
        return bool(channel.status_code == 200 and channel.json()["online"])

    async def _watch(self) -> None:
        live = await self._ask("POST", f"{self._channel}/live")
        await self._ask("POST", f"{self._channel}/keyframe")
        await self._ask("POST", f"{self._channel}/ptz/move", {"pan": 0.5})
        await self._ask("POST", f"{self._channel}/ptz/stop")
        await self._ask("DELETE", f"/sessions/{live['session_id']}")

    async def _look_at_recordings(self) -> None:
        now = datetime.now(UTC)
        span = {
            "start": (now - timedelta(hours=3)).isoformat(),
            "end": (now - timedelta(hours=2)).isoformat(),
        }
        await self._ask("GET", f"{self._channel}/device-records", params=span)
        playback = (await self._ask("POST", f"{self._channel}/playbacks", span))["playback_id"]
        await self._ask("POST", f"/playbacks/{playback}/pause")
        await self._ask("POST", f"/playbacks/{playback}/resume")
        await self._ask("POST", f"/playbacks/{playback}/speed", {"scale": 2})
        await self._ask("POST", f"/playbacks/{playback}/seek", {"position_s": 1800})
        await self._ask("DELETE", f"/playbacks/{playback}")
        short = {**span, "end": (now - timedelta(hours=3) + timedelta(seconds=8)).isoformat(), "speed": 8}
        await self._ask("POST", f"{self._channel}/downloads", short)

    async def _speak(self) -> None:
        """Without a browser: the session is opened, silent, and ended."""
        for mode in ("broadcast", "talk"):
            session = await self._ask("POST", f"{self._channel}/audio", {"mode": mode})
            path = f"/audio/sessions/{session['session_id']}"

            async def is_heard(path: str = path) -> bool:
                found = (await self._site.api.get(path)).json()
                return bool(found["targets"][0]["state"] == "speaking")

            await eventually(is_heard, f"{mode} is open")
            await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = await self._site.api.request(method, path, json=body, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


async def test_our_own_platform_passes_everything_that_its_operator_does(site: SmallSite) -> None:
    wanted = tuple(each.case_id for each in SERVER_CASES if each.case_id != "redirected")
    options = options_for(site.sip_port, cases=wanted)
    operator = Operator(site, options)
    running = asyncio.create_task(examined(options, operator.tell))
    await operator.do_everything()
    report = await running
    wrong = {
        result.case.case_id: (result.verdict.value, result.reason, [str(step) for step in result.steps])
        for result in report.results
        if result.verdict is not Verdict.PASSED
    }
    assert wrong == {}
    assert all(result.messages for result in report.results)
    assert not report.has_failed


async def test_what_nobody_does_is_not_seen_and_does_not_fail(site: SmallSite) -> None:
    report = await examined(options_for(site.sip_port, seconds=0.5, transport=Transport.TCP))
    found = verdicts(report)
    assert {found[name] for name in ("live-asked", "ptz-asked", "redirected")} == {"not seen"}
    assert {found[name] for name in ("retransmission", "malformed")} == {"skipped"}
    assert found["register"] == "passed"
    assert not report.has_failed


async def test_a_redirection_is_seen(tmp_path: Path) -> None:
    elsewhere = RegistrationSettings(redirect_targets={f"{SERVER_ID}@127.0.0.1:9": 1})
    async with small_site(tmp_path, registration=elsewhere) as site:
        report = await examined(options_for(site.sip_port, cases=("register", "redirected"), seconds=3.0))
    assert verdicts(report)["register"] == "skipped"
    assert "redirected to" in report.results[0].reason


async def test_a_server_with_a_wrong_password_for_us_fails_the_registration(site: SmallSite) -> None:
    report = await examined(
        options_for(site.sip_port, password="another", seconds=0.1, cases=("register", "keepalive"))
    )
    assert verdicts(report) == {"register": "failed", "keepalive": "skipped"}
    assert report.has_failed


class CarelessServer:
    """Says 200 to everything, and repeats itself never twice the same."""

    def __init__(self) -> None:
        self.transport = SipTransport(SipTransportSettings(listens=listen_pair(HOST, 0)))
        self.transport.request_handler = self._receive

    def _receive(self, incoming: IncomingRequest) -> None:
        self.transport.respond(incoming, 200, body=b"fine", content_type="text/plain")


async def test_a_careless_server_fails_where_it_is_careless() -> None:
    server = CarelessServer()
    await server.transport.open()
    try:
        by_device = tuple(each.case_id for each in SERVER_CASES if each.case_id in server_side.PROVOKED)
        port = server.transport.addresses[0].port
        report = await examined(options_for(port, cases=by_device, edition=Edition.V2_0))
    finally:
        await server.transport.close()
    found = {result.case.case_id: (result.verdict.value, result.reason) for result in report.results}
    failed = {name for name, (verdict, _) in found.items() if verdict == "failed"}
    assert failed == {
        "challenge", "unregistered-keepalive", "wrong-password", "register", "refresh", "keepalive",
        "unknown-method", "alarm",
    }  # fmt: skip
    assert found["challenge"][1] == "the server takes a device without a password"
    assert found["server-version"] == ("not supported", "of 3.0; run it with --edition 3.0")
    assert all(result.messages for result in report.results if result.verdict is Verdict.FAILED)


async def test_both_commands_print_and_write_a_report(
    site: SmallSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = await site.add_camera()
    order = ConformanceOrder(cases=["device-info", "home-position"])
    url = f"http://{HOST}:{site.platform.http_port}"
    path = tmp_path / "device.html"
    code = await examine_device(camera.settings.device_id, order, url, "admin", ADMIN_PASSWORD, path)
    assert code == 0
    assert "GB/T 28181 设备符合性测试报告" in path.read_text("utf-8")
    lines = capsys.readouterr().out.splitlines()
    assert "device-info: Device information" in lines
    assert "  = NOT SUPPORTED: of 3.0; the device states 2.0" in lines
    assert lines[-1] == "1 passed, 1 not supported"

    path = tmp_path / "server.html"
    wrong = options_for(site.sip_port, password="another", seconds=0.1, cases=("challenge", "register"))
    assert await examine_server(wrong, path) == 1
    assert "GB/T 28181 平台符合性测试报告" in path.read_text("utf-8")
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
