"""Words to phones: CMUdict without stress, and safe derivations for words it lacks.

A spelling here is a tuple of phones, without the word boundary that the recogniser writes
between words.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

PHONES = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW "
    "V W Y Z ZH"
).split()
BOUNDARY = "|"
#: The phone head's classes; index 0 is the CTC blank.
PHONE_TOKENS = ["<b>", *PHONES, BOUNDARY]
#: The character head's classes; the space is its word boundary.
CHARACTER_TOKENS = ["<b>", *" 'ABCDEFGHIJKLMNOPQRSTUVWXYZ"]

Phones = tuple[str, ...]

_VOICED = frozenset(
    "B D DH G V Z ZH JH M N NG L R W Y AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
)
_SIBILANT = frozenset("S Z SH ZH CH JH".split())

#: British endings and the American ones that CMUdict knows.
_BRITISH = (
    ("OUR", "OR"), ("OURS", "ORS"), ("OURED", "ORED"), ("OURING", "ORING"), ("OURABLE", "ORABLE"),
    ("OURLESS", "ORLESS"), ("ISE", "IZE"), ("ISED", "IZED"), ("ISING", "IZING"),
    ("ISATION", "IZATION"), ("YSE", "YZE"), ("TRE", "TER"), ("LLED", "LED"), ("LLING", "LING"),
    ("LLER", "LER"), ("EXION", "ECTION"), ("DGEMENT", "DGMENT"), ("ENCE", "ENSE"),
)  # fmt: skip

#: Endings that only append phones; the flag allows a dropped E or a doubled consonant before it.
_SUFFIXES = (
    ("NESS", "N AH S", False), ("LESS", "L AH S", False), ("FUL", "F AH L", False),
    ("MENT", "M AH N T", False), ("SHIP", "SH IH P", False), ("LIKE", "L AY K", False),
    ("EST", "AH S T", True), ("ER", "ER", True), ("ISH", "IH SH", True),
    ("ABLE", "AH B AH L", True),
)  # fmt: skip

_PREFIXES = (
    ("UNDER", "AH N D ER"), ("OVER", "OW V ER"), ("FORE", "F AO R"), ("OUT", "AW T"),
    ("MIS", "M IH S"), ("DIS", "D IH S"), ("NON", "N AA N"), ("SUB", "S AH B"), ("UN", "AH N"),
    ("RE", "R IY"),
)  # fmt: skip

_DEEPEST = 2


def read_cmudict(path: Path) -> dict[str, list[Phones]]:
    """All pronunciations by upper-case word, most usual first, stress marks removed."""
    pronunciations: dict[str, list[Phones]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        fields = line.split("#")[0].split()
        if not fields:
            continue
        word = re.sub(r"\(\d+\)$", "", fields[0]).upper()
        phones = tuple(re.sub(r"\d", "", p) for p in fields[1:])
        known = pronunciations.setdefault(word, [])
        if phones not in known:
            known.append(phones)
    return pronunciations


class Pronouncer:
    """Pronunciations of any word: looked up, derived, or asked of `guess` (may be None)."""

    def __init__(
        self,
        dictionary: dict[str, list[Phones]],
        guess: Callable[[str], list[Phones]] | None = None,
    ) -> None:
        self.dictionary = dictionary
        self._guess = guess

    def __call__(self, word: str) -> list[Phones]:
        """Most usual first; empty if nothing is known."""
        found = self._derived(word, 0)
        if not found and self._guess is not None:
            return self._guess(word)
        return list(dict.fromkeys(found))

    def _derived(self, word: str, depth: int) -> list[Phones]:
        if word in self.dictionary:
            return self.dictionary[word]
        if depth > _DEEPEST or len(word) < 3:
            return []
        for rule in (_inflected, _british, _suffixed, _prefixed):
            for found in rule(self, word, depth):
                if found:
                    return found
        return self._compound(word)

    def _compound(self, word: str) -> list[Phones]:
        for cut in range(len(word) - 3, 2, -1):
            left, right = self.dictionary.get(word[:cut]), self.dictionary.get(word[cut:])
            if left and right:
                return [left[0] + right[0]]
        return []

    def stems(self, stem: str) -> Iterator[list[Phones]]:
        """What `stem` was before a vowel suffix: HOP from HOPE, HOPP from HOP, or itself."""
        for candidate in (stem + "E", stem[:-1] if stem[-2:-1] == stem[-1:] else "", stem):
            if len(candidate) > 1 and candidate in self.dictionary:
                yield self.dictionary[candidate]

    def derived(self, word: str, depth: int) -> list[Phones]:
        return self._derived(word, depth + 1)


def _plural(phones: Phones) -> Phones:
    last = phones[-1]
    return phones + (("IH", "Z") if last in _SIBILANT else ("Z",) if last in _VOICED else ("S",))


def _past(phones: Phones) -> Phones:
    last = phones[-1]
    return phones + (("IH", "D") if last in ("T", "D") else ("D",) if last in _VOICED else ("T",))


def _inflected(p: Pronouncer, word: str, depth: int) -> Iterator[list[Phones]]:
    known = p.dictionary
    if word.endswith("'S"):
        yield [_plural(x) for x in p.derived(word[:-2], depth)]
    elif word.endswith("S'"):
        yield p.derived(word[:-1], depth)
    elif word.endswith("IES"):
        yield [(*x, "Z") for x in known.get(word[:-3] + "Y", [])]
    elif word.endswith("ES"):
        yield [_plural(x) for x in p.derived(word[:-2], depth) if x[-1] in _SIBILANT]
    if word.endswith("S") and not word.endswith(("SS", "'S")) and len(word) > 4:
        yield [_plural(x) for x in p.derived(word[:-1], depth)]
    if word.endswith("IED"):
        yield [_past(x) for x in known.get(word[:-3] + "Y", [])]
    if word.endswith("ED") and len(word) > 4:
        yield from ([_past(x) for x in stem] for stem in p.stems(word[:-2]))
    if word.endswith("ING") and len(word) > 5:
        yield from ([(*x, "IH", "NG") for x in stem] for stem in p.stems(word[:-3]))
    if word.endswith("IN'"):
        yield [(*x[:-1], "N") for x in known.get(word[:-1] + "G", [])]


def _british(p: Pronouncer, word: str, depth: int) -> Iterator[list[Phones]]:
    del depth
    for british, american in _BRITISH:
        if word.endswith(british):
            yield p.dictionary.get(word[: -len(british)] + american, [])
    if word.startswith("GREY"):
        yield p.dictionary.get("GRAY" + word[4:], [])


def _suffixed(p: Pronouncer, word: str, depth: int) -> Iterator[list[Phones]]:
    known = p.dictionary
    if word.endswith("INESS"):
        yield [(*x, "N", "AH", "S") for x in known.get(word[:-5] + "Y", [])]
    if word.endswith("ILY"):
        yield [(*x[:-1], "AH", "L", "IY") for x in known.get(word[:-3] + "Y", [])]
    if word.endswith("BLY"):
        yield [(*x[:-2], "L", "IY") for x in known.get(word[:-1] + "E", [])]
    for suffix, phones, bends in _SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            stem, tail = word[: -len(suffix)], tuple(phones.split())
            found = list(p.stems(stem)) if bends else [p.derived(stem, depth)]
            yield from ([x + tail for x in bases] for bases in found)
    if word.endswith("LY") and len(word) > 4:
        bases = p.derived(word[:-2], depth)
        yield [(*(x[:-1] if x[-1] == "L" else x), "L", "IY") for x in bases]


def _prefixed(p: Pronouncer, word: str, depth: int) -> Iterator[list[Phones]]:
    for prefix, phones in _PREFIXES:
        if word.startswith(prefix) and len(word) > len(prefix) + 3:
            yield [(*phones.split(), *x) for x in p.derived(word[len(prefix) :], depth)]
