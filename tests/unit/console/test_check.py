"""The verdicts of ``tongshi check``."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

from config.schema import Settings
from config.tables import DatabaseSettings, HttpSettings
from console.check import (
    Finding,
    Verdict,
    check_addresses,
    check_disk,
    check_ports,
    print_findings,
    run_checks,
)
from tests.support.port_ranges import rtp_ports


def _settings(tmp_path: Path) -> Settings:
    settings = Settings(
        http=HttpSettings(host="127.0.0.1", port=0),
        database=DatabaseSettings(url=f"sqlite:///{tmp_path}/db/t.db"),
    )
    return replace(
        settings,
        sip=replace(settings.sip, host="127.0.0.1", port=0, password="long enough"),
        media=replace(settings.media, host="127.0.0.1", port=0, rtp_ports=rtp_ports()),
        storage=replace(settings.storage, path=tmp_path / "rec", free_floor_bytes=1),
    )


def test_a_machine_that_is_fit_passes_and_stays_as_it_was(tmp_path: Path) -> None:
    findings = asyncio.run(run_checks(_settings(tmp_path)))
    assert [finding for finding in findings if finding.verdict is Verdict.FAILED] == []
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_fails_and_names_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = replace(_settings(tmp_path), http=HttpSettings(host="127.0.0.1", port=port))
        failed = [finding for finding in check_ports(settings) if finding.verdict is Verdict.FAILED]
    assert [finding.what for finding in failed] == ["http"]
    assert "set http.port" in failed[0].detail


def test_a_full_disk_fails(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    full = replace(settings, storage=replace(settings.storage, free_floor_bytes=10**18))
    assert next(check_disk(full)).verdict is Verdict.FAILED


def test_addresses_that_devices_cannot_use_are_told(tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    def verdict(host: str) -> Verdict:
        return next(
            check_addresses(replace(settings, sip=replace(settings.sip, advertised_host=host)))
        ).verdict

    assert verdict("::") is Verdict.FAILED
    assert verdict("127.0.0.1") is Verdict.OK
    assert verdict("192.0.2.1") is Verdict.WARNING


def test_the_exit_code_follows_the_worst_line() -> None:
    fine = Finding("a", Verdict.WARNING, "")
    assert print_findings([fine]) == 0
    assert print_findings([fine, Finding("b", Verdict.FAILED, "")]) == 1
