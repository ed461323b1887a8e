from __future__ import annotations

import threading
from pathlib import Path

import pytest

from access.errors import SecretUnreadable
from access.secrets import SecretBox, load_or_create_key


def test_a_sealed_value_opens_again_after_a_restart(tmp_path: Path) -> None:
    sealed = SecretBox(tmp_path).seal("口令 12345678", "34020000001320000001")
    assert "12345678" not in sealed
    assert SecretBox(tmp_path).unseal(sealed, "34020000001320000001") == "口令 12345678"


def test_the_same_value_is_never_sealed_the_same_way_twice(tmp_path: Path) -> None:
    box = SecretBox(tmp_path)
    assert box.seal("x") != box.seal("x")


def test_a_value_moved_to_another_device_does_not_open(tmp_path: Path) -> None:
    box = SecretBox(tmp_path)
    with pytest.raises(SecretUnreadable):
        box.unseal(box.seal("secret", "device 1"), "device 2")


@pytest.mark.parametrize(
    "damage", ["plain", "sealed1:", "sealed1:####", "sealed1:AAAA", "sealed1:" + "A" * 64]
)
def test_damaged_values_are_refused(tmp_path: Path, damage: str) -> None:
    with pytest.raises(SecretUnreadable):
        SecretBox(tmp_path).unseal(damage)


def test_the_keys_of_another_directory_do_not_open_it(tmp_path: Path) -> None:
    sealed = SecretBox(tmp_path / "a").seal("x")
    with pytest.raises(SecretUnreadable):
        SecretBox(tmp_path / "b").unseal(sealed)


def test_key_files_are_the_owners_alone(tmp_path: Path) -> None:
    SecretBox(tmp_path)
    files = list((tmp_path / "secrets").iterdir())
    assert {file.name for file in files} == {"signing.key", "sealing.key"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_key_file_that_others_may_read_stops_the_start(tmp_path: Path) -> None:
    SecretBox(tmp_path)
    key = tmp_path / "secrets" / "signing.key"
    key.chmod(0o644)
    with pytest.raises(SecretUnreadable, match="chmod 600"):
        SecretBox(tmp_path)


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31])
def test_a_damaged_key_file_stops_the_start_and_is_not_replaced(tmp_path: Path, content: str) -> None:
    key = tmp_path / "key"
    key.write_text(content)
    key.chmod(0o600)
    with pytest.raises(SecretUnreadable):
        load_or_create_key(key)
    assert key.read_text() == content


def test_starters_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        keys.append(load_or_create_key(tmp_path / "key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_derived_keys_differ_by_purpose_and_stay(tmp_path: Path) -> None:
    box = SecretBox(tmp_path)
    assert box.derive("audit") != box.derive("cookie")
    assert SecretBox(tmp_path).derive("audit") == box.derive("audit")
