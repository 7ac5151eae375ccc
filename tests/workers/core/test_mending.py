"""Translations are put right where they have a number wrong; what cannot be put right is named."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.facts import find_facts
from workers.core.mending import mend


def mended(source: str, said: str, language: str = "de", **glossary: str) -> str | list[str]:
    """The translation put right, or what it lacks."""
    found = mend(find_facts(source, glossary), source, said, language)
    return [each.read() for each in found.missing] or found.text


@given(
    st.text(alphabet="ab 12.,:/€-", max_size=60),
    st.text(alphabet="ab 12.,:/€-", max_size=60),
)
def test_where_nothing_lacks_the_numbers_are_those_of_the_source(source: str, said: str) -> None:
    found = mend(find_facts(source, {}), source, said, "xx")
    if not found.missing:
        assert Counter(re.findall(r"\d+", found.text)) == Counter(re.findall(r"\d+", source))


@pytest.mark.parametrize(
    ("source", "said", "language", "wanted"),
    [
        ("It is 1,000.50", "Das ist 1.000,50", "de", "Das ist 1.000,50"),
        ("On 3 May at 10:45", "Um 10:45 am 3. Mai", "de", "Um 10:45 am 3. Mai"),
        ("at 10:45", "um 22:45 Uhr", "de", "um 10:45 Uhr"),
        ("I get up at 6:30.", "Ich stehe um halb sieben auf.", "de", "Ich stehe um 6:30 Uhr auf."),
        ("Until 10:00?", "Jusqu'à dix heures ?", "fr", "Jusqu'à 10:00 ?"),
        ("At 2:30.", "A las dos y media.", "es", "A las 2:30."),
        ("from 9 to 4", "de las nueve a las 4", "es", "de las 9 a las 4"),
        ("It's 10 p.m.", "Il est dix heures.", "fr", "Il est 22 heures."),
        ("From 10:30 a.m.", "De las diez y media.", "es", "De las 10:30 a.m."),
        ("To 6 p.m.", "A las 6.m.", "es", "A las 6 p.m."),
        ("5,000,000 yen", "5.000 Yen", "de", "5.000.000 Yen"),
        ("0171 555 2368", "0171-555-268", "de", "0171 555 2368"),
        ("500 cats", "fünf00 Katzen", "de", "fünf 500 Katzen"),
        ("4-2 after 90 minutes", "4-2 nach 90 Minuten 42.", "de", "4-2 nach 90 Minuten."),
        ("two of 3", "2 von 3", "de", "zwei von 3"),
        ("The cat", "Die 7 Katzen", "de", "Die Katzen"),
        ("It is €5", "Es sind  $5", "de", "Es sind €5"),
    ],
)
def test_a_wrong_number_is_put_right_in_its_place(
    source: str, said: str, language: str, wanted: str
) -> None:
    assert mended(source, said, language) == wanted


@pytest.mark.parametrize(
    ("source", "said", "lacks"),
    [
        ("3 cats and 4 dogs", "Katzen und 4 Hunde", ["3"]),
        ("3 cats and 4 dogs", "7 Katzen und 8 Hunde", ["3", "4"]),
        ("See https://a.org now", "Siehe jetzt", ["Q"]),
        ("3 cats", "", ["3"]),
    ],
)
def test_what_cannot_be_put_right_is_named(source: str, said: str, lacks: list[str]) -> None:
    assert mended(source, said) == lacks


def test_the_glossarys_words_are_facts_in_any_case() -> None:
    assert mended("The Team won", "Die Mannschaft gewann", team="Mannschaft") == (
        "Die Mannschaft gewann"
    )
    assert mended("The team and the Team", "Die Mannschaft", team="Mannschaft") == ["Team"]
    assert mended("steam engine", "Dampfmaschine", team="Mannschaft") == "Dampfmaschine"
