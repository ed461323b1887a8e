"""Catalogues as some devices and platforms write them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle
from typing import Final

from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element, child
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.simulator.settings import SimulatedDeviceSettings

Items = Mapping[str, CatalogItem]
# CivilCode is free text at many devices (Q35).
_CIVIL_CODES: Final = ("", "null", "3402000000", "合肥市")
_GROUP_TYPE: Final = "215"
_ORGANISATION_TYPE: Final = "216"


def _each(items: Items, change: Callable[[CatalogItem], CatalogItem]) -> dict[str, CatalogItem]:
    return {key: change(item) for key, item in items.items()}


def _vendor_words(items: Items, _: SimulatedDeviceSettings) -> Items:
    return _each(items, lambda item: replace(item, parental=65_535, status="ONLINE"))


def _parent_is_platform(items: Items, settings: SimulatedDeviceSettings) -> Items:
    return _each(items, lambda item: replace(item, parent_ids=(settings.server_id,)))


def _several_parents(items: Items, settings: SimulatedDeviceSettings) -> Items:
    return _each(
        items, lambda item: replace(item, parent_ids=(settings.device_id, _of_type(settings, _GROUP_TYPE)))
    )


def _free_civil_codes(items: Items, _: SimulatedDeviceSettings) -> Items:
    codes = cycle(_CIVIL_CODES)
    return _each(items, lambda item: replace(item, civil_code=next(codes)))


def _organisation_in_group(items: Items, settings: SimulatedDeviceSettings) -> Items:
    """A virtual organisation whose parent is the business group, as up to 2016."""
    group, organisation = _of_type(settings, _GROUP_TYPE), _of_type(settings, _ORGANISATION_TYPE)
    kinds = {
        group: CatalogItem(GbId(group), name="业务分组", parent_ids=(settings.device_id,)),
        organisation: CatalogItem(GbId(organisation), name="虚拟组织", business_group_id=group),
    }
    return kinds | _each(items, lambda item: replace(item, parent_ids=(organisation,)))


def _of_type(settings: SimulatedDeviceSettings, kind: str) -> str:
    return settings.device_id[:10] + kind + settings.device_id[13:]


ITEM_FAULTS: Final[Mapping[str, Callable[[Items, SimulatedDeviceSettings], Items]]] = {
    "vendor-words": _vendor_words,
    "parent-platform": _parent_is_platform,
    "several-parents": _several_parents,
    "civil-code": _free_civil_codes,
    "organisation": _organisation_in_group,
}


def _small_sum(answers: list[Element]) -> list[Element]:
    for answer in answers:
        total = child(answer, "SumNum")
        if total is not None:
            total.text = "1"
    return answers


def _lost_fragment(answers: list[Element]) -> list[Element]:
    return answers[:-1] if len(answers) > 1 else answers


ANSWER_FAULTS: Final[Mapping[str, Callable[[list[Element]], list[Element]]]] = {
    "small-sum": _small_sum,
    "lost-fragment": _lost_fragment,
}
