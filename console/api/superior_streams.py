"""What goes between a superior and our cameras now: pictures, recordings and sound."""

from fastapi import APIRouter

from cascade.streams.call import Call
from cascade.streams.relayed import RelayedStream
from console.api.models import Page
from console.api.problems import documented
from console.api.superior_models import SuperiorStream
from console.api.superiors import MayView, SuperiorId
from media.audio.g711 import FRAME_BYTES

router = APIRouter(tags=["superiors"])


@router.get(
    "/superiors/{superior_id}/streams",
    summary="What a superior watches, and whom it speaks to",
    responses=documented(401, 403, 404, 422),
)
async def streams_of_superior(superior_id: SuperiorId, caller: MayView) -> Page[SuperiorStream]:
    """All that is open or being opened."""
    post = caller.context.superiors.get(superior_id)
    pictures = [_stream(stream) for stream in post.relay.streams]
    return Page(items=pictures + [_call(call) for call in post.speech.calls])


def _stream(stream: RelayedStream) -> SuperiorStream:
    stats = stream.sender.stats() if stream.sender is not None else None
    return SuperiorStream(
        id=stream.presented,
        kind=stream.kind.value.lower(),
        ssrc=stream.ssrc,
        state=stats.state if stats is not None else "opening",
        transport=stats.transport if stats is not None else "",
        peer=stats.peer if stats is not None else None,
        payload_bytes=stats.payload_bytes if stats is not None else 0,
        form=stats.form if stats is not None else "none",
    )


def _call(call: Call) -> SuperiorStream:
    link = call.link
    peer = link.peer if link is not None else None
    return SuperiorStream(
        id=call.presented,
        kind="broadcast" if call.incoming is None else "talk",
        ssrc=call.ssrc,
        state="sending" if call.is_joined else "opening",
        transport=call.transport,
        peer=None if peer is None else f"{peer[0]}:{peer[1]}",
        payload_bytes=link.stats.packets_heard * FRAME_BYTES if link is not None else 0,
        form="none",
    )
