"""What texts cost an engine, measured before the first one that somebody waits for.

A profile believes its first samples. One of them that was slow by chance (a machine that stalls, a
model's first run) would make every post look hopeless, and the channels' policies would answer
until enough probes, one a second, had proved otherwise: 19 s after one run of 300 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import structlog

from stream.core.errors import EngineError
from stream.ports import Clock
from workers.core.profile import LatencyProfile
from workers.ports import Card, Judge, RunsEngine

LIMIT_S = 2.0
RUN_S = 1.0
ROUNDS = 24
"""Samples of the shortest text: enough that one of them may be slow."""

SENTENCE = "A sentence of plain words, as long as most posts are. "
LENGTHS = (40, 400, 4_000)
BATCHES = (1, 8)

logger = structlog.get_logger(__name__)


async def calibrate(
    engine: RunsEngine,
    card: Card,
    profile: LatencyProfile,
    clock: Clock,
    length_of: Callable[[int], int],
) -> None:
    """Teach `profile` what a moderation engine needs, cheapest rung and shortest text first.

    `length_of` says how long a text of so many characters counts. It takes LIMIT_S at most, and an
    engine that fails is left to whoever asks it in earnest.
    """
    end = clock.now() + LIMIT_S
    try:
        await engine.wait_up()
        for turn, rung, length, batch in product(range(ROUNDS), card.rungs, LENGTHS, BATCHES):
            if turn and (length > LENGTHS[0] or batch > 1) and turn % 6:
                continue  # the rarer kinds need fewer samples
            text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
            began = clock.now()
            if began >= end:
                return
            await engine.run(rung, [Judge(text=text)] * batch, RUN_S)
            now = clock.now()
            profile.observe(rung, length_of(length), batch, now - began, now)
    except EngineError as error:
        logger.warning("engine failed while it was measured", error=type(error).__name__)
