"""Wishes for subtitles, held against what is offered."""

import pytest

from stream.core.errors import Unavailable
from stream.core.offers import ALL, LIMIT, check_wish, chosen

SOURCES, TARGETS = ("en",), ("de", "fr", "es")


@pytest.mark.parametrize(
    ("language", "translate", "found"),
    [
        ("en", ("fr", "de", "fr"), ("fr", "de")),
        ("en-GB", ("de", "nl"), ("de",)),
        ("en", (ALL,), TARGETS),
        ("en", ("fr", ALL), TARGETS),
        ("en", (), ()),
        ("de", ("fr", ALL), ()),
    ],
)
def test_what_is_offered_is_chosen(
    language: str, translate: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert chosen(language, translate, SOURCES, TARGETS) == found


def test_nobody_is_translated_into_the_language_that_is_spoken() -> None:
    assert chosen("de-AT", (ALL,), ("en", "de"), TARGETS) == ("fr", "es")


def test_all_of_a_hundred_languages_are_eight() -> None:
    targets = [f"{first}{second}" for first in "abcdefghij" for second in "abcdefghij"]
    assert chosen("en", (ALL,), SOURCES, targets) == tuple(targets[:LIMIT])


@pytest.mark.parametrize("translate", [(), (ALL,), ("de",), ("es", "de"), ("en", "de")])
def test_what_comes_is_nothing_to_complain_of(translate: tuple[str, ...]) -> None:
    check_wish("en", translate, SOURCES, TARGETS)


@pytest.mark.parametrize(
    ("language", "translate", "told"),
    [
        ("en-GB", ("nl", "de", "eo"), "translate has nl, eo, expected languages offered from en: "),
        ("ja", ("de",), "language is ja, expected one that is translated here: en"),
    ],
)
def test_what_will_not_come_is_told_with_what_would(
    language: str, translate: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Unavailable) as raised:
        check_wish(language, translate, SOURCES, TARGETS)
    assert str(raised.value).startswith(told)
    if language != "ja":
        assert str(raised.value).endswith(": de, fr, es")
