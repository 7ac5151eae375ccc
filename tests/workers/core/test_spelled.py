"""Numbers and times in words."""

import re

import pytest

from workers.core.spelled import clock_pattern, number_pattern, said_in, word_of


@pytest.mark.parametrize(
    ("hour", "minute", "language", "said"),
    [
        (2, 30, "de", "halb drei"),
        (12, 30, "de", "halb eins"),
        (14, 45, "de", "Viertel vor drei"),
        (1, 0, "de", "ein Uhr"),
        (6, 30, "fr", "six heures et demie"),
        (1, 15, "fr", "une heure et quart"),
        (10, 30, "fr", "dix heures.30"),
        (12, 0, "fr", "midi"),
        (10, 45, "es", "once menos cuarto"),
        (1, 30, "es", "una y media"),
    ],
)
def test_times_in_words(hour: int, minute: int, language: str, said: str) -> None:
    assert re.fullmatch(clock_pattern(hour, minute, language), said, re.IGNORECASE)


def test_what_has_no_words_here_has_no_pattern() -> None:
    assert clock_pattern(10, 7, "de") == number_pattern(1234, "de") == word_of(5, "xx") == ""
    assert clock_pattern(10, 0, "xx") == number_pattern(1, "xx") == ""


def test_numbers_in_words() -> None:
    assert re.fullmatch(number_pattern(1, "de"), "einen")
    assert word_of(90, "fr") == "quatre-vingt-dix"
    assert said_in("Two of thirty", "en") == {2, 30}
