"""What a subscriber is told: whatever happens and whenever it is asked, it knows in the end what is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.model import InitialReport, Superior, TreeForm
from cascade.shown.channel_table import ChannelTable, ItemState
from cascade.shown.id_map import IdMap
from cascade.shown.items import Presentation
from cascade.shown.presented import PresentedTree
from cascade.shown.shares import Rules, Share, ShareKind
from cascade.told.feeds import ALARMS_MAX, AlarmFeed, CatalogFeed, PositionFeed, PtzFeed
from cascade.told.ledger import Difference, Ledger, Listed, Told
from catalog.model import Channel
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery
from sipserver.gb.messages.catalog_notify import CatalogEventKind, CatalogNotify
from sipserver.gb.messages.mobile_position import MobilePositionQuery, Position
from sipserver.gb.messages.ptz_position import PtzPosition

OWN, ABOVE, NVR = "34010000002000000001", "34000000002000000001", "34010200001180000001"
SUPERIOR = Superior(
    superior_id=ABOVE, host="127.0.0.1", own_id=OWN, notify_items=3, fragment_items=2, edition=Edition.V3_0
)
CAMERAS = range(1, 6)


def camera(number: int, **values: object) -> Channel:
    fields: dict[str, object] = {"name": f"camera {number}", "status_online": True, "region_code": "340102"}
    return Channel(
        device_id=NVR, channel_id=f"34010200001320{number:06d}", **fields | values  # type: ignore[arg-type]
    )  # fmt: skip


class Shown:
    """A table and the tree over it."""

    def __init__(self, tree: TreeForm = TreeForm.FLAT) -> None:
        self.table = ChannelTable()
        self.table.set_online(NVR, True)
        how = Presentation(superior_id=ABOVE, own_id=OWN, tree=tree, with_own_item=False)
        self.tree = PresentedTree(self.table, how, Rules((Share(ShareKind.ALL),)), IdMap(OWN))
        for number in CAMERAS:
            self.put(camera(number))

    def put(self, channel: Channel) -> set[int]:
        row = self.table.put(channel)
        return set() if row is None else self.look([row])

    def look(self, rows: list[int]) -> set[int]:
        self.tree.assign(rows)
        return self.tree.refresh(rows)


def apply(known: dict[str, tuple[str, str]], notify: CatalogNotify) -> None:
    """As a superior takes events (gb28181.md 5.3): name and state by id; directories are on."""
    for event in notify.events:
        device_id = str(event.item.device_id)
        match event.kind:
            case CatalogEventKind.DEL:
                known.pop(device_id, None)
            case CatalogEventKind.ADD | CatalogEventKind.UPDATE:
                known[device_id] = (event.item.name, event.item.status or "ON")
            case kind:
                assert kind is not None
                known[device_id] = (known[device_id][0], kind.value)


def intended(shown: Shown) -> dict[str, tuple[str, str]]:
    tree = shown.tree
    return {
        tree.presented_ids[entry]: (tree.item(entry).name, ItemState(tree.states[entry]).name)
        for entry in range(len(tree))
        if tree.states[entry]
    }


STEPS = st.one_of(
    st.tuples(st.just("state"), st.sampled_from(CAMERAS), st.sampled_from(["on", "off", "vlost", "defect"])),
    st.tuples(st.just("name"), st.sampled_from(CAMERAS), st.sampled_from(["a", "b"])),
    st.tuples(
        st.sampled_from(["gone", "back", "device", "send", "lose"]), st.sampled_from(CAMERAS), st.just("")
    ),
)  # fmt: skip
STATES: dict[str, dict[str, object]] = {
    "on": {"status_online": True},
    "off": {"status_online": False},
    "vlost": {"fault": True},
    "defect": {"fault": True, "defect": True},
}


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25), st.sampled_from(InitialReport), st.sampled_from(TreeForm))
def test_in_the_end_the_superior_knows_what_is(
    steps: list[tuple[str, int, str]], report: InitialReport, form: TreeForm
) -> None:
    """Changes, notices that arrive and notices that are lost, in any order; lost ones may have arrived."""
    shown = Shown(form)
    now = {number: camera(number) for number in CAMERAS}
    is_online = True
    known = {each: (name, "ON") for each, (name, _) in intended(shown).items()}
    feed = CatalogFeed(shown.tree, OWN, report)

    def send(*, is_lost: bool = False) -> bool:
        notice = feed.take("1", SUPERIOR, 0.0)
        if notice is None:
            return False
        notify = CatalogNotify.from_xml(notice.element)
        assert notify.sum_num == len(notify.events) <= 2 * SUPERIOR.notify_items
        apply(known, notify)
        if is_lost:
            feed.failed(notice)
        return True

    for what, number, value in steps:
        changed: set[int] = set()
        match what:
            case "state":
                fields: dict[str, object] = {"status_online": True, "fault": False, "defect": False}
                now[number] = replace(now[number], **fields | STATES[value])  # type: ignore[arg-type]
                changed = shown.put(now[number])
            case "name":
                now[number] = replace(now[number], name=value)
                changed = shown.put(now[number])
            case "gone":
                now[number] = replace(now[number], present=False)
                changed = shown.put(now[number])
            case "back":
                now[number] = replace(now[number], present=True)
                changed = shown.put(now[number])
            case "device":
                is_online = not is_online
                changed = shown.look(shown.table.set_online(NVR, is_online))
            case "send" | "lose":
                send(is_lost=what == "lose")
        feed.changed(changed)
    while feed.due_at() is not None:
        send()
    assert known == intended(shown)


def test_whole_items_and_changes_of_status_have_their_own_sizes() -> None:
    shown = Shown()
    feed = CatalogFeed(shown.tree, OWN, InitialReport.FULL)
    sizes = []
    while (notice := feed.take("1", SUPERIOR, 0.0)) is not None:
        sizes.append(len(notice.told))
    assert sizes == [2, 2, 1]
    feed.changed(shown.look(shown.table.set_online(NVR, False)))
    while (notice := feed.take("1", SUPERIOR, 0.0)) is not None:
        sizes.append(len(notice.told))
    assert sizes[3:] == [3, 2]


def test_alarms_wait_in_their_order_and_the_oldest_gives_way() -> None:
    feed = AlarmFeed(AlarmQuery("1", GbId(OWN)))
    for number in range(ALARMS_MAX + 1):
        assert feed.add(AlarmNotify("0", GbId(NVR), 1, 5, description=str(number)))
    assert feed.lost == 1
    notice = feed.take("7", SUPERIOR, 0.0)
    assert notice is not None
    told = AlarmNotify.from_xml(notice.element)
    assert (told.sn, told.description) == ("7", "1")
    feed.failed(notice)
    again = feed.take("8", SUPERIOR, 0.0)
    assert again is not None
    assert AlarmNotify.from_xml(again.element).description == "1"


def test_places_wait_for_the_interval_and_only_the_newest_is_told() -> None:
    feed = PositionFeed(MobilePositionQuery("1", GbId(OWN), 5))
    feed.add(1, Position(GbId(NVR), longitude=1.0, latitude=1.0))
    feed.add(1, Position(GbId(NVR), longitude=2.0, latitude=1.0))
    notice = feed.take("1", SUPERIOR, 100.0)
    assert notice is not None
    assert (feed.due_at(), feed.take("2", SUPERIOR, 100.0)) == (None, None)
    feed.failed(notice)
    feed.add(1, Position(GbId(NVR), longitude=3.0, latitude=1.0))
    assert feed.due_at() == 105.0


def test_a_direction_that_was_not_heard_gives_way_to_a_newer_one() -> None:
    feed = PtzFeed()
    feed.add(NVR, PtzPosition(pan=1.0))
    notice = feed.take("1", SUPERIOR, 0.0)
    assert notice is not None
    feed.add(NVR, PtzPosition(pan=2.0))
    feed.failed(notice)
    again = feed.take("2", SUPERIOR, 0.0)
    assert again is not None
    assert b"2.00" in bytes(str(again.element.findtext("Pan")), "ascii")
    assert feed.due_at() is None


def test_differences_are_named_by_the_first_that_is_wrong() -> None:
    shown = Shown()
    ledger = Ledger(shown.tree)
    tree = shown.tree
    feed = CatalogFeed(tree, OWN, InitialReport.FULL)
    assert {found for _, found in ledger.differences()} == {Difference.NEVER_SENT}
    while (notice := feed.take("1", SUPERIOR, 0.0)) is not None:
        ledger.sent(notice.told, 1)
        assert {ledger.difference(each.entry) for each in notice.told} == {Difference.UNACKNOWLEDGED}
        ledger.acknowledged(notice.told, 2)
    assert list(ledger.differences()) == []
    ledger.refused((Told(0, tree.states[0], tree.sums[0]),), 400)
    assert ledger.difference(0) is Difference.REFUSED
    shown.put(camera(2, name="other"))
    assert ledger.difference(1) is Difference.NOT_SENT_SINCE
    ledger.asked_back([(0, Listed.SAME), (2, Listed.OTHERWISE)])
    assert ledger.difference(2) is Difference.LISTED_OTHERWISE
    assert ledger.difference(3) is Difference.NOT_LISTED
    shown.put(camera(5, present=False))
    assert ledger.difference(4) is Difference.NOT_REMOVED
    again = Ledger(tree)
    again.load(ledger.row(entry) for entry in range(len(tree)))
    assert list(again.differences()) == list(ledger.differences())
