"""Streams that go wrong on purpose go wrong in the way that is asked for."""

from __future__ import annotations

import random
import socket

import pytest

from sipserver.gb import sdp
from sipserver.simulator.faults import FAULTS, Behaviour, behaviour_of
from sipserver.simulator.loops import PictureSettings, cached_loop
from sipserver.simulator.odd_catalog import ANSWER_FAULTS, ITEM_FAULTS
from sipserver.simulator.odd_documents import DOCUMENT_FAULTS
from sipserver.simulator.odd_packs import PACK_FAULTS
from sipserver.simulator.peculiar import is_in_order, peculiar, ssrc_of
from sipserver.simulator.spoilt import (
    FAULTS_WITH_MEMORY,
    PACKET_FAULTS,
    PICTURE_FAULTS,
    SpoiltSocket,
    spoilt_loop,
)

SMALL = PictureSettings(width=64, height=64, fps=5, loop_s=2, gop_s=1.0)
PACKET = bytes([0x80, 0x60, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7]) + b"\x00\x00\x01\xba" + bytes(40)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_chosen_and_names_what_exists(name: str) -> None:
    behaviour = behaviour_of([name])
    assert behaviour != Behaviour()
    assert behaviour.picture_fault in {"", *PICTURE_FAULTS}
    assert behaviour.packet_fault in {"", *PACKET_FAULTS, *FAULTS_WITH_MEMORY}
    assert behaviour.pack_fault in {"", *PACK_FAULTS}
    assert behaviour.document_fault in {"", *DOCUMENT_FAULTS}
    assert behaviour.catalog_fault in {"", *ITEM_FAULTS, *ANSWER_FAULTS}


def test_the_pictures_of_each_fault() -> None:
    sound = cached_loop(SMALL)
    assert any(picture.keyframe for picture in sound.pictures)
    without = spoilt_loop(SMALL, "no-keyframe")
    keys = {picture.annexb for picture in sound.pictures if picture.keyframe}
    assert not keys & {picture.annexb for picture in without.pictures}
    assert len(without.pictures) == len(sound.pictures)
    scrambled = spoilt_loop(SMALL, "encrypted")
    assert not any(b"\x00\x00\x01" in picture.annexb for picture in scrambled.pictures)
    assert not any(spoilt_loop(SMALL, "silent").sound)
    late = spoilt_loop(SMALL, "late-keyframe")
    assert [picture.keyframe for picture in late.pictures].index(True) == len(late.pictures) - 1
    assert len(late.sound) == len(late.pictures)


def test_the_packets_of_each_fault() -> None:
    dice = random.Random(1)
    left = {name: spoil(PACKET, dice) for name, spoil in PACKET_FAULTS.items()}
    assert left["no-rtp"][0][0] == 0
    assert b"\x00\x00\x01\xba" not in left["no-pack"][0]
    assert left["doubled"] == [PACKET, PACKET]
    assert left["marker"][0][1] == 0xE0
    assert left["no-timestamp"][0][4:8] == bytes(4)
    assert left["no-marker"][0][1] == 0x60
    swap = FAULTS_WITH_MEMORY["swapped"]()
    assert [swap(bytes([number]), dice) for number in range(4)] == [
        [], [b"\x01", b"\0"], [], [b"\x03", b"\x02"],
    ]  # fmt: skip
    kept = sum(len(PACKET_FAULTS["lossy"](PACKET, dice)) for _ in range(1000))
    assert 600 < kept < 800


@pytest.mark.parametrize(("interleaved", "prefix"), [(False, b""), (True, b"$\x00")])
def test_packets_of_a_stream_are_found_however_it_is_cut(interleaved: bool, prefix: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        spoilt = SpoiltSocket(ours, "doubled", interleaved=interleaved)
        framed = len(PACKET).to_bytes(2) + PACKET
        for at in range(0, 2 * len(framed), 7):
            spoilt.send((framed * 2)[at : at + 7])
        assert theirs.recv(65_536) == (prefix + framed) * 4


def test_the_peculiar_answers() -> None:
    offer = sdp.make_offer("34020000002000000001", "192.0.2.1", 30000, "0200000001", setup=sdp.Setup.PASSIVE)
    answer = sdp.make_answer(offer, "34020000001320000001", "192.0.2.2", 9)
    assert peculiar(answer, Behaviour()) == answer
    assert ssrc_of(answer, Behaviour()) == 200000001
    for name, text in (
        ("private-sdp", "c=IN IP4 10.255.255.1"),
        ("own-y", "y=0703000001"),
        ("vendor-stream", "a=rtpmap:96 DAHUA/90000"),
    ):
        assert text in peculiar(answer, behaviour_of([name])).serialize().decode()
    for name, missing in (("no-y", "y="), ("no-setup", "a=setup")):
        assert missing not in peculiar(answer, behaviour_of([name])).serialize().decode()
    assert ssrc_of(answer, behaviour_of(["own-y"])) == 703000001
    assert ssrc_of(answer, behaviour_of(["zero-ssrc"])) == 0
    assert ssrc_of(answer, behaviour_of(["constant-ssrc=12"])) == 12


def test_a_connection_with_a_head_and_garbage_in_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        spoilt = SpoiltSocket(ours, "", prefix_bytes=256, garbage=True)
        framed = len(PACKET).to_bytes(2) + PACKET
        for _ in range(200):
            spoilt.send(framed)
        data = theirs.recv(65_536)
        assert data.startswith(bytes(256) + framed * 100)
        assert len(data) == 256 + 200 * len(framed) + 2 * 300
        assert data.count(framed) == 200


def test_a_strict_parser_reads_offers_of_ours_and_nothing_else() -> None:
    """Q54."""
    for setup in (None, sdp.Setup.PASSIVE, sdp.Setup.ACTIVE):
        offer = sdp.make_offer(
            "34020000002000000001", "192.0.2.1", 30000, "0200000001", setup=setup
        ).serialize()
        assert is_in_order(offer)
        assert not is_in_order(offer.replace(b"y=0200000001", b"y=200000001"))
        assert not is_in_order(offer.replace(b"s=Play\r\n", b"") + b"s=Play\r\n")


def test_aac_where_g711_is_announced() -> None:
    """Q88: nearly as much sound as with G.711, each frame with its syncword."""
    sound = spoilt_loop(SMALL, "aac").sound
    assert len(sound) == len(cached_loop(SMALL).sound)
    frames = b"".join(sound).count(b"\xff\xf1\x6c\x40")
    assert SMALL.loop_s * 8_000 - 2 * 1_024 < frames * 1_024 <= SMALL.loop_s * 8_000
