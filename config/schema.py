"""All settings of one platform process, one frozen dataclass per table of ``tongshi.toml``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from access.settings import AccessSettings
from config.tables import DatabaseSettings, HttpSettings, LogSettings
from health.outages.settings import OutageSettings
from health.settings import HealthSettings
from media.settings import MediaSettings, parse_port_range
from media.sources.settings import SourceSettings
from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.clocks.settings import ClockSettings
from sipserver.devices.features import FeatureSettings
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.positions.settings import PositionSettings
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.devices.tracing.settings import TraceSettings
from sipserver.devices.uploads.settings import UploadSettings
from storage.settings import StorageSettings

SHORT_PASSWORD: Final = 8
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104
LOOPBACKS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


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
    outages: OutageSettings = field(default_factory=OutageSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    profiles: ProfileSettings = field(default_factory=ProfileSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    ptz: PtzSettings = field(default_factory=PtzSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    clocks: ClockSettings = field(default_factory=ClockSettings)
    subscriptions: SubscriptionSettings = field(default_factory=SubscriptionSettings)
    positions: PositionSettings = field(default_factory=PositionSettings)
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    sources: SourceSettings = field(default_factory=SourceSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def features(self) -> FeatureSettings:
        """The tables of what is done with devices beyond their registration and live pictures."""
        return FeatureSettings(
            clocks=self.clocks,
            ptz=self.ptz,
            uploads=self.uploads,
            audio=self.audio,
            history=self.history,
            alarms=self.alarms,
            trace=self.trace,
            profiles=self.profiles,
            subscriptions=self.subscriptions,
            positions=self.positions,
            registration=self.registration,
        )


def cross_faults(settings: Settings) -> Iterator[str]:
    """What is wrong between tables: one line per fault."""
    tcp = _listeners(settings)
    keys = list(tcp)
    for index, first in enumerate(keys):
        for second in keys[index + 1 :]:
            if _collide(tcp[first], tcp[second]):
                number = tcp[first][1]
                yield f"{first} and {second} are both {number}: each listener needs a port of its own"
    yield from _address_faults(settings)


def cautions(settings: Settings) -> Iterator[str]:
    """What is allowed and should be known: one line each, for the log of the start."""
    sip = settings.sip
    if sip.allow_empty_password:
        yield "sip.allow_empty_password = true: whoever reaches the SIP port can register a device"
    elif not sip.password:
        yield "sip.password is empty: only devices that have a password of their own can register"
    elif len(sip.password) < SHORT_PASSWORD:
        yield f"sip.password is shorter than {SHORT_PASSWORD} characters: it can be guessed from a capture"
    if sip.advertised_host in LOOPBACKS and sip.host not in LOOPBACKS:
        yield f"sip.advertised_host = {sip.advertised_host}: only devices on this machine can send to it"
    low, high = parse_port_range(settings.media.rtp_ports)
    for key, (_, port) in _listeners(settings).items():
        if low <= port <= high:
            yield f"{key} = {port} lies inside media.rtp_ports = {low}-{high}: one stream less"
    first, last = parse_port_range(settings.audio.rtp_ports)
    if first <= high and low <= last:
        yield f"audio.rtp_ports = {first}-{last} overlaps media.rtp_ports = {low}-{high}: ports may be taken"
    if settings.http.host in LOOPBACKS and sip.host not in LOOPBACKS and not settings.uploads.advertised_url:
        at = f"http.host = {settings.http.host}"
        yield f"{at}: devices reach stills and firmware only through a proxy; set uploads.advertised_url"
    if sip.accept_any_id:
        yield "sip.accept_any_id = true: ids that break the standard are admitted"


def _listeners(settings: Settings) -> dict[str, tuple[str, int]]:
    return {
        "sip.port": (settings.sip.host, settings.sip.port),
        "http.port": (settings.http.host, settings.http.port),
        "media.port": (settings.media.host, settings.media.port),
    }


def _address_faults(settings: Settings) -> Iterator[str]:
    if not re.fullmatch(r"[0-9]{20}", settings.sip.id):
        yield f'sip.id = "{settings.sip.id}" is wrong: allowed are 20 digits, such as 34020000002000000001'
    for key, host in (
        ("sip.advertised_host", settings.sip.advertised_host),
        ("sip.media_advertised_host", settings.sip.media_advertised_host),
        ("media.advertised_host", settings.media.advertised_host),
    ):
        if host in WILDCARDS:
            yield f'{key} = "{host}" is wrong: allowed is an address that peers can send to, or empty'


def _collide(first: tuple[str, int], second: tuple[str, int]) -> bool:
    same_host = first[0] == second[0] or bool({first[0], second[0]} & WILDCARDS)
    return first[1] == second[1] != 0 and same_host
