"""English sentences without translations, for the teacher to translate: novels and what
recordings say. Those that resemble everyday speech come first."""

import json
import lzma
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .corpus import as_recognised, tidy

NOVELS = ("english-novels-100.txt.xz", "eltec-eng.txt.xz")
#: Recordings whose transcripts have case and punctuation.
WRITTEN = ("kathleen-train", "ljspeech-train", "commonvoice-deltas-train")
FEWEST_WORDS, MOST_WORDS = 4, 28
_END = re.compile(r"(?<=[.!?][\"”’'])\s+|(?<=[.!?])\s+(?=[\"“A-Z])")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Dr|St|Ms|Col|Capt|Gen|Rev|Hon|Esq|[A-Z])\.$")
_QUOTES = str.maketrans("“”‘’", "\"\"''")


def novel_sentences(data: Path) -> Iterator[str]:
    for name in NOVELS:
        with lzma.open(data / "text" / name, "rt", encoding="utf-8") as file:
            for line in file:
                yield from sentences(line)


def sentences(paragraph: str) -> Iterator[str]:
    """Whole sentences of fitting length; what stands in quotation marks, without the marks."""
    waiting = ""
    for part in _END.split(tidy(paragraph.translate(_QUOTES))):
        waiting = f"{waiting} {part}".strip()
        if _TITLE.search(waiting):
            continue
        text = waiting.replace('"', "").strip(" -–—'")
        waiting = ""
        if FEWEST_WORDS <= len(text.split()) <= MOST_WORDS and _is_sentence(text):
            yield text


def _is_sentence(text: str) -> bool:
    return text[0].isupper() and text[-1] in ".!?" and not text.isupper() and "_" not in text


def spoken_sentences(data: Path) -> Iterator[str]:
    for name in WRITTEN:
        with (data / "speech" / name / "manifest.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield tidy(json.loads(line)["text"])


class Resemblance:
    """How much likelier a sentence's words are in one text than in another, a word (after Moore
    and Lewis 2010, with unigrams)."""

    def __init__(self, wanted: Iterable[str], other: Iterable[str]) -> None:
        self._wanted, self._other = _counts(wanted), _counts(other)
        self._sums = self._wanted.total() + 1e5, self._other.total() + 1e5

    def score(self, text: str) -> float:
        words = as_recognised(text).split()
        return sum(map(self._gain, words)) / max(len(words), 1)

    def _gain(self, word: str) -> float:
        wanted = (self._wanted[word] + 0.3) / self._sums[0]
        return math.log(wanted) - math.log((self._other[word] + 0.3) / self._sums[1])


def _counts(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in as_recognised(text).split())


def choose_english(
    data: Path, everyday: Sequence[str], forbidden: set[str], count: int
) -> list[str]:
    """The `count` sentences that most resemble `everyday`, none of them in `forbidden`."""
    novels = list(dict.fromkeys(novel_sentences(data)))
    like = Resemblance(everyday, novels[:: max(1, len(novels) // 100_000)])
    scored = sorted(novels, key=like.score, reverse=True)
    spoken = list(dict.fromkeys(spoken_sentences(data)))
    taken = {*forbidden, *map(as_recognised, everyday)}
    chosen = []
    for text in (*spoken, *scored):
        heard = as_recognised(text)
        if heard and heard not in taken:
            taken.add(heard)
            chosen.append(text)
        if len(chosen) >= count:
            break
    return chosen
