"""The dialog that an accepted invite opened at the device, until it is ended on both sides."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.dialog_store import OpenDialog
from sipserver.devices.errors import DeviceError, InviteEnded
from sipserver.devices.invite_context import InviteContext
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import SipError
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse

BYE_TIMEOUT_S: Final = 10.0

logger = logging.getLogger(__name__)


class UpstreamDialog:
    """Says BYE until it is answered, and leaves a note for later when it never is."""

    def __init__(
        self, context: InviteContext, key: ChannelKey, dialog: Dialog, flow: Flow, ssrc: str
    ) -> None:
        self._context = context
        self._key = key
        self._dialog = dialog
        self._flow = flow
        self._ssrc = ssrc
        self._is_over = False
        self._saying = asyncio.Lock()

    async def remember(self) -> None:
        """See that the dialog outlives the process."""
        await self._context.dialogs.remember(self._note())

    def remote_bye(self, request: SipRequest) -> bool:
        """A BYE of the device; False when its tags are of another dialog."""
        try:
            self._dialog.receive(request)
        except SipError:
            return False
        self._is_over = True
        return True

    async def ask(self, method: str, body: bytes, content_type: str, *, timeout_s: float) -> SipResponse:
        """A request of ours inside the dialog; 481 means that the device has forgotten it.

        Raises:
            InviteEnded, NoAnswer, DeviceOffline, NoCapacity
        """
        if self._is_over:
            raise InviteEnded("the dialog has ended", device_id=self._key.device_id)
        request = self._dialog.make_request(method, body=body, content_type=content_type)
        return await self._context.signalling.send(
            self._key.device_id, request, self._current_flow(), timeout_s=timeout_s
        )

    async def end(self) -> None:
        """BYE, unless the device said it first; repeated with new transactions. Harmless when repeated."""
        async with self._saying:
            if not self._is_over and not await self._say_bye():
                if self._is_removed:
                    self._context.dialogs.ended(self._dialog.call_id)
                    return
                self._context.stats.byes_unanswered += 1
                logger.warning(
                    "BYE for %s was not answered; it is said again when the device returns", self._key
                )
                self._context.dialogs.leave(self._note())
                return
            self._context.dialogs.ended(self._dialog.call_id)

    @property
    def _is_removed(self) -> bool:
        """An operator removed the device: nobody waits for its return."""
        return self._context.presence.table.get(self._key.device_id) is None

    async def _say_bye(self) -> bool:
        for _ in range(self._context.settings.bye_attempts):
            if await self._bye_once():
                self._is_over = True
                return True
            if self._is_removed:
                break
        return False

    async def _bye_once(self) -> bool:
        """Any final answer ends it, 481 too (Q18). The device is reached where it is now."""
        bye = self._dialog.make_request("BYE")
        try:
            await self._context.signalling.send(
                self._key.device_id, bye, self._current_flow(), timeout_s=BYE_TIMEOUT_S
            )
        except DeviceError:
            return False
        return True

    def _current_flow(self) -> Flow:
        entry = self._context.presence.table.get(self._key.device_id)
        return entry.flow if entry is not None and entry.flow is not None else self._flow

    def _note(self) -> OpenDialog:
        dialog = self._dialog
        return OpenDialog(
            call_id=dialog.call_id,
            device_id=self._key.device_id,
            channel_id=self._key.channel_id,
            target=dialog.remote_target,
            local=dialog.local,
            remote=dialog.remote,
            cseq=dialog.local_cseq,
            ssrc=self._ssrc,
            opened_time=self._context.wall(),
        )
