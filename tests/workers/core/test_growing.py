"""Growing translations: the end is held back, what was agreed on stands, the final has the say."""

from hypothesis import given
from hypothesis import strategies as st

from workers.core.growing import Growth, Shown, erased

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8).map(" ".join)


def test_the_last_words_are_held_back_and_what_two_agree_on_is_settled() -> None:
    growth = Growth("de", held_back=2)
    assert growth.revise("ich habe einen Hund", "i have a dog") == Shown("ich habe", 0)
    shown = growth.revise("ich habe eine Katze gesehen", "i have a cat seen")
    assert shown == Shown("ich habe eine", len("ich habe"))
    assert growth.whole == "ich habe eine Katze gesehen"
    assert growth.finish("Ich sah eine Katze.") == Shown("Ich sah eine Katze.", 19)


def test_a_translation_that_contradicts_what_is_settled_goes_on_behind_it() -> None:
    growth = Growth("de", held_back=0)
    growth.revise("der Hund", "the")
    growth.revise("der Hund", "the dog")
    assert growth.revise("ein Hund bellt laut", "a dog barks").text == "der Hund bellt laut"
    assert growth.revise("ein", "a").text == "der Hund"


def test_the_same_text_again_proves_nothing() -> None:
    growth = Growth("de", held_back=0)
    growth.revise("der Hund", "the")
    assert growth.revise("der Hund", "the").stable == 0


def test_the_final_goes_on_behind_what_rests_on_words_that_still_stand() -> None:
    growth = Growth("de", held_back=1)
    for said, heard in (
        ("der Hund", "the dog"),
        ("der Hund bellt", "the dog barks"),
        ("der Hund bellt laut", "the dog barks loud"),
    ):
        growth.revise(said, heard)
    assert growth.kept("The dog barks loudly.") == len("der Hund")
    assert growth.kept("The dog barks, loud.") == len("der Hund bellt")
    assert growth.kept("The dogs bark.") == 0
    assert growth.kept("A dog barks loud.") == 0
    assert growth.kept("The dog barks. Loud it was.") == 0


def test_what_was_settled_on_a_misheard_word_is_never_kept() -> None:
    growth = Growth("de", held_back=0)
    growth.revise("der Hund", "the dog")
    growth.revise("der Hund bellt", "the dog barks")
    growth.revise("der Hund bellt", "the frog barks")
    growth.revise("der Hund bellt laut", "the frog barks loud")
    assert growth.shown.stable == len("der Hund bellt")
    assert growth.kept("The frog barks loud.") == 0


def test_a_language_without_spaces_goes_letter_by_letter() -> None:
    assert Growth("ja", held_back=2).revise("これは犬です", "this is a dog").text == "これは犬"


@given(st.lists(st.tuples(texts, texts), max_size=8), texts)
def test_what_is_settled_stands_in_all_that_is_shown_later(
    revisions: list[tuple[str, str]], final: str
) -> None:
    growth, settled = Growth("de", held_back=2), ""
    for translation, source in revisions:
        shown = growth.revise(translation, source)
        assert shown.text[: len(settled)] == settled
        assert shown.stable >= len(settled)
        settled = shown.text[: shown.stable]
    assert growth.kept(final) <= len(settled)
    assert growth.whole.startswith(settled)


def test_erased_words_are_those_behind_the_common_beginning() -> None:
    assert erased("a b c", "a b d e") == 1
    assert erased("a b", "") == 2
    assert erased("", "a b") == 0
