"""Sequence-level knowledge distillation (Kim and Rush 2016): the teacher translates every English
text into every language, and the student learns what it said; if asked, of a
beam what is most like a human's translation (sequence-level interpolation, likewise theirs)."""

import time
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from training.captions.batches import Share

from .decode import decode_all
from .examples import DISTILLED
from .model import Translator
from .packed import Array, Packed, Pairs, Ragged
from .pieces import LANGUAGES, TAGS, Ids

#: Texts translated between two looks at the clock; few at first, to know the pace early.
PORTIONS = (3_000, 12_000, 60_000)
#: Fewer are not worth their start.
LEAST = 1_000


def questions(packed: Packed, seed: int = 0) -> Array:
    """Every text in every language [N, 2] = text, language's number, in random order: whatever is
    done when time is over is a fair part."""
    texts, languages = np.divmod(np.arange(len(packed.texts) * len(LANGUAGES)), len(LANGUAGES))
    asked = np.stack([texts, languages], 1)
    order: Array = np.random.default_rng(seed).permutation(asked)
    return order


def model_answers(packed: Packed, asked: Array) -> Ragged:
    """Of each question [N, 2] a human translation; an empty row where there is none."""
    row = np.full((len(packed.texts), len(LANGUAGES)), -1)
    pairs = packed.pairs
    row[pairs.text, pairs.language] = pairs.target
    return packed.targets.chosen(row[asked[:, 0], asked[:, 1]])


def distil(
    nets: Sequence[Translator],
    packed: Packed,
    seconds: float | None,
    places: int,
    share: Share,
    near: bool,
) -> tuple[Array, list[Ids]]:
    """What was asked and, by all networks together, answered of this process's share: questions
    and translations; of a beam's the one that is `near` to a human's where there is one."""
    began = time.monotonic()
    asked = questions(packed)[share.rank :: share.world]
    tags = np.array(list(TAGS.values()))
    answers: list[Ids] = []
    portions = chain(PORTIONS, repeat(PORTIONS[-1]))
    count = next(portions)
    while len(answers) < len(asked) and count:
        part = asked[len(answers) : len(answers) + count]
        tagged = np.stack([part[:, 0], tags[part[:, 1]]], 1)
        answers += decode_all(
            nets[0],
            packed.texts,
            tagged,
            "beam",
            places,
            others=nets[1:],
            models=model_answers(packed, part) if near else None,
        )
        spent = time.monotonic() - began
        print(outlook(len(answers), len(asked), spent, seconds), flush=True)
        count = fitting(next(portions), len(answers), spent, seconds)
    return asked[: len(answers)], answers


def fitting(count: int, done: int, spent: float, seconds: float | None) -> int:
    """How many of the next `count` texts will be done in time at the pace so far; none where it
    would be too few."""
    if seconds is None:
        return count
    left = int(done / spent * (seconds - spent))
    return min(count, left) if left >= LEAST else 0


def outlook(done: int, asked: int, spent: float, seconds: float | None) -> str:
    """What the pace so far leads to."""
    pace = done / spent
    whole = asked / pace
    part = "all" if seconds is None or whole <= seconds else f"{100 * seconds / whole:.0f} %"
    return (
        f"{done} of {asked} texts, {spent:.1f} s, {pace:.0f} texts/s: "
        f"all take {whole:.0f} s, {part} will be done"
    )


def is_sound(text_length: int, answer: Ids) -> bool:
    """Neither empty nor cut off nor going round in circles."""
    if not answer or len(answer) > 2 * text_length + 8:
        return False
    runs = zip(answer, answer[1:], answer[2:], strict=False)
    return not any(a == b == c for a, b, c in runs)


def save_answers(path: Path, packed: Packed, asked: Array, answers: list[Ids]) -> int:
    """Writes the sound answers as pairs of kind `distilled`; returns how many."""
    lengths = packed.texts.lengths[asked[:, 0]]
    kept = [i for i, a in enumerate(answers) if is_sound(int(lengths[i]), a)]
    made = Ragged.of([answers[i] for i in kept])
    np.savez_compressed(
        path,
        flat=made.flat,
        lengths=made.lengths.astype(np.int16),
        text=asked[kept, 0].astype(np.int32),
        language=asked[kept, 1].astype(np.int8),
    )
    return len(kept)


def with_answers(packed: Packed, paths: list[Path]) -> Packed:
    """The packed pairs, and after them those that `save_answers` wrote."""
    for path in paths:
        with np.load(path, allow_pickle=False) as archive:
            made = Ragged(archive["flat"], archive["lengths"].astype(np.int64).cumsum())
            count = len(made)
            pairs = Pairs(
                archive["text"].astype(np.int64),
                np.arange(count) + len(packed.targets),
                archive["language"].astype(np.int64),
                np.full(count, DISTILLED),
            )
        joined = packed.pairs.joined(pairs)
        packed = Packed(packed.texts, packed.bare, packed.targets.joined(made), joined)
    return packed
