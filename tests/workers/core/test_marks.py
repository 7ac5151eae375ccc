"""Spoken words with marks and cases become written ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.core.marks import SIGNS, Case, Mark, write_words

LOWER, CAPITAL, UPPER = Case
NONE, COMMA, STOP, QUESTION = Mark
FORMS = {"o'brien": "O'Brien", "meps": "MEPs"}


def write(text: str, marks: dict[str, Mark] | None = None, **cases: Case) -> str:
    """Marks and cases by word; words that are not named have none."""
    words = text.split()
    told = [(marks or {}).get(word, NONE) for word in words]
    cased = [cases.get(word, LOWER) for word in words]
    return " ".join(write_words(words, told, cased, FORMS))


def test_marks_are_attached_to_words() -> None:
    marks = {"well": COMMA, "coming": QUESTION, "not": STOP}
    assert write("well is he coming no not", marks) == "well, is he coming? No not."


def test_cases_are_the_models() -> None:
    text = write("tomorrow anna from the bbc comes", tomorrow=CAPITAL, anna=CAPITAL, bbc=UPPER)
    assert text == "Tomorrow Anna from the BBC comes"


def test_names_have_their_own_capitals() -> None:
    names = {"o'brien": CAPITAL, "meps": CAPITAL}
    assert write("o'brien and the meps", None, **names) == "O'Brien and the MEPs"


def test_a_new_sentence_begins_with_a_capital_whatever_the_model_says() -> None:
    assert write("stop go on", {"stop": STOP}) == "stop. Go on"
    assert write("'tis done 'tis", {"done": QUESTION}) == "'tis done? 'Tis"


def test_i_is_a_capital() -> None:
    assert write("so i said i'm here and i'll stay") == "so I said I'm here and I'll stay"


def test_titles_are_short_before_names_only() -> None:
    assert write("a mister brown", mister=CAPITAL, brown=CAPITAL) == "a Mr. Brown"
    assert write("missus o'brien", None, **{"o'brien": CAPITAL}) == "Mrs. O'Brien"
    assert write("hey mister move") == "hey mister move"
    assert write("yes mister brown came", {"mister": COMMA}, brown=CAPITAL) == (
        "yes mister, Brown came"
    )


def test_one_full_stop_is_enough() -> None:
    assert write("at 7 p.m.", {"p.m.": STOP}) == "at 7 p.m."
    assert write("at 7 p.m.", {"p.m.": QUESTION}) == "at 7 p.m.?"


def test_capitals_that_were_there_stay() -> None:
    assert write("see eBay and 1980s now", eBay=CAPITAL) == "see eBay and 1980s now"


tagged = st.lists(
    st.tuples(
        st.text(st.sampled_from("abci'.0"), min_size=1, max_size=6),
        st.sampled_from(Mark),
        st.sampled_from(Case),
    ),
    max_size=20,
)


@given(tagged)
def test_only_capitals_and_signs_are_added(drawn: list[tuple[str, Mark, Case]]) -> None:
    words, marks, cases = zip(*drawn, strict=True) if drawn else ((), (), ())
    written = list(write_words(words, marks, cases, {}))
    for word, mark, text in zip(words, marks, written, strict=True):
        assert text.lower() in (word, word + SIGNS[mark])
