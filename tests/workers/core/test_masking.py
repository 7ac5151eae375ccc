"""What a listed word becomes in a caption, and that what is settled stays."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stream.core.messages import Word
from stream.core.policies import Filter
from workers.core.masking import Screened, screen
from workers.core.phrases import PhraseBook

BOOK = PhraseBook(
    [("house", ["damn", "bloody hell"]), ("rumours", ["king is dead"])], ["damn fine"]
)


def said(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(word=word, start=at, end=at + 1, confidence=1.0)
        for at, word in enumerate(text.split(" "))
    )


def shown(text: str, mode: Filter, stable: int | None = None) -> Screened:
    settled = len(text) if stable is None else stable
    return screen(text, settled, said(text), mode, BOOK, final=stable is None)


@pytest.mark.parametrize(
    ("text", "masked", "dropped"),
    [
        ("a damn day", "a **** day", "a day"),
        ("Damn it", "**** it", "it"),
        ("oh, bloody hell, no", "oh, ****** ****, no", "oh, no"),
        ("well damn.", "well ****.", "well."),
        ("damn", "****", ""),
        ("a damn fine day", "a damn fine day", "a damn fine day"),
        ("The King is dead", "The **** ** ****", "The"),
        ("damned", "damned", "damned"),
    ],
)
def test_a_listed_word_is_masked_or_dropped(text: str, masked: str, dropped: str) -> None:
    assert shown(text, "mask").text == masked
    assert shown(text, "drop").text == dropped
    assert shown(text, "flag").text == text


def test_the_lists_that_spoke_are_named_once() -> None:
    assert shown("damn damn, the king is dead", "flag").flags == ("house", "rumours")
    assert shown("good", "mask").flags == ()


def test_words_keep_their_times_and_go_as_the_text_goes() -> None:
    text = "well, bloody hell. Yes"
    masked = shown(text, "mask").words
    assert [(word.word, word.start) for word in masked] == [
        ("well,", 0),
        ("******", 1),
        ("****.", 2),
        ("Yes", 3),
    ]
    assert [(word.word, word.start) for word in shown(text, "drop").words] == [
        ("well,", 0),
        ("Yes", 3),
    ]


def test_words_that_are_spelled_otherwise_than_the_text_are_looked_at_themselves() -> None:
    found = screen("3 Damn days", 11, said("three damn days"), "mask", BOOK, final=True)
    assert found.text == "3 **** days"
    assert [word.word for word in found.words] == ["three", "****", "days"]


@pytest.mark.parametrize(
    ("text", "stable", "settled"),
    [
        ("oh bloody hell no", 9, 3),
        ("oh bloody well no", 14, 14),
        ("oh damn fine no", 7, 3),
        ("oh damn hot no", 11, 11),
        ("oh da", 5, 3),
        ("oh damning", 7, 3),
        ("oh yes ", 7, 7),
        ("oh", 0, 0),
    ],
)
def test_what_a_further_word_could_change_is_not_settled(
    text: str, stable: int, settled: int
) -> None:
    assert shown(text, "mask", stable).stable == settled
    assert shown(text, "flag", stable).stable == stable


pieces = st.lists(st.sampled_from(["damn", "fine", "bloody", "hell", "oh", ",", ".", "da", "mn"]))
texts = st.tuples(pieces, st.sampled_from([" ", "", ", "])).map(lambda each: each[1].join(each[0]))


@given(texts, texts, st.integers(0, 40), st.sampled_from(["mask", "drop"]), st.booleans())
def test_what_is_settled_stands_whatever_follows(
    text: str, more: str, stable: int, mode: Filter, final: bool
) -> None:
    """A word that something follows is whole; only the text's last may grow."""
    stable = min(stable, len(text))
    assume(text[stable : stable + 1].isalnum() or not more[:1].isalnum() or stable == len(text))
    now = screen(text, stable, said(text), mode, BOOK, final=False)
    after = text[:stable] + more
    later = screen(after, len(after), said(after), mode, BOOK, final=final)
    assert now.stable <= len(now.text)
    assert later.text[: now.stable] == now.text[: now.stable]


@given(texts, st.integers(0, 40), st.integers(0, 10))
def test_what_is_settled_never_shrinks(text: str, stable: int, more: int) -> None:
    stable = min(stable, len(text))
    further = min(stable + more, len(text))
    for mode in ("mask", "drop"):
        first, second = (shown(text, mode, each).stable for each in (stable, further))
        assert first <= second


@given(st.text(), st.integers(0, 100))
def test_masking_keeps_the_length_of_any_text(text: str, stable: int) -> None:
    found = shown(text, "mask", min(stable, len(text)))
    assert len(found.text) == len(text)
