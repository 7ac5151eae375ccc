"""How people hide what they write: our own disguises, for training and for measuring."""

import random
from collections.abc import Callable, Mapping

LOOKALIKES = str.maketrans("aceijopsxyhk", "асеіјорѕхуһк")
SIGNS = {"a": "@4", "e": "3", "i": "1!", "o": "0", "s": "$5", "t": "7+", "b": "8", "g": "9"}
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
BLOCKS = (0x1D400, 0x1D434, 0x1D468, 0x1D4D0, 0x1D56C, 0x1D5A0, 0x1D5D4, 0x1D670)
"""Where the mathematical alphabets without gaps begin: capitals, then small letters."""

Rng = random.Random
Trick = Callable[[str, Rng], str]


def homoglyphs(word: str, rng: Rng) -> str:
    return word.translate(LOOKALIKES)


def leet(word: str, rng: Rng) -> str:
    return "".join(rng.choice(SIGNS[c]) if c in SIGNS and rng.random() < 0.7 else c for c in word)


def zero_width(word: str, rng: Rng) -> str:
    return "".join(c + rng.choice(ZERO_WIDTH) for c in word)


def spaced(word: str, rng: Rng) -> str:
    return rng.choice(" .-_*").join(word)


def dragged(word: str, rng: Rng) -> str:
    place = rng.randrange(len(word))
    return word[:place] + word[place] * rng.randint(3, 7) + word[place + 1 :]


def accented(word: str, rng: Rng) -> str:
    return "".join(c + rng.choice("\u0300\u0301\u0302\u0308\u0337") for c in word)


def alphabet(word: str, rng: Rng) -> str:
    first = rng.choice(BLOCKS)
    return "".join(chr(first + 26 + ord(c) - 97) if "a" <= c <= "z" else c for c in word.lower())


def full_width(word: str, rng: Rng) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)


def tagged(word: str, rng: Rng) -> str:
    place = rng.randrange(1, len(word)) if len(word) > 1 else 1
    return f"{word[:place]}<b></b>{word[place:]}"


def cut(word: str, rng: Rng) -> str:
    place = rng.randrange(1, len(word)) if len(word) > 1 else 1
    return word[:place] + rng.choice("-.*_~") + word[place:]


def starred(word: str, rng: Rng) -> str:
    """A vowel is hidden: only the rest of the word says which."""
    places = [p for p, c in enumerate(word) if c in "aeiou" and p > 0]
    if not places:
        return word
    place = rng.choice(places)
    return word[:place] + rng.choice("*#_") + word[place + 1 :]


def doubled(word: str, rng: Rng) -> str:
    place = rng.randrange(len(word))
    return word[:place] + word[place] * 2 + word[place + 1 :]


def swapped_letters(word: str, rng: Rng) -> str:
    if len(word) < 4:
        return word
    place = rng.randrange(1, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


TRICKS: Mapping[str, Trick] = {
    "homoglyphs": homoglyphs,
    "leet": leet,
    "zero width": zero_width,
    "spaced": spaced,
    "dragged": dragged,
    "accented": accented,
    "alphabet": alphabet,
    "full width": full_width,
    "tagged": tagged,
    "cut": cut,
}
"""What the reader undoes, or should."""
LOSSY: Mapping[str, Trick] = {
    "starred": starred,
    "doubled": doubled,
    "swapped letters": swapped_letters,
}
"""What loses or invents letters: the reader guesses, where one slip away is a known word."""


def disguise(text: str, trick: Trick, rng: Rng, share: float = 0.5, least: int = 4) -> str:
    """About `share` of the words of `least` letters or more are written in the trick's way."""
    words = text.split(" ")
    return " ".join(
        trick(word, rng) if len(word) >= least and word.isalpha() and rng.random() < share else word
        for word in words
    )
