"""Catalog: what hangs below a device or platform (目录查询).

Source: GB/T 28181-2022 A.2.4.3, A.2.6.4 and annex J; the 2016 layout beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from sipserver.gb import ids, manscdp, quirks
from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId, ItemKind
from sipserver.gb.manscdp import Element, add_group, add_text, float_or_none, int_or_none

# Children of Info in either edition. Devices nest or flatten them as they like: both levels are read.
INFO_FIELDS: Final = (
    "PTZType", "PositionType", "CapturePositionType", "PhotoelectricImagingType", "RoomType", "UseType",
    "SupplyLightType", "DirectionType", "Resolution", "StreamNumberList", "DownloadSpeed",
    "SVCSpaceSupportMode", "SVCTimeSupportMode", "SSVCRatioSupportList", "MobileDeviceType",
    "HorizontalFieldAngle", "VerticalFieldAngle", "MaxViewDistance", "GrassrootsCode", "PointType",
    "PointCommonName", "MAC", "FunctionType", "EncodeType", "InstallTime", "ManagementUnit", "ContactInfo",
    "RecordSaveDays", "IndustrialClassification",
)  # fmt: skip
# The children that the edition of 2016 did not have.
_INFO_OF_2022: Final = frozenset(
    {
        "CapturePositionType", "PhotoelectricImagingType", "StreamNumberList", "SSVCRatioSupportList",
        "MobileDeviceType", "HorizontalFieldAngle", "VerticalFieldAngle", "MaxViewDistance", "GrassrootsCode",
        "PointType", "PointCommonName", "MAC", "FunctionType", "EncodeType", "InstallTime", "ManagementUnit",
        "ContactInfo", "RecordSaveDays", "IndustrialClassification",
    }
)  # fmt: skip
_INFO_NAMES: Final = {name.lower(): name for name in INFO_FIELDS}
_ITEM_NAMES: Final = frozenset(
    {
        "deviceid", "name", "manufacturer", "model", "owner", "civilcode", "block", "address", "parental",
        "parentid", "safetyway", "registerway", "certnum", "certifiable", "errcode", "endtime",
        "securitylevelcode", "secrecy", "ipaddress", "port", "password", "status", "longitude", "latitude",
        "businessgroupid",
    }
)  # fmt: skip
MAX_PARENTS: Final = 64


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One item of a catalogue (目录项), whichever of the five kinds it is.

    ``status`` is ``"ON"``, ``"OFF"`` or ``None`` when the peer left it open, which keeps the old value;
    ``fault`` means reachable without a picture (VLOST). ``civil_code`` is valid or derived from the id.
    ``longitude`` and ``latitude`` are WGS-84 degrees. ``parent_ids`` are in the peer's order, without blanks,
    doubles and the item itself; what they point at is for the tree to decide. ``info`` has the Info children
    of both editions by their standard names, ``unknown`` every other leaf as written.
    """

    device_id: GbId
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    block: str = ""
    address: str = ""
    parental: int | None = None
    parent_ids: tuple[str, ...] = ()
    safety_way: int | None = None
    register_way: int | None = None
    cert_num: str = ""
    certifiable: int | None = None
    err_code: int | None = None
    end_time: str = ""
    security_level_code: str = ""
    secrecy: int | None = None
    ip_address: str = ""
    port: int | None = None
    password: str = field(default="", repr=False)  # never forwarded, never logged
    status: str | None = None
    fault: bool = False
    longitude: float | None = None
    latitude: float | None = None
    business_group_id: str = ""
    info: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> ItemKind:
        return ids.item_kind(self.device_id)

    @classmethod
    def from_xml(cls, item: Element) -> Self:
        """Read an item in the 2016 or the 2022 layout (GB-C011).

        Raises:
            MalformedDocument: it has no usable DeviceID.
        """
        device_id = manscdp.child_id(item)
        found = manscdp.leaves(item)
        info_element = manscdp.child(item, "Info")
        nested = {} if info_element is None else manscdp.leaves(info_element)

        def text(name: str) -> str:
            return found[name][1] if name in found else ""

        def number(name: str) -> int | None:
            return int_or_none(text(name))

        status_word = quirks.apply("status-words", text("status"))
        civil_code = quirks.apply("civil-code-free-text", text("civilcode"))
        return cls(
            device_id=device_id,
            name=text("name") or str(device_id),
            manufacturer=text("manufacturer"),
            model=text("model"),
            owner=text("owner"),
            civil_code=civil_code or ids.region_of_id(device_id),
            block=text("block"),
            address=text("address"),
            parental=int_or_none(quirks.apply("parental-65535", text("parental"))),
            parent_ids=split_parents(text("parentid"), device_id),
            safety_way=number("safetyway"),
            register_way=number("registerway"),
            cert_num=text("certnum"),
            certifiable=number("certifiable"),
            err_code=number("errcode"),
            end_time=text("endtime"),
            security_level_code=text("securitylevelcode"),
            secrecy=number("secrecy"),
            ip_address=text("ipaddress"),
            port=number("port"),
            password=text("password"),
            status={"ON": "ON", "FAULT": "ON", "OFF": "OFF"}.get(status_word),
            fault=status_word == "FAULT",
            longitude=_coordinate(text("longitude"), 180.0),
            latitude=_coordinate(text("latitude"), 90.0),
            business_group_id=text("businessgroupid") or nested.get("businessgroupid", ("", ""))[1],
            info=_info(found, nested),
            unknown={
                name: value
                for key, (name, value) in {**nested, **found}.items()
                if key not in _ITEM_NAMES and key not in _INFO_NAMES and key != "info"
            },
        )

    def to_xml(self, edition: Edition = Edition.V2_0) -> Element:
        """Write the item as its kind and the peer's edition want it (GB-C008, GB-C009)."""
        item = manscdp.new_item()
        _WRITERS[self.kind](item, self, edition)
        return item


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """Ask for the catalogue below an id."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "Catalog", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class CatalogResponse:
    """One fragment of an answer. ``sum_num`` is the total the sender claims, ``unusable`` counts items
    without an id."""

    sn: str
    device_id: GbId
    sum_num: int
    items: tuple[CatalogItem, ...] = ()
    unusable: int = 0

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        elements = manscdp.list_items(response)
        items = [item for element in elements if (item := _item_or_none(element)) is not None]
        sum_num = int_or_none(manscdp.child_text(response, "SumNum"))
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            # Without a SumNum the fragment can only speak for itself.
            sum_num=len(elements) if sum_num is None or sum_num < 0 else sum_num,
            items=tuple(items),
            unusable=len(elements) - len(items),
        )

    def to_xml(self, edition: Edition = Edition.V2_0) -> Element:
        response = manscdp.new_document("Response", "Catalog", self.sn, self.device_id)
        add_text(response, "SumNum", self.sum_num)
        if self.items:  # GB-C060: an empty result has no list at all
            holder = add_group(response, "DeviceList", Num=str(len(self.items)))
            holder.extend([item.to_xml(edition) for item in self.items])
        return response


def fragments(sn: str, device_id: GbId, items: Sequence[CatalogItem], size: int) -> list[CatalogResponse]:
    """Cut an answer into fragments of ``size`` items (GB-C062); a single empty one when there are none."""
    if not 1 <= size <= manscdp.MAX_ITEMS:
        raise ValueError(f"a fragment holds 1 to {manscdp.MAX_ITEMS} items, not {size}")
    return [
        CatalogResponse(sn, device_id, len(items), tuple(items[start : start + size]))
        for start in range(0, max(len(items), 1), size)
    ]


def split_parents(text: str, own_id: str) -> tuple[str, ...]:
    """Split a ParentID at ``/`` (GB-C004, Q34): trimmed, without empties, doubles and the item itself."""
    parts = (part.strip() for part in text.split("/", MAX_PARENTS)[:MAX_PARENTS])
    return tuple(dict.fromkeys(part for part in parts if part and part != own_id))


def _item_or_none(element: Element) -> CatalogItem | None:
    try:
        return CatalogItem.from_xml(element)
    except MalformedDocument:
        return None


def _info(*levels: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {
        _INFO_NAMES[key]: value
        for level in levels
        for key, (_, value) in level.items()
        if key in _INFO_NAMES and value
    }


def _coordinate(text: str, limit: float) -> float | None:
    degrees = float_or_none(text)
    # Q48: no fix is sent as 0, as nothing, or as a number that is nowhere.
    return degrees if degrees is not None and 0.0 < abs(degrees) <= limit else None


def _write_region(item: Element, value: CatalogItem, edition: Edition) -> None:
    add_text(item, "DeviceID", value.device_id)
    add_text(item, "Name", value.name)


def _write_group(item: Element, value: CatalogItem, edition: Edition) -> None:
    _write_region(item, value, edition)
    add_text(item, "CivilCode", value.civil_code)
    add_text(item, "ParentID", "/".join(value.parent_ids))


def _write_organisation(item: Element, value: CatalogItem, edition: Edition) -> None:
    _write_region(item, value, edition)
    nested = [parent for parent in value.parent_ids if ids.item_kind(parent) is ItemKind.VIRTUAL_ORGANISATION]
    if nested:
        add_text(item, "ParentID", "/".join(nested))
    elif not allows(edition, Feature.CATALOG_OF_2022):
        # A top-level organisation names its group as parent up to 2016, and nobody from 2022 on.
        add_text(item, "ParentID", value.business_group_id)
    add_text(item, "BusinessGroupID", value.business_group_id)


def _write_system(item: Element, value: CatalogItem, edition: Edition) -> None:
    _write_region(item, value, edition)
    add_text(item, "Manufacturer", value.manufacturer)
    add_text(item, "Model", value.model)
    if not allows(edition, Feature.CATALOG_OF_2022):
        add_text(item, "Owner", value.owner)
    add_text(item, "CivilCode", value.civil_code)
    add_text(item, "Address", value.address)
    if value.parent_ids:
        add_text(item, "ParentID", "/".join(value.parent_ids))
    _write_standing(item, value)


def _write_device(item: Element, value: CatalogItem, edition: Edition) -> None:
    is_2022 = allows(edition, Feature.CATALOG_OF_2022)
    _write_region(item, value, edition)
    add_text(item, "Manufacturer", value.manufacturer)
    add_text(item, "Model", value.model)
    if not is_2022:
        add_text(item, "Owner", value.owner)
    add_text(item, "CivilCode", value.civil_code)
    _write_optional(item, ("Block", value.block))
    add_text(item, "Address", value.address)
    add_text(item, "Parental", value.parental or 0)
    _write_optional(item, ("ParentID", "/".join(value.parent_ids)))
    if not is_2022:
        _write_optional(item, ("SafetyWay", value.safety_way))
    _write_standing(item, value)
    if is_2022:
        _write_optional(item, ("SecurityLevelCode", value.security_level_code))
    else:
        _write_optional(
            item,
            ("CertNum", value.cert_num),
            ("Certifiable", value.certifiable),
            ("ErrCode", value.err_code),
            ("EndTime", value.end_time),
        )
    _write_optional(
        item,
        ("IPAddress", value.ip_address),
        ("Port", value.port),
        ("Longitude", value.longitude),
        ("Latitude", value.latitude),
    )
    _write_info(item, value, is_2022)


def _write_standing(item: Element, value: CatalogItem) -> None:
    add_text(item, "RegisterWay", 1 if value.register_way is None else value.register_way)
    add_text(item, "Secrecy", value.secrecy or 0)
    add_text(item, "Status", value.status or "OFF")


def _write_info(item: Element, value: CatalogItem, is_2022: bool) -> None:
    pairs = [(name, text) for name, text in value.info.items() if is_2022 or name not in _INFO_OF_2022]
    if is_2022:
        _write_optional(item, ("BusinessGroupID", value.business_group_id))
    elif value.business_group_id:
        pairs.append(("BusinessGroupID", value.business_group_id))
    if pairs:
        _write_optional(add_group(item, "Info"), *pairs)


def _write_optional(parent: Element, *pairs: tuple[str, object]) -> None:
    for name, value in pairs:
        if value is not None and value != "":
            add_text(parent, name, value)


_WRITERS: Final = {
    ItemKind.REGION: _write_region,
    ItemKind.SYSTEM: _write_system,
    ItemKind.BUSINESS_GROUP: _write_group,
    ItemKind.VIRTUAL_ORGANISATION: _write_organisation,
    ItemKind.DEVICE: _write_device,
}
