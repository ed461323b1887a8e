"""Asks one camera over ONVIF who it is and where its streams are."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from media.onvif import messages
from media.onvif.errors import MalformedOnvif, OnvifFailed, OnvifFault, OnvifUnauthorised, OnvifUnreachable
from media.onvif.messages import DeviceInformation, Profile, Services, UsernameToken
from media.onvif.xml import MAX_BYTES

CONTENT_TYPE: Final = "application/soap+xml; charset=utf-8"
NONCE_BYTES: Final = 16
UNAUTHORISED: Final = frozenset({401, 403})

Message = Callable[[UsernameToken | None], bytes]


@dataclass(frozen=True, slots=True)
class OfferedStream:
    """One profile with the address of its stream."""

    profile: Profile
    uri: str


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """What a camera tells about itself."""

    information: DeviceInformation
    streams: tuple[OfferedStream, ...]
    clock_offset_s: float | None
    """Its clock minus ours; None when it does not tell it."""


class OnvifClient:
    """One camera. ``async with OnvifClient(...) as client``.

    Cameras behind a translation of addresses name their own: the host that was asked is put in its place.

    Args:
        address: of its device service.
        timeout_s: for each answer. Proxies and redirects are not followed: what was named is what is asked.
    """

    def __init__(self, address: str, username: str, password: str, timeout_s: float) -> None:
        self._address = address
        self._username = username
        self._password = password
        self._offset = timedelta()
        self._http = httpx.AsyncClient(
            timeout=timeout_s,
            verify=False,  # noqa: S501 - cameras sign their certificates themselves
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def describe(self) -> CameraDescription:
        """Clock, maker and streams.

        Raises:
            OnvifFailed: why not; a stream without an address is left out instead.
        """
        offset_s = await self._learn_clock()
        information = messages.information_of(await self._ask(self._address, messages.get_information))
        return CameraDescription(information, await self._streams(), offset_s)

    async def _learn_clock(self) -> float | None:
        """Tokens carry the camera's own time: one whose clock is wrong would refuse ours."""
        try:
            moment = messages.time_of(await self._post(self._address, messages.get_time()))
        except (OnvifFault, OnvifUnauthorised, MalformedOnvif):
            return None
        if moment is None:
            return None
        self._offset = moment - datetime.now(UTC)
        return self._offset.total_seconds()

    async def _streams(self) -> tuple[OfferedStream, ...]:
        services = await self._services()
        failure: OnvifFailed | None = None
        for address, is_media2 in ((services.media2, True), (services.media, False)):
            if not address:
                continue
            try:
                found = await self._streams_of(self._reachable(address), is_media2)
            except (OnvifFault, MalformedOnvif) as error:
                failure = error
            else:
                if found:
                    return found
        if failure is not None:
            raise failure
        return ()

    async def _services(self) -> Services:
        try:
            found = messages.services_of(await self._ask(self._address, messages.get_services))
            if found.media or found.media2:
                return found
        except (OnvifFault, MalformedOnvif):
            pass  # older than GetServices
        return messages.capabilities_of(await self._ask(self._address, messages.get_capabilities))

    async def _streams_of(self, address: str, is_media2: bool) -> tuple[OfferedStream, ...]:
        answer = await self._ask(address, lambda token: messages.get_profiles(token, is_media2=is_media2))
        found = []
        for profile in messages.profiles_of(answer):
            try:
                uri = messages.stream_uri_of(
                    await self._ask(
                        address,
                        lambda token, name=profile.token: messages.get_stream_uri(  # type: ignore[misc]
                            token, name, is_media2=is_media2
                        ),
                    )
                )
            except OnvifFault:
                continue
            if uri:
                found.append(OfferedStream(profile, self._reachable(uri)))
        return tuple(found)

    async def _ask(self, address: str, message: Message) -> bytes:
        token = None
        if self._username:
            now = datetime.now(UTC) + self._offset
            token = UsernameToken(self._username, self._password, secrets.token_bytes(NONCE_BYTES), now)
        return await self._post(address, message(token))

    async def _post(self, address: str, body: bytes) -> bytes:
        """One answer, whatever its status, when it is SOAP: faults come with 400 and 500."""
        auth = httpx.DigestAuth(self._username, self._password) if self._username else None
        try:
            async with self._http.stream(
                "POST", address, content=body, headers={"content-type": CONTENT_TYPE}, auth=auth
            ) as answer:
                content = await _bounded(answer)
                status = answer.status_code
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise OnvifUnreachable(f"{_shown(address)} is no address of a camera: {error}") from None
        except httpx.HTTPError as error:
            text = str(error) or type(error).__name__
            raise OnvifUnreachable(f"no answer of the camera at {_shown(address)}: {text}") from None
        if status in UNAUTHORISED and b"Envelope" not in content:
            raise OnvifUnauthorised(f"the camera at {_shown(address)} refuses the credentials ({status})")
        if b"Envelope" not in content:
            raise MalformedOnvif(f"the camera at {_shown(address)} answered {status} without SOAP")
        return content

    def _reachable(self, address: str) -> str:
        """An address that the camera told, at the host that it was asked at."""
        try:
            told, asked = urlsplit(address), urlsplit(self._address)
            port = f":{told.port}" if told.port else ""
        except ValueError:
            return address
        host = asked.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return told._replace(netloc=f"{host}{port}").geturl() if told.hostname else address


async def _bounded(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MAX_BYTES:
            raise MalformedOnvif(f"an answer of more than {MAX_BYTES} bytes")
    return bytes(content)


def _shown(address: str) -> str:
    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return address[:200]
