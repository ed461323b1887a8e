"""All settings of one platform process, one frozen dataclass per table of ``tongshi.toml``."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from access.settings import AccessSettings
from config.tables import DatabaseSettings, HttpSettings, LogSettings
from health.settings import HealthSettings
from media.settings import MediaSettings
from sipserver.devices.settings import DeviceSettings
from storage.settings import StorageSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything; built by :func:`config.load.load_settings` and never changed afterwards."""

    sip: DeviceSettings = field(default_factory=DeviceSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    log: LogSettings = field(default_factory=LogSettings)


def cross_faults(settings: Settings) -> Iterator[str]:
    """What is wrong between tables: one line per fault."""
    tcp = {
        "sip.port": (settings.sip.host, settings.sip.port),
        "http.port": (settings.http.host, settings.http.port),
        "media.port": (settings.media.host, settings.media.port),
    }
    keys = list(tcp)
    for index, first in enumerate(keys):
        for second in keys[index + 1 :]:
            if _collide(tcp[first], tcp[second]):
                number = tcp[first][1]
                yield f"{first} and {second} are both {number}: each listener needs a port of its own"
    low, high = (int(part) for part in settings.media.rtp_ports.split("-"))
    for key, (_, port) in tcp.items():
        if low <= port <= high:
            yield f"{key} = {port} lies inside media.rtp_ports = {settings.media.rtp_ports}: move one of them"


def _collide(first: tuple[str, int], second: tuple[str, int]) -> bool:
    same_host = first[0] == second[0] or bool({first[0], second[0]} & {"0.0.0.0", "::"})  # noqa: S104
    return first[1] == second[1] != 0 and same_host
