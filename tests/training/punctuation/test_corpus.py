"""Written English becomes spoken words with marks and cases."""

from __future__ import annotations

import pytest

from training.punctuation.corpus import NUMBER, tokens_of
from workers.core.marks import SIGNS, Case


def read(text: str) -> str:
    """Words with their marks; capitals by a first letter, upper case throughout."""
    shown = []
    for token in tokens_of(text):
        cased = {Case.LOWER: token.word, Case.UPPER: token.word.upper()}
        shown.append(cased.get(token.case, token.word.capitalize()) + SIGNS[token.mark])
    return " ".join(shown)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Who is there?", "Who is there?"),
        ("'Who is there?' asked Tom.", "Who is there? asked Tom."),
        ("“Stop!” he cried — and ran; then… nothing.", "Stop, he cried, and ran, then nothing."),
        ("Mr. Brown met J. Smith at St. Paul's.", "Mister Brown met J Smith at Saint Paul's."),
        ("A well-known man's dogs' bones.", "A well known man's dogs bones."),
        ("'Tis late, said NATO.", "'tis late, said NATO."),
        (
            "He paid £25,000 in 1805, twenty-five times.",
            f"He paid {NUMBER} in {NUMBER}, {NUMBER} times.",
        ),
        ("One of the two hundred came.", "One of the two hundred came."),
        ("The café closed.", "The cafe closed."),
    ],
)
def test_text_is_read_as_it_would_be_spoken(text: str, spoken: str) -> None:
    assert read(text) == spoken


@pytest.mark.parametrize("text", ["", "CHAPTER I.", "no end", "...", "(see below)"])
def test_what_is_no_sentence_is_left_out(text: str) -> None:
    assert read(text) == ""
