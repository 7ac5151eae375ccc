"""Sentence pairs as they lie in the data folder, and which of them are fit to learn from."""

import lzma
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .languages import Languages
from .pieces import LANGUAGES

LONGEST_LETTERS = 420
#: More translations of one sentence than these teach little.
MOST_TRANSLATIONS = 4
#: Targets over sources in letters, both with `SLACK_LETTERS` added.
SHORTEST_RATIO, LONGEST_RATIO, SLACK_LETTERS = 0.45, 2.3, 8
SAMPLE = 20_000


@dataclass(frozen=True)
class Pair:
    source: str
    target: str
    language: str
    origin: str


def read_pairs(data: Path, part: str) -> list[Pair]:
    """`part` is a file's name up to the languages: `train`, `dev.tatoeba`, `test.captions` …"""
    return [pair for language in LANGUAGES for pair in _read(data, part, language)]


def _read(data: Path, part: str, language: str) -> Iterator[Pair]:
    path = data / "translation" / f"{part}.en-{language}.tsv.xz"
    if not path.exists():
        return
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            source, target, *origin = line.rstrip("\n").split("\t")
            yield Pair(tidy(source), tidy(target), language, origin[0] if origin else part)


def tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def train_languages(pairs: Sequence[Pair]) -> Languages:
    """Learns from the pairs themselves: what is wrong there is rare."""
    samples = {name: [p.target for p in pairs if p.language == name][:SAMPLE] for name in LANGUAGES}
    samples["en"] = [p.source for p in pairs[:: max(1, len(pairs) // SAMPLE)]]
    return Languages(samples)


def clean_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], Counter[str]]:
    """The pairs fit to learn from, and how many were dropped for what."""
    languages = train_languages(pairs)
    dropped: Counter[str] = Counter()
    kept: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        others = kept.setdefault((pair.source, pair.language), [])
        reason = fault(pair, languages) or _crowded(pair, others)
        if reason is None:
            others.append(pair)
        else:
            dropped[reason] += 1
    return [pair for group in kept.values() for pair in group], dropped


def fault(pair: Pair, languages: Languages) -> str | None:
    """What is wrong with a pair by itself."""
    if not pair.source or not pair.target:
        return "empty"
    if max(len(pair.source), len(pair.target)) > LONGEST_LETTERS:
        return "long"
    ratio = (len(pair.target) + SLACK_LETTERS) / (len(pair.source) + SLACK_LETTERS)
    if not SHORTEST_RATIO < ratio < LONGEST_RATIO:
        return "length ratio"
    if pair.source == pair.target and len(pair.source.split()) > 3:
        return "copied"
    wrong = languages.is_other(pair.target, pair.language) or languages.is_other(pair.source, "en")
    return "language" if wrong else None


def _crowded(pair: Pair, others: Sequence[Pair]) -> str | None:
    if any(other.target == pair.target for other in others):
        return "duplicate"
    return "many translations" if len(others) >= MOST_TRANSLATIONS else None


def as_recognised(text: str) -> str:
    """Text as a recogniser without case and punctuation would write it."""
    kept = (c for c in text.lower().replace("-", " ") if c.isalnum() or c.isspace() or c in "'’")
    return " ".join("".join(kept).replace("’", "'").split())


def known_sources(data: Path, parts: Iterable[str]) -> set[str]:
    """Sources of what is measured on, as recognised, so that none is learned from elsewhere."""
    return {as_recognised(pair.source) for part in parts for pair in read_pairs(data, part)}
