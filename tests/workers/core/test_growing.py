"""Growing translations: the end is held back, what was agreed on stands, the final has the say."""

from hypothesis import given
from hypothesis import strategies as st

from workers.core.growing import Growth, Shown, erased

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8).map(" ".join)


def test_the_last_words_are_held_back_and_what_two_agree_on_is_settled() -> None:
    growth = Growth("de")
    assert growth.revise("ich habe einen Hund") == Shown("ich habe", 0)
    assert growth.revise("ich habe eine Katze gesehen") == Shown("ich habe eine", len("ich habe"))
    assert growth.whole == "ich habe eine Katze gesehen"
    assert growth.finish("Ich sah eine Katze.") == Shown("Ich sah eine Katze.", 19)


def test_a_translation_that_contradicts_what_is_settled_goes_on_behind_it() -> None:
    growth = Growth("de", held_back=0)
    growth.revise("der Hund")
    growth.revise("der Hund")
    assert growth.revise("ein Hund bellt laut").text == "der Hund bellt laut"
    assert growth.revise("ein").text == "der Hund"


def test_a_language_without_spaces_goes_letter_by_letter() -> None:
    assert Growth("ja").revise("これは犬です").text == "これは犬"


@given(st.lists(texts, max_size=8))
def test_what_is_settled_stands_in_all_that_is_shown_later(translations: list[str]) -> None:
    growth, settled = Growth("de"), ""
    for translation in translations:
        shown = growth.revise(translation)
        assert shown.text[: len(settled)] == settled
        assert shown.stable >= len(settled)
        settled = shown.text[: shown.stable]


def test_erased_words_are_those_behind_the_common_beginning() -> None:
    assert erased("a b c", "a b d e") == 1
    assert erased("a b", "") == 2
    assert erased("", "a b") == 0
