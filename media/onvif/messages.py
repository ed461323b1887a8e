"""The few SOAP calls that tell a camera's streams: requests, and what answers say. No sockets, no clock.

Sources: ONVIF Core, Media and Media 2 service specifications; WS-Security UsernameToken Profile 1.0.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from media.onvif import xml
from media.onvif.errors import MalformedOnvif, OnvifFault, OnvifUnauthorised
from media.onvif.xml import DEVICE, MEDIA, MEDIA2, SCHEMA, SOAP, WSSE, WSU

MAX_PROFILES: Final = 64
PREFIXES: Final = {
    "s": SOAP,
    "tds": DEVICE,
    "trt": MEDIA,
    "tr2": MEDIA2,
    "tt": SCHEMA,
    "wsse": WSSE,
    "wsu": WSU,
}
"""As everybody writes them: some cameras look for the prefix instead of the namespace."""
DIGEST: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
)
BASE64: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What proves who asks, for one request."""

    username: str
    password: str
    nonce: bytes
    created_time: datetime
    """By the camera's clock: it refuses tokens that are too old or from the future."""

    @property
    def created(self) -> str:
        return self.created_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    @property
    def digest(self) -> str:
        """Base64 of SHA-1 over nonce, time and password."""
        joined = self.nonce + self.created.encode() + self.password.encode()
        return base64.b64encode(hashlib.sha1(joined).digest()).decode()  # noqa: S324 - as the profile has it


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """Who made the camera."""

    manufacturer: str
    model: str
    firmware: str
    serial: str


@dataclass(frozen=True, slots=True)
class Services:
    """Where its services are; empty: it has none."""

    media: str = ""
    media2: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream that it offers."""

    token: str
    name: str
    codec: str = ""
    """``H264``, ``H265``, ``JPEG`` ...; empty when it does not say."""
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    bitrate_kbps: int | None = None
    audio: str = ""


# -- requests


def request(namespace: str, name: str, token: UsernameToken | None = None) -> tuple[xml.Element, xml.Element]:
    """An envelope, and the element of the call in its body."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=PREFIXES)
    if token is not None:
        _secure(xml.child(envelope, SOAP, "Header"), token)
    call = xml.child(xml.child(envelope, SOAP, "Body"), namespace, name)
    return envelope, call


def get_time() -> bytes:
    """GetSystemDateAndTime: answered without credentials."""
    return xml.serialize(request(DEVICE, "GetSystemDateAndTime")[0])


def get_information(token: UsernameToken | None) -> bytes:
    return xml.serialize(request(DEVICE, "GetDeviceInformation", token)[0])


def get_services(token: UsernameToken | None) -> bytes:
    envelope, call = request(DEVICE, "GetServices", token)
    xml.child(call, DEVICE, "IncludeCapability", "false")
    return xml.serialize(envelope)


def get_capabilities(token: UsernameToken | None) -> bytes:
    """For cameras that are older than GetServices."""
    envelope, call = request(DEVICE, "GetCapabilities", token)
    xml.child(call, DEVICE, "Category", "Media")
    return xml.serialize(envelope)


def get_profiles(token: UsernameToken | None, *, is_media2: bool) -> bytes:
    namespace = MEDIA2 if is_media2 else MEDIA
    envelope, call = request(namespace, "GetProfiles", token)
    if is_media2:
        xml.child(call, MEDIA2, "Type", "VideoEncoder")
        xml.child(call, MEDIA2, "Type", "AudioEncoder")
    return xml.serialize(envelope)


def get_stream_uri(token: UsernameToken | None, profile: str, *, is_media2: bool) -> bytes:
    """The address of a profile's RTSP stream."""
    if is_media2:
        envelope, call = request(MEDIA2, "GetStreamUri", token)
        xml.child(call, MEDIA2, "Protocol", "RTSP")
        xml.child(call, MEDIA2, "ProfileToken", profile)
        return xml.serialize(envelope)
    envelope, call = request(MEDIA, "GetStreamUri", token)
    setup = xml.child(call, MEDIA, "StreamSetup")
    xml.child(setup, SCHEMA, "Stream", "RTP-Unicast")
    xml.child(xml.child(setup, SCHEMA, "Transport"), SCHEMA, "Protocol", "RTSP")
    xml.child(call, MEDIA, "ProfileToken", profile)
    return xml.serialize(envelope)


# -- answers


