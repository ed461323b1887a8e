"""Where devices bring and fetch files: the store behind it, and the address that each device can reach."""

from __future__ import annotations

from typing import Final

from sipserver.devices.errors import NoCapacity
from sipserver.devices.features import Parts
from sipserver.devices.uploads.ports import Files, Outside
from sipserver.devices.uploads.settings import UploadSettings
from sipserver.sip.flow import format_host

UPLOAD_PREFIX: Final = "/u"
DOWNLOAD_PREFIX: Final = "/f"
"""Short, because the firmware of cameras cuts long addresses off."""


class Place:
    """Made with the room; whoever builds the platform connects it to the store and the HTTP listener."""

    def __init__(self, parts: Parts, settings: UploadSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._outside: Outside | None = None

    def connect(self, outside: Outside) -> None:
        self._outside = outside

    @property
    def is_connected(self) -> bool:
        return self._outside is not None

    @property
    def files(self) -> Files:
        """Raises NoCapacity: this platform has no place for files."""
        return self._connected().files

    def url(self, device_id: str, prefix: str, token: str) -> str:
        """The address for one device: the host that it speaks SIP to, unless the settings name one.

        Raises:
            UnknownDevice, DeviceOffline, NoCapacity
        """
        base = self._settings.advertised_url.rstrip("/")
        if not base:
            flow = self._parts.signalling.entry_of(device_id).flow
            assert flow is not None  # noqa: S101 - entry_of has looked
            host = self._parts.transport.advertised(flow)[0]
            base = f"http://{format_host(host)}:{self._connected().http_port}"
        return f"{base}{prefix}/{token}"

    def _connected(self) -> Outside:
        if self._outside is None:
            raise NoCapacity("this platform has no place for files")
        return self._outside
