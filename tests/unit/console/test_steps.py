"""Opened in order, closed in reverse, none of it stopped by one that fails."""

import asyncio

import pytest

from console.steps import Step, Steps


class Parts:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def step(self, name: str, *, opens: bool = True, closes: bool = True, hangs: bool = False) -> Step:
        async def open_() -> None:
            self.seen.append(f"+{name}")
            if not opens:
                raise OSError("no")

        async def close() -> None:
            self.seen.append(f"-{name}")
            if hangs:
                await asyncio.get_running_loop().create_future()
            if not closes:
                raise OSError("no")

        return Step(name, open_, close, close_s=0.0 if hangs else 5.0)


async def test_closing_is_the_reverse_of_opening() -> None:
    parts, steps = Parts(), Steps()
    for name in "abc":
        await steps.take(parts.step(name))
    assert await steps.close() == []
    assert parts.seen == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert await steps.close() == []


async def test_a_part_that_fails_to_open_is_closed_with_the_others() -> None:
    parts, steps = Parts(), Steps()
    await steps.take(parts.step("a"))
    with pytest.raises(OSError, match="no"):
        await steps.take(parts.step("b", opens=False))
    await steps.close()
    assert parts.seen == ["+a", "+b", "-b", "-a"]


async def test_parts_that_hang_or_fail_do_not_keep_the_others_open() -> None:
    parts, steps = Parts(), Steps()
    for step in (parts.step("a"), parts.step("b", hangs=True), parts.step("c", closes=False)):
        await steps.take(step)
    assert await steps.close() == ["c", "b"]
    assert parts.seen[-3:] == ["-c", "-b", "-a"]
