"""Downloads of recordings from devices. This room gives the stream; the storage room owns the file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from catalog.model import ChannelKey
from media.session import MediaSession
from sipserver.devices.features import Parts
from sipserver.devices.history.desk import HistoryDesk
from sipserver.devices.history.stream import HistoryStream
from sipserver.gb.sdp import SessionKind


class Downloads:
    """Opens streams of ``s=Download`` (文件下载)."""

    def __init__(self, parts: Parts, desk: HistoryDesk) -> None:
        self._settings = parts.features.history
        self._desk = desk

    @property
    def speed_max(self) -> int:
        return self._settings.download_speed_max

    async def open_stream(
        self,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        *,
        speed: int,
        tag: str,
        record_type: str = "all",
        uri: str = "",
        on_session: Callable[[MediaSession], None],
    ) -> HistoryStream:
        """Ask for a part of a recording as fast as ``speed`` times its own pace.

        Args:
            on_session: gets the media session before the device sends, so that nothing of the beginning is
                missed; a second time when the transport had to be changed.

        Raises:
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, NoCapacity, InviteEnded
        """
        return await self._desk.start(
            key,
            start,
            end,
            SessionKind.DOWNLOAD,
            tag=tag,
            record_type=record_type,
            uri=uri,
            speed=min(max(speed, 1), self.speed_max),
            on_session=on_session,
        )
