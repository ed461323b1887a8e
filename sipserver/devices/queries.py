"""Questions to devices whose answers come as separate MESSAGEs, matched by command and serial number."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sipserver.devices.errors import NoAnswer
from sipserver.devices.signalling import Signalling
from sipserver.gb import quirks
from sipserver.gb.manscdp import Document, Element

Receiver = Callable[[Document], None]

UNANSWERED_MAX: Final = 4096


class QueryDesk:
    """Everything that is waited for, by (device, command) and serial number."""

    def __init__(self, signalling: Signalling) -> None:
        self._signalling = signalling
        self._waiting: dict[tuple[str, str], dict[str, Receiver]] = {}
        self._unanswered: deque[str] = deque(maxlen=UNANSWERED_MAX)
        # An answer that comes late, or twice, is not that of the next question.
        self._ended: deque[tuple[str, str, str]] = deque(maxlen=UNANSWERED_MAX)

    @property
    def outstanding(self) -> int:
        return sum(len(receivers) for receivers in self._waiting.values())

    def expect_nothing(self, sn: str) -> None:
        """What goes out with this number has no answer; some devices send one nevertheless."""
        self._unanswered.append(sn)

    @contextmanager
    def expect(self, device_id: str, cmd_type: str, sn: str, receiver: Receiver) -> Iterator[None]:
        """While the block runs, answers with this serial number go to ``receiver``."""
        key = (device_id, cmd_type)
        receivers = self._waiting.setdefault(key, {})
        receivers[sn] = receiver
        try:
            yield
        finally:
            del receivers[sn]
            self._ended.append((device_id, cmd_type, sn))
            if not receivers and self._waiting.get(key) is receivers:
                del self._waiting[key]

    async def ask(
        self,
        device_id: str,
        cmd_type: str,
        sn: str,
        element: Element,
        *,
        timeout_s: float,
    ) -> Document:
        """Send a query and wait for its one answer.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        answer: asyncio.Future[Document] = asyncio.get_running_loop().create_future()

        def receive(document: Document) -> None:
            if not answer.done():
                answer.set_result(document)

        with self.expect(device_id, cmd_type, sn, receive):
            try:
                async with asyncio.timeout(timeout_s):
                    await self._signalling.send_document(device_id, element, timeout_s=timeout_s)
                    return await answer
            except TimeoutError:
                raise NoAnswer(
                    f"device {device_id} took the {cmd_type} query and sent no answer within {timeout_s:g} s",
                    device_id=device_id,
                ) from None

    def receive(self, device_id: str, document: Document) -> bool:
        """Pass an answer on; False when nobody waits for it.

        A serial number may come back without its leading zeros, or changed: when exactly one question
        of this command is out, it is the one (Q28).
        """
        receivers = self._waiting.get((device_id, document.cmd_type))
        if not receivers:
            return False
        receiver = receivers.get(quirks.apply("sn-zero-stripped", document.sn))
        if receiver is None:
            if len(receivers) != 1 or document.sn in self._unanswered:
                return False
            if (device_id, document.cmd_type, document.sn) in self._ended:
                return False
            receiver = next(iter(receivers.values()))
        receiver(document)
        return True
