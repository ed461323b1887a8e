"""Which server a device is sent to. GB-C040."""

from __future__ import annotations

from collections import Counter

import pytest

from sipserver.devices.registration import redirect
from sipserver.devices.registration.redirect import Redirects
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.gb.registration_client import ServerAddress

A, B, C = (f"3402000000200000000{n}@198.51.100.{n}:5060" for n in (2, 3, 4))


def redirects(targets: dict[str, int], **more: object) -> Redirects:
    return Redirects(RegistrationSettings(redirect_targets=targets, **more))  # type: ignore[arg-type]


def ids(count: int) -> list[str]:
    return [f"3402000000132{number:07d}" for number in range(count)]


def test_nobody_is_sent_away_by_default() -> None:
    assert not redirects({}).is_on
    assert not redirects({}).takes("34020000001320000001")


def test_a_device_that_shall_stay_stays() -> None:
    chosen = redirects({A: 1}, redirect_kept_ids=("34020000001320000001",))
    assert chosen.is_on
    assert not chosen.takes("34020000001320000001")
    assert chosen.takes("34020000001320000002")


def test_servers_get_devices_by_their_weight() -> None:
    chosen = redirects({A: 1, B: 3})
    counts = Counter(str(chosen.target_for(device_id, 0.0)) for device_id in ids(4000))
    assert counts[B] / 4000 == pytest.approx(0.75, abs=0.03)


def test_one_server_more_moves_only_the_devices_it_gains() -> None:
    before, after = redirects({A: 1, B: 1}), redirects({A: 1, B: 1, C: 1})
    for device_id in ids(500):
        old, new = before.target_for(device_id, 0.0), after.target_for(device_id, 0.0)
        assert new == old or str(new) == C


def test_a_device_that_soon_comes_back_is_sent_to_the_next_server_and_round() -> None:
    chosen = redirects({A: 1, B: 1, C: 1}, redirect_return_s=60.0)
    device_id = ids(1)[0]
    sent = [chosen.target_for(device_id, now) for now in (0.0, 10.0, 20.0, 30.0)]
    assert len(set(sent[:3])) == 3
    assert sent[3] == sent[0]
    assert chosen.target_for(device_id, 200.0) == sent[0]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redirect, "MAX_REMEMBERED", 10)
    chosen = redirects({A: 1, B: 1})
    for device_id in ids(50):
        chosen.target_for(device_id, 0.0)
    assert len(chosen._sent) == 10


def test_targets_that_are_none_stop_the_start() -> None:
    for text in ("198.51.100.7:5060", "a@host:port", ""):
        with pytest.raises(ValueError, match="ID@host:port"):
            RegistrationSettings(redirect_targets={text: 1})
    with pytest.raises(ValueError, match="retry_after"):
        RegistrationSettings(retry_after_min_s=10, retry_after_max_s=5)


def test_one_device_can_be_sent_elsewhere_once() -> None:
    chosen, target = redirects({}), ServerAddress.parse(A)
    device_id, other = ids(2)
    chosen.send_once(device_id, target)
    assert (chosen.takes(device_id), chosen.takes(other), chosen.is_on) == (True, False, False)
    assert chosen.target_for(device_id, 0.0) == target
    assert not chosen.takes(device_id)
    chosen.send_once(device_id, target)
    chosen.keep(device_id)
    assert not chosen.takes(device_id)
