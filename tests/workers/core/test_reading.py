"""A model reads what a person reads, however it was written."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.disguises import DISGUISES
from workers.core.normalise import Normaliser
from workers.core.reading import MOST_CHARACTERS, Reader
from workers.engines.rules import read_confusables

KNOWN = dict.fromkeys(
    "garden window morning dragon kill people stupid women good too look click hello there".split(),
    0,
)
READER = Reader(Normaliser(read_confusables()), KNOWN)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("  Two   words\n", "two words"),
        ("Café, Straße!", "cafe, strasse!"),
        ("st0pid", "stopid"),
        ("cl1ck c1ick", "click click"),
        ("w0men!", "women!"),
        ("(k1ll) \"p3ople\"", '(kill) "people"'),
        ("2nd 90s 5pm 100k covid19 mp3 $100 @name hi! wow!", None),
        ("k i l l  p.e.o.p.l.e", "kill people"),
        ("k-i-l-l", "kill"),
        ("ki.ll", "kill"),
        ("good.look too-good don't e.g. i.e.", None),
        ("kkill peoplle womne drag*n k_ll", "kill people women dragon kill"),
        ("goooood loooook helloooo sooooo", "good look hello so"),
        ("st<b>up</b>id<br>women", "stupid women"),
        ("&#107;ill &quot;them&quot;", 'kill "them"'),
        ("see https://kill-all.example/Women?x=1", "see url kill all example women"),
        ("wait!!!!!!!! what?????", "wait!!! what???"),
        ("good\x00look\x1btoo\x85you", "good look too you"),
        ("ѕtuріd", "stupid"),
        ("\u202estupid\u202c s\u200bt\u200bu\u200bpid", "stupid stupid"),
    ],
)  # fmt: skip
def test_a_reading(written: str, read: str | None) -> None:
    assert READER.read(written) == (written if read is None else read)


@given(
    st.sampled_from(sorted(DISGUISES)),
    st.lists(st.sampled_from(["garden", "window", "morning", "dragon"]), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_a_disguised_word_reads_as_the_word(
    name: str, words: list[str], rng: random.Random
) -> None:
    written = "  ".join(DISGUISES[name](word, rng) for word in words)
    assert READER.read(written) == " ".join(words)


@given(st.text(max_size=300))
def test_any_text_has_one_reading_on_one_line(text: str) -> None:
    read = READER.read(text)
    assert read == " ".join(read.split())


@given(st.text(alphabet="ab1!$@<>&#;.-_* \u0301\u200bAé", max_size=300))
def test_signs_that_mean_something_harm_nothing(text: str) -> None:
    read = READER.read(text)
    assert read == " ".join(read.split())


class Asked(dict[str, int]):
    """Counts how often the reader looks a word up."""

    times = 0

    def __contains__(self, word: object) -> bool:
        self.times += 1
        return False


@pytest.mark.parametrize(
    "unit",
    ["a1", "1!a", "a-b", "s h i t ", "aaab", "ab", "<a ", "&#1", "!", "😀", "www.", "a$", "a*bc "],
)
def test_the_work_is_bounded_by_the_text(unit: str) -> None:
    asked = Asked()
    Reader(Normaliser(read_confusables()), asked).read(unit * MOST_CHARACTERS)
    assert asked.times <= 6 * MOST_CHARACTERS
