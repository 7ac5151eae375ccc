"""Numbers as values: the same in every way to write them, and written as each language does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.numbers import Number, in_place, instead, localised, numbers, values, written


def number(text: str) -> Number:
    (found,) = numbers(text)
    return found


@given(st.text(alphabet="ab 12.,:/-+€$%pm"))
def test_every_digit_is_in_a_number(text: str) -> None:
    found = numbers(text)
    assert "".join(re.findall(r"\d", "".join(each.text for each in found))) == "".join(
        re.findall(r"\d", text)
    )


@pytest.mark.parametrize(
    ("text", "de", "fr", "es"),
    [
        ("17.5", "17,5", "17,5", "17,5"),
        ("1,234.50", "1.234,50", "1\u202f234,50", "1.234,50"),
        ("$7.1", "$7,1", "$7,1", "$7,1"),
        ("12.5%", "12,5%", "12,5%", "12,5%"),
        ("2.5km", "2,5km", "2,5km", "2,5km"),
        ("2024", "2024", "2024", "2024"),
        ("10:45", "10:45", "10:45", "10:45"),
        ("at 10.30", "10.30", "10.30", "10.30"),
        ("2 p.m.", "14 Uhr", "14 heures", "2 p.m."),
        ("2:30 pm", "14:30", "14h30", "2:30 p.m."),
        ("12 am", "0 Uhr", "0 heures", "12 a.m."),
        ("6 o'clock", "6 Uhr", "6 heures", "6"),
        ("version 3.11", "3.11", "3.11", "3.11"),
        ("3.11.4", "3.11.4", "3.11.4", "3.11.4"),
        ("BA287", "BA287", "BA287", "BA287"),
        ("+49 30 1234567", "+49 30 1234567", "+49 30 1234567", "+49 30 1234567"),
        ("3/5/2024", "3/5/2024", "3/5/2024", "3/5/2024"),
        ("the 2nd edition", "2.", "2e", "2.º"),
        ("the 1st of all", "1.", "1er", "1.º"),
        ("October 20th", "20.", "20", "20"),
    ],
)
def test_a_number_is_written_as_the_language_does(text: str, de: str, fr: str, es: str) -> None:
    found = number(text)
    assert [localised(found, language) for language in ("de", "fr", "es")] == [de, fr, es]
    assert localised(found, "xx") == found.text


@pytest.mark.parametrize(
    ("source", "said", "same"),
    [
        ("1,200", "1200", True),
        ("1,200", "1.200", True),
        ("1,200", "1.2", False),
        ("10:00", "10 Uhr", True),
        ("10:45", "10h45", True),
        ("2:30 pm", "14.30", True),
        ("2:30 pm", "2.30", True),
        ("2:30 am", "14.30", False),
        ("09:30", "9h30", True),
        ("17.5", "17,5", True),
        ("300", "3000", False),
    ],
)
def test_values_are_compared_not_digits(source: str, said: str, same: bool) -> None:
    assert bool(values(number(source)) & written(number(said))) is same


@pytest.mark.parametrize(
    ("source", "said", "language", "wanted"),
    [
        ("17.5", "17.5 kg", "de", "17,5"),
        ("1,200", "1,200 personas", "es", "1.200"),
        ("9:30 am", "9h30", "fr", "9h30"),
        ("2 p.m.", "um 2.00 Uhr", "de", "14"),
        ("2 p.m.", "2 Uhr nachmittags", "de", "2 Uhr"),
        ("10:00", "10 Uhr", "de", "10:00 Uhr"),
        ("€24.50", "$24,50", "fr", "€24,50"),
        ("$3000", "3000 dollars", "fr", "3000"),
        ("$3000", "3000", "fr", "$3000"),
        ("3.11.4", "3,11.4", "de", "3.11.4"),
        ("e4", "E4", "fr", "e4"),
        ("2nd", "2nd", "fr", "2e"),
        ("5 pm", "17 Uhr", "fr", "17 heures"),
        ("-5 °C", "-5 °C", "fr", "-5 °C"),
        ("6 p.m.", "a las 6.", "es", "6 p.m"),
        ("2 p.m.", "a las 2s p.m.", "es", "2 p.m."),
        ("2 p.m.", "à 14h", "fr", "14h"),
    ],
)
def test_what_is_said_rightly_stays_and_is_written_alike(
    source: str, said: str, language: str, wanted: str
) -> None:
    assert in_place(number(source), number(said), language) == wanted


def test_no_unit_is_said_twice() -> None:
    assert instead(number("$3000"), number("30 dollars"), "fr") == "3000"
    assert instead(number("October 20th"), number("den 23. Oktober"), "de") == "20"
