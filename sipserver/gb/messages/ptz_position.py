"""PTZPosition: where a camera looks (PTZ精准状态, 2022), asked for once or as a subscription.

Source: GB/T 28181-2022 A.2.4.13, A.2.5.7 and A.2.6.17; table 3.7 of the protocol notes.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

_ELEMENTS = ("Pan", "Tilt", "Zoom", "HorizontalFieldAngle", "VerticalFieldAngle", "MaxViewDistance")


@dataclass(frozen=True, slots=True)
class PtzPositionQuery:
    """Ask a channel where it looks."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "PTZPosition", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class PtzPosition:
    """A direction and a field of view; None is what the device did not say.

    Args:
        pan: degrees clockwise seen from above.
        tilt: degrees, downward positive.
        zoom: factor.
        horizontal_angle: of the view, degrees.
        vertical_angle: of the view, degrees.
        view_distance_m: how far one sees, metres.
    """

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    horizontal_angle: float | None = None
    vertical_angle: float | None = None
    view_distance_m: float | None = None

    @classmethod
    def from_xml(cls, element: Element) -> Self:
        return cls(*(manscdp.float_or_none(manscdp.child_text(element, name)) for name in _ELEMENTS))

    def add_to(self, element: Element) -> None:
        values = (
            self.pan,
            self.tilt,
            self.zoom,
            self.horizontal_angle,
            self.vertical_angle,
            self.view_distance_m,
        )
        for name, value in zip(_ELEMENTS, values, strict=True):
            if value is not None:
                manscdp.add_text(element, name, f"{value:.2f}")


@dataclass(frozen=True, slots=True)
class PtzPositionResponse:
    """The answer; some say Result ERROR for a channel that cannot move. GB-C076."""

    sn: str
    device_id: GbId
    position: PtzPosition = PtzPosition()
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            position=PtzPosition.from_xml(response),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "PTZPosition", self.sn, self.device_id)
        if not self.ok:
            manscdp.add_text(response, "Result", "ERROR")
        self.position.add_to(response)
        return response


@dataclass(frozen=True, slots=True)
class PtzPositionNotify:
    """A change of direction, told to a subscriber."""

    sn: str
    device_id: GbId
    position: PtzPosition = PtzPosition()

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        return cls(manscdp.child_text(notify, "SN"), manscdp.child_id(notify), PtzPosition.from_xml(notify))

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "PTZPosition", self.sn, self.device_id)
        self.position.add_to(notify)
        return notify
