"""``host:port`` as a viewer reaches the listeners."""

from __future__ import annotations

from typing import Final

from media.settings import MediaSettings

WILDCARD_HOSTS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104

Address = tuple[str, int]


def authority(settings: MediaSettings, listener: Address, host: str | None = None) -> str:
    """Of one listener; ``host`` wins over the setting, and that over the address that it is bound to."""
    bound, port = listener
    chosen = host or settings.advertised_host or ("127.0.0.1" if bound in WILDCARD_HOSTS else bound)
    return f"[{chosen}]:{port}" if ":" in chosen else f"{chosen}:{port}"


def authorities(
    settings: MediaSettings, http: Address, rtsp: Address | None, host: str | None = None
) -> dict[str, str]:
    """By scheme, of the listeners that there are."""
    over_http = authority(settings, http, host)
    found = {"http": over_http, "ws": over_http}
    if rtsp is not None:
        found["rtsp"] = authority(settings, rtsp, host)
    if settings.rtmp_port:
        found["rtmp"] = authority(settings, (settings.host, settings.rtmp_port), host)
    return found
