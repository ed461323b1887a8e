"""One module per command of MANSCDP, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from sipserver.gb.manscdp import Document
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery, AlarmResponse
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.messages.catalog_notify import CatalogNotify
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse
from sipserver.gb.messages.cruise_track import (
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.device_config import DeviceConfig, DeviceConfigResponse
from sipserver.gb.messages.device_control import DeviceControl, DeviceControlResponse
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery
from sipserver.gb.messages.preset_query import PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPositionNotify, PtzPositionQuery, PtzPositionResponse
from sipserver.gb.messages.record_info import RecordQuery, RecordResponse
from sipserver.gb.messages.sd_card import SdCardStatusQuery, SdCardStatusResponse
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.gb.messages.video_upload import VideoUploadNotify

Message: TypeAlias = (
    AlarmNotify
    | AlarmQuery
    | AlarmResponse
    | BroadcastNotify
    | BroadcastResponse
    | CatalogNotify
    | CatalogQuery
    | CatalogResponse
    | CruiseTrackListQuery
    | CruiseTrackListResponse
    | CruiseTrackQuery
    | CruiseTrackResponse
    | ConfigDownloadQuery
    | ConfigDownloadResponse
    | DeviceConfig
    | DeviceConfigResponse
    | DeviceControl
    | DeviceControlResponse
    | DeviceUpgradeResult
    | SdCardStatusQuery
    | SdCardStatusResponse
    | UploadSnapShotFinished
    | HomePositionQuery
    | HomePositionResponse
    | PresetQuery
    | PresetQueryResponse
    | PtzPositionNotify
    | PtzPositionQuery
    | PtzPositionResponse
    | DeviceInfoQuery
    | DeviceInfoResponse
    | DeviceStatusQuery
    | DeviceStatusResponse
    | Keepalive
    | MediaStatus
    | RecordQuery
    | RecordResponse
    | MobilePositionNotify
    | MobilePositionQuery
    | VideoUploadNotify
)

MESSAGES: Final[Mapping[tuple[str, str], type[Message]]] = {
    ("Control", "DeviceConfig"): DeviceConfig,
    ("Control", "DeviceControl"): DeviceControl,
    ("Notify", "Alarm"): AlarmNotify,
    ("Notify", "Broadcast"): BroadcastNotify,
    ("Notify", "Catalog"): CatalogNotify,
    ("Notify", "DeviceUpgradeResult"): DeviceUpgradeResult,
    ("Notify", "Keepalive"): Keepalive,
    ("Notify", "MediaStatus"): MediaStatus,
    ("Notify", "MobilePosition"): MobilePositionNotify,
    ("Notify", "VideoUploadNotify"): VideoUploadNotify,
    ("Query", "MobilePosition"): MobilePositionQuery,
    ("Notify", "PTZPosition"): PtzPositionNotify,
    ("Query", "Alarm"): AlarmQuery,
    ("Notify", "UploadSnapShotFinished"): UploadSnapShotFinished,
    ("Query", "Catalog"): CatalogQuery,
    ("Query", "ConfigDownload"): ConfigDownloadQuery,
    ("Query", "SDCardStatus"): SdCardStatusQuery,
    ("Query", "CruiseTrackListQuery"): CruiseTrackListQuery,
    ("Query", "CruiseTrackQuery"): CruiseTrackQuery,
    ("Query", "DeviceInfo"): DeviceInfoQuery,
    ("Query", "DeviceStatus"): DeviceStatusQuery,
    ("Query", "RecordInfo"): RecordQuery,
    ("Query", "HomePositionQuery"): HomePositionQuery,
    ("Query", "PresetQuery"): PresetQuery,
    ("Query", "PTZPosition"): PtzPositionQuery,
    ("Response", "Alarm"): AlarmResponse,
    ("Response", "Broadcast"): BroadcastResponse,
    ("Response", "Catalog"): CatalogResponse,
    ("Response", "ConfigDownload"): ConfigDownloadResponse,
    ("Response", "DeviceConfig"): DeviceConfigResponse,
    ("Response", "SDCardStatus"): SdCardStatusResponse,
    ("Response", "CruiseTrackListQuery"): CruiseTrackListResponse,
    ("Response", "CruiseTrackQuery"): CruiseTrackResponse,
    ("Response", "DeviceControl"): DeviceControlResponse,
    ("Response", "DeviceInfo"): DeviceInfoResponse,
    ("Response", "DeviceStatus"): DeviceStatusResponse,
    ("Response", "RecordInfo"): RecordResponse,
    ("Response", "HomePositionQuery"): HomePositionResponse,
    ("Response", "PresetQuery"): PresetQueryResponse,
    ("Response", "PTZPosition"): PtzPositionResponse,
}


def read_message(document: Document) -> Message | None:
    """The typed message of a document; ``None`` for a command that this table does not know (GB-C080).

    Raises:
        MalformedDocument: a known command whose mandatory fields cannot be read.
    """
    message_type = MESSAGES.get((document.root, document.cmd_type))
    return None if message_type is None else message_type.from_xml(document.element)
