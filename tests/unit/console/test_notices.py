import logging

import pytest

from console.notices import NOTICES, log_storage_event
from storage.events import DiskFloorReached, RecordingStopped, RetentionPaused, RetentionResumed


def test_a_full_disk_is_an_error_with_its_numbers(caplog: pytest.LogCaptureFixture) -> None:
    log_storage_event(DiskFloorReached(free_bytes=10, floor_bytes=500))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "10 bytes free, the floor is 500" in record.getMessage()


def test_a_pause_of_deletion_gives_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    log_storage_event(RetentionPaused("the clock jumped 8 days ahead"))
    log_storage_event(RetentionResumed())
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert "8 days" in caplog.text


def test_other_events_are_logged_where_they_happen(caplog: pytest.LogCaptureFixture) -> None:
    assert RecordingStopped not in NOTICES
    log_storage_event(object())
    assert not caplog.records
