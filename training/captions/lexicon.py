"""The words that captions can write, and how they are spoken."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .corpus import Utterance
from .phones import Pronouncer

#: A word of the novels must come so often to be kept; words of the transcripts always are.
LEAST_COUNT = 5


def choose_words(text: Path, utterances: Iterable[Utterance]) -> list[str]:
    """The language model's vocabulary: no word is in it for the sake of a test recording."""
    counts = Counter(word for line in text.open(encoding="ascii") for word in line.split())
    spoken = {w for u in utterances if u.fold == "train" for w in u.words.split()}
    return sorted(spoken | {w for w, n in counts.items() if n >= LEAST_COUNT})


def write_lexicon(path: Path, words: Iterable[str], pronounce: Pronouncer) -> int:
    """Lines of a word, a tab and its phones, a line a pronunciation; returns how many words."""
    written = 0
    with path.open("w", encoding="ascii") as file:
        for word in words:
            spellings = pronounce(word)
            written += bool(spellings)
            file.writelines(f"{word}\t{' '.join(spelling)}\n" for spelling in spellings)
    return written
