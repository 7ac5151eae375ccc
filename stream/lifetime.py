"""The end of a server: numbered steps, each within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

logger = structlog.get_logger(__name__)


class Step(NamedTuple):
    """One step of the end, and the seconds it may take."""

    name: str
    do: Callable[[], Awaitable[None]]
    timeout_s: float


async def shut_down(steps: list[Step]) -> None:
    """Take the steps in order, each within its time; one that fails does not keep the next."""
    for number, step in enumerate(steps, 1):
        try:
            async with asyncio.timeout(step.timeout_s):
                await step.do()
        except TimeoutError:
            logger.warning("a step took too long", step=number, name=step.name)
        except Exception:
            logger.exception("a step failed", step=number, name=step.name)
