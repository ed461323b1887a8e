"""The tables of ``tongshi.toml`` that belong to no room below: ``[http]``, ``[database]``, ``[log]``."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Le

Port = Annotated[int, Ge(0), Le(65535)]


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The page, the API and the metrics: table ``[http]``."""

    host: str = "0.0.0.0"  # noqa: S104 - a platform is there to be reached; set one address to narrow it
    port: Port = 8080
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: str = ""
    metrics_allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    logins_per_minute: Annotated[int, Ge(1), Le(6000)] = 60
    request_deadline_s: Annotated[float, Ge(0.1), Le(600.0)] = 15.0
    connections_max: Annotated[int, Ge(1), Le(100_000)] = 2000
    lease_limit: Annotated[int, Ge(1), Le(100_000)] = 1000
    lease_linger_s: Annotated[float, Ge(1.0), Le(3600.0)] = 20.0
    close_timeout_s: Annotated[float, Ge(0.1), Le(60.0)] = 3.0
    secure_cookie: bool = False

    def __post_init__(self) -> None:
        for key in ("trusted_proxies", "metrics_allow"):
            for entry in getattr(self, key):
                try:
                    ip_network(entry)
                except ValueError as error:
                    allowed = "allowed is an address or a network such as 192.0.2.0/24"
                    raise ValueError(f"http.{key} holds {entry!r} ({error}): {allowed}") from error


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the tables are: table ``[database]``."""

    url: str = "sqlite:///data/tongshi.db"
    secrets_path: str = ""

    def __post_init__(self) -> None:
        scheme = urlsplit(self.url).scheme
        if scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
            allowed = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
            raise ValueError(f"database.url begins with {scheme!r}: allowed is {allowed}")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to standard error: table ``[log]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
