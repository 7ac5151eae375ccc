"""Words that a channel waits for, also names that no lexicon has.

The beam knows nothing of them. When a segment is over, each hotword's phones are laid along the
log-probs wherever it could take the place of some words (a Viterbi alignment that may begin at any
word), and it takes it where that makes the whole likelier: acoustics by how much they gain or
lose, the language model as if a common name stood there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.engines.conformer.features import Floats
from workers.engines.conformer.model import Model
from workers.engines.conformer.pronounce import Phones, Pronouncer
from workers.engines.conformer.words import BLANK, Path, Spoken, Vocabulary

STAND_IN = "JOHN"
"""A word of the language model in whose place every hotword stands."""

BONUS = 2.0
"""What a channel's asking for a word is worth, in nats."""

MOST_LOSS = 2.5
"""Of log-prob for each phone: a hotword that sounds worse is not written, however likely."""

MOST_WORDS = 4
"""Words whose place one hotword can take."""

MOST_PRONUNCIATIONS = 4
NEVER = -1e9


class Hotword(NamedTuple):
    """As it is written, and one way to say it, in tokens."""

    text: str
    tokens: tuple[int, ...]


class Place(NamedTuple):
    """A hotword in place of words [first, last], and by how much that is better."""

    text: str
    first: int
    last: int
    gain: float


@dataclass(slots=True)
class Grid:
    """The states of all hotwords, [hotwords, states]: blanks (even) around phones (odd), and last
    the boundary. `wanted` is each state's token, `skips` whether the blank before it may be left
    out, `last` each hotword's state before the boundary.
    """

    wanted: NDArray[np.int64]
    skips: NDArray[np.bool_]
    last: NDArray[np.int64]


class Hotwords:
    """What a channel waits for, made ready."""

    def __init__(self, vocabulary: Vocabulary, said: Sequence[Hotword]) -> None:
        self._vocabulary = vocabulary
        self._said = said
        self._grid = _grid(said, vocabulary.tokens)
        self._stand_in = vocabulary.indices[STAND_IN]
        self._writing = {" ".join(letters_of(each.text)): each.text for each in said}

    def put(self, path: Path, scores: Floats) -> Path:
        """The path with hotwords where they are likelier than what it has."""
        if not self._said or not path.words:
            return path
        words = list(path.words)
        taken: set[int] = set()
        swaps: list[Place] = []
        for place in sorted(self._places(path, scores), key=lambda place: -place.gain):
            span = set(range(place.first, place.last + 1))
            if not span & taken:
                taken |= span
                swaps.append(place)
        for place in sorted(swaps, key=lambda place: -place.first):
            first, last = words[place.first], words[place.last]
            spoken = Spoken(place.text, first.start, last.end, hot=True)
            words[place.first : place.last + 1] = [spoken]
        return Path(tuple(map(self._written, words)), path.tokens)

    def _written(self, word: Spoken) -> Spoken:
        text = self._writing.get(word.text)
        return word if text is None else word._replace(text=text, hot=True)

    def _places(self, path: Path, scores: Floats) -> Iterable[Place]:
        frames = np.arange(len(path.tokens))
        relative = scores - scores[frames, np.array(path.tokens)][:, np.newaxis]
        quiet = relative[:, [BLANK, self._vocabulary.boundary]].max(1, keepdims=True)
        relative = np.concatenate((relative, quiet), 1)
        starts = [0, *(word.start for word in path.words[1:])]
        ends = [*starts[1:], len(path.tokens)]
        gains, origins = align(self._grid, relative, starts, ends)
        for last, (gain, origin) in enumerate(zip(gains, origins, strict=True)):
            for number, hotword in enumerate(self._said):
                first, sound = int(origin[number]), float(gain[number])
                if sound < -MOST_LOSS * len(hotword.tokens) or not 0 <= last - first < MOST_WORDS:
                    continue
                total = sound + BONUS + self._likelier(path.words, first, last)
                if total > 0:
                    yield Place(hotword.text, first, last, total)

    def _likelier(self, words: Sequence[Spoken], first: int, last: int) -> float:
        """How much likelier the language model finds it, in the beam's measure."""
        indices = [self._vocabulary.indices.get(word.text, self._stand_in) for word in words]
        after = indices[last + 1 : last + 3]
        model = self._vocabulary.language_model
        state = model.start(False)
        for index in indices[:first]:
            state, _ = model.score(state, index)
        totals = []
        for middle in ([self._stand_in], indices[first : last + 1]):
            here, total = state, 0.0
            for index in (*middle, *after):
                here, score = model.score(here, index)
                total += score
            totals.append(total)
        return float(self._vocabulary.search.lm_weight * (totals[0] - totals[1]))


