"""Every failure of the media side has a meaning on this side, sharpened by what was said in SIP. GB-C113."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from media import errors as media
from media.session import MediaTransport
from media.stats import SessionStats
from sipserver.devices.errors import (
    BandwidthShort,
    Encrypted,
    InviteEnded,
    NoCapacity,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    SdpUnreachable,
    StrangeSource,
    TcpRefused,
    UnsupportedStream,
    WrongSsrc,
)
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.media_verdicts import error_type, explained, network_class, unreachable
from sipserver.gb import sdp

DEVICE, US, NOWHERE = "198.51.100.20", "192.0.2.10", "0.0.0.0"  # noqa: S104


def stats(**changes: Any) -> SessionStats:
    """A reception in which nothing happened."""
    nothing = ("codec", "audio_codec", "ssrc", "source", "unsupported", "keyframe_age_s", "width", "height")
    empty: dict[str, Any] = {
        field.name: None if field.name in nothing else 0 for field in fields(SessionStats)
    }
    return replace(SessionStats(**empty), **changes)


def evidence(
    offered: str = US,
    answered: str = DEVICE,
    device: str = DEVICE,
    transport: MediaTransport = MediaTransport.UDP,
    name: str = "PS",
    **received: Any,
) -> InviteEvidence:
    offer = sdp.make_offer("34020000002000000001", offered, 30000, "0200000001")
    answer = sdp.make_answer(offer, "34020000001320000001", answered, 9, payload=sdp.Payload(96, name))
    return InviteEvidence(transport, device, "c", offer, 200, False, answer, stats(**received))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (media.NoMedia, NoMedia),
        (media.OnlyStrangers, StrangeSource),
        (media.WrongSsrc, WrongSsrc),
        (media.NoPackHeader, NoPackHeader),
        (media.UnsupportedMedia, UnsupportedStream),
        (media.NoKeyframe, NoKeyframe),
        (media.ConnectRefused, TcpRefused),
        (media.NoPortFree, NoCapacity),
        (media.PortUnavailable, NoCapacity),
        (media.SnapshotFailed, InviteEnded),
    ],
)
def test_the_verdicts(theirs: type[media.MediaError], ours: type[Exception]) -> None:
    assert error_type(theirs("text")) is ours


@pytest.mark.parametrize(
    ("error", "seen", "kind", "text"),
    [
        (media.NoMedia, evidence(), NoMedia, "text"),
        (media.NoMedia, evidence(offered="10.1.1.1"), SdpUnreachable, "10.1.1.1"),
        (media.NoMedia, evidence(offered="127.0.0.1"), SdpUnreachable, "cannot be reached"),
        (media.NoMedia, evidence(offered=NOWHERE), SdpUnreachable, "no address"),
        (media.NoMedia, evidence(answered="192.168.1.64"), SdpUnreachable, "192.168.1.64"),
        (media.NoMedia, evidence(answered=NOWHERE), SdpUnreachable, NOWHERE),
        (media.NoMedia, evidence(transport=MediaTransport.TCP_PASSIVE), TcpRefused, "text"),
        (media.NoMedia, evidence(transport=MediaTransport.TCP_PASSIVE, connections=1), NoMedia, "text"),
        (media.OnlyStrangers, evidence(stranger=3), StrangeSource, "text"),
        (media.NoPackHeader, evidence(packets=9), NoPackHeader, "text"),
        (media.NoPackHeader, evidence(packets=9, name="HIKVISION"), UnsupportedStream, "HIKVISION"),
        (media.NoKeyframe, evidence(packets=98, lost=1, packs=5, access_units=3), NoKeyframe, "text"),
        (media.NoKeyframe, evidence(packets=98, lost=2, packs=5, access_units=3), BandwidthShort, "2%"),
        (media.NoKeyframe, evidence(packets=100, packs=5), Encrypted, "no"),
        (media.NoKeyframe, evidence(packets=100, packs=5, dropped_before_keyframe=4), NoKeyframe, "text"),
    ],
)
def test_the_signalling_sharpens_the_verdict(
    error: type[media.MediaError], seen: InviteEvidence, kind: type[Exception], text: str
) -> None:
    found, said = explained(error("text"), seen)
    assert found is kind
    assert said.startswith("text")
    assert text in said


def test_addresses_of_one_network_are_not_suspected() -> None:
    assert unreachable(evidence(offered="10.1.1.1", answered="10.9.9.9", device="10.2.2.2")) is None
    assert unreachable(evidence(offered="127.0.0.1", answered="127.0.0.1", device="127.0.0.1")) is None
    assert unreachable(evidence(offered="203.0.113.77", device="127.0.0.1")) is not None
    assert unreachable(InviteEvidence(MediaTransport.UDP)) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.2", "loopback"), ("::1", "loopback"), ("10.0.0.1", "private"), ("172.31.0.1", "private"),
        ("172.32.0.1", "public"), ("192.168.0.1", "private"), ("100.64.0.1", "private"),
        ("8.8.8.8", "public"),
        ("::ffff:10.0.0.1", "private"), ("fe80::1%eth0", "private"), ("2001:db8::1", "public"), ("host", ""),
    ],
)  # fmt: skip
def test_what_network_an_address_is_of(host: str, name: str) -> None:
    assert network_class(host) == name
