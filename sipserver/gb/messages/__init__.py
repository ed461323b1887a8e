"""One module per command of MANSCDP, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from sipserver.gb.manscdp import Document
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_control import DeviceControl
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.gb.messages.keepalive import Keepalive

Message: TypeAlias = (
    CatalogQuery
    | CatalogResponse
    | DeviceControl
    | DeviceInfoQuery
    | DeviceInfoResponse
    | DeviceStatusQuery
    | DeviceStatusResponse
    | Keepalive
)

MESSAGES: Final[Mapping[tuple[str, str], type[Message]]] = {
    ("Control", "DeviceControl"): DeviceControl,
    ("Notify", "Keepalive"): Keepalive,
    ("Query", "Catalog"): CatalogQuery,
    ("Query", "DeviceInfo"): DeviceInfoQuery,
    ("Query", "DeviceStatus"): DeviceStatusQuery,
    ("Response", "Catalog"): CatalogResponse,
    ("Response", "DeviceInfo"): DeviceInfoResponse,
    ("Response", "DeviceStatus"): DeviceStatusResponse,
}


def read_message(document: Document) -> Message | None:
    """The typed message of a document; ``None`` for a command that this table does not know (GB-C080).

    Raises:
        MalformedDocument: a known command whose mandatory fields cannot be read.
    """
    message_type = MESSAGES.get((document.root, document.cmd_type))
    return None if message_type is None else message_type.from_xml(document.element)