def align(
    grid: Grid, relative: Floats, starts: Sequence[int], ends: Sequence[int]
) -> tuple[list[Floats], list[NDArray[np.int64]]]:
    """For each word's end: every hotword's best score of those that end there, and the word at
    which it begins. `relative` [frames, classes] holds log-probs less those of the best path.
    """
    best = np.full(grid.wanted.shape, NEVER, np.float32)
    origin = np.full(grid.wanted.shape, -1, np.int64)
    rows = np.arange(len(best))
    begins = {frame: word for word, frame in enumerate(starts)}
    gains, origins = [], []
    finished = {frame - 1 for frame in ends}
    for frame, scores in enumerate(relative):
        best, origin = _move(grid, best, origin, begins.get(frame))
        best = best + scores[grid.wanted]
        if frame in finished:
            spoken = best[rows, grid.last] > best[rows, grid.last + 1]
            state = np.where(spoken, grid.last, grid.last + 1)
            gains.append(best[rows, state])
            origins.append(origin[rows, state])
    return gains, origins


def _move(
    grid: Grid, best: Floats, origin: NDArray[np.int64], begins: int | None
) -> tuple[Floats, NDArray[np.int64]]:
    """Each state from itself, the one before it, or over a blank; a word may begin here."""
    moved, source = best.copy(), origin.copy()
    for back in (1, 2):
        before = np.full_like(best, NEVER)
        before[:, back:] = best[:, :-back]
        if back == 2:
            before[~grid.skips] = NEVER
        earlier = np.roll(origin, back, 1)
        better = before > moved
        moved[better], source[better] = before[better], earlier[better]
    if begins is not None:
        fresh = moved[:, :2] < 0
        moved[:, :2][fresh], source[:, :2][fresh] = 0.0, begins
    return moved, source


def _grid(said: Sequence[Hotword], classes: int) -> Grid:
    """The token `classes` stands for blank or boundary, whichever is likelier."""
    width = 2 * max((len(hotword.tokens) for hotword in said), default=0) + 2
    wanted = np.zeros((len(said), width), np.int64)
    skips = np.zeros((len(said), width), bool)
    for row, hotword in enumerate(said):
        for place, token in enumerate(hotword.tokens):
            wanted[row, 2 * place + 1] = token
            skips[row, 2 * place + 1] = place > 0 and token != hotword.tokens[place - 1]
        wanted[row, 2 * len(hotword.tokens)] = classes
    last = np.array([2 * len(hotword.tokens) - 1 for hotword in said], np.int64)
    return Grid(wanted, skips, last)


class HotwordMaker:
    """Pronounces hotwords: by the lexicon, else by `pronouncer`; keeps the latest few sets."""

    MOST_SETS = 64

    def __init__(self, vocabulary: Vocabulary, model: Model) -> None:
        self._vocabulary = vocabulary
        self._model = model
        self._made: dict[tuple[str, ...], Hotwords] = {}

    def make(self, texts: tuple[str, ...]) -> Hotwords:
        found = self._made.pop(texts, None)
        if found is None:
            said = [Hotword(text, tokens) for text in texts for tokens in self.pronounce(text)]
            found = Hotwords(self._vocabulary, said)
        self._made[texts] = found
        if len(self._made) > self.MOST_SETS:
            del self._made[next(iter(self._made))]
        return found

    @cached_property
    def _spoken(self) -> dict[str, list[Phones]]:
        spoken: dict[str, list[Phones]] = {}
        for word, phones in self._model.lexicon:
            spoken.setdefault(word, []).append(phones)
        return spoken

    @cached_property
    def _pronouncer(self) -> Pronouncer:
        """Read when the first word comes that no lexicon has."""
        return Pronouncer(self._model.unpack(self._model.settings.pronunciations))

    def pronounce(self, text: str) -> list[tuple[int, ...]]:
        """A few ways to say a phrase; none where it has no letters."""
        spellings: list[Phones] = [()]
        for word in letters_of(text):
            known = self._spoken.get(word) or self._pronouncer.pronounce(word)
            spellings = [left + right for left in spellings for right in known]
            spellings = spellings[:MOST_PRONUNCIATIONS]
        ids = self._vocabulary.phones
        return [tuple(ids[phone] for phone in phones) for phones in spellings if phones]


def letters_of(text: str) -> list[str]:
    """Words of capital letters and apostrophes; accents are left out."""
    plain = unicodedata.normalize("NFKD", text).replace("’", "'").upper()
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.findall(r"[A-Z']*[A-Z][A-Z']*", bare)
