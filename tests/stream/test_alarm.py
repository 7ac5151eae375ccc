"""An alarm rings once, at the time that was set last."""

import asyncio
from collections.abc import Callable

import pytest

from stream.alarm import Alarm
from tests.support import virtual


def rings(script: Callable[[Alarm], None], wait_s: float = 10.0) -> list[float]:
    """When an alarm rings that is set by `script` at time 0."""
    times: list[float] = []

    async def main() -> None:
        clock = virtual.VirtualClock()
        script(Alarm(clock, lambda: times.append(clock.now())))
        await asyncio.sleep(wait_s)

    virtual.run(main())
    return times


def test_it_rings_when_it_is_due() -> None:
    assert rings(lambda alarm: alarm.set(1.5)) == [pytest.approx(1.5)]


def test_setting_it_again_moves_it() -> None:
    def script(alarm: Alarm) -> None:
        for due in (5.0, 1.0, 2.0):
            alarm.set(due)

    assert rings(script) == [pytest.approx(2.0)]


def test_what_is_past_rings_at_once() -> None:
    assert rings(lambda alarm: alarm.set(-3.0)) == [0.0]


@pytest.mark.parametrize("end", [lambda alarm: alarm.set(None), lambda alarm: alarm.stop()])
def test_what_is_taken_back_does_not_ring(end: Callable[[Alarm], None]) -> None:
    def script(alarm: Alarm) -> None:
        alarm.set(1.0)
        end(alarm)

    assert rings(script) == []
