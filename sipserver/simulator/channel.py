"""A channel of a simulated device: its line in the catalogue and its pictures."""

from typing import Final

from sipserver.gb.ids import GbId, region_of_id
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.simulator.live import LiveChannel, LiveSource
from sipserver.simulator.loops import PictureSettings, load_loop
from sipserver.simulator.sender import LoopSource
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.spoilt import spoilt_loop
from sipserver.simulator.wire import MediaTransport

_PLACES: Final = (
    "东门", "西门", "南门", "北门", "大厅", "停车场", "电梯口", "走廊", "仓库", "食堂", "操场", "机房"
)  # fmt: skip


class Channel:
    """One camera."""

    def __init__(self, settings: SimulatedDeviceSettings, number: int, channel_id: str) -> None:
        self.channel_id = GbId(channel_id)
        self.item = _item(settings, number, self.channel_id)
        self._pictures: PictureSettings = settings.pictures_of(number)
        self._live = LiveChannel(self._pictures) if settings.live_clock else None

    @property
    def pictures(self) -> PictureSettings:
        return self._pictures

    async def prepare(self) -> None:
        """Encode ahead what will be sent, so that the first INVITE need not wait."""
        if self._live is None:
            await load_loop(self._pictures)

    async def open_source(
        self, transport: MediaTransport, with_map: bool, fault: str = ""
    ) -> LoopSource | LiveSource:
        """Pictures for one stream, from a key frame on; with one of the faults of ``spoilt.py``."""
        if fault:
            await load_loop(self._pictures)
            return LoopSource(spoilt_loop(self._pictures, fault), transport, with_map)
        if self._live is not None:
            return self._live.attach(transport, with_map)
        return LoopSource(await load_loop(self._pictures), transport, with_map)


def _item(settings: SimulatedDeviceSettings, number: int, channel_id: GbId) -> CatalogItem:
    place = _PLACES[(settings.index + number) % len(_PLACES)]
    return CatalogItem(
        device_id=channel_id,
        name=f"{place}{settings.index + number + 1}号",
        manufacturer=settings.manufacturer,
        model=settings.model,
        owner="Owner",
        civil_code=region_of_id(channel_id),
        address=f"模拟路{number + 1}号",
        parental=0,
        parent_ids=(settings.device_id,),
        safety_way=0,
        register_way=1,
        secrecy=0,
        status="ON",
        longitude=117.25 + number / 1000,
        latitude=31.85 + settings.index / 1000,
        info={"PTZType": "3", "DirectionType": str(number % 8 + 1)},
    )
