"""Speaking to devices: sessions, with a clip or a browser's microphone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from access.roles import Action
from catalog.errors import UnknownChannel, UnknownDevice
from catalog.model import ChannelKey
from console.api.audio_models import (
    AudioSession,
    AudioSessions,
    AudioTarget,
    GroupSpeakCommand,
    SpeakCommand,
    WebRtcAnswer,
    WebRtcOffer,
)
from console.api.channels import ChannelId, known_channel
from console.api.devices import DeviceId
from console.api.problems import documented, problem_of
from console.auth import Caller, may
from sipserver.devices.audio.errors import UnknownAudioSession
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.session import AudioSession as LiveSession
from sipserver.devices.audio.views import SessionView, TargetView

router = APIRouter(tags=["audio"])

AudioSessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`session_id` of the answer.")]
Speaker = Annotated[Caller, Depends(may(Action.SPEAK))]


@router.post(
    "/channels/{channel_id}/audio",
    status_code=201,
    summary="Speak to a channel",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def speak_to_channel(channel_id: ChannelId, command: SpeakCommand, caller: Speaker) -> AudioSession:
    """Answers when the device listens. A clip then plays; for a microphone, POST the browser's offer to
    `audio/sessions/{session_id}/webrtc`."""
    return await _speak(caller, [await audio_key(caller, channel_id)], command)


@router.post(
    "/devices/{device_id}/audio",
    status_code=201,
    summary="Speak to a device",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
    tags=["devices"],
)
async def speak_to_device(device_id: DeviceId, command: SpeakCommand, caller: Speaker) -> AudioSession:
    """For devices whose one loudspeaker has the device's own id."""
    if await caller.context.catalog.get_device(device_id) is None:
        raise UnknownDevice(device_id)
    return await _speak(caller, [ChannelKey(device_id, device_id)], command)


@router.post(
    "/audio/sessions",
    status_code=201,
    summary="Speak to a group",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def speak_to_group(command: GroupSpeakCommand, caller: Speaker) -> AudioSession:
    """Answers when every device listens or is known not to; `targets` says which. Fails when none does."""
    keys = [await audio_key(caller, text) for text in command.targets]
    return await _speak(caller, keys, command)


@router.get("/audio/sessions", summary="List who speaks now", responses=documented(401, 403))
async def list_audio_sessions(caller: Speaker) -> AudioSessions:
    sessions = caller.context.devices.audio.sessions.values()
    return AudioSessions(items=[session_model(session.view()) for session in sessions])


@router.get(
    "/audio/sessions/{session_id}",
    summary="One audio session, with its levels",
    responses=documented(401, 403, 404, 422),
)
async def get_audio_session(session_id: AudioSessionId, caller: Speaker) -> AudioSession:
    return session_model(caller.context.devices.audio.session(session_id).view())


@router.delete(
    "/audio/sessions/{session_id}",
    status_code=204,
    summary="Stop speaking",
    responses=documented(401, 403, 404, 422),
)
async def end_audio_session(session_id: AudioSessionId, caller: Speaker) -> None:
    """Every device gets BYE; answers when all have answered it."""
    session = caller.context.devices.audio.session(session_id)
    async with caller.recorded(Action.SPEAK, _names(session), event="ended", session=session_id):
        await session.close(f"ended by {caller.username}")


@router.post(
    "/audio/sessions/{session_id}/webrtc",
    summary="Connect a browser's microphone",
    responses=documented(401, 403, 404, 409, 422),
)
async def connect_microphone(session_id: AudioSessionId, offer: WebRtcOffer, caller: Speaker) -> WebRtcAnswer:
    """Only for who opened the session. In a talk to one device the browser hears the device."""
    session = caller.context.devices.audio.session(session_id)
    if session.holder != caller.username:
        # Not "forbidden": an id that is not one's own must not be told apart from one that never was.
        raise UnknownAudioSession(f"no audio session {session_id} is open")
    async with caller.recorded(Action.SPEAK, _names(session), event="microphone", session=session_id):
        return WebRtcAnswer(sdp=await session.connect_browser(offer.sdp))


@router.post(
    "/audio/loopback",
    summary="Test a browser's microphone",
    responses=documented(401, 403, 422, 503),
)
async def loopback(offer: WebRtcOffer, caller: Speaker) -> WebRtcAnswer:
    """The browser hears itself for up to a minute; no device takes part."""
    return WebRtcAnswer(sdp=await caller.context.devices.audio.loopbacks.connect(offer.sdp))


async def audio_key(caller: Caller, text: str) -> ChannelKey:
    """The loudspeaker that a caller's text means: a channel, or a device that is its own.

    Raises:
        UnknownChannel, AmbiguousChannel
    """
    try:
        return (await known_channel(caller, text)).key
    except UnknownChannel:
        if await caller.context.catalog.get_device(text) is None:
            raise
        return ChannelKey(text, text)


def session_model(view: SessionView) -> AudioSession:
    return AudioSession(
        session_id=view.session_id,
        username=view.holder,
        mode=view.mode.value,
        source=view.source,
        state=view.state,
        end_reason=view.end_reason,
        started_time=view.started_time,
        spoken_s=round(view.spoken_s, 2),
        level_dbfs=round(view.level_dbfs, 1),
        browser_connected=view.has_browser,
        targets=[_target_model(target) for target in view.targets],
    )


async def _speak(caller: Caller, keys: list[ChannelKey], command: SpeakCommand) -> AudioSession:
    audio, mode = caller.context.devices.audio, AudioMode(command.mode)
    names = ", ".join(str(key) for key in keys[:10])
    detail = {"targets": len(keys), "mode": command.mode, "clip": command.clip_id}
    async with caller.recorded(Action.SPEAK, names, **detail):
        if command.clip_id is None:
            session = await audio.speak(keys, mode=mode, holder=caller.username)
        else:
            session = await audio.announce(
                keys, command.clip_id, mode=mode, repeats=command.repeats, holder=caller.username
            )
        try:
            await session.opened.wait()
        except BaseException:
            # The caller went away while devices were called: nobody would end it.
            session.stop("the caller is gone")
            raise
        errors = [target.error for target in session.targets if target.error is not None]
        if len(errors) == len(keys):
            raise errors[0]
    return session_model(session.view())


def _target_model(target: TargetView) -> AudioTarget:
    problem = problem_of(target.error) if target.error is not None else None
    return AudioTarget(
        device_id=target.key.device_id,
        channel_id=target.key.channel_id,
        state=target.state,
        way=target.way,
        transport=target.transport,
        payload=target.form,
        call_id=target.call_id,
        problem=problem.code if problem is not None else None,
        detail=problem.detail if problem is not None else (target.lost_reason or None),
        frames_sent=target.frames_sent,
        frames_dropped=target.frames_dropped,
        packets_heard=target.packets_heard,
        heard_level_dbfs=round(target.heard_level_dbfs, 1),
    )


def _names(session: LiveSession) -> str:
    return ", ".join(str(key) for key in session.keys[:10])
