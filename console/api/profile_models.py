"""What the API says and takes about learned device profiles."""

from typing import Any

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

KIND_EXAMPLE = "Hikvision"


class ProfileValue(ApiModel):
    """One thing that is known, and what showed it."""

    facet: str = Field(examples=["media_transport"], description="In what devices differ.")
    value: str = Field(examples=["udp"])
    evidence: str = Field(examples=["answered RTP/AVP to an offer over TCP"])
    learned: Instant
    pinned: bool = Field(description="Set by hand: evidence does not change it.")
    origin: str | None = Field(
        default=None,
        examples=["learned from this device"],
        description="Of a device: where the value comes from.",
    )


class DeviceProfile(ApiModel):
    """What is known about one device: its own, and what counts for its kind."""

    device_id: str
    manufacturer: str = Field(examples=[KIND_EXAMPLE])
    model: str = Field(examples=["DS-2CD3T47"])
    firmware: str = Field(examples=["V5.7.1"])
    values: list[ProfileValue]


class KindProfile(ApiModel):
    """What is known about one vendor's model with one firmware."""

    manufacturer: str = Field(examples=[KIND_EXAMPLE])
    model: str = Field(examples=["DS-2CD3T47"])
    firmware: str = Field(examples=["V5.7.1"])
    devices: int = Field(examples=[120], description="Devices of this kind on this platform.")
    values: list[ProfileValue]


class KindProfiles(ApiModel):
    """All kinds of which something is known, or of which a device is here."""

    items: list[KindProfile]


class PinnedValue(ApiCommand):
    """A value that counts whatever the evidence says."""

    value: str = Field(max_length=200, examples=["udp"])


class PinnedKindValue(ApiCommand):
    """The same for all devices of a kind."""

    manufacturer: str = Field(max_length=64, examples=[KIND_EXAMPLE])
    model: str = Field(max_length=64, examples=["DS-2CD3T47"])
    firmware: str = Field(max_length=64, default="", examples=["V5.7.1"])
    facet: str = Field(max_length=32, examples=["media_transport"])
    value: str = Field(max_length=200, examples=["udp"])


class ProfileDocument(ApiModel):
    """Profiles to carry from one platform to another."""

    format: str = Field(examples=["tongshi-device-profiles"])
    version: int = Field(examples=[1])
    profiles: list[dict[str, Any]]


class ProfilesTaken(ApiModel):
    """How many values of a document were taken over."""

    taken: int = Field(examples=[12])
    held: int = Field(examples=[15], description="How many the document holds.")
