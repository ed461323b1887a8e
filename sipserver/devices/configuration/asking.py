"""A command whose result comes as a Response of its own, or never (3.3 of the protocol notes)."""

from __future__ import annotations

import asyncio

from sipserver.devices.features import Parts
from sipserver.gb import quirks
from sipserver.gb.manscdp import Document, Element, child_text


async def ask_result(parts: Parts, device_id: str, cmd_type: str, sn: str, document: Element) -> bool | None:
    """Send a command and wait for its Result.

    Returns:
        Whether the Result is OK; None when the device took the MESSAGE and said nothing more.

    Raises:
        UnknownDevice, DeviceOffline, NoAnswer, Refused: of the MESSAGE.
    """
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def receive(response: Document) -> None:
        if not answer.done():
            result = quirks.apply("result-case", child_text(response.element, "Result", "OK"))
            answer.set_result(result != "ERROR")

    timeout_s = parts.settings.query_timeout_s
    with parts.queries.expect(device_id, cmd_type, sn, receive):
        await parts.signalling.send_document(device_id, document, timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return None
