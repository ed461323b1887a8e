"""What a new subscription begins with: its feed, and in it what is known already."""

from __future__ import annotations

from cascade.link import SuperiorLink
from cascade.ports import Whereabouts
from cascade.shown.presented import PresentedTree
from cascade.told.feeds import AlarmFeed, CatalogFeed, Feed, PositionFeed, PtzFeed
from cascade.told.news import entry_of_object, position_of
from cascade.told.subscriptions import Kind, Query
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.mobile_position import MobilePositionQuery


class Openings:
    """Makes feeds for one superior."""

    def __init__(self, link: SuperiorLink, whereabouts: Whereabouts | None) -> None:
        self._link = link
        self._whereabouts = whereabouts

    def feed(self, kind: Kind, query: Query, tree: PresentedTree) -> Feed:
        match kind, query:
            case Kind.ALARM, AlarmQuery():
                return AlarmFeed(query)
            case Kind.MOBILE_POSITION, MobilePositionQuery():
                return self._position_feed(query, tree)
            case Kind.PTZ_POSITION, _:
                return self._ptz_feed(query.device_id, tree)
            case _:
                return CatalogFeed(tree, query.device_id, self._link.superior.initial_report)

    def _position_feed(self, query: MobilePositionQuery, tree: PresentedTree) -> PositionFeed:
        """Begins with what is known."""
        feed = PositionFeed(query)
        for key in () if self._whereabouts is None else self._whereabouts.keys():
            entry = entry_of_object(tree, key)
            stored = None if self._whereabouts is None else self._whereabouts.latest(key)
            if entry is not None and stored is not None and tree.is_in(entry, query.device_id):
                feed.add(entry, position_of(stored, tree.presented_ids[entry]))
        return feed

    def _ptz_feed(self, scope: str, tree: PresentedTree) -> PtzFeed:
        feed = PtzFeed()
        for report in () if self._whereabouts is None else self._whereabouts.directions():
            entry = tree.entry_of(report.key)
            if entry is not None and tree.is_in(entry, scope):
                feed.add(tree.presented_ids[entry], report.position)
        return feed
