"""A channel of a simulated device: its line in the catalogue and its pictures."""

from typing import Final

from sipserver.gb.ids import GbId, region_of_id
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.sdp import SessionDescription
from sipserver.gb.substream import STREAM_NUMBER, attributes
from sipserver.simulator.live import LiveChannel, LiveSource
from sipserver.simulator.loops import PictureSettings, load_loop
from sipserver.simulator.sender import LoopSource
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.spoilt import spoilt_loop
from sipserver.simulator.wire import MediaTransport

_PLACES: Final = (
    "东门", "西门", "南门", "北门", "大厅", "停车场", "电梯口", "走廊", "仓库", "食堂", "操场", "机房"
)  # fmt: skip


class Lens:
    """What one stream of a camera shows: pictures of one size."""

    def __init__(self, pictures: PictureSettings, *, is_drawn_live: bool) -> None:
        self.pictures: Final = pictures
        self._live = LiveChannel(pictures) if is_drawn_live else None

    async def prepare(self) -> None:
        """Encode ahead what will be sent, so that the first INVITE need not wait."""
        if self._live is None:
            await load_loop(self.pictures)

    async def open_source(
        self, transport: MediaTransport, with_map: bool, fault: str = "", pack_fault: str = ""
    ) -> LoopSource | LiveSource:
        """Pictures for one stream, from a key frame on; with faults of ``spoilt.py`` and ``odd_packs.py``."""
        if fault or pack_fault:
            loop = await load_loop(self.pictures)
            if fault:
                loop = spoilt_loop(self.pictures, fault)
            return LoopSource(loop, transport, with_map, pack_fault)
        if self._live is not None:
            return self._live.attach(transport, with_map)
        return LoopSource(await load_loop(self.pictures), transport, with_map)


class Channel:
    """One camera, with a second and smaller picture when it has one."""

    def __init__(self, settings: SimulatedDeviceSettings, number: int, channel_id: str) -> None:
        self.channel_id = GbId(channel_id)
        self.item = _item(settings, number, self.channel_id)
        self.main: Final = Lens(settings.pictures_of(number), is_drawn_live=settings.live_clock)
        smaller = settings.sub_pictures_of(number)
        self.sub: Final = None if smaller is None else Lens(smaller, is_drawn_live=settings.live_clock)
        self._asks_for_sub = attributes(1, settings.substream_form)

    @property
    def pictures(self) -> PictureSettings:
        return self.main.pictures

    def asked_for(self, offer: SessionDescription) -> Lens:
        """What an offer asks for, in the form that this device understands."""
        said = offer.attributes
        if offer.stream_number is not None:
            said += attributes(offer.stream_number, STREAM_NUMBER)
        asked = any(line in said for line in self._asks_for_sub)
        return self.sub if asked and self.sub is not None else self.main

    async def prepare(self) -> None:
        """Encode ahead what most ask for; the smaller picture is encoded when somebody does."""
        await self.main.prepare()


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
