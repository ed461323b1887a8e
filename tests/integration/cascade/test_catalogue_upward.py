"""Queries of a superior over real sockets and a real database. GB-C129, GB-C130."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cascade.asked import catalogue_answers
from cascade.errors import SuperiorExists, UnknownSuperior
from cascade.model import LinkState, Superior, TreeForm
from cascade.shown.shares import Share, ShareKind
from cascade.superiors import Superiors
from cascade.told.ledger import Difference
from catalog.model import CatalogRow, ChannelKey, ChannelKind
from catalog.notified import CatalogChange, ChangeKind
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.sip.flow import Transport
from tests.integration.cascade.conftest import NVR, Below
from tests.unit.cascade.conftest import OWN_ID, superior_at
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

EVERYTHING = (Share(ShareKind.ALL),)


def shared(above: SmallPlatform, **changes: object) -> Superior:
    values: dict[str, object] = {"keepalive_s": 3_600.0, "shares": EVERYTHING}
    return superior_at(above.port, **values | changes)


async def registered(below: Below, above: SmallPlatform, superior: Superior) -> None:
    post = await below.superiors.add(superior)
    await above.until(lambda: post.link.is_online)


async def asked(above: SmallPlatform, sn: str, device_id: str) -> list[CatalogItem]:
    """All items of the answer to a catalogue query, and that its fragments agree."""
    query = CatalogQuery(sn, GbId(device_id)).to_xml()
    assert (await above.send(OWN_ID, query)).status == 200

    def fragments() -> list[CatalogResponse]:
        found = [CatalogResponse.from_xml(each.element) for each in above.of_type("Catalog")]
        return [fragment for fragment in found if fragment.sn == sn]

    await above.until(
        lambda: any(sum(len(each.items) for each in fragments()) >= f.sum_num for f in fragments())
    )
    assert len({fragment.sum_num for fragment in fragments()}) == 1
    assert {fragment.device_id for fragment in fragments()} == {device_id}
    items = [item for fragment in fragments() for item in fragment.items]
    assert len(items) == fragments()[0].sum_num
    return items


@pytest.mark.parametrize("kind", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("size", [1, 4])
async def test_a_superior_gets_what_is_shared_in_fragments_of_its_size(
    above: SmallPlatform, below: Below, kind: Transport, size: int
) -> None:
    await below.cameras(7)
    await registered(below, above, shared(above, transport=kind, fragment_items=size))
    items = await asked(above, "17", OWN_ID)
    assert [item.device_id for item in items][:2] == [OWN_ID, "34010200001320000001"]
    assert (len(items), items[1].name, items[1].status) == (8, "路口 1 <东&西>", "ON")
    assert len(above.of_type("Catalog")) == (8 if size == 1 else 2)
    (one,) = await asked(above, "18", "34010200001320000003")
    assert one.device_id == "34010200001320000003"
    assert await asked(above, "19", "34010200001329999999") == []


async def test_nothing_is_shown_without_a_rule_and_a_change_is_seen_by_the_next_query(
    above: SmallPlatform, below: Below
) -> None:
    await below.cameras(3)
    superior = shared(above, shares=(), with_own_item=False, fragment_items=10)
    await registered(below, above, superior)
    assert await asked(above, "1", OWN_ID) == []
    channel = Share(ShareKind.CHANNEL, f"{NVR}~34010200001320000002")
    await below.superiors.change(replace(superior, shares=(channel,), tree=TreeForm.REGIONS))
    items = await asked(above, "2", OWN_ID)
    assert [item.device_id for item in items] == ["34", "3401", "340102", "34010200001320000002"]
    below.standing.online.clear()
    below.superiors.devices_changed()
    assert (await asked(above, "3", OWN_ID))[-1].status == "OFF"
    assert above.count("REGISTER") == 2, "one registration, challenged once"


async def test_ids_that_a_superior_was_told_outlive_a_restart(above: SmallPlatform, below: Below) -> None:
    await below.cameras(2)
    await registered(below, above, shared(above, keeps_ids=False, with_own_item=False, fragment_items=10))
    told = [item.device_id for item in await asked(above, "1", OWN_ID)]
    assert told == ["34010000001320000001", "34010000001320000002"]
    await below.superiors.close()
    await below.superiors.open()
    (post,) = below.superiors.list()
    assert post.link.superior.password == "Abc-12345"
    await below.cameras(3)
    await above.until(lambda: post.link.is_online)
    again = [item.device_id for item in await asked(above, "2", OWN_ID)]
    assert again == [*told, "34010000001320000003"]


async def test_an_id_that_could_not_be_written_down_is_told_to_nobody(
    above: SmallPlatform, below: Below, monkeypatch: pytest.MonkeyPatch
) -> None:
    await below.cameras(1)
    await registered(below, above, shared(above, keeps_ids=False, with_own_item=False))
    (post,) = below.superiors.list()
    await post.catalogue.tree()
    before = await below.store.load_ids(post.link.superior.superior_id)
    with monkeypatch.context() as away:

        async def fail(*_: object) -> None:
            raise OSError("the disk is full")

        away.setattr(below.store, "save_ids", fail)
        await below.cameras(2)
        with pytest.raises(OSError, match="full"):
            await post.catalogue.tree()
    assert await below.store.load_ids(post.link.superior.superior_id) == before
    told = [item.device_id for item in await asked(above, "1", OWN_ID)]
    assert list((await below.store.load_ids(post.link.superior.superior_id)).values()) == told
    assert len(told) == 2


async def test_who_we_are_and_how_a_channel_is(above: SmallPlatform, below: Below) -> None:
    await below.cameras(2)
    await registered(below, above, shared(above))
    camera, stranger = GbId("34010200001320000001"), GbId("34010200001320000009")
    for sn, device_id in (("1", GbId(OWN_ID)), ("2", camera), ("3", stranger)):
        await above.send(OWN_ID, DeviceInfoQuery(sn, device_id).to_xml())
        await above.send(OWN_ID, DeviceStatusQuery(sn, device_id).to_xml())
    await above.until(lambda: len(above.of_type("DeviceInfo")) == len(above.of_type("DeviceStatus")) == 3)
    infos = {each.sn: DeviceInfoResponse.from_xml(each.element) for each in above.of_type("DeviceInfo")}
    states = {each.sn: DeviceStatusResponse.from_xml(each.element) for each in above.of_type("DeviceStatus")}
    assert (infos["1"].name, infos["1"].channels, infos["1"].firmware) == ("county", 2, "1.0")
    assert (infos["2"].name, infos["2"].ok, infos["3"].ok) == ("路口 1 <东&西>", True, False)
    assert [states[sn].online for sn in "123"] == [True, True, False]
    assert [states[sn].ok for sn in "123"] == [True, True, False]


async def test_only_the_superior_itself_is_answered(above: SmallPlatform, below: Below) -> None:
    """Another sender, a superior that is not registered with, a body that nobody can read."""
    await below.cameras(1)
    await registered(below, above, shared(above))
    (post,) = below.superiors.list()
    other = CatalogQuery("1", GbId(OWN_ID)).to_xml()
    stranger = SmallPlatform()
    await stranger.transport.open()
    try:
        stranger.flow = stranger.transport.flow_to(("127.0.0.1", below.transport.addresses[0].port))
        request = stranger._request("MESSAGE", OWN_ID, b"<Query>", "Application/MANSCDP+xml")
        request.headers.set("From", "<sip:34019900002000000009@3401990000>;tag=1")
        answer = await stranger.transport.request(request, stranger.flow, timeout_s=5.0)
        assert answer.status == 403
    finally:
        await stranger.transport.close()
    assert above.flow is not None
    unreadable = above._request("MESSAGE", OWN_ID, b"<Query><CmdType>Cat", "Application/MANSCDP+xml")
    assert (await above.transport.request(unreadable, above.flow, timeout_s=5.0)).status in (200, 400)
    await below.superiors.change(shared(above, is_enabled=False))
    assert post.link.view.state is LinkState.OFF
    assert (await above.send(OWN_ID, other)).status == 403


async def test_what_cannot_be_served_is_refused_and_a_question_whether_we_are_there_answered(
    above: SmallPlatform, below: Below
) -> None:
    await registered(below, above, shared(above))
    statuses = [(await above.ask(method, OWN_ID)).status for method in ("SUBSCRIBE", "INFO", "OPTIONS")]
    assert statuses == [400, 481, 200]


async def test_superiors_are_kept_by_their_ids(above: SmallPlatform, below: Below) -> None:
    superiors: Superiors = below.superiors
    await superiors.add(shared(above, is_enabled=False))
    with pytest.raises(SuperiorExists):
        await superiors.add(shared(above))
    await superiors.remove(shared(above).superior_id)
    assert (superiors.list(), await below.store.load()) == ([], [])
    with pytest.raises(UnknownSuperior):
        superiors.get(shared(above).superior_id)
    with pytest.raises(UnknownSuperior):
        await superiors.change(shared(above))


async def test_a_fragment_is_never_larger_than_a_datagram(above: SmallPlatform, below: Below) -> None:
    await below.cameras(60)
    for number in range(1, 61):
        channel = ChannelKey(NVR, f"34010200001320{number:06d}")
        await below.catalog.set_channel(channel, given_name=f"{number}" + "长" * 1_000)
    await registered(below, above, shared(above, fragment_items=100))
    items = await asked(above, "1", OWN_ID)
    assert len(items) == 61
    assert len({item.device_id for item in items}) == 61
    assert len(above.of_type("Catalog")) > 2


async def test_what_goes_while_the_list_is_on_its_way_was_announced_and_is_sent(
    above: SmallPlatform, below: Below
) -> None:
    """SumNum stays true: as off; and the ledger knows that the superior has one too many."""
    await below.cameras(4)
    await registered(below, above, shared(above, fragment_pause_s=0.1, with_own_item=False))
    (post,) = below.superiors.list()
    asking = asyncio.ensure_future(asked(above, "1", OWN_ID))
    await above.until(lambda: len(above.of_type("Catalog")) == 1)
    gone = "34010200001320000004"
    row = CatalogRow(channel_id=gone, name="")
    await below.catalog.apply_events(NVR, [CatalogChange(ChangeKind.DEL, row)])
    tree, ledger = await post.catalogue.tree(), await post.book.ledger()
    items = await asking
    assert [item.status for item in items] == ["ON", "ON", "ON", "OFF"]
    entry = tree.reserved(gone)
    assert entry is not None
    await above.until(lambda: ledger.difference(entry) is Difference.NOT_REMOVED)


async def test_queries_that_waited_for_long_are_left_to_the_newest(
    above: SmallPlatform, below: Below, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A superior that asks again before it was answered gets the answer to what it asked last."""
    monkeypatch.setattr(catalogue_answers, "STALE_S", 0.05)
    await below.cameras(3)
    await registered(below, above, shared(above, fragment_pause_s=0.1))
    for number in range(1, 7):
        query = CatalogQuery(str(number), GbId(OWN_ID)).to_xml()
        assert (await above.send(OWN_ID, query)).status == 200
    await asked(above, "7", OWN_ID)
    answered = {each.sn for each in above.of_type("Catalog")}
    assert answered == {"1", "7"}


async def test_divisions_are_called_what_somebody_below_calls_them(
    above: SmallPlatform, below: Below
) -> None:
    await below.cameras(1)
    region = CatalogRow(channel_id="3401", name="合肥市", kind=ChannelKind.REGION)
    await below.catalog.apply_events(NVR, [CatalogChange(ChangeKind.ADD, region)])
    await registered(below, above, shared(above, with_own_item=False, tree=TreeForm.REGIONS))
    items = await asked(above, "1", OWN_ID)
    assert [item.name for item in items[:3]] == ["34", "合肥市", "340102"]
