"""Cutting a stretch out of recorded files, judged by a decoder."""

import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from storage.cutting import Piece, coverage_s, cut
from storage.errors import NoFootage
from tests.unit.storage.mp4s import FPS, packets_of, pictures_of, recorded

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def piece(
    directory: Path, name: str, begins: float, seconds: int, *, run: str = "a", width: int = 160
) -> Piece:
    path = directory / f"{name}.mp4"
    path.write_bytes(recorded(seconds, width))
    return Piece(path, at(begins), at(begins + seconds), path.stat().st_size, run)


def test_a_cut_begins_at_the_key_frame_before_and_ends_in_time(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    made = cut([piece(tmp_path, "a", 0, 10)], at(3.4), at(7), target)
    assert (made.start_time, made.detail) == (at(3), "")
    assert made.end_time == pytest.approx(at(7), abs=timedelta(milliseconds=150))
    pictures = pictures_of(target)
    assert len(pictures) == 4 * FPS
    assert pictures[0] == pytest.approx(0, abs=0.05)
    assert made.size_bytes == target.stat().st_size
    assert packets_of(target, "audio") > 0
    assert list(tmp_path.glob("*.part")) == []


def test_files_of_one_run_follow_without_a_gap(tmp_path: Path) -> None:
    pieces = [piece(tmp_path, "b", 5, 5), piece(tmp_path, "a", 0, 5)]
    target = tmp_path / "clip.mp4"
    made = cut(pieces, at(2), at(9), target)
    pictures = pictures_of(target)
    assert (len(pictures), made.detail) == (7 * FPS, "")
    assert max(later - earlier for earlier, later in pairwise(pictures)) < 0.2


def test_an_outside_judge_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    cut([piece(tmp_path, "a", 0, 5), piece(tmp_path, "b", 5, 5)], at(2), at(8), target)
    command = ["/usr/bin/ffprobe", "-v", "error", "-count_frames", "-show_streams", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nb_read_frames=60" in done.stdout


def test_a_gap_between_runs_stays_a_gap(tmp_path: Path) -> None:
    pieces = [piece(tmp_path, "a", 0, 4), piece(tmp_path, "b", 10, 4, run="b")]
    target = tmp_path / "clip.mp4"
    cut(pieces, at(0), at(14), target)
    gaps = [later - earlier for earlier, later in pairwise(pictures_of(target))]
    assert max(gaps) == pytest.approx(6.1, abs=0.3)


def test_a_file_that_still_grows_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    whole = piece(tmp_path, "a", 0, 6)
    half = Piece(whole.path, whole.start_time, at(3), whole.size_bytes * 6 // 10, "a")
    made = cut([half], at(0), at(6), tmp_path / "clip.mp4")
    assert len(pictures_of(tmp_path / "clip.mp4")) < 6 * FPS
    assert "early" in made.detail


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    made = cut([piece(tmp_path, "a", 5, 5)], at(0), at(20), tmp_path / "clip.mp4")
    assert made.detail == "begins 5 s late; ends 10 s early"


def test_another_picture_format_is_left_out_and_said(tmp_path: Path) -> None:
    pieces = [piece(tmp_path, "a", 0, 4), piece(tmp_path, "b", 4, 4, width=240)]
    made = cut(pieces, at(0), at(8), tmp_path / "clip.mp4")
    assert "changed its picture format" in made.detail
    assert len(pictures_of(tmp_path / "clip.mp4")) == 4 * FPS


@pytest.mark.parametrize("content", [b"", b"not a film", recorded(4)[:500]])
def test_nothing_readable_is_no_footage_and_leaves_no_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(NoFootage):
        cut([Piece(path, at(0), at(4), len(content), "a")], at(0), at(4), tmp_path / "clip.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_a_broken_file_costs_only_its_own_footage(tmp_path: Path) -> None:
    broken = piece(tmp_path, "a", 0, 4)
    broken.path.write_bytes(b"\0" * broken.size_bytes)
    made = cut([broken, piece(tmp_path, "b", 4, 4)], at(0), at(8), tmp_path / "clip.mp4")
    assert "1 files cannot be read" in made.detail
    assert len(pictures_of(tmp_path / "clip.mp4")) == 4 * FPS


def test_a_file_that_is_gone_is_an_error_of_the_disk(tmp_path: Path) -> None:
    gone = Piece(tmp_path / "gone.mp4", at(0), at(4), 100, "a")
    with pytest.raises(OSError, match="gone"):
        cut([gone], at(0), at(4), tmp_path / "clip.mp4")


def test_coverage_counts_what_lies_inside() -> None:
    pieces = [Piece(Path("a"), at(0), at(10), 1, "a"), Piece(Path("b"), at(10), at(20), 1, "a")]
    assert coverage_s(pieces, at(5), at(12)) == 7
    assert coverage_s(pieces, at(30), at(40)) == 0
