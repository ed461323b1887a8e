"""What a simulated device answers to queries. Pure: documents in, documents out."""

from collections.abc import Mapping
from datetime import datetime

from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages import read_message
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, fragments
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.simulator.settings import SimulatedDeviceSettings


def answer_query(
    document: Document,
    settings: SimulatedDeviceSettings,
    items: Mapping[str, CatalogItem],
    now: datetime,
) -> list[Element]:
    """The business answers to a query, to be sent one after the other; none for what is no known query.

    Args:
        items: the catalogue by channel id.
        now: for the device's clock.

    Raises:
        MalformedDocument: a known query without the fields it needs.
    """
    match read_message(document):
        case CatalogQuery(sn=sn, device_id=device_id):
            scope = _scope(device_id, settings.device_id, items)
            parts = fragments(sn, device_id, scope, settings.fragment_size)
            return [part.to_xml(settings.edition) for part in parts]
        case DeviceInfoQuery(sn=sn, device_id=device_id):
            return [_device_info(sn, device_id, settings, len(items))]
        case DeviceStatusQuery(sn=sn, device_id=device_id):
            status = DeviceStatusResponse(
                sn, device_id, online=True, healthy=True, encoding=True, recording=False, device_time=now
            )
            return [status.to_xml()]
    return []


def _scope(asked: str, device_id: str, items: Mapping[str, CatalogItem]) -> list[CatalogItem]:
    """The device: every channel. A channel: itself. Anything else: nothing."""
    if asked == device_id:
        return list(items.values())
    return [items[asked]] if asked in items else []


def _device_info(sn: str, device_id: GbId, settings: SimulatedDeviceSettings, channels: int) -> Element:
    return DeviceInfoResponse(
        sn,
        device_id,
        name=settings.name,
        manufacturer=settings.manufacturer,
        model=settings.model,
        firmware=settings.firmware,
        channels=channels,
    ).to_xml()
