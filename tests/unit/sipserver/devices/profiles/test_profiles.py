"""What is learned, from whom, for whom, and how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from sipserver.devices.errors import UnsuitableValue
from sipserver.devices.profiles.exchange import document_of, rows_of
from sipserver.devices.profiles.facets import FORMS, Facet, is_suitable
from sipserver.devices.profiles.model import DeviceKind, Learned, Origin, ProfileRow
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.devices.profiles.store import MemoryProfileStore

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KIND = DeviceKind("Acme", "C1", "1.0")
A, B, C = (f"3402000000132000000{number}" for number in (1, 2, 3))


def make(store: MemoryProfileStore | None = None, **settings: object) -> Profiles:
    profiles = Profiles(wall=lambda: NOW, settings=ProfileSettings(**settings), store=store)  # type: ignore[arg-type]
    for device in (A, B, C):
        profiles.identify(device, *KIND)
    return profiles


def origin(profiles: Profiles, device: str, facet: Facet = Facet.CHARSET) -> Origin:
    return profiles.of_device(device).values[facet].origin


def test_nothing_is_known_at_first_contact() -> None:
    profiles = make()
    assert profiles.value(A, Facet.CHARSET) is None
    assert profiles.of_device(A).values == {}
    assert profiles.of_device("unknown").kind is None


def test_one_device_speaks_for_itself_and_enough_of_them_for_their_kind() -> None:
    profiles = make()
    profiles.learn(A, Facet.CHARSET, "UTF-8", "wrote so")
    assert profiles.value(A, Facet.CHARSET) == "UTF-8"
    assert profiles.value(B, Facet.CHARSET) is None
    profiles.learn(B, Facet.CHARSET, "UTF-8", "wrote so, too")
    assert profiles.value(C, Facet.CHARSET) == "UTF-8"
    assert origin(profiles, A) is origin(profiles, C) is Origin.KIND
    assert profiles.rows() == [
        ProfileRow(KIND, Facet.CHARSET, Learned("UTF-8", "2 devices, at last wrote so, too", NOW))
    ]


def test_devices_that_disagree_speak_for_nobody_else() -> None:
    profiles = make()
    profiles.learn(A, Facet.MEDIA_TRANSPORT, "udp", "x")
    profiles.learn(B, Facet.MEDIA_TRANSPORT, "tcp_passive", "y")
    assert profiles.rows() == []
    profiles.learn(C, Facet.MEDIA_TRANSPORT, "udp", "z")
    assert profiles.rows() == []
    assert profiles.value(B, Facet.MEDIA_TRANSPORT) == "tcp_passive"


def test_a_device_that_differs_from_its_kind_is_kept_apart_until_it_agrees_again() -> None:
    profiles = make()
    for device in (A, B):
        profiles.learn(device, Facet.CHARSET, "UTF-8", "x")
    profiles.learn(C, Facet.CHARSET, "GB18030", "x")
    assert (profiles.value(C, Facet.CHARSET), origin(profiles, C)) == ("GB18030", Origin.DEVICE)
    assert profiles.value(A, Facet.CHARSET) == "UTF-8"
    profiles.learn(C, Facet.CHARSET, "UTF-8", "x")
    assert origin(profiles, C) is Origin.KIND


def test_a_pin_stands_above_everything_learned_and_the_device_s_above_its_kind_s() -> None:
    profiles = make()
    profiles.learn(A, Facet.CHARSET, "UTF-8", "x")
    profiles.pin_kind(KIND, Facet.CHARSET, "GBK", "ann")
    assert (profiles.value(A, Facet.CHARSET), origin(profiles, A)) == ("GBK", Origin.KIND_PINNED)
    assert profiles.is_pinned(A, Facet.CHARSET)
    profiles.pin_device(A, Facet.CHARSET, "GB2312", "bob")
    assert (profiles.value(A, Facet.CHARSET), origin(profiles, A)) == ("GB2312", Origin.DEVICE_PINNED)
    profiles.learn(A, Facet.CHARSET, "UTF-8", "y")
    profiles.learn(B, Facet.CHARSET, "UTF-8", "y")
    assert profiles.value(A, Facet.CHARSET) == "GB2312"
    assert profiles.value(B, Facet.CHARSET) == "GBK"
    assert profiles.unpin_device(A, Facet.CHARSET)
    assert not profiles.unpin_device(A, Facet.CHARSET)
    assert profiles.unpin_kind(KIND, Facet.CHARSET)
    assert not profiles.unpin_kind(KIND, Facet.CHARSET)
    assert profiles.value(A, Facet.CHARSET) is None


def test_another_firmware_begins_anew_but_for_what_is_pinned() -> None:
    profiles = make()
    profiles.learn(A, Facet.CHARSET, "UTF-8", "x")
    profiles.pin_device(A, Facet.KEYFRAME, "both", "ann")
    profiles.identify(A, "Acme", "C1", "2.0")
    assert profiles.value(A, Facet.CHARSET) is None
    assert profiles.value(A, Facet.KEYFRAME) == "both"
    profiles.learn(B, Facet.CHARSET, "UTF-8", "x")
    assert profiles.rows() == [], "the device that left its kind has no vote in it"


def test_what_was_learned_before_a_device_said_what_it_is_counts_when_it_does() -> None:
    profiles = Profiles(wall=lambda: NOW)
    for device in (A, B):
        profiles.learn(device, Facet.CHARSET, "UTF-8", "x")
        profiles.identify(device, *KIND)
    profiles.identify(C, " Acme ", "C1", "1.0")
    profiles.identify("other", "", "", "1.0")
    assert profiles.value(C, Facet.CHARSET) == "UTF-8"
    assert [(each.kind, each.devices) for each in profiles.kinds()] == [(KIND, 3)]
    profiles.forget_device(C)
    assert profiles.kinds()[0].devices == 2


def test_learning_can_be_switched_off() -> None:
    profiles = make(learn=False)
    profiles.learn(A, Facet.CHARSET, "UTF-8", "x")
    assert profiles.value(A, Facet.CHARSET) is None


def test_values_and_evidence_are_bounded() -> None:
    profiles = make()
    profiles.learn(A, Facet.SCALES, "1," * 5000, "e" * 5000)
    learned = profiles.of_device(A).values[Facet.SCALES].learned
    assert (len(learned.value), len(learned.evidence)) == (200, 500)


async def test_everything_outlives_a_restart_and_what_is_gone_stays_gone() -> None:
    store = MemoryProfileStore()
    profiles = make(store)
    await profiles.open()
    for device in (A, B):
        profiles.learn(device, Facet.CHARSET, "UTF-8", "x")
    profiles.learn(C, Facet.SSRC, "zero", "x")
    profiles.pin_device(C, Facet.KEYFRAME, "both", "ann")
    await profiles.save()
    profiles.unpin_device(C, Facet.KEYFRAME)
    await profiles.close()
    again = make(store)
    await again.open()
    assert again.value(A, Facet.CHARSET) == "UTF-8"
    assert again.value(C, Facet.SSRC) == "zero"
    assert again.value(C, Facet.KEYFRAME) is None
    again.learn(A, Facet.SSRC, "zero", "y")
    assert again.value(B, Facet.SSRC) == "zero", "the votes of before count, too"
    await again.close()


async def test_a_database_that_fails_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(MemoryProfileStore):
        fails = True

        async def save(self, profiles, deviations) -> None:  # type: ignore[no-untyped-def]
            if self.fails:
                raise OperationalError("insert", {}, OSError("the disk is full"))
            await super().save(profiles, deviations)

    store = Failing()
    profiles = make(store)
    profiles.learn(A, Facet.CHARSET, "UTF-8", "x")
    await profiles.save()
    assert "could not be kept" in caplog.text
    store.fails = False
    await profiles.save()
    assert store.deviations[A, Facet.CHARSET].value == "UTF-8"


def test_a_document_is_read_as_it_was_written() -> None:
    profiles = make()
    profiles.pin_kind(KIND, Facet.CHARSET, "UTF-8", "ann")
    profiles.pin_kind(KIND, Facet.SCALES, "0.5,1,2", "ann")
    rows = profiles.rows()
    assert rows_of(document_of(rows)) == rows
    other = Profiles(wall=lambda: NOW)
    assert other.take_over(rows, replace=False) == 2
    assert other.take_over(rows, replace=False) == 0
    assert other.rows() == rows


def test_a_document_of_a_newer_platform_is_read_as_far_as_it_is_understood() -> None:
    profiles = make()
    profiles.pin_kind(KIND, Facet.CHARSET, "UTF-8", "ann")
    document = document_of(profiles.rows())
    document["profiles"].append({**document["profiles"][0], "facet": "nose"})
    assert len(rows_of(document)) == 1


@pytest.mark.parametrize("facet", FORMS)
def test_every_form_takes_something_and_refuses_nonsense(facet: Facet) -> None:
    examples = ("UTF-8", "udp", "zero", "1", "0.5,1,2", "none", "-28800", "all", "both", "device", "talk",
                "RTSP/1.0", "yes", "npt", "2.0", "joined")  # fmt: skip
    assert any(is_suitable(facet, example) for example in examples)
    assert not is_suitable(facet, "")
    assert not is_suitable(facet, "x\n")
    with pytest.raises(UnsuitableValue):
        make().pin_device(A, facet, "<script>", "ann")
