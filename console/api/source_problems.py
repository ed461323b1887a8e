"""Failures of sources that do not speak GB/T 28181: code, status, title and advice of each.

A part of the one table in ``problems.py``.
"""

from collections.abc import Mapping
from typing import Final

import gateway.errors
import media.onvif.errors as onvif
import media.sources.errors as pulled
import sipserver.devices.errors as devices
from media.sources.address import BadAddress

SOURCE_KINDS: Final[Mapping[type[BaseException], tuple[str, int, str, str]]] = {
    devices.NotAGbDevice: (
        "not-a-gb-device",
        409,
        "The source does not speak GB/T 28181",
        "It can be watched, recorded and photographed; all else is done at the camera itself.",
    ),
    gateway.errors.UnknownSource: (
        "unknown-source",
        404,
        "No such source",
        "GET /api/v1/sources lists those that exist.",
    ),
    gateway.errors.SourceExists: (
        "source-exists",
        409,
        "The id or path is taken",
        "Choose another one, or leave the id out to get a new one.",
    ),
    gateway.errors.UnsuitableSource: ("unsuitable-source", 422, "This makes no source", ""),
    BadAddress: ("unsuitable-source", 422, "This makes no source", ""),
    gateway.errors.TooManySources: (
        "too-many-sources",
        409,
        "Too many sources",
        "Remove some, or raise sources.sources_max.",
    ),
    gateway.errors.SourceDisabled: ("source-disabled", 409, "The source is switched off", "Switch it on."),
    gateway.errors.NotPublishing: (
        "not-publishing",
        503,
        "Nobody publishes to this source",
        "Check address and key at the device that is to publish.",
    ),
    gateway.errors.GatewayClosed: ("not-ready", 503, "The source is being changed", "Try again in a moment."),
    pulled.SourceUnreachable: (
        "source-unreachable",
        503,
        "The source cannot be reached",
        "Check its address, its power and its network.",
    ),
    pulled.SourceRefused: (
        "source-refused",
        503,
        "Nothing listens at the source's port",
        "Check the port, and whether RTSP is switched on at the camera.",
    ),
    pulled.SourceTimedOut: (
        "source-timeout",
        504,
        "The source sends nothing",
        "Check the way to it, or try the other transport (TCP or UDP).",
    ),
    pulled.SourceUnauthorised: (
        "source-unauthorised",
        502,
        "The source refuses the password",
        "Correct user name and password; many cameras lock an account after some wrong ones.",
    ),
    pulled.SourceForbidden: (
        "source-unauthorised",
        502,
        "The source refuses this user",
        "Give the user the right to watch at the camera.",
    ),
    pulled.SourceNotFound: (
        "source-not-found",
        502,
        "The source has no such stream",
        "Check the path of its address; a search over ONVIF tells it.",
    ),
    pulled.NoVideo: (
        "source-no-video",
        502,
        "The source has no picture",
        "Check the path of its address, and the video at the camera.",
    ),
    pulled.CodecNotCarried: (
        "source-codec",
        502,
        "The source's codec is not carried",
        "Set the camera to H.264 or H.265.",
    ),
    pulled.NoPicture: (
        "no-keyframe",
        504,
        "No key frame arrived",
        "Shorten the camera's key-frame interval.",
    ),
    onvif.OnvifUnauthorised: (
        "onvif-unauthorised",
        502,
        "The camera refuses the password",
        "ONVIF often has users of its own: see the camera's settings.",
    ),
    onvif.OnvifUnreachable: (
        "onvif-unreachable",
        503,
        "The camera does not answer over ONVIF",
        "Check address and port, and whether ONVIF is switched on at the camera.",
    ),
    onvif.OnvifFailed: ("onvif-failed", 502, "The camera gives no usable answer over ONVIF", ""),
    pulled.SourceFailed: ("source-failed", 502, "The source gives no stream", ""),
}
