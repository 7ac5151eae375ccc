"""What one epoch shows to the models, made anew for each from the seed and the epoch's number."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from workers.engines.rules import read_list

from . import counterfactual as made
from . import statements
from .corpus import Example, read_train, values
from .neutral import Neutral, neutral
from .obfuscate import LOSSY, TRICKS, disguise
from .terms import PROTECTED, swap_terms, terms_of

Item = TypeVar("Item")
SLURS_LEAST = 12


@dataclass(frozen=True)
class Amounts:
    """Examples of each kind in an epoch, at most; `share_` of all that are changed in place."""

    per_source: tuple[tuple[str, int], ...] = (
        ("davidson", 6500), ("edos", 14000), ("stormfront", 7000), ("convabuse", 1437),
        ("sms_spam", 2200),
    )  # fmt: skip
    swapped: int = 3500
    clauses: int = 3500
    slurs: int = 700
    unprotected: int = 3000
    denounced: int = 2000
    endorsed: int = 1300
    quoted: int = 400
    negated: int = 700
    sworn: int = 1500
    praised: int = 600
    hateful: int = 4000
    about_others: int = 1500
    defended: int = 3500
    without_group: int = 1800
    named: int = 4500
    plain: int = 2500
    foreign: int = 400
    share_swapped: float = 0.4
    share_disguised: float = 0.12
    share_prefix: float = 0.08

    def scaled(self, share: float) -> "Amounts":
        """A smaller epoch of the same kinds."""
        counts = {k: round(share * v) for k, v in vars(self).items() if isinstance(v, int)}
        per_source = tuple((name, round(share * most)) for name, most in self.per_source)
        return replace(self, per_source=per_source, **counts)


class Mixture:
    """All training texts, sorted by what can be made of them."""

    def __init__(self, data: Path, seed: int, amounts: Amounts | None = None) -> None:
        self._seed, self._amounts = seed, amounts or Amounts()
        self._train = read_train(data / "moderation")
        self._neutral = Neutral(data / "translation", read_list("en"))
        named = [e for e in self._train if terms_of(e.text)]
        self._hateful = [e for e in named if e.is_positive("hate")]
        self._clauses = made.clauses(self._train)
        self._quotes = [
            e for e in (*self._hateful, *self._clauses) if len(e.text) <= made.LONGEST_QUOTE
        ]
        self._slurs = slurs_of(self._train)

    def texts(self) -> list[str]:
        """Everything that a vocabulary should cover."""
        return [e.text for e in self._train] + self._neutral.named + self._neutral.plain[:40_000]

    def epoch(self, number: int) -> list[Example]:
        """Shuffled; the same for the same seed and number."""
        rng = random.Random(self._seed * 1_000_003 + number)
        shown = [self._maybe_swapped(e, rng) for e in self._base(rng)]
        shown += self._counterfactuals(rng) + self._harmless(rng) + self._statements(rng)
        shown = [self._roughened(e, rng) for e in shown]
        rng.shuffle(shown)
        return [e for e in shown if e.text.strip()]

    def unlabelled(self, most: int) -> list[Example]:
        """Sentences for a teacher to label: harmless ones, and parts of what is in training."""
        parts = [s for e in self._train for s in made.sentences_of(e.text)]
        sentences = [*self._neutral.named, *parts, *self._neutral.plain]
        return [Example(s, values({}), "unlabelled") for s in sentences[:most]]

    def _base(self, rng: random.Random) -> list[Example]:
        """Positives of hate and spam always; of the rest as many as fit."""
        chosen: list[Example] = []
        for source, most in self._amounts.per_source:
            here = [e for e in self._train if e.source == source]
            rare = [e for e in here if e.is_positive("hate") or e.is_positive("spam")]
            rest = [e for e in here if not (e.is_positive("hate") or e.is_positive("spam"))]
            chosen += rare + rng.sample(rest, min(len(rest), max(0, most - len(rare))))
        return chosen

    def _maybe_swapped(self, example: Example, rng: random.Random) -> Example:
        if rng.random() < self._amounts.share_swapped and terms_of(example.text):
            return made.swapped(example, rng)
        return example

    def _counterfactuals(self, rng: random.Random) -> list[Example]:
        amounts = self._amounts
        all_hate = [*self._hateful, *self._clauses]
        chosen = [made.swapped(e, rng) for e in pick(self._hateful, amounts.swapped, rng)]
        chosen += [made.swapped(e, rng) for e in pick(self._clauses, amounts.clauses, rng)]
        chosen += [
            made.with_slur(e, self._slurs, rng) for e in pick(self._clauses, amounts.slurs, rng)
        ]
        chosen += [made.unprotected(e, rng) for e in pick(all_hate, amounts.unprotected, rng)]
        quotes = [made.swapped(e, rng) for e in pick(self._quotes, amounts.denounced, rng)]
        chosen += [made.denounced(e.text, rng) for e in quotes]
        quotes = [made.swapped(e, rng) for e in pick(self._quotes, amounts.endorsed, rng)]
        chosen += [made.endorsed(e, rng) for e in quotes]
        swaps = (made.swapped(e, rng) for e in pick(self._clauses, 6 * amounts.negated, rng))
        negations = [n for e in swaps if (n := made.negated(e.text)) is not None]
        return chosen + negations[: amounts.negated]

    def _harmless(self, rng: random.Random) -> list[Example]:
        amounts, sentences = self._amounts, self._neutral
        named = pick(sentences.named, amounts.named, rng)
        chosen = [neutral(swap_terms(s, PROTECTED, rng)) for s in named]
        chosen += [neutral(s) for s in pick(sentences.plain, amounts.plain, rng)]
        chosen += [neutral(s) for s in pick(sentences.foreign, amounts.foreign, rng)]
        chosen += [made.sworn(s, rng) for s in pick(sentences.plain, amounts.sworn, rng)]
        chosen += [made.quoted_neutral(s, rng) for s in pick(sentences.named, amounts.quoted, rng)]
        return chosen + [made.praised(self._slurs, rng) for _ in range(amounts.praised)]

    def _statements(self, rng: random.Random) -> list[Example]:
        amounts = self._amounts
        chosen = [statements.hateful(rng) for _ in range(amounts.hateful)]
        chosen += [statements.about_others(rng) for _ in range(amounts.about_others)]
        chosen += [statements.defended(rng) for _ in range(amounts.defended)]
        return chosen + [statements.without_group(rng) for _ in range(amounts.without_group)]

    def _roughened(self, example: Example, rng: random.Random) -> Example:
        chance = rng.random()
        if chance < self._amounts.share_prefix:
            return made.prefix(example, rng)
        if chance < self._amounts.share_prefix + self._amounts.share_disguised:
            trick = rng.choice([*TRICKS.values(), *LOSSY.values()])
            return example._replace(text=disguise(example.text, trick, rng))
        return example


def pick(items: Sequence[Item], most: int, rng: random.Random) -> list[Item]:
    return rng.sample(items, min(most, len(items)))


def slurs_of(examples: Sequence[Example]) -> list[str]:
    """Single listed words that annotated hate holds often, against all else of one source."""
    listed = {word for word in read_list("en") if word.isalpha() and len(word) >= 4}
    counts: dict[str, list[int]] = {}
    for example in examples:
        if example.source == "davidson":
            for word in {w.removesuffix("s") for w in example.text.lower().split()} & listed:
                count = counts.setdefault(word, [0, 0])
                count[example.is_positive("hate")] += 1
    return sorted(w for w, (no, yes) in counts.items() if yes >= SLURS_LEAST and 4 * yes > no)
