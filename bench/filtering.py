"""What captions pay for their filter: word lists held against a segment that grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from bench.figures import summary
from stream.core.messages import Caption, Word
from stream.core.policies import Policy
from workers.core.steady import Steady
from workers.filtering import book_of, filtered


def filter_figures(texts: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of processor time that the caption filter takes for a partial, masks that hold
    through a growing segment included, and to be compiled from 1,000 words and the shipped list.
    Each text is a segment: a third of it, two thirds, all.
    """
    words = tuple(f"word{number}" for number in range(1_000))
    policy = Policy(words=words, exceptions=words[:100])
    book, compiled_ms = _timed(lambda: book_of(policy, "en"))
    took = []
    for text in texts:
        steady = Steady()
        for said in _growing(text):
            work = partial(filtered, said, "mask", book, steady)
            took.append(_timed(work)[1])
    return {"compile_ms": round(compiled_ms, 2), **summary(took)}


def _growing(text: str) -> Iterator[Caption]:
    every = text.split()
    for revision in (1, 2, 3):
        said = every[: len(every) * revision // 3]
        spoken = tuple(
            Word(word=word, start=at, end=at + 1, confidence=1.0) for at, word in enumerate(said)
        )
        yield Caption(
            channel="c",
            segment="e-0",
            revision=revision,
            text=" ".join(said),
            stable=len(" ".join(said)) // 2,
            final=False,
            start=0.0,
            end=1.0,
            audio_end=1.0,
            words=spoken,
            budget_ms=200,
        )


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    made = act()
    return made, (time.process_time() - began) * 1000
