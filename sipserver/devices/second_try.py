"""Whether a device that was accepted and brought no picture is asked once more, another way."""

from __future__ import annotations

from copy import copy
from typing import Final

from catalog.model import ChannelKey
from media import errors as media_errors
from media.session import MediaSession, MediaTransport
from sipserver.devices.errors import DeviceError
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.media_verdicts import explained

# Nothing came, so that the transport may be the reason.
NO_PATH: Final = (media_errors.NoMedia, media_errors.ConnectRefused)


class SecondTry:
    """Of one invite."""

    def __init__(self, key: ChannelKey, context: InviteContext, evidence: InviteEvidence) -> None:
        self._key = key
        self._context = context
        self._evidence = evidence
        self.first_failure: DeviceError | None = None
        """Of the transport that was tried first, and brought nothing."""

    def failure(self, error: media_errors.MediaError, session: MediaSession) -> DeviceError:
        """Why there is no picture, in the words of this room."""
        self._evidence.media = session.stats()
        kind, text = explained(error, self._evidence)
        return kind.about(self._key, text)

    def after(self, error: media_errors.MediaError, failure: DeviceError, transport: MediaTransport) -> None:
        """When no packet came at all, the other transport may do better: then this returns.

        Raises:
            DeviceError: it is not asked again, and why there is no picture.
        """
        paths, device_id = self._context.paths, self._key.device_id
        if not isinstance(error, NO_PATH) or isinstance(error, media_errors.OnlyStrangers):
            raise failure from error
        if self.first_failure is not None:
            paths.brought_nothing(device_id)
            raise self.first_failure from error
        if self._evidence.instead_of is not None or paths.other(device_id, transport) is None:
            raise failure from error
        failure.evidence = copy(self._evidence)
        self.first_failure = failure

    def worked(self, transport: MediaTransport, session: MediaSession) -> None:
        """A picture came: what it shows of the device is learned."""
        context, evidence = self._context, self._evidence
        evidence.media = session.stats()
        context.ssrc_behaviour.learn(self._key.device_id, evidence)
        if self.first_failure is not None and evidence.instead_of is not None:
            context.paths.worked(self._key.device_id, transport, evidence.instead_of)
