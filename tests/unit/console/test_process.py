import gc
import resource
from collections.abc import Iterator

import pytest

from console.process import raise_open_files, settle_garbage_collector


@pytest.fixture
def open_files() -> Iterator[int]:
    """The hard limit; the soft one is put back afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_low_limit_of_open_files_is_raised_to_what_the_system_grants(open_files: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, open_files))
    raise_open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == open_files
    assert soft > 512


def test_a_limit_that_is_high_enough_stays(open_files: int) -> None:
    raise_open_files()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


@pytest.mark.usefixtures("collector")
def test_what_the_start_left_is_not_walked_over_again() -> None:
    settle_garbage_collector()
    assert gc.get_freeze_count() > 0
    newest, younger, _ = gc.get_threshold()
    assert newest <= 10_000, "nothing else runs while the newest objects are looked at"
    assert newest * younger >= 1_000_000, "those that live for 32 s are looked at seldom"
