"""Messages as the trace shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sipserver.devices.tracing.ladder import LadderStep

NOW = datetime(2026, 1, 31, 0, 30, tzinfo=UTC)
REGISTER = (
    "REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    'Authorization: Digest username="34020000001320000001", realm="3402000000", nonce="ab",'
    ' uri="sip:x", response="0123456789abcdef0123456789abcdef"\r\n'
    "\r\n<Control><BasicParam><Password>geheim</Password></BasicParam></Control>"
)


def message(text: str = REGISTER, **changes: Any) -> LadderStep:
    made = LadderStep(
        time=NOW,
        is_sent=False,
        transport="UDP",
        local="192.0.2.1:5060",
        remote="192.0.2.2:5060",
        what="REGISTER",
        method="REGISTER",
        status=None,
        call_id="a@b",
        cseq=1,
        from_id="34020000001320000001",
        to_id="34020000001320000001",
        summary="",
        size_bytes=len(text),
        text=text,
    )
    return replace(made, **changes)
