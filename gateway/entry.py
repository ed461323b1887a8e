"""One source at run time: its pictures, its state, when it is looked at next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from catalog.model import ChannelKey
from gateway.errors import SourceDisabled
from gateway.model import PictureFigures, PullMode, Source, SourceKind, SourceState, Status
from gateway.picture import LivePicture, SourceHold
from gateway.pull_parts import PullParts
from gateway.pulled import PulledPicture
from gateway.pushed import PushedPicture
from media.sources.errors import CodecNotCarried, NoPicture, NoVideo
from media.sources.pull import PullRequest

WITHOUT_PICTURE: Final = (NoVideo, CodecNotCarried, NoPicture)


class SourceEntry:
    """Made anew when an operator changes the source; ``on_change`` is told of each change of state."""

    def __init__(
        self, key: ChannelKey, source: Source, parts: PullParts, on_change: Callable[[str], None]
    ) -> None:
        self.key: Final = key
        self.source: Final = source
        self.next_check_at = 0.0
        self.is_checking = False
        self.pushed: PushedPicture | None = None
        self.pulled: dict[bool, PulledPicture] = {}

        def changed() -> None:
            on_change(key.channel_id)

        if not source.is_enabled:
            return
        if source.kind is SourceKind.PUSH:
            self.pushed = PushedPicture(key, source, parts, changed)
            return
        for is_sub in (False, True):
            address = source.address_of(is_sub)
            if address is not None:
                settings = parts.settings
                request = PullRequest(
                    address=address,
                    transport=source.transport,
                    open_timeout_s=settings.open_timeout_s,
                    read_timeout_s=settings.read_timeout_s,
                    analyze_s=settings.analyze_s,
                )
                self.pulled[is_sub] = PulledPicture(key, is_sub, request, parts, changed)

    @property
    def main(self) -> PulledPicture | PushedPicture | None:
        return self.pushed or self.pulled.get(False)

    @property
    def state(self) -> SourceState:
        return SourceState.DISABLED if self.main is None else self.main.state

    @property
    def status(self) -> Status | None:
        """What the catalogue should say; None as long as there is no evidence."""
        if self.state in (SourceState.STREAMING, SourceState.IDLE):
            return Status.ON
        if self.state is SourceState.FAILED:
            main = self.pulled.get(False)
            lacks_picture = main is not None and isinstance(main.failure, WITHOUT_PICTURE)
            return Status.VLOST if lacks_picture else Status.OFF
        if self.state in (SourceState.DISABLED, SourceState.WAITING):
            return Status.OFF
        return None

    def figures(self, is_sub: bool = False) -> PictureFigures | None:
        if self.pushed is not None:
            return None if is_sub else self.pushed.figures()
        picture = self.pulled.get(is_sub)
        return None if picture is None else picture.figures()

    def pictures(self) -> Iterator[LivePicture]:
        """Those that run now."""
        for each in (self.pushed, *self.pulled.values()):
            if each is not None and each.picture is not None:
                yield each.picture

    async def hold(self, purpose: str, tag: str, is_sub: bool) -> SourceHold:
        """Raises SourceDisabled, NotPublishing, SourceFailed, GatewayClosed."""
        picture = self.pulled.get(is_sub) or self.main
        if picture is None:
            raise SourceDisabled(f"source {self.key.channel_id} is switched off")
        return await picture.hold(purpose, tag)

    def begin(self) -> None:
        """Pull it if it is to be pulled always."""
        if (main := self.pulled.get(False)) is not None:
            main.keep(self.source.mode is PullMode.ALWAYS)

    async def close(self) -> None:
        for each in (self.pushed, *self.pulled.values()):
            if each is not None:
                await each.close()
