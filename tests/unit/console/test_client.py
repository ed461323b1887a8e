"""The typed client speaks the whole contract, in-process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from console.client import ChannelChange, Client, DeviceChange, ProblemError
from sipserver.devices.errors import Refused

PASSWORD = "correct horse battery"
DEVICE = "34020000001110000001"
CAMERA = "34020000001320000001"


@pytest.fixture
async def client(world: Any) -> AsyncIterator[Client]:
    async with Client.in_process(world.app, base_url="http://platform.example:8080") as client:
        await client.login("admin", PASSWORD)
        yield client


async def test_the_whole_contract(client: Client, world: Any) -> None:
    assert (await client.me()).role == "admin"
    assert (await anext(client.all_devices())).device_id == DEVICE
    assert (await client.device(DEVICE)).channels == 2
    assert len((await client.device_channels(DEVICE, kind="all")).items) == 3
    assert (await client.sync_catalog(DEVICE)).complete
    assert len([channel async for channel in client.all_channels()]) == 3
    assert len([channel async for channel in client.all_channels(DEVICE)]) == 2
    changed = await client.change_channel(CAMERA, ChannelChange(retention_class="key"))
    assert changed.retention_class == "key"
    assert (await client.put_device("34020000001110000055", DeviceChange(name="x"))).name == "x"
    assert (await client.change_device(DEVICE, DeviceChange(name="y"))).name == "y"
    assert world.streams.changed == ["34020000001110000055", DEVICE]
    live = await client.open_live(CAMERA)
    assert live.urls.fmp4_ws.startswith("ws://platform.example:8090/")
    assert (await client.session(live.session_id)).video is not None
    assert len((await client.sessions()).items) == 1
    await client.close_session(live.session_id)
    assert (await client.snapshot(CAMERA, width=320)).startswith(b"\xff\xd8")
    assert (await client.start_recording(CAMERA)).recording
    assert not (await client.stop_recording(CAMERA)).wanted
    start = datetime(2026, 1, 1, 8, 1, tzinfo=UTC)
    items = (await client.recordings(CAMERA, start=start)).items
    assert [item.start for item in items] == [start, start.replace(minute=2)]
    assert len(await client.download(items[0].segment_id)) == 100
    assert (await client.rates()).items[0].scope == "all"
    assert (await client.overview()).cameras == 3
    assert (await client.server()).sip_domain == "3402"
    await client.change_password(PASSWORD, "another long password")
    await client.login("admin", "another long password")
    await client.logout()
    with pytest.raises(ProblemError, match="Log in first"):
        await client.me()


async def test_a_problem_carries_everything(client: Client, world: Any) -> None:
    world.streams.fault = Refused("the device answered 486 Busy Here", status=486)
    with pytest.raises(ProblemError) as caught:
        await client.open_live(CAMERA)
    error = caught.value
    assert (error.status, error.code, error.problem.sip_code) == (502, "refused", 486)
    assert "486 Busy Here" in str(error)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(502, text="<html>bad gateway</html>"), "unexplained"),
        (httpx.Response(200, json={"unexpected": 1}), "unexpected-answer"),
        (httpx.ConnectError("refused"), "no-answer-from-platform"),
    ],
)
async def test_what_is_not_our_server_is_a_problem_too(answer: Any, code: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with Client(
        httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://x")
    ) as client:
        with pytest.raises(ProblemError) as caught:
            await client.me()
    assert caught.value.code == code
