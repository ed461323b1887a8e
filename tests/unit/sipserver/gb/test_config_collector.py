"""One answer for each type, in any order, or fewer. GB-C070."""

from itertools import permutations

from sipserver.gb.config_blocks.basic import BasicParam, VideoParamOpt
from sipserver.gb.config_blocks.picture import FrameMirror
from sipserver.gb.config_collector import ConfigCollector
from sipserver.gb.ids import GbId
from sipserver.gb.messages.config_download import ConfigDownloadResponse

CAMERA = GbId("34020000001320000012")
BLOCKS = (BasicParam(name="a"), VideoParamOpt(resolutions="5"), FrameMirror(mode=1))
TYPES = ("BasicParam", "VideoParamOpt", "FrameMirror")


def answer(*blocks: BasicParam | VideoParamOpt | FrameMirror, ok: bool = True) -> ConfigDownloadResponse:
    return ConfigDownloadResponse("1", CAMERA, ok, blocks)


def test_one_answer_for_each_type_in_any_order_is_the_end() -> None:
    """GB-C070."""
    for order in permutations(BLOCKS):
        collector = ConfigCollector(TYPES, 0.0, 5.0)
        for block in order:
            assert not collector.is_done
            collector.receive(answer(block), 1.0)
        assert collector.is_done
        assert collector.next_timer() is None
        assert collector.result().missing == ()
        assert set(map(type, collector.result().blocks)) == set(map(type, BLOCKS))


def test_refused_types_count_as_answered() -> None:
    collector = ConfigCollector(TYPES, 0.0, 5.0)
    collector.receive(answer(BLOCKS[0]), 0.0)
    collector.receive(answer(ok=False), 0.0)
    assert not collector.is_done
    collector.receive(answer(ok=False), 0.0)
    assert collector.is_done
    assert collector.result().missing == TYPES[1:]
    assert collector.result().refusals == 2


def test_silence_ends_it_sooner_after_an_answer() -> None:
    collector = ConfigCollector(TYPES, 10.0, 5.0, quiet_s=2.0)
    assert collector.next_timer() == 15.0
    collector.receive(answer(BLOCKS[0]), 11.0)
    assert collector.next_timer() == 13.0
    collector.handle_timer(12.9)
    assert not collector.is_done
    collector.handle_timer(13.0)
    assert collector.is_done
    assert collector.result().missing == TYPES[1:]


def test_several_blocks_in_one_answer_and_one_twice() -> None:
    collector = ConfigCollector(TYPES, 0.0, 5.0)
    collector.receive(answer(BLOCKS[0], BLOCKS[0], BLOCKS[1]), 0.0)
    collector.receive(answer(BLOCKS[2]), 0.0)
    assert collector.is_done
    collector.receive(answer(BLOCKS[2]), 9.0)
    assert collector.answers == 3


def test_what_is_collected_has_a_bound() -> None:
    collector = ConfigCollector(("Nothing",), 0.0, 5.0)
    for _ in range(100):
        collector.receive(answer(*BLOCKS), 0.0)
    assert len(collector.result().blocks) == 64
