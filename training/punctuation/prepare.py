"""Data to arrays of words, marks and cases by fold, and the vocabulary."""

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.core.marks import Case, Mark
from workers.engines.formatting.vocabulary import (
    END,
    UNKNOWN_HABIT,
    Vocabulary,
    read_vocabulary,
    write_vocabulary,
)

from .corpus import MODERN, NUMBER, read_novels, read_sentences, tokens_of
from .progress import shown

DOMAINS = ("novels", "tatoeba", "modern")
NOVELS = ("eltec-eng.txt.xz", "english-novels-100.txt.xz")
HELD_EVERY = 40
BLOCK_PARAGRAPHS = 400
MODERN_WEIGHT = 4
LEAST_COUNT = 4
LISTED = 60_000
SHARES = (0.02, 0.2, 0.5, 0.8, 0.97)
"""Where one habit ends and the next begins, by the share of capitals inside sentences."""


NAME = re.compile(r"(?:Mc|Mac|Fitz|[A-Z]')[A-Z][a-z]+(?:'s)?|[A-Z]{2,}(?:s|'s)")
"""Inner capitals that are no misprint."""


class Words(NamedTuple):
    """Running text as the model takes it: arrays [n]; `marks` behind each word."""

    ids: NDArray[np.int64]
    habits: NDArray[np.int64]
    marks: NDArray[np.int64]
    cases: NDArray[np.int64]


class _Text:
    """Tokens of one domain and fold, words as numbers of `_Counts`."""

    def __init__(self) -> None:
        self.words, self.marks, self.cases = array("i"), array("b"), array("b")


class _Counts:
    """How often each word was seen, and how it was written inside sentences."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.seen: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.capital: Counter[str] = Counter()
        self.upper: Counter[str] = Counter()
        self.forms: dict[str, Counter[str]] = {}

    def number(self, word: str) -> int:
        return self.numbers.setdefault(word, len(self.numbers))


def prepare(data: Path, work: Path, seed: int) -> None:
    """Writes `words.txt.xz`, and an archive of arrays for each domain and fold."""
    work.mkdir(parents=True, exist_ok=True)
    counts = _Counts()
    texts = {(d, f): _Text() for d in DOMAINS for f in ("train", "held")}
    for name in NOVELS:
        for at, paragraph in enumerate(shown(read_novels(data / "text" / name), name)):
            fold = "train" if at // BLOCK_PARAGRAPHS % HELD_EVERY else "held"
            _add(texts["novels", fold], counts, paragraph, 1)
    for domain, sources in (("tatoeba", ("tatoeba",)), ("modern", MODERN)):
        sentences = read_sentences(data / "translation", sources)
        if domain == "tatoeba":
            Random(seed).shuffle(sentences)
        for at, sentence in enumerate(shown(sentences, domain)):
            fold = "train" if at // 20 % HELD_EVERY else "held"
            _add(texts[domain, fold], counts, sentence, MODERN_WEIGHT)
    write_vocabulary(work / "words.txt.xz", _entries(counts))
    vocabulary = read_vocabulary(work / "words.txt.xz")
    ids, habits = _encode_all(counts.numbers, vocabulary)
    for (domain, fold), text in texts.items():
        words = np.frombuffer(text.words, np.int32)
        np.savez(
            work / f"{domain}.{fold}.npz",
            ids=ids[words],
            habits=habits[words],
            marks=np.frombuffer(text.marks, np.int8),
            cases=np.frombuffer(text.cases, np.int8),
        )
        print(f"{domain} {fold}: {len(words):,} words")


def load(work: Path, domain: str, fold: str) -> Words:
    """What `prepare` wrote."""
    with np.load(work / f"{domain}.{fold}.npz") as arrays:
        return Words(*(arrays[name].astype(np.int64) for name in Words._fields))


def encode_text(paragraphs: Iterable[str], vocabulary: Vocabulary) -> Words:
    """Text of any other source, for measurements."""
    text, counts = _Text(), _Counts()
    for paragraph in paragraphs:
        _add(text, counts, paragraph, 1)
    ids, habits = _encode_all(counts.numbers, vocabulary)
    words = np.frombuffer(text.words, np.int32)
    marks, cases = np.frombuffer(text.marks, np.int8), np.frombuffer(text.cases, np.int8)
    return Words(ids[words], habits[words], marks.astype(np.int64), cases.astype(np.int64))


def _encode_all(
    numbers: dict[str, int], vocabulary: Vocabulary
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    encoded = vocabulary.encode(list(numbers), END)
    return encoded.ids[1:-1], encoded.habits[1:-1]


def _add(text: _Text, counts: _Counts, paragraph: str, weight: int) -> None:
    first = True
    for token in tokens_of(paragraph):
        text.words.append(counts.number(token.word))
        text.marks.append(token.mark)
        text.cases.append(token.case)
        if token.word != NUMBER:
            counts.seen[token.word] += weight
            if not first:
                _count_form(counts, token.word, token.written, token.case, weight)
        first = token.mark in (Mark.STOP, Mark.QUESTION)


def _count_form(counts: _Counts, word: str, written: str, case: Case, weight: int) -> None:
    counts.inside[word] += weight
    if case == Case.UPPER:
        counts.upper[word] += weight
    elif case == Case.CAPITAL:
        counts.capital[word] += weight
        if written != word.capitalize() and written.lower() == word:
            counts.forms.setdefault(word, Counter())[written] += weight


def _entries(counts: _Counts) -> list[tuple[str, int, str]]:
    chosen = [w for w, n in counts.seen.most_common(LISTED) if n >= LEAST_COUNT]
    return [(word, _habit(counts, word), _form(counts, word)) for word in chosen]


def _habit(counts: _Counts, word: str) -> int:
    inside = counts.inside[word]
    if inside < LEAST_COUNT:
        return UNKNOWN_HABIT
    if counts.upper[word] / inside > 0.5:
        return 7
    share = (counts.capital[word] + counts.upper[word]) / inside
    return 1 + sum(share >= limit for limit in SHARES)


def _form(counts: _Counts, word: str) -> str:
    """O'Brien, McDonald, MEPs: what most of a name's capitalised occurrences look like."""
    forms = counts.forms.get(word)
    if not forms or _habit(counts, word) < 4:
        return ""
    form, count = forms.most_common(1)[0]
    usual = count >= LEAST_COUNT and count > counts.capital[word] / 2
    return form if usual and NAME.fullmatch(form) else ""
