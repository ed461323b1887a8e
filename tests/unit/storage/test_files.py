"""Recordings are reached by id only, and disks that fill up are told in time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.disk import DiskWatch, disk_usage
from storage.errors import DiskFull, SegmentGone, SegmentNotFound, StorageViolation
from storage.events import DiskFloorCleared, DiskFloorReached
from storage.files import recorder_directory, relative_path, segment_file
from storage.model import SegmentState
from storage.playback import Playback
from tests.unit.storage.fakes import FakeIndex, segment


@pytest.fixture
def index() -> FakeIndex:
    return FakeIndex()


@pytest.fixture
def playback(tmp_path: Path, index: FakeIndex) -> Playback:
    return Playback(tmp_path, index)


async def test_file_of_a_segment_is_opened_by_its_id(
    tmp_path: Path, index: FakeIndex, playback: Playback
) -> None:
    made = segment(1)
    file = tmp_path / made.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 1500)
    await index.save([made])
    opened = await playback.open_segment(made.segment_id)
    assert (opened.file, opened.size_bytes) == (file.resolve(), 1500)


async def test_open_segment_is_sent_up_to_its_last_whole_fragment(
    tmp_path: Path, index: FakeIndex, playback: Playback
) -> None:
    made = segment(1, state=SegmentState.OPEN, size_bytes=1000)
    file = tmp_path / made.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 1500)
    await index.save([made])
    assert (await playback.open_segment(made.segment_id)).size_bytes == 1000


@pytest.mark.parametrize(
    "segment_id", ["", "../../etc/passwd", "a/b", "a\0b", "a" * 65, "..", ".", "%2e%2e", "é", "a b", "\n"]
)
async def test_text_that_is_no_id_is_not_even_looked_up(playback: Playback, segment_id: str) -> None:
    with pytest.raises(SegmentNotFound):
        await playback.open_segment(segment_id)


@pytest.mark.parametrize("state", [SegmentState.DELETED, SegmentState.MISSING])
async def test_what_is_gone_is_told(index: FakeIndex, playback: Playback, state: SegmentState) -> None:
    made = segment(1, state=state)
    await index.save([made])
    with pytest.raises(SegmentGone, match=state.value):
        await playback.open_segment(made.segment_id)


async def test_row_without_a_file_is_gone(index: FakeIndex, playback: Playback) -> None:
    await index.save([segment(1)])
    with pytest.raises(SegmentGone, match="missing"):
        await playback.open_segment(segment(1).segment_id)


@pytest.mark.parametrize(
    "relative", ["../a.mp4", "a/../../b.mp4", "/etc/a.mp4", "a.txt", "", ".", "a\0.mp4", "segments/.."]
)
def test_paths_that_leave_the_store_are_refused(tmp_path: Path, relative: str) -> None:
    with pytest.raises(StorageViolation):
        segment_file(tmp_path, relative)


def test_link_that_leads_out_of_the_store_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(StorageViolation):
        segment_file(root, "link.mp4")


@given(st.text(max_size=40))
def test_whatever_the_path_it_stays_in_the_store(relative: str) -> None:
    root = Path("/nowhere/store")
    try:
        file = segment_file(root, relative)
    except (StorageViolation, ValueError):
        return
    assert file.is_relative_to(root)


def test_paths_are_kept_relative_so_that_a_store_can_move(tmp_path: Path) -> None:
    file = recorder_directory(tmp_path, "ab" * 16) / "a.mp4"
    relative = relative_path(tmp_path, file)
    assert relative == f"segments/ab/{'ab' * 16}/a.mp4"
    assert segment_file(tmp_path, relative) == file
    with pytest.raises(StorageViolation):
        relative_path(tmp_path / "other", file)


@pytest.mark.parametrize("recorder_id", ["", "../x", "ABCDEF0123", "zz" * 16, "ab"])
def test_directories_are_named_by_our_own_ids_only(tmp_path: Path, recorder_id: str) -> None:
    with pytest.raises(StorageViolation):
        recorder_directory(tmp_path, recorder_id)


def test_floor_is_told_once_and_cleared_with_some_room(tmp_path: Path) -> None:
    free, events = [1000], list[object]()
    watch = DiskWatch(tmp_path, 100, events.append, lambda _: (free[0], 5000))
    states = []
    for free[0] in (100, 99, 50, 100, 104, 105, 99):
        states.append(watch.look().is_full)
    assert states == [False, True, True, True, True, False, True]
    assert events == [DiskFloorReached(99, 100), DiskFloorCleared(105), DiskFloorReached(99, 100)]
    with pytest.raises(DiskFull, match="99 bytes are free"):
        watch.require_room()


def test_free_space_is_that_of_the_file_system(tmp_path: Path) -> None:
    free, total = disk_usage(tmp_path)
    assert 0 <= free <= total
