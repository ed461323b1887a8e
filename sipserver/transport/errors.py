"""What can go wrong between the SIP endpoint and the network.

::

    TransportError
    ├── ListenFailed        an address of the settings cannot be opened; the start ends
    ├── ConnectFailed       an outgoing connection was refused or timed out
    ├── FlowClosed          the connection that the peer is reached over is gone
    ├── NoAnswer            no final response within the time allowed
    └── TransportFull       too many requests of ours are under way
"""


class TransportError(Exception):
    """Base of the room's errors."""


class ListenFailed(TransportError):
    """An address cannot be listened on; the text names the setting to change."""


class ConnectFailed(TransportError):
    """An outgoing TCP or TLS connection could not be made."""


class FlowClosed(TransportError):
    """The connection is closed, and a device on TCP is reached over its own connection only."""


class NoAnswer(TransportError):
    """The peer sent no final response in time.

    ``heard_provisional`` says whether it answered at all (100 Trying or another 1xx).
    """

    def __init__(self, message: str, *, heard_provisional: bool = False) -> None:
        super().__init__(message)
        self.heard_provisional = heard_provisional


class TransportFull(TransportError):
    """Too many requests of ours are under way; try again later."""
