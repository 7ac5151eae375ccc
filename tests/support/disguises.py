"""Known tricks against moderation, one word at a time, that a reader undoes exactly."""

from __future__ import annotations

import random
from collections.abc import Callable

LOOKALIKES = str.maketrans("aceijopsxyhk", "асеіјорѕхуһк")
SIGNS = {"e": "3", "i": "1", "o": "0", "a": "4"}
ALPHABETS = (0x1D41A, 0x1D4EA, 0x1D586, 0x1D5EE, 0x1D68A)
Disguise = Callable[[str, random.Random], str]

DISGUISES: dict[str, Disguise] = {
    "capitals": lambda word, rng: "".join(rng.choice((c, c.upper())) for c in word),
    "homoglyphs": lambda word, rng: word.translate(LOOKALIKES),
    "zero width": lambda word, rng: "".join(c + rng.choice("\u200b\u200d\ufeff") for c in word),
    "soft hyphens": lambda word, rng: "\u00ad".join(word),
    "right to left": lambda word, rng: f"\u202e{word}\u202c",
    "accents": lambda word, rng: "".join(c + rng.choice("\u0301\u0308\u0337") for c in word),
    "full width": lambda word, rng: "".join(chr(ord(c) + 0xFEE0) for c in word),
    "alphabet": lambda word, rng: "".join(
        chr(first + ord(c) - 97) for first in [rng.choice(ALPHABETS)] for c in word
    ),
    "leet": lambda word, rng: word[0] + "".join(SIGNS.get(c, c) for c in word[1:-1]) + word[-1],
    "spaced": lambda word, rng: rng.choice(" .-_*").join(word),
    "dragged": lambda word, rng: word[0] + word[1] * rng.randint(3, 9) + word[2:],
    "cut": lambda word, rng: word[:3] + rng.choice("-.*_~") * (len(word) > 4) + word[3:],
    "tagged": lambda word, rng: f"{word[:2]}<b></b>{word[2:]}",
    "entities": lambda word, rng: "".join(f"&#{ord(c)};" for c in word),
}  # fmt: skip
