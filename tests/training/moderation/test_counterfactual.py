"""A changed text has the labels that the change leaves true, and no others."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.moderation import counterfactual as made
from training.moderation import statements
from training.moderation.corpus import LABELS, Example, values
from training.moderation.obfuscate import LOSSY, TRICKS, disguise
from training.moderation.terms import PROTECTED, UNPROTECTED, swap_terms, terms_of

RNG = random.Random(0)
HATE = Example("Women are awful, said an Asian.", values({"hate": 1, "sexist": 1}), "edos")


def label(example: Example, name: str) -> float:
    return example.labels[LABELS.index(name)]


def test_terms_are_whole_words() -> None:
    assert terms_of("Women and black people in Asiana") == ["women", "black people"]


@given(st.randoms(use_true_random=False))
def test_a_swap_names_groups_of_the_given_kind_only(rng: random.Random) -> None:
    assert terms_of(swap_terms("women like muslims", UNPROTECTED, rng)) == []
    assert terms_of(swap_terms("women like muslims", PROTECTED, rng)) != []


def test_articles_follow() -> None:
    swapped = swap_terms("a woman", (next(g for g in PROTECTED if g.singular == "immigrant"),), RNG)
    assert swapped == "an immigrant"


@given(st.randoms(use_true_random=False))
def test_hate_stays_hate_and_sexism_is_known_only_of_women(rng: random.Random) -> None:
    changed = made.swapped(HATE, rng)
    assert label(changed, "hate") == 1.0
    names_women = {"women", "woman", "female", "females", "girls", "girl"} & {
        *terms_of(changed.text)
    }
    assert math.isnan(label(changed, "sexist")) != bool(names_women)


def test_without_a_group_it_is_no_hate() -> None:
    changed = made.unprotected(HATE, RNG)
    assert label(changed, "hate") == 0.0
    assert math.isnan(label(changed, "offensive"))


def test_quoted_against_and_for() -> None:
    assert label(made.denounced(HATE.text, RNG), "hate") == 0.0
    assert label(made.endorsed(HATE, RNG), "hate") == 1.0
    assert "Women are awful, said an Asian" in made.denounced(HATE.text, RNG).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("women are awful", "women are not awful"),
        ("women are not awful", None),
        ("women are awful and men are great", None),
        ("awful women", None),
    ],
)
def test_only_one_plain_statement_can_be_negated(text: str, expected: str | None) -> None:
    changed = made.negated(text)
    assert (changed.text if changed else None) == expected


@given(st.randoms(use_true_random=False))
def test_a_prefix_of_a_positive_keeps_most_of_it(rng: random.Random) -> None:
    words = made.prefix(HATE, rng).text.split()
    assert words == HATE.text.split()[: len(words)]
    assert len(words) >= 4
    clean = HATE._replace(labels=values({"hate": 0}))
    assert 1 <= len(made.prefix(clean, rng).text.split()) <= 6


@given(
    st.sampled_from([*TRICKS, *LOSSY]),
    st.lists(st.text(alphabet="abcdeiost", min_size=1, max_size=12), max_size=5),
    st.randoms(use_true_random=False),
)
def test_a_disguise_touches_long_words_only(
    name: str, words: list[str], rng: random.Random
) -> None:
    text = " ".join(words)
    trick = {**TRICKS, **LOSSY}[name]
    assert disguise(text, trick, rng, share=0.0) == text
    disguised = disguise(" ".join(w[:3] for w in words), trick, rng, share=1.0)
    assert disguised == " ".join(w[:3] for w in words)


@given(st.randoms(use_true_random=False))
def test_statements_and_their_doubles(rng: random.Random) -> None:
    said = statements.hateful(rng)
    assert label(said, "hate") == 1.0
    assert "{" not in said.text
    for double in (statements.about_others, statements.defended, statements.without_group):
        other = double(rng)
        assert label(other, "hate") == 0.0
        assert "{" not in other.text
    assert terms_of(statements.about_others(rng).text) == []
    assert terms_of(statements.defended(rng).text) != []


def test_only_texts_of_several_sentences_have_parts() -> None:
    assert made.sentences_of("one sentence only here") == []
    assert made.sentences_of("this is one. and this another.") == [
        "this is one.",
        "and this another.",
    ]
