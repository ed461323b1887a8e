"""Which transport is asked for, and what is tried when it brings nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from media.session import MediaTransport
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.media_paths import BARREN_MAX, MediaPaths
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.devices.settings import DeviceSettings, MediaPreference
from sipserver.devices.ssrc_behaviour import SsrcBehaviour
from sipserver.gb import sdp
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Transport
from tests.unit.sipserver.devices.test_media_verdicts import stats

OVER_UDP, OVER_TCP, OLD, UNKNOWN = "udp device", "tcp device", "device of 2011", "unknown device"
UDP, TCP, ACTIVE = MediaTransport.UDP, MediaTransport.TCP_PASSIVE, MediaTransport.TCP_ACTIVE


class Desk:
    """Paths over pretended devices, with a clock that is moved by hand."""

    def __init__(self, profile_settings: ProfileSettings | None = None, **settings: Any) -> None:
        self.now = 0.0
        self.profiles = Profiles(
            wall=lambda: datetime(2026, 5, 1, tzinfo=UTC), settings=profile_settings or ProfileSettings()
        )
        table = {
            OVER_UDP: SimpleNamespace(transport=Transport.UDP, edition=Edition.V2_0),
            OVER_TCP: SimpleNamespace(transport=Transport.TLS, edition=Edition.V3_0),
            OLD: SimpleNamespace(transport=Transport.TCP, edition=Edition.V1_0),
        }
        device_settings = DeviceSettings(**settings)
        self.paths = MediaPaths(
            device_settings,
            self.profiles,
            SimpleNamespace(table=table),  # type: ignore[arg-type]
            preference_of=device_settings.media_preference_of.get,
            clock=lambda: self.now,
        )


def test_first_contact_uses_the_transport_of_the_signalling() -> None:
    """GB-C102: UDP, and TCP in both roles."""
    paths = Desk().paths
    assert [paths.choose(device) for device in (OVER_UDP, OVER_TCP, OLD, UNKNOWN)] == [UDP, TCP, UDP, UDP]


def test_the_settings_decide_before_anything_known_when_they_name_the_device() -> None:
    desk = Desk(media_preference_of={OVER_UDP: MediaPreference.TCP_PASSIVE})
    desk.profiles.learn(OVER_UDP, Facet.MEDIA_TRANSPORT, "udp", "x")
    assert desk.paths.choose(OVER_UDP) is TCP
    assert desk.paths.other(OVER_UDP, TCP) is None
    assert Desk(media_preference=MediaPreference.TCP_PASSIVE).paths.choose(OVER_UDP) is TCP


def test_what_is_known_decides_before_the_general_preference() -> None:
    desk = Desk(media_preference=MediaPreference.TCP_PASSIVE)
    desk.paths.refused_tcp(OVER_TCP, "answered 488")
    assert desk.paths.choose(OVER_TCP) is UDP
    desk.profiles.pin_device(OVER_UDP, Facet.MEDIA_TRANSPORT, "tcp_active", "ann")
    assert desk.paths.choose(OVER_UDP) is ACTIVE
    desk.profiles.pin_device(OLD, Facet.MEDIA_TRANSPORT, "tcp_passive", "ann")
    assert desk.paths.choose(OLD) is UDP, "its edition has no media over TCP"


def test_the_other_transport_is_offered_once_and_what_works_is_learned() -> None:
    desk = Desk()
    assert desk.paths.other(OVER_UDP, UDP) is TCP
    assert desk.paths.other(OVER_TCP, TCP) is UDP
    assert desk.paths.other(OVER_TCP, ACTIVE) is UDP
    assert desk.paths.other(OLD, UDP) is None
    desk.paths.worked(OVER_UDP, TCP, UDP)
    assert desk.paths.choose(OVER_UDP) is TCP
    known = desk.profiles.of_device(OVER_UDP).values[Facet.MEDIA_TRANSPORT].learned
    assert known.evidence == "accepted udp and sent nothing; tcp_passive brought media"


def test_where_nothing_helps_it_is_left_alone_for_a_while() -> None:
    desk = Desk()
    desk.paths.brought_nothing(OVER_UDP)
    assert desk.paths.other(OVER_UDP, UDP) is None
    desk.now = 3600.0
    assert desk.paths.other(OVER_UDP, UDP) is TCP
    for number in range(BARREN_MAX + 10):
        desk.paths.brought_nothing(str(number))
    assert desk.paths.other(str(BARREN_MAX + 5), UDP) is None


def test_a_pin_is_not_gone_against_and_trying_can_be_switched_off() -> None:
    desk = Desk()
    desk.profiles.pin_device(OVER_UDP, Facet.MEDIA_TRANSPORT, "udp", "ann")
    assert desk.paths.other(OVER_UDP, UDP) is None
    assert Desk(ProfileSettings(try_other_transport=False)).paths.other(OVER_UDP, UDP) is None


def _seen(offered: str, answered: str | None, came: int) -> InviteEvidence:
    offer = sdp.make_offer("34020000002000000001", "192.0.2.1", 30000, offered)
    answer = sdp.SessionDescription("34020000001320000001", "192.0.2.2", 9, ssrc=answered)
    return InviteEvidence(UDP, offer=offer, answer=answer, media=stats(ssrc=came))


def test_the_behaviour_of_the_ssrc_is_told_from_what_came() -> None:
    """GB-C106."""
    profiles = Desk().profiles
    behaviour = SsrcBehaviour(profiles)
    for evidence, name in (
        (_seen("0200000001", "0200000001", 200000001), "echoed"),
        (_seen("0200000001", None, 200000001), "absent"),
        (_seen("0200000001", "0703000001", 703000001), "own"),
        (_seen("0200000002", "0200000002", 0), "zero"),
        (_seen("0200000003", "0200000003", 7), "own"),
        (_seen("0200000004", "0200000004", 7), "constant"),
        (_seen("0200000005", "0200000005", 8), "own"),
    ):
        behaviour.learn("device", evidence)
        assert profiles.value("device", Facet.SSRC) == name
    assert behaviour.expected("device", "0200000006") is None, "whatever comes is taken at once"
    assert behaviour.expected("other", "0200000006") == 200000006
    behaviour.learn("silent", InviteEvidence(UDP))
    assert profiles.value("silent", Facet.SSRC) is None
