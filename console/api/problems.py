"""Failures of the API: the one table from error classes to RFC 9457 problems.

A problem's ``type`` ends in a short name that never changes; its ``detail`` says what happened to this
request and what to do about it. The text of an unexpected error stays in the log: it may hold a secret.
"""

import errno
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

import access.errors
import cascade.errors
import catalog.errors
import gateway.errors
import media.audio.errors
import media.errors
import sipserver.devices.audio.errors as audio
import sipserver.devices.errors as devices
import storage.errors
from catalog.columns import DATABASE_AWAY
from console.api.leases import LeaseRefused, UnknownLease
from console.api.models import Problem
from console.api.security import BodyTooLarge
from console.api.source_problems import SOURCE_KINDS
from console.api.superior_problems import SUPERIOR_KINDS
from console.conformance.runs import RunsBusy, UnknownRun
from console.event_hub import TooManyListeners
from console.push_desk import TooManyPushes, UnknownPush
from media.sources.address import BadAddress

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:tongshi:problem:"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of failure.

    Args:
        code: stable short name.
        advice: what the caller can do; appended to what the error itself says.
    """

    code: str
    status: int
    title: str
    advice: str = ""


UNAUTHENTICATED: Final = Kind(
    "unauthenticated", 401, "Log in first", "Obtain a token from POST /api/v1/login and send it as a bearer."
)
FORBIDDEN: Final = Kind("forbidden", 403, "Not allowed", "Ask an administrator for a role that includes it.")
CROSS_SITE: Final = Kind(
    "cross-site-request",
    403,
    "The request comes from another site",
    "With the session cookie, send a same-origin request with the header X-Requested-With, or use a bearer.",
)
NOT_FOUND: Final = Kind(
    "not-found", 404, "There is nothing here", "/api/v1/openapi.json lists the addresses."
)
METHOD_NOT_ALLOWED: Final = Kind(
    "method-not-allowed", 405, "Not with this method", "/api/v1/openapi.json lists the methods."
)
INVALID: Final = Kind(
    "invalid-request", 422, "The request is not understood", "Correct the fields named in errors."
)
LOCKED_OUT: Final = Kind(
    "locked-out", 429, "Too many failed log-ins", "Wait, or have your password set anew."
)
TOO_MANY_LOGINS: Final = Kind(
    "too-many-log-ins", 429, "Too many log-ins", "Wait for the time in Retry-After."
)
UNKNOWN_DEVICE: Final = Kind(
    "unknown-device", 404, "No such device", "A device appears when it registers, or is created with PUT."
)
UNKNOWN_CHANNEL: Final = Kind(
    "unknown-channel",
    404,
    "No such channel",
    "Ask the device for its catalogue: POST devices/{device_id}/catalog.",
)
UNKNOWN_SEGMENT: Final = Kind(
    "unknown-segment", 404, "No such recording", "List the channel's recordings for the ids that exist."
)
SEGMENT_GONE: Final = Kind(
    "segment-gone",
    410,
    "The recording's file is gone",
    "Its time was over, or the disk lost it: see the ledger.",
)
NOT_A_CAMERA: Final = Kind(
    "not-a-camera", 409, "The channel has no picture", "It is a directory or another device in the catalogue."
)
NO_POSITION: Final = Kind(
    "no-position",
    404,
    "Nothing is known about where it is",
    "Subscribe to it: PUT devices/{device_id}/subscriptions/mobile_position or .../ptz_position.",
)
STREAM_ENDED: Final = Kind(
    "stream-ended", 503, "The stream ended before a picture came", "Try again; the log has the reason."
)
DISK_FULL: Final = Kind(
    "disk-full", 507, "The disk is full", "Free space below [storage] path, or move it to a larger disk."
)
NOT_READY: Final = Kind(
    "not-ready", 503, "The platform is starting or stopping", "Try again in a few seconds."
)
DATABASE_BUSY: Final = Kind(
    "database-away",
    503,
    "The database does not answer",
    "Live pictures go on. Try again in a minute; what was asked for may have been done already.",
)
INTERNAL: Final = Kind(
    "internal", 500, "The platform made a mistake", "The log has the details under the time of this answer."
)

# From the special to the general; an error's own class is looked up first, then its bases in order.
KINDS: Final[Mapping[type[BaseException], Kind]] = {
    access.errors.LockedOut: LOCKED_OUT,
    access.errors.LogInsBusy: Kind(
        "log-ins-busy", 503, "Too many log-ins at once", "Try again in a few seconds."
    ),
    access.errors.LogInRefused: Kind(
        "wrong-password",
        401,
        "Wrong user name or password",
        "Check both; five failures lock the name for a while.",
    ),
    access.errors.TokenExpired: UNAUTHENTICATED,
    access.errors.TokenRefused: UNAUTHENTICATED,
    access.errors.NotAllowed: FORBIDDEN,
    access.errors.AuditBehind: DATABASE_BUSY,
    access.errors.UnsuitablePassword: Kind("unsuitable-password", 422, "This password cannot be used"),
    catalog.errors.UnknownDevice: UNKNOWN_DEVICE,
    catalog.errors.UnknownChannel: UNKNOWN_CHANNEL,
    catalog.errors.AmbiguousChannel: Kind(
        "ambiguous-channel",
        409,
        "Several devices have this channel",
        "Use one of the full ids in candidates.",
    ),
    catalog.errors.BadCursor: Kind(
        "bad-cursor", 400, "Not a cursor of ours", "Begin again without a cursor."
    ),
    BodyTooLarge: Kind("body-too-large", 413, "The body is too large"),
    UnknownRun: Kind(
        "unknown-run", 404, "No such conformance run", "The last ones are kept until the platform restarts."
    ),
    RunsBusy: Kind(
        "run-under-way", 409, "A conformance run is under way", "Wait for its end, or break it off."
    ),
    UnknownLease: Kind(
        "unknown-session",
        404,
        "No such session",
        "It has ended; open the live picture again with POST .../live.",
    ),
    TooManyListeners: Kind("too-many-listeners", 503, "Too many listen to the news", "Close some streams."),
    LeaseRefused: Kind(
        "too-many-sessions", 503, "Too many live sessions", "Close some, or raise http.lease_limit."
    ),
    devices.UnknownDevice: UNKNOWN_DEVICE,
    devices.UnknownChannel: UNKNOWN_CHANNEL,
    devices.DeviceOffline: Kind(
        "device-offline",
        503,
        "The device is offline",
        "Check its power and network, and that it registers to this platform's address, id and password.",
    ),
    devices.NoAnswer: Kind(
        "no-answer",
        504,
        "The device did not answer",
        "It was heard before: check the way back to it (NAT, firewall for SIP) and its load.",
    ),
    devices.Refused: Kind(
        "refused",
        502,
        "The device refused",
        "sip_code is its answer: 486 busy (too many streams), 404 unknown channel, 488 media not accepted.",
    ),
    media.errors.CaptureRefused: Kind(
        "capture-refused",
        409,
        "The stream cannot be captured now",
        "Wait until other captures have ended, or delete some; sources that are pulled or pushed cannot be.",
    ),
    media.errors.UnknownCapture: Kind(
        "unknown-capture", 404, "No such capture", "List the captures; they are not kept over a restart."
    ),
    devices.UnknownTransfer: Kind(
        "unknown-transfer", 404, "No such transfer", "List the bursts, the firmware or the upgrades for ids."
    ),
    devices.TransfersBusy: Kind(
        "transfers-busy", 503, "Too many transfers at once", "Wait until one of them has ended."
    ),
    devices.NotAPicture: Kind("not-a-picture", 415, "Not a JPEG", "Only whole JPEG files are taken."),
    devices.UnknownAlarm: Kind(
        "unknown-alarm", 404, "No such alarm", "List them; those older than alarms.keep_days are forgotten."
    ),
    devices.UnknownAlarmRule: Kind("unknown-alarm-rule", 404, "No such alarm rule", "List the rules."),
    devices.NotInEdition: Kind(
        "not-in-edition",
        409,
        "The device's edition does not have this",
        "Many devices know more than they state: send it all the same with despite_edition=true.",
    ),
    devices.ControlHeld: Kind(
        "control-held",
        409,
        "Somebody else has the camera",
        "Wait for the time in Retry-After, or ask its holder; who has a higher priority takes it over.",
    ),
    devices.BadAnswer: Kind(
        "bad-answer",
        502,
        "The device's answer cannot be used",
        "Capture its answer and report it with the device's model and firmware.",
    ),
    devices.SdpUnreachable: Kind(
        "sdp-unreachable",
        504,
        "A media address cannot be reached",
        "Set sip.media_advertised_host to an address that the device can send to, or use TCP media.",
    ),
    devices.TcpRefused: Kind(
        "tcp-refused",
        504,
        "No TCP connection for media",
        "Open media.rtp_ports for TCP in the firewall, or pin media_transport = udp for the device.",
    ),
    devices.StrangeSource: Kind(
        "strange-source",
        502,
        "What arrives is not the device's media",
        "Another sender uses our port, or the device sends something else than RTP: compare a capture.",
    ),
    devices.NoMedia: Kind(
        "no-media",
        504,
        "No media arrived",
        "Open media.rtp_ports in the firewall, check sip.advertised_host, or try the other media transport.",
    ),
    devices.WrongSsrc: Kind(
        "wrong-ssrc",
        502,
        "The media carries another SSRC",
        "Another stream reaches our port, or the device ignores y=: restart its stream, compare a capture.",
    ),
    devices.UnsupportedStream: Kind(
        "unsupported-stream",
        502,
        "The device sends a stream of its own kind",
        "Set the channel to H.264 or H.265 in a standard stream (PS); switch 'smart' codecs off.",
    ),
    devices.NoPackHeader: Kind(
        "no-pack-header",
        502,
        "The media is no program stream",
        "Set the device's GB28181 stream format to PS, and report its model and firmware.",
    ),
    devices.Encrypted: Kind(
        "encrypted", 502, "The media is encrypted", "Switch stream encryption off at the device."
    ),
    devices.BandwidthShort: Kind(
        "bandwidth-short",
        504,
        "Too much of the media is lost",
        "Lower the camera's bit rate, use TCP media, or look for the narrow place of the network.",
    ),
    devices.UnknownSubscription: Kind(
        "unknown-subscription", 404, "No such subscription", "GET .../subscriptions lists those that exist."
    ),
    devices.TooManySubscriptions: Kind(
        "too-many-subscriptions", 409, "Too many subscriptions", "End one of them, or subscribe to the whole."
    ),
    devices.UnsuitableValue: Kind(
        "unsuitable-profile", 422, "A profile cannot have this", "GET /api/v1/profiles shows examples."
    ),
    devices.NoKeyframe: Kind(
        "no-keyframe",
        504,
        "No key frame arrived",
        "Media flows but no picture can start: shorten the camera's key-frame interval, check the loss.",
    ),
    devices.NoCapacity: Kind(
        "no-capacity", 503, "All receive ports are in use", "Close streams, or widen media.rtp_ports."
    ),
    audio.AudioBusy: Kind(
        "loudspeaker-busy",
        409,
        "Somebody else speaks there",
        "Wait, or end that session: GET /api/v1/audio/sessions shows who it is.",
    ),
    audio.TooManySessions: Kind(
        "too-many-audio-sessions", 503, "Too much sound at once", "End or remove some, or raise the limit."
    ),
    audio.NoMicrophone: Kind(
        "no-microphone", 409, "The session plays a clip", "Open one without clip_id to speak yourself."
    ),
    audio.UnknownAudioSession: Kind(
        "unknown-audio-session", 404, "No such audio session", "It has ended; open another."
    ),
    audio.UnknownClip: Kind("unknown-clip", 404, "No such clip", "GET /api/v1/audio/clips lists them."),
    audio.ClipInUse: Kind("clip-in-use", 409, "A schedule plays the clip", "Change the schedule first."),
    audio.UnknownSchedule: Kind(
        "unknown-schedule", 404, "No such planned announcement", "GET /api/v1/audio/schedules lists them."
    ),
    media.audio.errors.UnreadableAudio: Kind(
        "unreadable-audio", 422, "Not a sound file that can be read", "Send a WAV or MP3 file."
    ),
    media.audio.errors.AudioTooLong: Kind(
        "audio-too-long", 422, "The sound is too long", "Cut it, or raise audio.clip_max_s."
    ),
    media.errors.BadOffer: Kind(
        "bad-offer",
        422,
        "The browser's offer cannot be answered",
        "Offer audio with PCMA, and send it when ICE gathering is complete.",
    ),
    devices.KnownRefusal: Kind(
        "known-refusal",
        409,
        "The device refused this before",
        "Its profile says so: forget the value there to ask again, or use one of those that are offered.",
    ),
    devices.UnknownPlayback: Kind(
        "unknown-playback", 404, "No such playback", "It has ended; open another with POST .../playbacks."
    ),
    devices.InviteEnded: STREAM_ENDED,
    media.errors.SessionClosed: STREAM_ENDED,
    media.errors.BadPass: Kind(
        "bad-pass", 403, "The address opens nothing", "Ask for a new one (POST .../live)."
    ),
    media.errors.NotPlayable: Kind(
        "not-playable", 409, "The stream cannot be sent this way", "Use another address of the live answer."
    ),
    media.errors.NoSlotFree: Kind(
        "no-slot-free", 503, "All places are taken", "Use another address of the live answer, or wait."
    ),
    media.errors.SnapshotFailed: Kind(
        "snapshot-failed", 502, "No still picture", "The key frame is damaged or too large; try again."
    ),
    storage.errors.DiskFull: DISK_FULL,
    storage.errors.BlobTooLarge: Kind(
        "file-too-large", 413, "The file is too large", "See [uploads] in the settings for the limits."
    ),
    storage.errors.AlarmFileNotFound: Kind(
        "unknown-alarm-file", 404, "No such clip or picture", "The alarm lists those that exist."
    ),
    storage.errors.AlarmFileNotReady: Kind(
        "alarm-file-not-ready",
        409,
        "The clip or picture cannot be had",
        "Wait until its state is ready; a failed one says why.",
    ),
    storage.errors.ClipsBusy: Kind("clips-busy", 503, "Too many clips wait", "Try again in a minute."),
    storage.errors.NoFootage: Kind(
        "no-footage",
        404,
        "Nothing of that time is on the disk",
        "GET .../recordings shows what there is; older footage is deleted when its time is over.",
    ),
    storage.errors.PlaybacksBusy: Kind(
        "too-many-playbacks", 503, "Too many recordings are played", "Close some, or raise the limit."
    ),
    storage.errors.SegmentNotFound: UNKNOWN_SEGMENT,
    storage.errors.SegmentGone: SEGMENT_GONE,
    storage.errors.AlwaysRecorded: Kind(
        "always-recorded",
        409,
        "The channel is always recorded",
        "PATCH the channel with record_always = false first.",
    ),
    storage.errors.DownloadNotFound: Kind(
        "unknown-download", 404, "No such download", "GET downloads lists those that exist."
    ),
    storage.errors.DownloadPartGone: Kind(
        "download-gone", 410, "The file of the download is gone", "Download it again from the device."
    ),
    storage.errors.DownloadRefused: Kind(
        "download-refused",
        409,
        "The download cannot be begun",
        "Ask for less time (storage.download_hours_max), or wait until others are done.",
    ),
    storage.errors.TemporaryNotFound: Kind(
        "unknown-temporary-recording",
        404,
        "No such temporary recording",
        "GET /api/v1/temporary-recordings lists those that exist.",
    ),
    storage.errors.TemporaryRefused: Kind(
        "temporary-recording-refused",
        409,
        "The temporary recording cannot be",
        "Give an end that lies ahead and within storage.temporary_hours_max, or end another one.",
    ),
    storage.errors.RecorderClosed: NOT_READY,
    UnknownPush: Kind(
        "unknown-push", 404, "No such push", "GET /api/v1/pushes lists those that are running."
    ),
    TooManyPushes: Kind("too-many-pushes", 503, "Too many pushes are running", "Stop one first."),
    **{error: Kind(*values) for error, values in (*SOURCE_KINDS.items(), *SUPERIOR_KINDS.items())},
}

# The roots whose errors the application turns into problems; an unexpected one becomes INTERNAL.
HANDLED: Final[tuple[type[Exception], ...]] = (
    access.errors.AccessError,
    catalog.errors.CatalogError,
    devices.DeviceError,
    storage.errors.StorageError,
    media.errors.MediaError,
    gateway.errors.GatewayError,
    cascade.errors.CascadeError,
    BadAddress,
    UnknownPush,
    TooManyPushes,
    TooManyListeners,
    LeaseRefused,
    UnknownLease,
    UnknownRun,
    RunsBusy,
    BodyTooLarge,
    OSError,
    *DATABASE_AWAY,
)

# Errors of the operating system that mean one thing to an operator wherever they come from.
_ERRNOS: Final[Mapping[int, Kind]] = {errno.ENOSPC: DISK_FULL, errno.EDQUOT: DISK_FULL}

_OF_STATUS: Final[Mapping[int, Kind]] = {
    400: INVALID,  # the framework's word for a body that is no JSON
    401: UNAUTHENTICATED,
    403: FORBIDDEN,
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    422: INVALID,
    503: NOT_READY,
}


class ApiProblem(Exception):
    """A failure that the API itself found."""

    def __init__(
        self, kind: Kind, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


def problem_of(error: BaseException) -> Problem:
    """What an error means to a caller."""
    if isinstance(error, ApiProblem):
        return _problem(error.kind, error.detail, **error.members)
    if isinstance(error, RequestValidationError):
        lines = [_line(fault) for fault in error.errors()]
        return _problem(INVALID, "; ".join(lines[:3]) + ".", errors=lines)
    if isinstance(error, HTTPException) and type(error) not in KINDS:
        kind = _OF_STATUS.get(error.status_code) or _plain(error.status_code)
        is_told = kind.code == "http-error" or error.status_code == HTTPStatus.BAD_REQUEST
        return _problem(kind, str(error.detail) if is_told else "")
    if isinstance(error, OSError) and (full := _ERRNOS.get(error.errno or 0)):
        return _problem(full, "The operating system says: no space left.")
    if isinstance(error, DATABASE_AWAY):  # its text is SQL
        return _problem(DATABASE_BUSY, "")
    for base in type(error).__mro__:
        if (found := KINDS.get(base)) is not None:
            what = error.detail if isinstance(error, HTTPException) else str(error)
            return _problem(found, what, **_members(error))
    return _problem(INTERNAL, "")


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = problem.model_dump(exclude_none=True)
    answer = JSONResponse(content, problem.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
    if problem.retry_after_s is not None:
        answer.headers["retry-after"] = str(problem.retry_after_s)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["www-authenticate"] = "Bearer"
    return answer


async def on_error(request: Request, error: Exception) -> JSONResponse:
    """The handler for every error class in this table, and for all others."""
    problem = problem_of(error).model_copy(update={"instance": request.url.path})
    if problem.code == DATABASE_BUSY.code:
        _log.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
    if problem.code == INTERNAL.code:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    headers = error.headers if isinstance(error, (ApiProblem, HTTPException)) else None
    return problem_response(problem, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses: the problems of these statuses, beside those that every route has."""
    return {
        status: {
            "description": "; ".join(kind.title for kind in _all_kinds() if kind.status == status)
            or HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({500, *statuses})
    }


def _all_kinds() -> list[Kind]:
    own = [kind for kind in globals().values() if isinstance(kind, Kind)]
    return list(dict.fromkeys([*own, *KINDS.values()]))


def _problem(kind: Kind, what: str, **members: Any) -> Problem:
    sentence = what if not what or what.endswith((".", "!", "?")) else what + "."
    detail = f"{sentence[:1].upper()}{sentence[1:]} {kind.advice}".strip() or kind.title
    return Problem(
        type=TYPE_PREFIX + kind.code,
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        **members,
    )


def _members(error: BaseException) -> dict[str, Any]:
    if isinstance(error, catalog.errors.AmbiguousChannel):
        return {"candidates": list(error.candidates)}
    if isinstance(error, devices.Refused):
        return {"sip_code": error.status or None}
    if isinstance(error, devices.ControlHeld):
        return {"retry_after_s": math.ceil(error.remaining_s)}
    if isinstance(error, (devices.DeviceOffline, access.errors.LogInsBusy)):
        return {"retry_after_s": 10}
    return {}


def _line(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}"


def _plain(status: int) -> Kind:
    return Kind("http-error", status, HTTPStatus(status).phrase)
