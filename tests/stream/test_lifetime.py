"""The end: every step gets its turn and no more than its time."""

import asyncio

import pytest

from stream.lifetime import Step, shut_down
from tests.support import virtual


def test_steps_come_in_order_and_none_keeps_the_next() -> None:
    taken: list[str] = []

    async def good() -> None:
        taken.append("good")

    async def slow() -> None:
        taken.append("slow")
        await asyncio.sleep(1_000)

    async def broken() -> None:
        taken.append("broken")
        raise ValueError

    async def main() -> None:
        await shut_down([Step(f.__name__, f, 2.0) for f in (slow, broken, good)])
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)

    virtual.run(main())
    assert taken == ["slow", "broken", "good"]


def test_the_end_of_a_cancelled_task_is_still_in_order() -> None:
    taken: list[str] = []

    async def step() -> None:
        await asyncio.sleep(0.1)
        taken.append("step")

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await shut_down([Step("one", step, 1.0), Step("two", step, 1.0)])

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual.run(main())
    assert taken == ["step", "step"]
