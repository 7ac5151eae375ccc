"""What was found in a growing text holds for a while, and never in what is settled."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream.core.policies import Filter
from workers.core.masking import screen
from workers.core.phrases import PhraseBook, tokens_of
from workers.core.steady import HELD, Steady

BOOK = PhraseBook([("house", ["damn", "bloody hell"])])
TEXTS = st.lists(st.sampled_from(["damn", "dam", "bloody", "hell", "a"]), max_size=6).map(" ".join)


def shown(steady: Steady, text: str, stable: int = 0, mode: Filter = "mask") -> str:
    return screen(text, stable, (), mode, BOOK, final=False, steady=steady).text


def test_a_mask_does_not_flicker() -> None:
    steady = Steady()
    said = ["oh damn", "oh dam", "oh damn it", "oh dam it", "oh dance it"]
    assert [shown(steady, text) for text in said] == [
        "oh ****",
        "oh ***",
        "oh **** it",
        "oh *** it",
        "oh ***** it",
    ]


def test_a_mask_goes_where_nothing_was_found_for_long() -> None:
    steady = Steady()
    shown(steady, "oh damn")
    later = [shown(steady, "oh dam") for _ in range(HELD)]
    assert later == [*["oh ***"] * (HELD - 1), "oh dam"]


def test_what_is_settled_is_shown_as_it_is() -> None:
    steady = Steady()
    shown(steady, "oh damn")
    assert shown(steady, "oh dam the river", stable=6) == "oh dam the river"


def test_a_text_that_shrinks_and_grows_again_keeps_its_mask() -> None:
    steady = Steady()
    assert [shown(steady, text) for text in ("oh damn", "oh", "oh dam")][-1] == "oh ***"


def test_a_phrase_is_held_at_each_of_its_places_and_flags_with_it() -> None:
    steady = Steady()
    shown(steady, "oh bloody hell")
    found = screen("oh body help", 0, (), "flag", BOOK, final=False, steady=steady)
    assert found.flags == ("house",)
    assert shown(steady, "oh body help") == "oh **** ****"


@given(st.lists(TEXTS, max_size=8))
def test_all_that_is_found_is_kept_in_order_and_apart(texts: list[str]) -> None:
    steady = Steady()
    for text in texts:
        tokens = tokens_of(text)
        matches = BOOK.find_among(tokens)
        kept = steady.keep(tokens, matches, 0)
        assert set(matches) <= set(kept)
        assert all(one.end <= other.start for one, other in pairwise(kept))


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_a_final_text_has_what_is_found_in_it_only(texts: list[str]) -> None:
    steady = Steady()
    for text in texts:
        shown(steady, text)
    last = screen(texts[-1], 0, (), "mask", BOOK, final=True, steady=steady)
    assert last == screen(texts[-1], 0, (), "mask", BOOK, final=True)
