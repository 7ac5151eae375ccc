"""Words from phone log-probs: a beam over a lexicon with an n-gram model (flashlight-text, KenLM).

Every spelling ends in the boundary token, which is also silence, and one free frame closes a
segment: else a word that ends in one frame, or in a doubled letter, is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from flashlight.lib.text.decoder import (
    CriterionType,
    LexiconDecoder,
    LexiconDecoderOptions,
    SmearingMode,
    Trie,
)
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

from workers.engines.conformer.features import Floats
from workers.engines.conformer.model import Model, Search

BLANK = 0
MOST_HOMOPHONES = 6
"""What a node of flashlight's trie can hold."""

LOWEST = -60.0
"""Of a log-prob: minus infinity would end every hypothesis."""

UNKNOWN = "<unk>"


class Spoken(NamedTuple):
    """A word of the best path, in frames: it is spoken in [start, end).

    `text` is in capitals, but for a hotword: that is as its channel writes it.
    """

    text: str
    start: int
    end: int
    hot: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """The best path: its words, and the token that it takes in each frame."""

    words: tuple[Spoken, ...]
    tokens: tuple[int, ...]


class Candidate(NamedTuple):
    """A path of the beam: the score of its `sound`, and `likelihood`, its words' log10
    probability by the n-gram model.
    """

    path: Path
    sound: float
    likelihood: float

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.path.words)


class Vocabulary:
    """The lexicon as a trie and the language model; made once, shared by all beams."""

    def __init__(self, model: Model) -> None:
        settings = model.settings
        ids = {phone: index for index, phone in enumerate(settings.phones)}
        self.tokens = len(settings.phones)
        self.boundary = ids[settings.boundary]
        self.search = settings.search
        self.phones = ids
        words = dict.fromkeys(word for word, _ in model.lexicon)
        self.words = [*words, UNKNOWN]
        dictionary = Dictionary()
        for word in self.words:
            dictionary.add_entry(word)
        with model.language_model() as path:
            self.language_model = KenLM(path, dictionary)
        self.indices = {word: index for index, word in enumerate(self.words)}
        self.trie = self._make_trie(model.lexicon)

    def beam(self, search: Search | None = None) -> Beam:
        return Beam(self, search or self.search)

    def _make_trie(self, lexicon: Sequence[tuple[str, tuple[str, ...]]]) -> Trie:
        start = self.language_model.start(False)
        score, indices = self.language_model.score, self.indices
        likely = {word: score(start, index)[1] for word, index in indices.items()}
        trie = Trie(self.tokens, self.boundary)
        held: dict[tuple[str, ...], int] = {}
        for word, phones in sorted(lexicon, key=lambda entry: -likely[entry[0]]):
            held[phones] = held.get(phones, 0) + 1
            if held[phones] <= MOST_HOMOPHONES:
                spelling = [*(self.phones[phone] for phone in phones), self.boundary]
                trie.insert(spelling, indices[word], likely[word])
        trie.smear(SmearingMode.MAX)
        return trie


class Beam:
    """The search through one segment, frame by frame; it gives the same however it is fed."""

    def __init__(self, vocabulary: Vocabulary, search: Search) -> None:
        options = LexiconDecoderOptions(
            beam_size=search.beam,
            beam_size_token=vocabulary.tokens,
            beam_threshold=search.threshold,
            lm_weight=search.lm_weight,
            word_score=search.word_score,
            unk_score=-float("inf"),
            sil_score=0.0,
            log_add=search.log_add,
            criterion_type=CriterionType.CTC,
        )
        self._vocabulary = vocabulary
        self._lm_weight = search.lm_weight
        self._decoder = LexiconDecoder(
            options,
            vocabulary.trie,
            vocabulary.language_model,
            vocabulary.boundary,
            BLANK,
            vocabulary.indices[UNKNOWN],
            [],
            False,
        )
        self._decoder.decode_begin()
        self._known = Path((), ())
        self.frames = 0

    def step(self, scores: Floats) -> None:
        """More log-probs [n, classes]."""
        kept = np.maximum(scores, np.float32(LOWEST))
        self._feed(kept)
        self.frames += len(kept)

    def best(self) -> Path:
        """What has been heard so far; a word shows once its last phone is over.

        The search looks back 4 s for the end of a word: after a longer pause what was known stands.
        """
        result = self._decoder.get_best_hypothesis(0)
        if result.words:
            self._known = self._path(result)
        return self._known

    def close(self) -> Path:
        """What was said. Nothing can follow."""
        return self.close_with(1)[0].path

    def close_with(self, most: int) -> list[Candidate]:
        """The likeliest texts, at most so many and at least one, best first; of several paths of
        a text the best. Nothing can follow.
        """
        end = np.full((1, self._vocabulary.tokens), LOWEST, np.float32)
        end[0, [BLANK, self._vocabulary.boundary]] = 0.0
        self._feed(end)
        self._decoder.decode_end()
        found: dict[tuple[int, ...], object] = {}
        for result in self._decoder.get_all_final_hypothesis():
            found.setdefault(tuple(word for word in result.words if word >= 0), result)
            if len(found) == most:
                break
        silence = Candidate(Path((), (BLANK,) * self.frames), 0.0, 0.0)
        return [self._candidate(result) for result in found.values()] or [silence]

    def _candidate(self, result: object) -> Candidate:
        likely: float = result.lmScore  # type: ignore[attr-defined]
        score: float = result.score  # type: ignore[attr-defined]
        return Candidate(self._path(result), score - self._lm_weight * likely, likely)

    def _feed(self, frames: Floats) -> None:
        frames = np.ascontiguousarray(frames)
        if len(frames):
            self._decoder.decode_step(frames.ctypes.data, *frames.shape)

    def _path(self, result: object) -> Path:
        words, tokens = result.words, result.tokens  # type: ignore[attr-defined]
        spoken: list[Spoken] = []
        names, quiet = self._vocabulary.words, (BLANK, self._vocabulary.boundary)
        start = end = 0
        begun = False
        for place, (word, token) in enumerate(zip(words, tokens, strict=True)):
            if token not in quiet:
                start = start if begun else place - 1
                begun, end = True, place
            if word >= 0:
                spoken.append(Spoken(names[word], start, max(end, start + 1)))
                begun = False
        taken = tuple(tokens[1 : self.frames + 1])
        return Path(tuple(spoken), taken + (BLANK,) * (self.frames - len(taken)))
