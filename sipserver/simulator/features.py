"""The parts of a simulated device beyond registering and streaming: what each is given, what each must do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_control import DeviceControl
from sipserver.simulator.channel import Channel
from sipserver.simulator.faults import Behaviour
from sipserver.simulator.invites import Invites
from sipserver.simulator.pacer import Pacer
from sipserver.simulator.registration import Registration
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling
from sipserver.simulator.stats import DeviceStats
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

CommandHandler = Callable[[Document], list[Element]]
"""Acts on a document and returns the business answers, to be sent one after the other."""
ControlHandler = Callable[[DeviceControl], bool | None]
"""Acts on a DeviceControl; the result is answered, None is not."""
RequestHandler = Callable[[IncomingRequest], bool]
"""Takes and answers a request, or leaves it to the next and says False."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceParts:
    """What a feature may use. It enters its handlers into the tables in its constructor."""

    settings: SimulatedDeviceSettings
    behaviour: Behaviour
    signalling: Signalling
    registration: Registration
    channels: Mapping[str, Channel]
    invites: Invites
    pacer: Pacer
    stats: DeviceStats
    say: Callable[[Element], None]
    """Queues a document of our own for the platform: after those that wait already."""
    commands: dict[tuple[str, str], CommandHandler] = field(default_factory=dict)
    """By root and CmdType; DeviceControl goes on to ``controls``."""
    controls: dict[str, ControlHandler] = field(default_factory=dict)
    """By the name of the command's element, such as PTZCmd."""
    request_handlers: dict[str, list[RequestHandler]] = field(default_factory=dict)
    """By method, tried in order before the device's own."""
    ack_handlers: list[Callable[[object, SipRequest], None]] = field(default_factory=list)
    """Called with the server key of our 2xx and the ACK."""


class SimulatedFeature(Protocol):
    """Opened when the device starts, closed before it unregisters."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
