"""What texts cost an engine, measured before the first one that somebody waits for.

A profile believes its first samples. One of them that was slow by chance (a machine that stalls, a
model's first run) would make every post look hopeless, and the channels' policies would answer
until enough probes, one a second, had proved otherwise: 19 s after one run of 300 ms. And a rung
that was never seen is thought to cost what others do: drafts that nobody has made yet look no
cheaper than a beam, and none is made (bench/bursts.py: a third of the texts got no answer).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import structlog

from stream.core.errors import EngineError
from stream.ports import Clock
from workers.core.profile import LatencyProfile
from workers.ports import Card, Judge, Question, Render, RunsEngine, Task

LIMIT_S = 2.0
ROUNDS = 24
"""Samples of the shortest text: enough that one of them may be slow."""

SENTENCE = "A sentence of plain words, as long as most posts are. "
BATCHES = (1, 8)


class Kind(NamedTuple):
    """Lengths of texts, in characters, and seconds after which an engine hangs."""

    lengths: tuple[int, ...]
    run_s: float


KINDS: dict[Task, Kind] = {
    "moderation": Kind((40, 400, 4_000), run_s=1.0),
    "translation": Kind((40, 80, 160), run_s=30.0),
}
"""Captions are not measured so: their price hangs on what is said (core/pace.py)."""

logger = structlog.get_logger(__name__)


async def calibrate(
    engine: RunsEngine,
    card: Card,
    profile: LatencyProfile,
    clock: Clock,
    length_of: Callable[[int], int],
) -> None:
    """Teach `profile` what an engine for texts needs, cheapest rung and shortest text first.

    `length_of` says how long a text of so many characters counts. No run begins after LIMIT_S, and
    an engine that fails is left to whoever asks it in earnest.
    """
    if card.task not in KINDS:
        return
    lengths, run_s = KINDS[card.task]
    end = clock.now() + LIMIT_S
    try:
        await engine.wait_up()
        for turn, rung, length, batch in product(range(ROUNDS), card.rungs, lengths, BATCHES):
            if turn and (length > lengths[0] or batch > 1) and turn % 6:
                continue  # the rarer kinds need fewer samples
            text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
            began = clock.now()
            if began >= end:
                return
            await engine.run(rung, [_question(card, text)] * batch, run_s)
            now = clock.now()
            profile.observe(rung, length_of(length), batch, now - began, now)
    except EngineError as error:
        logger.warning("engine failed while it was measured", error=type(error).__name__)


def _question(card: Card, text: str) -> Question:
    if card.task == "moderation":
        return Judge(text=text)
    return Render(text=text, source=(card.sources or card.languages)[0], target=card.languages[-1])
