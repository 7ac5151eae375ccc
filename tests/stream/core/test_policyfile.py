"""A policy file becomes a book, or is refused with the line and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core import wire
from stream.core.policies import Band, resolve
from stream.core.policyfile import LIMIT_BYTES, BadPolicy, locate, read_book

FILE = """\
# Rules of the house
[defaults]
late = "hold"
degraded = "hold"
captions = "flag"

[defaults.labels]
threat = { review = 0.3, block = 0.7 }

[lists.slurs]
words = [
  "frog",
  "toad",
]
except = ["frog prince"]

[lists.rumours]
words = ["the king is dead"]
action = "review"

[channels."kids-*"]
block = 0.6
captions = "mask"
lists = ["slurs", "rumours"]

[channels.late-night]
late = "allow"
fail_closed = []
"""


def test_a_file_says_what_holds_on_which_channel() -> None:
    book = read_book(FILE)
    assert book.defaults.filter == "flag"
    assert book.defaults.policy.late == "hold"
    kids = book.of("kids-tv")
    assert (kids.filter, kids.policy.block) == ("mask", 0.6)
    slurs, rumours = book.said_by(kids).lists or ()
    assert (slurs.name, slurs.words, slurs.exceptions) == (
        "slurs",
        ("frog", "toad"),
        ("frog prince",),
    )
    assert (slurs.action, rumours.action) == ("block", "review")
    assert book.of("late-night").policy.fail_closed == ()


def test_an_empty_file_says_nothing() -> None:
    assert read_book("").of("x").policy == read_book("[defaults]").defaults.policy


def test_the_documented_example_is_a_policy_file() -> None:
    text = (Path(__file__).parents[3] / "docs" / "policy.toml").read_text(encoding="utf-8")
    book = read_book(text)
    assert book.entries
    assert book.defaults.policy.labels


MISTAKES = [
    ("late = 'hold'", 1, "late is unknown, expected one of defaults, channels, lists"),
    ("[defaults]\n\nlatte = 'hold'", 3, "defaults.latte is unknown, expected one of late, "),
    (
        "[defaults]\n# so\nlate = 'wait'",
        3,
        "defaults.late is 'wait', expected one of allow, block, hold",
    ),
    ("[defaults]\nblock = '0.6'", 2, "defaults.block is '0.6', expected a number from 0 to 1"),
    ("[defaults]\nblock = 1.5", 2, "defaults.block is 1.5, expected a number from 0 to 1"),
    (
        "[defaults]\nreview = 0.6\n[channels.a]\nblock = 0.5",
        4,
        "channels.a.block is 0.5, expected at least review 0.6",
    ),
    (
        "[defaults.labels]\nspam = {block = 0.9}\nthreat = { review = 0.9, block = 0.2 }",
        3,
        "defaults.labels.threat.block is 0.2, expected at least review 0.9",
    ),
    (
        "[defaults.labels]\n\ntoxik = { review = 0.9 }",
        3,
        "defaults.labels.toxik is unknown, expected one of toxic, offensive, ",
    ),
    (
        "[lists.a]\nwords = [\n 'x',\n '',\n 'y',\n]",
        4,
        "lists.a.words[1] is '', expected a string of 1 to 100 characters",
    ),
    ("[lists.a]\nwords = [\n 'x',\n 7,\n]", 4, "lists.a.words[1] is 7, expected a string of "),
    ("[lists.a]\nname = 'b'", 2, "lists.a.name is unknown, expected the name in the heading"),
    ("[lists.'a b']\nwords = []", 1, "lists.a b.name is 'a b', expected a string that matches "),
    (
        "[channels.a]\nlists = [\n'x']\n[lists.y]",
        3,
        "channels.a.lists[0] is 'x', expected one of y",
    ),
    ("[channels.'né*']\nlate = 'hold'", 1, "is 'n\\xe9*', expected a string that matches "),
    ("channels = 3", 1, "channels is 3, expected tables by name"),
    ("\n[channels]\na = 'x'", 3, "channels.a is 'x', expected an object with late, "),
    ("[defaults]\nlate = hold", 2, "not TOML: invalid value"),
    ("[defaults]\nlate = 'hold'\nlate = 'block'", 3, "not TOML: cannot overwrite a value"),
    ("[defaults]\nwords = ['a',\n\n", 2, "not TOML: "),
]


@pytest.mark.parametrize(("text", "line", "reason"), MISTAKES)
def test_a_mistake_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        read_book(text)
    assert refused.value.line == line, str(refused.value)
    assert reason in str(refused.value)


def test_a_file_is_bounded() -> None:
    with pytest.raises(BadPolicy, match="expected at most"):
        read_book("#" * (LIMIT_BYTES + 1))


def test_a_line_is_found_whatever_stands_around_it() -> None:
    assert locate(FILE, ("defaults", "degraded")) == 4
    assert locate(FILE, ("defaults", "labels", "threat", "block")) == 8
    assert locate(FILE, ("lists", "slurs", "words", 1)) == 13
    assert locate(FILE, ("channels", "kids-*", "lists", 1)) == 24
    assert locate(FILE, ("channels", "late-night")) == 26
    assert locate(FILE, ("channels", "late-night", "nothing")) == 26
    assert locate(FILE, ("nothing",)) == 1


def mistaken_line(text: str) -> int:
    """0 where there is none."""
    try:
        read_book(text)
    except BadPolicy as bad:
        return bad.line
    return 0


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_book_or_a_mistake_in_one_of_its_lines(text: str) -> None:
    assert 0 <= mistaken_line(text) <= len(text.split("\n"))


def test_what_a_label_has_in_a_file_is_what_holds() -> None:
    book = read_book(FILE)
    kids = resolve(book.said_by(book.defaults), book.said_by(book.of("kids-1")))
    assert kids.band("threat") == Band(0.3, 0.7)
    assert kids.band("toxic") == Band(0.5, 0.6)


def test_a_list_that_many_channels_name_is_kept_once() -> None:
    words = ", ".join(f"'word {number}'" for number in range(1_000))
    channels = "".join(f"[channels.c{number}]\nlists = ['long']\n" for number in range(500))
    book = read_book(f"[lists.long]\nwords = [{words}]\n{channels}")
    payload = wire.encode_book(book)
    assert len(payload.value) < LIMIT_BYTES
    assert len(resolve(book.said_by(book.of("c7"))).listed()) == 1_000
