"""One slip away from a known word is that word; everything else stays as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.spelling import MOST, STARRED, respelled, unstarred

WORDS = "shit people women stupid morning shot from form anna hello".split()
KNOWN = {word: place for place, word in enumerate(WORDS)}
LETTERS = st.text(st.sampled_from("ehilmnopstuw"), max_size=12)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("peoplle", "people"),
        ("ppeople", "people"),
        ("wmoen", "women"),
        ("stupdi", "stupid"),
        ("shitt", "shit"),
        ("from", "from"),
        ("anna", "anna"),
        ("epople", "epople"),
        ("womne", "women"),
        ("ann", "ann"),
        ("hannah", "hannah"),
        ("", ""),
    ],
)
def test_a_slip_is_undone(written: str, meant: str) -> None:
    assert respelled(written, KNOWN) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sh*t", "shit"),
        ("w#men", "women"),
        ("p_ople", "people"),
        ("x*y", "x*y"),
        ("a_b_c", "a_b_c"),
    ],
)
def test_a_starred_letter_is_guessed(written: str, meant: str) -> None:
    assert STARRED.sub(lambda found: unstarred(found[0], KNOWN), written) == meant


@given(LETTERS)
def test_what_is_found_is_known_or_what_was_written(written: str) -> None:
    found = respelled(written, KNOWN)
    assert found == written or found in KNOWN
    assert respelled(found, KNOWN) == found


@given(st.sampled_from([word for word in WORDS if len(word) > 4]), st.data())
def test_any_one_slip_in_a_longer_word_is_undone(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(word) - 2))
    assert respelled(word[:at] + word[at] + word[at:], KNOWN) == word
    assert respelled(word[:at] + word[at + 1] + word[at] + word[at + 2 :], KNOWN) == word


def test_a_very_long_word_is_not_looked_at() -> None:
    assert respelled("l" * (MOST + 1), KNOWN) == "l" * (MOST + 1)