def body_of(answer: bytes, name: str) -> xml.Element:
    """The response element of an answer.

    Raises:
        OnvifUnauthorised: the fault says that the credentials are not accepted.
        OnvifFault: another fault.
        MalformedOnvif: it is not that answer.
    """
    root = xml.parse(answer)
    fault = next(xml.below(root, "Fault"), None)
    if fault is not None:
        _raise(fault)
    found = next(xml.below(root, f"{name}Response"), None)
    if found is None:
        raise MalformedOnvif(f"the answer to {name} is {xml.name_of(root)!r} without {name}Response")
    return found


def time_of(answer: bytes) -> datetime | None:
    """The camera's clock in UTC; None when it does not tell one that can be."""
    body = body_of(answer, "GetSystemDateAndTime")
    moment = next(xml.below(body, "UTCDateTime"), None)
    if moment is None:
        return None
    fields = [
        xml.number(moment, *path)
        for path in (
            ("Date", "Year"),
            ("Date", "Month"),
            ("Date", "Day"),
            ("Time", "Hour"),
            ("Time", "Minute"),
            ("Time", "Second"),
        )
    ]
    year, month, day, hour, minute, second = fields
    if year is None or month is None or day is None:
        return None
    try:
        return datetime(year, month, day, hour or 0, minute or 0, min(second or 0, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def information_of(answer: bytes) -> DeviceInformation:
    body = body_of(answer, "GetDeviceInformation")
    return DeviceInformation(
        *(xml.text(body, name) for name in ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber"))
    )


def services_of(answer: bytes) -> Services:
    body = body_of(answer, "GetServices")
    found = {xml.text(each, "Namespace"): xml.text(each, "XAddr") for each in xml.each(body, "Service")}
    return Services(found.get(MEDIA, ""), found.get(MEDIA2, ""))


def capabilities_of(answer: bytes) -> Services:
    body = body_of(answer, "GetCapabilities")
    return Services(media=xml.text(body, "Capabilities", "Media", "XAddr"))


def profiles_of(answer: bytes) -> list[Profile]:
    """The profiles that have a picture, in the camera's own order."""
    body = body_of(answer, "GetProfiles")
    found: list[Profile] = []
    for each in xml.each(body, "Profiles"):
        token = each.get("token", "").strip()
        if token and len(found) < MAX_PROFILES:
            found.append(_profile(token[:128], each))
    return found


def stream_uri_of(answer: bytes) -> str:
    """The address; empty when the camera gives none."""
    body = body_of(answer, "GetStreamUri")
    return xml.text(body, "MediaUri", "Uri") or xml.text(body, "Uri")


def _profile(token: str, element: xml.Element) -> Profile:
    # Media 1 has VideoEncoderConfiguration in the profile, Media 2 Configurations/VideoEncoder.
    configurations = xml.first(element, "Configurations")
    video = xml.first(element, "VideoEncoderConfiguration")
    audio = xml.first(element, "AudioEncoderConfiguration")
    if configurations is not None:
        video, audio = xml.first(configurations, "VideoEncoder"), xml.first(configurations, "AudioEncoder")
    return Profile(
        token=token,
        name=xml.text(element, "Name")[:128] or token,
        codec=xml.text(video, "Encoding").upper()[:16],
        width=xml.number(video, "Resolution", "Width"),
        height=xml.number(video, "Resolution", "Height"),
        fps=xml.number(video, "RateControl", "FrameRateLimit"),
        bitrate_kbps=xml.number(video, "RateControl", "BitrateLimit"),
        audio=xml.text(audio, "Encoding").upper()[:16],
    )


def _raise(fault: xml.Element) -> None:
    codes = " ".join(xml.text(each) for each in xml.below(fault, "Value"))
    codes += " " + " ".join(xml.text(each) for each in xml.below(fault, "faultcode"))
    reason = next((xml.text(each) for name in ("Text", "faultstring") for each in xml.below(fault, name)), "")
    said = f"{reason or 'no reason given'} ({codes.strip() or 'no code'})"[:300]
    if any(word in codes for word in ("NotAuthorized", "FailedAuthentication", "FailedCheck")):
        raise OnvifUnauthorised(f"the camera refuses the credentials: {said}")
    raise OnvifFault(f"the camera answered with a fault: {said}")


def _secure(header: xml.Element, token: UsernameToken) -> None:
    security = xml.child(header, WSSE, "Security")
    security.set(f"{{{SOAP}}}mustUnderstand", "1")
    username = xml.child(security, WSSE, "UsernameToken")
    xml.child(username, WSSE, "Username", token.username)
    xml.child(username, WSSE, "Password", token.digest).set("Type", DIGEST)
    nonce = base64.b64encode(token.nonce).decode()
    xml.child(username, WSSE, "Nonce", nonce).set("EncodingType", BASE64)
    xml.child(username, WSU, "Created", token.created)
