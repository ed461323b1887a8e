"""What can go wrong with sources that do not speak GB/T 28181.

```text
GatewayError
├── UnknownSource       no source has this channel id
├── SourceExists        the channel id or the path of a push is taken
├── UnsuitableSource    what an operator gave does not make a source
├── TooManySources      sources.sources_max is reached
├── SourceDisabled      an operator switched it off
├── NotPublishing       a push source, and nobody publishes
└── GatewayClosed       the platform is starting or stopping
```

A source that gives no stream raises ``media.sources.errors.SourceFailed``.
"""


class GatewayError(Exception):
    """Any failure of the gateway that a caller may have to explain."""


class UnknownSource(GatewayError):
    """No source has this channel id."""

    def __init__(self, channel_id: str) -> None:
        super().__init__(f"no source {channel_id!r} is on file")


class SourceExists(GatewayError):
    """The channel id or the path of a push is taken."""


class UnsuitableSource(GatewayError):
    """What an operator gave does not make a source."""


class TooManySources(GatewayError):
    """No more sources may be on file."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} sources are on file, which is the limit (sources.sources_max)")


class SourceDisabled(GatewayError):
    """An operator switched the source off."""


class NotPublishing(GatewayError):
    """Nobody publishes to this source now."""


class GatewayClosed(GatewayError):
    """The platform is starting or stopping."""
