"""Our own recordings as a stream: every pace, both ways, pause, seek, gaps, damage, hundreds at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from media.errors import EngineError, LocalViolation, NoKeyframe, SessionClosed
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.recordings import Play, RecordingSkipped, RecordingStream, Stamps
from media.session import MediaPlane
from tests.integration.media.conftest import MakePlane, until
from tests.integration.media.recorded_film import FPS, Film, Seen, film, watch
from tests.integration.media.test_outputs import fetch, judged

MakeFilm = Callable[..., Awaitable[Film]]

SESSIONS = int(os.environ.get("TONGSHI_PLAYBACKS", "40"))
"""How many play at once in the test of many; 200 in the long form."""


@pytest.fixture
def make_film(plane: MediaPlane, tmp_path: Path) -> MakeFilm:
    async def make(pictures: int, **changes: object) -> Film:
        return await film(plane, tmp_path / "film", pictures, **changes)  # type: ignore[arg-type]

    return make


def distances(seen: list[Seen]) -> list[float]:
    return [latter.time_s - former.time_s for former, latter in itertools.pairwise(seen)]


def indexes(seen: list[Seen]) -> list[int]:
    return [each.index for each in seen]


async def test_every_picture_comes_once_and_the_end_behind_the_last(
    plane: MediaPlane, make_film: MakeFilm
) -> None:
    """GB-C110: what is told at the end comes after the last picture."""
    recorded = await make_film(60, audio=AudioCodec.G711A)
    stream = await recorded.play(plane, Play(paused=True))
    info = await stream.wait_started(10)
    assert info.audio is not None
    assert (info.codec, info.audio.codec) == ("H264", "G711A")
    viewing = await watch(stream)
    seen = viewing.seen(recorded)
    assert indexes(seen) == list(range(60))
    assert distances(seen) == pytest.approx([1 / FPS] * 59, abs=1e-4)
    assert (len(viewing.parts), viewing.skipped, viewing.ended) == (1, 0, "over")
    assert judged(bytes(viewing.parts[0])) == {"video": 60, "audio": recorded.sounds}
    assert stream.ended is not None
    assert stream.ended.reason == "end of recordings"
    assert stream.ended.position == pytest.approx(recorded.at(59), abs=timedelta(milliseconds=1))


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_every_scale_plays_every_picture_at_its_distance(
    plane: MediaPlane, make_film: MakeFilm, codec: VideoCodec
) -> None:
    recorded = await make_film(30, codec=codec, audio=AudioCodec.G711U, gop=10, width=160, height=120)

    async def play(scale: float, stamps: Stamps) -> None:
        stream = await recorded.play(plane, Play(scale=scale, paused=True, stamps=stamps))
        seen = (await watch(stream)).seen(recorded)
        assert indexes(seen) == list(range(30)), scale
        apart = 1 / FPS / (scale if stamps is Stamps.RESCALED else 1)
        assert distances(seen) == pytest.approx([apart] * 29, abs=1e-4), scale
        assert (stream.session.info is not None and stream.session.info.audio is None) is (scale != 1)

    scales = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    await asyncio.gather(*(play(scale, Stamps.RESCALED) for scale in scales))
    await asyncio.gather(*(play(scale, Stamps.RECORDED) for scale in (4.0, 16.0)))


async def test_backwards_by_key_frames_and_by_whole_groups(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(110, gop=10)
    keys = await recorded.play(plane, Play(scale=-4.0, paused=True))
    groups = await recorded.play(plane, Play(scale=-4.0, whole_groups=True, paused=True))
    views = await asyncio.gather(watch(keys), watch(groups))
    by_keys, by_groups = (view.seen(recorded) for view in views)
    shown = indexes(by_keys)
    assert all(each.is_key and each.index % 10 == 0 for each in by_keys)
    assert shown == sorted(shown, reverse=True)
    assert (shown[0], shown[-1]) == (100, 0)
    assert indexes(by_groups) == [
        index for begin in range(100, -10, -10) for index in range(begin, min(begin + 10, 110))
    ]
    assert all(apart > 0 for apart in distances(by_groups) + distances(by_keys))
    assert keys.ended is not None
    assert keys.ended.reason == "begin of range"


async def test_pause_and_seek(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(150, gop=25, audio=AudioCodec.G711A)
    stream = await recorded.play(plane, Play(paused=True))
    await stream.wait_started(10)
    assert stream.stats().state == "paused"
    assert stream.position == pytest.approx(recorded.start, abs=timedelta(milliseconds=1))
    # In a pause a seek shows one picture, here the very one.
    stream.seek(3.4, exact=True)
    await until(lambda: stream.position_s == pytest.approx(3.4, abs=0.001), "it is there")
    stream.resume()
    await until(lambda: stream.position_s > 3.6, "it goes on")
    stream.pause()
    await until(lambda: stream.stats().state == "paused", "it stands")
    before = stream.stats().pictures
    stream.seek(recorded.at(110))
    await until(lambda: stream.stats().pictures == before + 1, "one picture of the new place")
    # Without `exact` that is the key frame before.
    assert stream.position_s == pytest.approx(100 / FPS, abs=0.001)
    viewing = await watch(stream)
    seen = viewing.seen(recorded)
    # A viewer that came before that picture was given the one before it as well.
    assert indexes(seen)[-50:] == list(range(100, 150))
    assert distances(seen[-50:]) == pytest.approx([1 / FPS] * 49, abs=1e-4)
    with pytest.raises(SessionClosed):
        stream.seek(0.0)
    assert stream.stats().state == "ended"


async def test_a_seek_leads_out_of_the_end(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(30, gop=10)
    stream = await recorded.play(plane, Play(scale=4.0))
    ends: list[str] = []
    stream.on_ended = lambda ended: ends.append(ended.reason)
    await asyncio.wait_for(stream.wait_ended(), 10)
    stream.seek(0.0)
    assert stream.ended is None
    await asyncio.wait_for(stream.wait_ended(), 10)
    assert ends == ["end of recordings"] * 2
    stream.set_scale(-4.0)
    stream.seek(recorded.end)
    await asyncio.wait_for(stream.wait_ended(), 10)
    assert ends[-1] == "begin of range"


async def test_a_change_of_scale_keeps_the_line_of_times(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(120, gop=10, audio=AudioCodec.G711A)
    stream = await recorded.play(plane, Play(paused=True))
    await stream.wait_started(10)

    async def change() -> None:
        await until(lambda: stream.position_s > 0.5, "it plays")
        stream.set_scale(2.0)
        await until(lambda: stream.position_s > 1.5, "it plays faster")
        stream.set_scale(8.0)

    changing = asyncio.ensure_future(change())
    viewing = await watch(stream)
    await changing
    seen = viewing.seen(recorded)
    assert [part["audio"] is not None for part in viewing.descriptions] == [True, False]
    assert all(apart > 0 for apart in distances(seen))
    assert set(indexes(seen)) == set(range(120))
    assert indexes(seen)[-1] == 119


async def test_a_gap_is_passed_over(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(150)
    first, _, last = recorded.segments
    stream = await recorded.play(plane, Play(scale=8.0, paused=True), segments=[first, last])
    viewing = await watch(stream)
    seen = viewing.seen(recorded)
    assert indexes(seen) == [*range(50), *range(100, 150)]
    assert distances(seen) == pytest.approx([1 / FPS / 8] * 99, abs=1e-4)
    assert stream.stats().gaps == 1


async def test_files_that_are_gone_or_damaged_are_told_and_passed_over(
    plane: MediaPlane, make_film: MakeFilm
) -> None:
    recorded = await make_film(200, gop=10)
    gone, damaged, whole, cut = (segment.path for segment in recorded.segments)
    gone.unlink()
    noise = bytearray(damaged.read_bytes())
    noise[len(noise) // 2 : len(noise) // 2 + 3_000] = os.urandom(3_000)
    damaged.write_bytes(noise)
    cut.write_bytes(cut.read_bytes()[:-100])
    stream = await recorded.play(plane, Play(scale=4.0, paused=True))
    skipped: list[RecordingSkipped] = []
    stream.on_skipped = skipped.append
    viewing = await watch(stream)
    shown = indexes(viewing.seen(recorded))
    # The damage lies in a picture or two; what cannot be told apart from a picture passes as one.
    assert set(range(100, 140)) <= set(shown)
    assert set(shown) <= {-1, *range(50, 200)}
    assert shown.count(-1) <= 2
    assert [each.file for each in skipped] == [gone.name]
    assert skipped[0].start_time == recorded.start
    stats = stream.stats()
    assert stats.files_skipped == 1
    assert stats.state == "ended"
    assert whole.exists()


async def test_a_file_deleted_while_it_plays_is_played_to_its_end(
    plane: MediaPlane, make_film: MakeFilm
) -> None:
    recorded = await make_film(100)
    stream = await recorded.play(plane, Play(scale=4.0, paused=True))
    await stream.wait_started(10)
    recorded.segments[0].path.unlink()
    viewing = await watch(stream)
    assert indexes(viewing.seen(recorded)) == list(range(100))


async def test_nothing_that_can_be_played_is_said_at_once(plane: MediaPlane, make_film: MakeFilm) -> None:
    recorded = await make_film(30)
    for segment in recorded.segments:
        segment.path.write_bytes(b"no film")
    stream = await recorded.play(plane)
    with pytest.raises(NoKeyframe):
        await stream.wait_started(10)
    await stream.close("nothing")
    with pytest.raises(LocalViolation):
        await recorded.play(plane, segments=[])
    with pytest.raises(EngineError):
        await recorded.play(plane, Play(scale=0.0))


async def test_a_download_gives_all_of_it_as_fast_as_it_is_taken(
    plane: MediaPlane, make_film: MakeFilm
) -> None:
    recorded = await make_film(250, audio=AudioCodec.G711A)
    stream = await recorded.play(plane, Play(scale=0.0, download=True, paused=True))
    await stream.wait_started(10)
    url = stream.session.grant("file")["fmp4_http"]
    reading = asyncio.ensure_future(asyncio.to_thread(fetch, url))
    await until(lambda: stream.session.viewers == 1, "somebody reads")
    stream.resume()
    ended = await asyncio.wait_for(stream.wait_ended(), 20)
    assert ended.reason == "end of recordings"
    await stream.session.close("over")
    status, data, _ = await reading
    assert status == 200
    assert judged(data) == {"video": 250, "audio": recorded.sounds}


async def test_many_at_once_all_end_and_hold_little(make_plane: MakePlane, tmp_path: Path) -> None:
    plane = await make_plane(viewers_max=1_000)
    recorded = await film(plane, tmp_path / "film", 75, gop=25)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    streams = [await recorded.play(plane, Play(scale=2.0 - (n % 3) / 2)) for n in range(SESSIONS)]
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, *(held(stream) for stream in streams))
            await asyncio.sleep(0.05)

    looking = asyncio.ensure_future(look())
    async with asyncio.timeout(60):
        ends = [await stream.wait_ended() for stream in streams]
    looking.cancel()
    assert {ended.reason for ended in ends} == {"end of recordings"}
    largest = max(segment.path.stat().st_size for segment in recorded.segments)
    assert most <= largest, "a fragment and what is left of one"
    for stream in streams:
        stats = stream.stats()
        assert (stats.pictures, stats.held_bytes, stats.files_skipped) == (75, 0, 0)
        await stream.close("over")
    assert plane.snapshot() == []
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb < SESSIONS * 1_500, f"{grown_kb} kB for {SESSIONS}"


def held(stream: RecordingStream) -> int:
    return stream.stats().held_bytes
