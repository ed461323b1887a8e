from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families

from health.exposition import Exposition
from health.inputs import Camera, Totals
from health.settings import HealthSettings

DEVICE = "34020000001110000001"
OTHER = "34020000001110000002"
CHANNEL = "34020000001310000001"
STREAMING = Camera(
    DEVICE,
    CHANNEL,
    name="人民路口 北",
    manufacturer="Tongshi",
    model="SIM-1",
    camera_class=1,
    priority="key_public_area",
    retention_class="key",
    civil_code="340200",
    online=True,
    streaming=True,
    recording=True,
    bitrate_bps=4_012_345.6,
    fps=24.98,
    packet_loss_ratio=0.00125,
    keyframe_age_s=1.52,
    last_keepalive_age_s=31.2,
)
IDLE = Camera(OTHER, "34020000001310000002", online=False)


@dataclass
class SipStats:
    malformed: int = 3
    requests_received: Mapping[str, int] = field(default_factory=lambda: {"REGISTER": 7, "MESSAGE": 2})
    responses_sent: Mapping[tuple[str, int], int] = field(
        default_factory=lambda: {("REGISTER", 200): 4, ("REGISTER", 401): 3}
    )


@dataclass
class Source:
    all: list[Camera]

    def cameras(self) -> Iterable[Camera]:
        return iter(self.all)

    def totals(self) -> Totals:
        return Totals(devices=2, devices_online=1, storage_disk_free_bytes=10**12, storage_writable=True)

    def counters(self) -> Mapping[str, object]:
        return {"sip": SipStats()}


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, f"{key} stands twice"
            samples[key] = sample.value
    return samples


async def scrape(*cameras: Camera) -> Samples:
    return parse((await Exposition().render(Source(list(cameras)))).decode())


def of_camera(
    samples: Mapping[tuple[str, tuple[tuple[str, str], ...]], float], label: str
) -> dict[str, float]:
    return {
        name.removeprefix("gb28181_camera_"): value
        for (name, labels), value in samples.items()
        if name.startswith("gb28181_camera_") and ("channel_id", label) in labels
    }


async def test_a_streaming_camera_shows_all_families() -> None:
    assert of_camera(await scrape(STREAMING), CHANNEL) == {
        "online": 1,
        "streaming": 1,
        "recording": 1,
        "bitrate_bps": 4012346,
        "fps": 24.98,
        "packet_loss_ratio": 0.00125,
        "keyframe_age_seconds": 1.52,
        "last_keepalive_age_seconds": 31.2,
        "info": 1,
    }


async def test_what_is_not_known_is_absent() -> None:
    idle = of_camera(await scrape(IDLE), IDLE.channel_id)
    assert idle == {"online": 0, "streaming": 0, "recording": 0, "info": 1}
    strange = STREAMING._replace(bitrate_bps=math.nan, fps=math.inf, last_keepalive_age_s=math.nan)
    assert (
        not {"bitrate_bps", "fps", "last_keepalive_age_seconds"}
        & of_camera(await scrape(strange), CHANNEL).keys()
    )


async def test_a_stopped_stream_leaves_no_old_numbers() -> None:
    exposition = Exposition()
    await exposition.render(Source([STREAMING]))
    stopped = parse((await exposition.render(Source([STREAMING._replace(streaming=False)]))).decode())
    assert of_camera(stopped, CHANNEL).keys() == {
        "online", "streaming", "recording", "last_keepalive_age_seconds", "info",
    }  # fmt: skip


async def test_values_are_labelled_by_channel_id_alone_and_the_rest_is_on_info() -> None:
    samples = await scrape(STREAMING)
    for name, labels in samples:
        if name.startswith("gb28181_camera_") and not name.endswith("_info"):
            assert [label for label, _ in labels] == ["channel_id"]
    info = next(dict(labels) for (name, labels) in samples if name == "gb28181_camera_info")
    assert info == {
        "channel_id": CHANNEL,
        "device_id": DEVICE,
        "gb_channel_id": CHANNEL,
        "name": "人民路口 北",
        "class": "1",
        "priority": "key_public_area",
        "retention_class": "key",
        "manufacturer": "Tongshi",
        "model": "SIM-1",
        "civil_code": "340200",
    }


async def test_a_channel_id_of_several_devices_is_told_apart() -> None:
    samples = await scrape(STREAMING, IDLE._replace(channel_id=CHANNEL))
    assert of_camera(samples, CHANNEL) == {}
    assert of_camera(samples, f"{DEVICE}~{CHANNEL}")["online"] == 1
    assert of_camera(samples, f"{OTHER}~{CHANNEL}")["online"] == 0


async def test_a_renamed_or_shared_camera_is_written_anew() -> None:
    exposition = Exposition()
    await exposition.render(Source([STREAMING]))
    text = (await exposition.render(Source([STREAMING._replace(name="新名")]))).decode()
    assert 'name="新名"' in text
    text = (await exposition.render(Source([STREAMING, IDLE._replace(channel_id=CHANNEL)]))).decode()
    assert f'gb28181_camera_online{{channel_id="{DEVICE}~{CHANNEL}"}} 1' in text
    text = (await exposition.render(Source([STREAMING]))).decode()
    assert f'gb28181_camera_online{{channel_id="{CHANNEL}"}} 1' in text


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\\n", '"},x="', "中文", "\udc80"])
async def test_any_name_survives_the_text(name: str) -> None:
    samples = await scrape(STREAMING._replace(name=name))
    info = next(dict(labels) for (family, labels) in samples if family == "gb28181_camera_info")
    assert info["name"] == name.replace("\udc80", "?")


async def test_the_same_camera_given_twice_stands_once() -> None:
    assert of_camera(await scrape(STREAMING, STREAMING), CHANNEL)["online"] == 1


async def test_rates_counters_and_totals_stand_beside_the_cameras() -> None:
    samples = await scrape(STREAMING, IDLE)
    assert samples["gb28181_cameras_online_ratio", (("class", "all"),)] == 0.5
    assert samples["gb28181_cameras_online_ratio", (("class", "1"),)] == 1
    assert ("gb28181_cameras_online_ratio", (("class", "2"),)) not in samples
    assert samples["gb28181_sip_requests_received_total", (("method", "REGISTER"),)] == 7
    assert samples["gb28181_sip_responses_sent_total", (("code", "401"), ("method", "REGISTER"))] == 3
    assert samples["gb28181_sip_malformed_total", ()] == 3
    assert samples["gb28181_devices_online", ()] == 1
    assert samples["gb28181_storage_writable", ()] == 1
    assert samples["process_cpu_seconds_total", ()] > 0
    assert not any(name == "gb28181_media_sessions" for name, _ in samples)


async def test_promtool_finds_nothing_to_complain_about() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    text = await Exposition().render(Source([STREAMING, IDLE]))
    result = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )
    complaints = result.stderr.decode() + result.stdout.decode()
    assert (result.returncode, complaints) == (0, "")


async def test_others_get_their_turn_while_thousands_of_cameras_are_rendered() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    cameras = [STREAMING._replace(channel_id=f"{number:020}") for number in range(2000)]
    await Exposition(HealthSettings(cameras_per_step=100)).render(Source(cameras))
    counting.cancel()
    # 20 steps to gather, 20 to write, and a piece per 400 lines of nine families.
    assert turns >= 80


async def test_no_camera_at_all_is_valid_text() -> None:
    samples = await scrape()
    assert not any(name.startswith("gb28181_camera_") for name, _ in samples)
    assert samples["gb28181_cameras", (("class", "all"),)] == 0
    assert ("gb28181_cameras_online_ratio", (("class", "all"),)) not in samples
