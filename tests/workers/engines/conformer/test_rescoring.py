"""The neural language model: trees of texts score as each text alone, and choices among paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.captions import model, rescorer, vocabulary
from tests.workers.engines.conformer.test_words import GOOD_MORNING
from workers.engines.conformer.rescoring import (
    MOST_PIECES,
    NeuralLanguageModel,
    PieceTree,
    Rescorer,
    make_rescorer,
)
from workers.engines.conformer.words import Candidate, Path, Spoken

WORDS = ("GOOD", "MORNING", "IT", "IS", "A", "PITY", "ZYXGORTH", "O'CLOCK", "ÄÖ")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


def candidate(text: str, sound: float = 0.0, likelihood: float = 0.0) -> Candidate:
    words = [Spoken(word, 2 * at, 2 * at + 2) for at, word in enumerate(text.split())]
    return Candidate(Path(tuple(words), (0,) * 2 * len(words)), sound, likelihood)


def language_model() -> NeuralLanguageModel:
    return rescorer()._language_model


def scores_of(texts: Sequence[str]) -> list[float]:
    tree = PieceTree()
    for pieces in language_model().encode(texts):
        tree.add(pieces)
    return [float(score) for score in language_model().score(tree)]


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
def test_a_text_scores_in_a_tree_as_it_does_alone(texts: list[str]) -> None:
    """But for bytes that rounding turns the other way: 0.1 of 87 nats has been seen."""
    alone = [scores_of([text])[0] for text in texts]
    assert scores_of(texts) == pytest.approx(alone, rel=5e-3, abs=0.1)
    assert scores_of(texts) == scores_of(texts)


def test_a_tree_holds_what_texts_share_once() -> None:
    tree = PieceTree()
    tree.add([5, 6, 7])
    tree.add([5, 6, 8])
    tree.add([5])
    assert tree.ids == [0, 5, 6, 7, 8]
    assert tree.texts == [[0, 1, 2, 3], [0, 1, 2, 4], [0, 1]]
    assert np.flatnonzero(tree.seen()[4]).tolist() == [0, 1, 2, 4]


def test_english_is_likelier_than_words_in_any_order() -> None:
    english, shuffled = scores_of(["IT IS A GREAT PITY", "PITY A IT GREAT IS"])
    assert english > shuffled + 5


def test_sound_outweighs_what_is_a_little_likelier() -> None:
    texts = "PITY A IT GREAT IS", "IT IS A GREAT PITY"
    even = [candidate(text) for text in texts]
    assert rescorer().choose(even) is even[1].path
    clear = [candidate(texts[0], sound=100.0), candidate(texts[1])]
    assert rescorer().choose(clear) is clear[0].path


def test_one_candidate_or_silence_stands() -> None:
    for text in ("", "GOOD MORNING"):
        only = candidate(text)
        assert rescorer().choose([only]) is only.path


def test_a_long_text_leaves_the_order_of_the_beam() -> None:
    long = [candidate("ZYXGORTH " * MOST_PIECES), candidate("GOOD MORNING", sound=1e9)]
    assert rescorer().choose(long) is long[0].path


def test_texts_beyond_a_trees_size_are_no_candidates() -> None:
    chance = np.random.default_rng(0)
    lines = [" ".join(chance.permutation(WORDS[:6] * 5)) for _ in range(30)]
    crowd = [candidate(line) for line in lines]
    kept = rescorer()._tree(crowd).texts
    assert 2 <= len(kept) < len(crowd)
    assert rescorer().choose([*crowd[:-1], candidate(lines[-1], sound=1e9)]) is not crowd[-1].path


def test_the_beam_gives_different_texts_with_their_own_paths() -> None:
    beam = vocabulary().beam()
    beam.step(GOOD_MORNING)
    found = beam.close_with(rescorer().most)
    texts = [each.text for each in found]
    assert texts[0] == "GOOD MORNING"
    assert 1 < len(texts) <= rescorer().most
    assert len(set(texts)) == len(texts)
    assert all(len(each.path.tokens) == len(GOOD_MORNING) for each in found)
    weight = vocabulary().search.lm_weight
    totals = [each.sound + weight * each.likelihood for each in found]
    assert totals == sorted(totals, reverse=True)


def test_a_silent_beam_gives_silence() -> None:
    (only,) = vocabulary().beam().close_with(rescorer().most)
    assert only.path.words == ()


def test_without_weight_the_choice_is_the_beams() -> None:
    own = replace(rescorer()._settings, ngram=vocabulary().search.lm_weight, neural=0.0)
    beam = vocabulary().beam()
    beam.step(GOOD_MORNING)
    found = beam.close_with(20)
    assert Rescorer(language_model(), own).choose(found) is found[0].path


def test_a_folder_without_the_model_rescoring_is_none() -> None:
    class Bare:
        settings = None

    bare = Bare()
    bare.settings = replace(model().settings, rescoring=None)  # type: ignore[assignment]
    assert make_rescorer(bare) is None  # type: ignore[arg-type]
