"""Which language is it? Among those that are asked about, and how sure that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.languages import Candidate, Detector, runs
from workers.languages import load_detector

SHIPPED = load_detector()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What a lovely day it is today!", "en"),
        ("Wie geht es dir heute Morgen?", "de"),
        ("Je n'ai pas le temps aujourd'hui.", "fr"),
        ("¿Dónde está la biblioteca?", "es"),
        ("WHAT IS THIS https://de.example.org/das-ist-nicht-deutsch", "en"),
    ],
)
def test_a_sentence_is_known_by_its_letters(text: str, language: str) -> None:
    best, *others = SHIPPED.detect(text)
    assert best.language == language
    assert best.confidence > 0.8 > sum(each.confidence for each in others)


def test_only_the_languages_that_are_asked_about_are_compared() -> None:
    found = SHIPPED.detect("Wie geht es dir?", ["fr", "en", "xx"])
    assert {each.language for each in found} == {"en", "fr"}
    assert SHIPPED.detect("Hello", ["xx"]) == []


@pytest.mark.parametrize("text", ["", "123", "🙂", "https://a.org"])
def test_without_a_letter_all_are_as_likely(text: str) -> None:
    assert SHIPPED.detect(text, ["en", "de"]) == [Candidate("en", 0.5), Candidate("de", 0.5)]


def test_a_short_text_says_less_than_a_long_one() -> None:
    short, long = SHIPPED.detect("Hand")[0], SHIPPED.detect("my hand is in your hand again")[0]
    assert short.confidence < long.confidence


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What a lovely day it is today!", "en"),
        ("Guten Morgen, wie geht es dir?", "de"),
        ("Je n'ai pas le temps.", "fr"),
        ("San Francisco", "en"),
        ("Berlin", "en"),
        ("kindergarten", "en"),
        ("Champs-Élysées", "en"),
        ("Hallo", "en"),
        ("", "en"),
        ("https://a.org/wie-geht-es-dir 12", "en"),
    ],
)
def test_only_what_is_surely_in_another_language_is_not_read_as_the_offered_one(
    text: str, language: str
) -> None:
    found = SHIPPED.source_of(text, ["en"])
    assert found is not None
    assert found.language == language


def test_the_likeliest_of_what_is_offered_is_read_where_nothing_is_sure() -> None:
    found = SHIPPED.source_of("Hallo", ["de", "en"])
    assert found is not None
    assert (found.language, found.confidence < 0.5) == ("en", True)
    assert SHIPPED.source_of("Guten Morgen, wie geht es dir?", ["xx"]) is None


@given(st.text(), st.sets(st.sampled_from(["en", "de", "fr", "es"]), min_size=1))
def test_one_word_is_always_read_as_an_offered_language(text: str, offered: set[str]) -> None:
    found = SHIPPED.source_of("".join(text.split()), offered)
    assert found is not None
    assert found.language in offered


@given(st.text())
def test_confidences_make_one_and_the_likeliest_comes_first(text: str) -> None:
    found = SHIPPED.detect(text)
    sure = [each.confidence for each in found]
    assert sum(sure) == pytest.approx(1)
    assert sure == sorted(sure, reverse=True)


def test_runs_of_letters_know_the_edges_of_words() -> None:
    assert list(runs("Ab")) == ["a", "b", " a", "ab", "b ", " ab", "ab "]
    assert Detector({"a": {"x": -1.0}}, -2.0).detect("x") == [Candidate("a", 1.0)]
