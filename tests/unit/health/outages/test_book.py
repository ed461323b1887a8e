"""The judgement of outages, on a clock that the test holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from health.outages.book import Loss, OutageBook
from health.outages.model import Cause, Outage, SiteOutage
from health.outages.settings import OutageSettings

START = datetime(2026, 5, 1, tzinfo=UTC)
SITE, OTHER = "10.1.2.0/24", "10.1.3.0/24"
SILENT = "no keepalive, and no answer when asked"


class Town:
    """A book with devices in it, and what it has said so far."""

    def __init__(self, devices: int = 10, site: str = SITE) -> None:
        self.book = OutageBook(OutageSettings(), "t")
        self.now = 1_000.0
        self.outages: dict[str, Outage] = {}
        self.sites: list[SiteOutage] = []
        for number in range(devices):
            self.online(f"d{number}", site)

    @property
    def wall(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def online(self, device_id: str, site: str = SITE, call_id: str = "first") -> None:
        self.book.online(device_id, site, call_id, self.wall)
        self.collect()

    def lose(self, device_id: str, heard_ago_s: float = 190, site: str = SITE, **more: bool) -> None:
        loss = Loss(device_id, site, SILENT, self.now - heard_ago_s, "first", **more)
        self.book.offline(loss, self.now, self.wall)
        self.collect()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.book.handle_timer(self.now)
        self.collect()

    def collect(self) -> None:
        outages, sites = self.book.changes()
        self.outages |= {outage.device_id: outage for outage in outages}
        self.sites += sites


def test_one_silent_device_among_neighbours_is_a_matter_of_its_network() -> None:
    town = Town()
    town.lose("d3")
    assert town.outages["d3"].cause is Cause.UNKNOWN
    town.wait(90)
    outage = town.outages["d3"]
    assert outage.cause is Cause.NETWORK
    assert "9 other devices" in outage.evidence
    assert outage.began_time == START + timedelta(seconds=1_000 - 190), "when it was last heard"
    assert town.sites == []


def test_a_whole_site_that_falls_silent_at_once_is_one_outage_of_the_site() -> None:
    town = Town(9)
    town.online("elsewhere", OTHER)
    for number in range(9):
        town.lose(f"d{number}", heard_ago_s=180 + number)
        town.wait(5)
    town.wait(90)
    assert {town.outages[f"d{number}"].cause for number in range(9)} == {Cause.POWER}
    assert all(town.outages[f"d{number}"].is_site_wide for number in range(9))
    assert [(site.site, site.devices_lost, site.devices) for site in town.book.open_sites()] == [(SITE, 9, 9)]
    assert "elsewhere" not in town.outages


def test_devices_that_come_back_with_their_old_registration_had_power_all_the_time() -> None:
    town = Town(4)
    for number in range(4):
        town.lose(f"d{number}")
    town.wait(90)
    for number in range(4):
        town.online(f"d{number}", call_id="first")
    assert {town.outages[f"d{number}"].cause for number in range(4)} == {Cause.NETWORK}
    assert town.sites[-1].cause is Cause.NETWORK
    assert town.sites[-1].ended_time is not None
    assert town.book.open_sites() == []
    assert len(town.book) == 0


def test_devices_that_register_anew_were_dark() -> None:
    town = Town(4)
    for number in range(4):
        town.lose(f"d{number}")
    town.wait(90)
    for number in range(4):
        town.online(f"d{number}", call_id="second")
    assert {town.outages[f"d{number}"].cause for number in range(4)} == {Cause.POWER}
    assert town.sites[-1].cause is Cause.POWER


def test_devices_that_were_lost_on_different_days_are_no_lost_site() -> None:
    town = Town(4)
    for number in range(4):
        town.lose(f"d{number}")
        town.wait(3_600)
    assert {town.outages[f"d{number}"].cause for number in range(4)} == {Cause.NETWORK}
    assert town.sites == []


def test_two_devices_are_no_site() -> None:
    town = Town(2)
    town.lose("d0")
    town.lose("d1")
    town.wait(90)
    assert town.outages["d0"].cause is Cause.NETWORK
    assert "alone" in town.outages["d0"].evidence


def test_a_wrong_password_is_told_from_silence_whether_it_shows_before_or_after() -> None:
    town = Town()
    town.book.refused("d1", "10.1.2.7")
    town.lose("d1")
    town.lose("d2")
    town.wait(90)
    assert town.outages["d1"].cause is Cause.CREDENTIAL
    assert "10.1.2.7" in town.outages["d1"].evidence
    town.book.refused("d2", "10.1.2.8")
    town.collect()
    assert town.outages["d2"].cause is Cause.CREDENTIAL


def test_media_that_still_flows_makes_it_a_matter_of_signalling() -> None:
    town = Town()
    town.lose("d1", was_streaming=True)
    town.wait(90)
    assert town.outages["d1"].cause is Cause.SIP


def test_a_device_that_unregisters_has_left_and_is_no_part_of_a_lost_site() -> None:
    town = Town(4)
    for number in range(4):
        town.lose(f"d{number}", has_left=True)
    town.wait(90)
    assert {town.outages[f"d{number}"].cause for number in range(4)} == {Cause.LEFT}
    assert town.sites == []


def test_a_short_loss_ends_before_it_is_judged() -> None:
    town = Town()
    town.lose("d1")
    town.wait(10)
    town.online("d1")
    town.wait(200)
    assert town.outages["d1"].cause is Cause.UNKNOWN
    assert town.outages["d1"].ended_time is not None


def test_troubles_of_a_device_that_is_there_begin_once_and_end() -> None:
    town = Town()
    for _ in range(3):
        town.book.trouble("d1", "c1", Cause.MEDIA, "no packet arrived", town.wall)
    outages, _ = town.book.changes()
    assert [(outage.channel_id, outage.cause) for outage in outages] == [("c1", Cause.MEDIA)]
    town.book.well("d1", "c1", Cause.MEDIA, town.wall)
    town.book.well("d1", "c1", Cause.MEDIA, town.wall)
    outages, _ = town.book.changes()
    assert [outage.ended_time for outage in outages] == [town.wall]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.sampled_from(["lose", "online", "wait", "refused", "forget"])
        ),
        max_size=60,
    )
)
def test_whatever_happens_each_device_has_at_most_one_open_outage(steps: list[tuple[str, str]]) -> None:
    town = Town(0)
    for device_id, step in steps:
        match step:
            case "lose":
                town.lose(device_id)
            case "online":
                town.online(device_id)
            case "wait":
                town.wait(95)
            case "refused":
                town.book.refused(device_id, "10.1.2.9")
            case _:
                town.book.forget(device_id, town.wall)
        open_devices = [outage.device_id for outage in town.book.open_outages()]
        assert len(open_devices) == len(set(open_devices))


def test_a_network_that_nobody_is_left_in_is_forgotten() -> None:
    """Mobile devices go through many; removed devices through none."""
    town = Town(devices=1)
    for number in range(50):
        town.online("mobile", site=f"10.0.{number}.0/24")
    assert set(town.book._members) == {SITE, "10.0.49.0/24"}
    town.book.forget("mobile", town.wall)
    assert set(town.book._members) == {SITE}
