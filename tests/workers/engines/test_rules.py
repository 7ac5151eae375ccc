"""What is listed is found, in disguise too; what is not listed is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import EngineError, EngineMissing
from stream.core.messages import Rung
from workers.engines.rules import LISTED, MOST_OWN_LISTS, make_engine, read_list
from workers.ports import Judge, Render, Scored

RULES = make_engine()


def score(text: str, *words: str) -> Scored:
    (scored,) = RULES.run(Rung.DRAFT, [Judge(text=text, words=words)])
    return scored


@pytest.mark.parametrize(
    "text",
    [
        "you shit", "SHIT!", "sh1t", "$hit", "shiiiiit", "s h i t", "s.h.i.t", "I s h i t you",
        "sh\u200bit", "ѕһіt", "ｓｈｉｔ", "𝖘𝖍𝖎𝖙", "s̷h̴i̸t̵", "shít",
    ],
)  # fmt: skip
def test_a_listed_word_is_found_in_every_disguise(text: str) -> None:
    assert score(text) == Scored(
        labels={"offensive": LISTED}, reasons=("offensive: listed 'shit'",)
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "what a lovely day", "a classic assessment in Scunthorpe", "shitake mushrooms",
        "annus horribilis", "two cats bite", "bitte sehr", "1000 55% 8008", "U.S.A. is f i n e",
    ],
)  # fmt: skip
def test_what_only_resembles_a_listed_word_is_left_alone(text: str) -> None:
    assert score(text) == Scored(labels={"offensive": 0.0})


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_every_entry_of_every_list_is_found(language: str) -> None:
    missed = [phrase for phrase in read_list(language) if not score(f"so, {phrase}.").reasons]
    assert missed == []


def test_the_channels_own_words_have_a_label_of_their_own() -> None:
    assert score("buy at bit.ly/xyz!", "bit.ly/xyz").labels == {"offensive": 0.0, "words": 1.0}
    assert score("fine", "bit.ly/xyz").labels == {"offensive": 0.0, "words": 0.0}
    assert score("b u y now", "buy now").labels["words"] == 0.0
    assert score("你是笨蛋吗", "笨蛋").found == ("笨蛋",)
    assert score("look: 🍆!", "🍆").labels["words"] == 1.0


def test_own_words_are_told_as_they_were_given() -> None:
    found = score("sh1t Happens", "happens", "never")
    assert (found.found, found.reasons) == (("happens",), ("offensive: listed 'shit'",))


def test_lists_of_channels_are_kept_within_bounds() -> None:
    engine = make_engine(languages=())
    for number in range(MOST_OWN_LISTS + 5):
        engine.run(Rung.DRAFT, [Judge(text="x", words=(f"word {number}",))])
    assert len(engine._own) == MOST_OWN_LISTS


def test_phrases_that_end_in_each_other_cost_no_more_than_their_bound() -> None:
    nested = tuple(" ".join("a" * length) for length in range(1, 50))
    assert score("aaaa " * 3_200, *nested).labels["words"] == 1.0


def test_only_languages_with_a_list_are_taken() -> None:
    assert make_engine(languages=("de",)).card.languages == ("de",)
    with pytest.raises(EngineMissing, match="no word list for language 'xx'; there is: en, de"):
        make_engine(languages=("xx",))


def test_only_texts_to_judge_are_taken() -> None:
    with pytest.raises(EngineError, match="Render"):
        RULES.run(Rung.DRAFT, [Render(text="a", source="en", target="de")])


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_any_text_has_a_score(text: str, words: list[str]) -> None:
    scored = score(text, *words)
    assert set(scored.labels) == {"offensive"} | ({"words"} if words else set())
    assert all(0.0 <= value <= 1.0 for value in scored.labels.values())


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_an_own_word_is_found_in_its_own_text(word: str) -> None:
    assert score(f"well, {word}!", word).labels["words"] == 1.0
