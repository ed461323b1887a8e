"""Moving a simulated camera through the API: what it is told, who may, and that it always stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from access.roles import Role
from access.settings import AccessSettings
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.gb.editions import Edition
from sipserver.gb.messages.device_control import PtzCommand
from sipserver.gb.ptz import FOCUS_IRIS_STOP, STOP, FocusIris, Instruction, Move, read_instruction
from sipserver.gb.ptz_frame import PtzFrame
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import ADMIN_PASSWORD, SmallSite, small_site

PASSWORD = "second person's password"
# Far beyond what a test lasts: a stop that comes has another cause.
PATIENT = PtzSettings(dead_man_s=30.0, lock_s=30.0)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, ptz=PATIENT) as site:
        yield site


@pytest.fixture
async def camera(site: SmallSite) -> SimulatedDevice:
    return await site.add_camera(edition=Edition.V3_0)


def channel_of(device: SimulatedDevice) -> str:
    return device.settings.all_channel_ids[0]


def instructions(device: SimulatedDevice) -> list[Instruction]:
    """What its channel was told by frames, in order."""
    return [
        read_instruction(PtzFrame.parse(control.command.frame))
        for control in device.control.received
        if isinstance(control.command, PtzCommand)
    ]


async def until(claim: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return claim()

    await eventually(holds, what)


async def until_stopped(device: SimulatedDevice) -> None:
    head = device.control.heads[channel_of(device)]
    await until(lambda: bool(instructions(device)) and not head.is_moving, "the camera stands still")


async def log_in(site: SmallSite, username: str, password: str) -> str:
    answer = await site.api.post("/login", json={"username": username, "password": password})
    return str(answer.json()["token"])


async def another_client(site: SmallSite, username: str, role: Role) -> httpx.AsyncClient:
    await site.platform.users.create(username, PASSWORD, role)
    token = await log_in(site, username, PASSWORD)
    return httpx.AsyncClient(
        base_url=site.api.base_url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )


@asynccontextmanager
async def joystick(
    site: SmallSite, channel: str, authorization: str | None = None, **headers: str
) -> AsyncIterator[ClientConnection]:
    base = str(site.api.base_url).replace("http://", "ws://")
    sent = {"Authorization": authorization or site.api.headers["Authorization"], **headers}
    async with connect(
        f"{base}channels/{channel}/ptz/joystick", additional_headers=sent, proxy=None
    ) as socket:
        yield socket


async def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    async with asyncio.timeout(20.0):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


# ---------------------------------------------------------------- movement


async def test_a_movement_combines_all_axes_and_stops_by_itself(
    site: SmallSite, camera: SimulatedDevice
) -> None:
    """GB-C085, GB-C088: two frames for five axes, and stop when the time is over."""
    movement = {"pan": 0.5, "tilt": -1, "zoom": 0.2, "focus": 0.001, "for_s": 0.2}
    answer = await site.api.post(f"/channels/{channel_of(camera)}/ptz/move", json=movement)
    assert answer.status_code == 200, answer.text
    assert answer.json()["movement"]["tilt"] == -1.0
    assert instructions(camera)[:2] == [Move(128, -255, 3), FocusIris(focus=1)]
    await until_stopped(camera)
    assert set(instructions(camera)[2:]) == {STOP, FOCUS_IRIS_STOP}


async def test_stop_is_said_even_when_nothing_of_ours_moves(site: SmallSite, camera: SimulatedDevice) -> None:
    """A cruise has no stop of its own (gb28181.md 4.4)."""
    channel = channel_of(camera)
    for path in (f"cruises/2/points/{number}" for number in (1, 2)):
        assert (await site.api.put(f"/channels/{channel}/{path}", json={"name": "巡"})).status_code == 204
    assert (await site.api.post(f"/channels/{channel}/cruises/2/start")).status_code == 204
    head = camera.control.heads[channel]
    await until(lambda: head.is_moving, "the cruise runs")
    assert (await site.api.post(f"/channels/{channel}/ptz/stop")).json()["is_moving"] is False
    await until_stopped(camera)
    assert instructions(camera)[-1] == STOP


@pytest.mark.parametrize(
    "body",
    [
        {"pan": 1.01},
        {"tilt": -2},
        {"pan": "fast"},
        {"for_s": 0.1},
        {"for_s": 31},
        {"speed": 1},
        {"pan": None},
    ],
)
async def test_wrong_movements_are_refused_and_nothing_is_sent(
    site: SmallSite, camera: SimulatedDevice, body: dict[str, object]
) -> None:
    answer = await site.api.post(f"/channels/{channel_of(camera)}/ptz/move", json=body)
    assert answer.status_code == 422
    assert instructions(camera) == []


async def test_a_device_that_is_away_is_a_problem_at_once(site: SmallSite, camera: SimulatedDevice) -> None:
    await camera.stop()
    answer = await site.api.post(f"/channels/{channel_of(camera)}/ptz/move", json={"pan": 1})
    assert (answer.status_code, answer.json()["code"]) == (503, "device-offline")
    assert (await site.api.post("/channels/123/ptz/move", json={"pan": 1})).status_code == 404


# ---------------------------------------------------------------- the joystick's socket


async def test_the_joystick_moves_and_its_closing_stops(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C088: the page goes away."""
    channel = channel_of(camera)
    async with joystick(site, channel) as socket:
        assert (await heard(socket, "status"))["status"]["is_moving"] is False
        await socket.send(json.dumps({"pan": 1}))
        await until(lambda: instructions(camera) == [Move(pan=255)], "it turns")
        await socket.send(json.dumps({"pan": 1, "tilt": 0.5}))
        await until(lambda: instructions(camera)[-1] == Move(255, 128), "it turns another way")
    await until_stopped(camera)
    assert site.platform.devices.stats.ptz_stops["holder_gone"] == 1


async def test_a_socket_that_is_torn_off_stops(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C088: the network goes away, without a closing handshake."""
    async with joystick(site, channel_of(camera)) as socket:
        await socket.send(json.dumps({"zoom": -1}))
        await until(lambda: instructions(camera) == [Move(zoom=-15)], "it zooms")
        socket.transport.abort()
    await until_stopped(camera)


async def test_a_silent_joystick_stops_and_goes_on_when_it_speaks(tmp_path: Path) -> None:
    """GB-C088: the dead-man timer."""
    async with small_site(tmp_path, ptz=PtzSettings(dead_man_s=0.3)) as site:
        camera = await site.add_camera()
        async with joystick(site, channel_of(camera)) as socket:
            await socket.send(json.dumps({"pan": -1}))
            assert (await heard(socket, "ended"))["reason"] == "dead_man"
            await until_stopped(camera)
            await socket.send(json.dumps({"pan": -1}))
            await until(lambda: instructions(camera)[-1] == Move(pan=-255), "it turns again")
            await until_stopped(camera)


async def test_wrong_messages_do_not_keep_a_movement_alive(tmp_path: Path) -> None:
    async with small_site(tmp_path, ptz=PtzSettings(dead_man_s=0.5)) as site:
        camera = await site.add_camera()
        async with joystick(site, channel_of(camera)) as socket:
            await socket.send(json.dumps({"pan": 1}))
            for text in ("", "[]", '{"pan": 2}', '{"pan": 1, "speed": 1}', "null", '{"pan": NaN}') * 3:
                await socket.send(text)
            await until_stopped(camera)
            for _ in range(2):
                await socket.send("move")
            with pytest.raises(ConnectionClosed) as closed:
                await heard(socket, "never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        await until_stopped(camera)


async def test_a_huge_message_closes_the_socket(site: SmallSite, camera: SimulatedDevice) -> None:
    async with joystick(site, channel_of(camera)) as socket:
        await socket.send('{"pan": 1}' + " " * 2000)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket, "never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert instructions(camera) == []


async def test_log_out_stops_and_closes(site: SmallSite, camera: SimulatedDevice) -> None:
    """GB-C088: the token is void."""
    other = await another_client(site, "operator", Role.OPERATOR)
    async with other, joystick(site, channel_of(camera), other.headers["Authorization"]) as socket:
        await socket.send(json.dumps({"pan": 1}))
        await until(lambda: instructions(camera) == [Move(pan=255)], "it turns")
        assert (await other.post("/logout")).status_code == 204
        await until_stopped(camera)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket, "never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_a_token_that_expires_stops_and_closes(tmp_path: Path) -> None:
    """GB-C088: nothing is held for longer than the log-in lasts."""
    brief = AccessSettings(hash_memory_kib=32, hash_rounds=1, token_ttl_s=60.0)
    async with small_site(tmp_path, ptz=PATIENT, access=brief) as site:
        camera = await site.add_camera()
        tokens = site.platform.app.state.context.tokens
        tokens._settings = replace(brief, token_ttl_s=3.0)  # below what the settings file allows
        token = await log_in(site, "admin", ADMIN_PASSWORD)
        async with joystick(site, channel_of(camera), f"Bearer {token}") as socket:
            await socket.send(json.dumps({"pan": 1}))
            with pytest.raises(ConnectionClosed) as closed:
                await heard(socket, "never")
        await until_stopped(camera)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_shutdown_stops_what_moves(tmp_path: Path) -> None:
    """GB-C088: the platform itself goes away."""
    async with small_site(tmp_path, ptz=PATIENT) as site:
        camera = await site.add_camera()
        await site.api.post(f"/channels/{channel_of(camera)}/ptz/move", json={"pan": 1, "for_s": 30})
        assert camera.control.heads[channel_of(camera)].is_moving
        await site.platform.devices.close()
        assert instructions(camera)[-1] == STOP
        assert not camera.control.heads[channel_of(camera)].is_moving


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        ({"Authorization": "", "Cookie": "tongshi_session=x", "Origin": "http://evil.example"}, 403),
        ({"Authorization": "", "Cookie": "tongshi_session=x"}, 403),
    ],
)
async def test_strangers_do_not_get_a_socket(
    site: SmallSite, camera: SimulatedDevice, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with joystick(site, channel_of(camera), **headers):
            pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["status"] == status


async def test_viewers_and_unknown_cameras_do_not_get_a_socket(
    site: SmallSite, camera: SimulatedDevice
) -> None:
    watcher = await another_client(site, "watcher", Role.VIEWER)
    async with watcher:
        for channel, authorization, status in (
            (channel_of(camera), watcher.headers["Authorization"], 403),
            ("34020000001319999999", None, 404),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with joystick(site, channel, authorization):
                    pass
            assert refused.value.response.status_code == status
        answer = await watcher.post(f"/channels/{channel_of(camera)}/ptz/move", json={"pan": 1})
    assert answer.status_code == 403


async def test_a_page_of_ours_gets_a_socket_by_its_cookie(site: SmallSite, camera: SimulatedDevice) -> None:
    token = site.api.headers["Authorization"].removeprefix("Bearer ")
    origin = f"http://127.0.0.1:{site.platform.http_port}"
    headers = {"Authorization": "", "Cookie": f"tongshi_session={token}", "Origin": origin}
    async with joystick(site, channel_of(camera), **headers) as socket:
        await heard(socket, "status")


# ---------------------------------------------------------------- locks


async def test_equals_wait_and_the_higher_takes_over_with_a_stop(
    site: SmallSite, camera: SimulatedDevice
) -> None:
    """The lock has a holder, a priority and an expiry that everybody sees."""
    channel = channel_of(camera)
    first = await another_client(site, "first", Role.OPERATOR)
    second = await another_client(site, "second", Role.OPERATOR)
    async with first, second, joystick(site, channel, first.headers["Authorization"]) as socket:
        await socket.send(json.dumps({"tilt": 1}))
        await until(lambda: instructions(camera) == [Move(tilt=255)], "it tilts")
        refused = await second.post(f"/channels/{channel}/ptz/move", json={"pan": 1})
        assert (refused.status_code, refused.json()["code"]) == (409, "control-held")
        assert int(refused.headers["retry-after"]) > 30
        lock = (await second.get(f"/channels/{channel}/ptz")).json()["lock"]
        assert (lock["holder"], lock["priority"], lock["is_mine"]) == ("first", 50, False)

        taken = await site.api.put(f"/channels/{channel}/ptz/lock", json={"for_s": 600})
        assert taken.json()["lock"]["is_mine"] is True
        assert (await heard(socket, "ended"))["reason"] == "taken_over"
        assert (await heard(socket, "control_lost"))["by"] == "admin"
        await until_stopped(camera)
        await socket.send(json.dumps({"tilt": 1}))
        assert (await heard(socket, "problem"))["problem"]["code"] == "control-held"
        assert instructions(camera)[-1] == STOP
        assert (await site.api.delete(f"/channels/{channel}/ptz/lock")).status_code == 204
        assert (await second.post(f"/channels/{channel}/ptz/stop")).status_code == 200


async def test_a_late_closing_does_not_stop_the_next_holder(site: SmallSite, camera: SimulatedDevice) -> None:
    channel = channel_of(camera)
    operator = await another_client(site, "operator", Role.OPERATOR)
    async with operator:
        async with joystick(site, channel, operator.headers["Authorization"]) as socket:
            await socket.send(json.dumps({"pan": 1}))
            await until(lambda: instructions(camera) == [Move(pan=255)], "it turns")
            await site.api.post(f"/channels/{channel}/ptz/move", json={"pan": -1, "for_s": 30})
        state = (await site.api.get(f"/channels/{channel}/ptz")).json()
    assert state["is_moving"] is True
    assert state["movement"]["pan"] == -1.0
    assert instructions(camera)[-1] == Move(pan=-255)
