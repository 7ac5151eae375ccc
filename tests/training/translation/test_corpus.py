import pytest

pytest.importorskip("sentencepiece")

from training.translation.corpus import Pair, as_recognised, clean_pairs, fault, train_languages
from training.translation.english import Resemblance, sentences
from training.translation.languages import Languages

GERMAN = ["Ich habe heute keine Zeit für dich.", "Wir gehen morgen mit den Kindern nach Hause."]
FRENCH = ["Je n'ai pas le temps aujourd'hui.", "Nous rentrons demain avec les enfants."]
ENGLISH = ["I have no time for you today.", "We are going home with the children tomorrow."]


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages({"de": GERMAN * 3, "fr": FRENCH * 3, "es": ["Mañana."], "en": ENGLISH * 3})


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (ENGLISH[0], GERMAN[0], None),
        (ENGLISH[0], "", "empty"),
        (ENGLISH[0], "x" * 500, "long"),
        (ENGLISH[0], "Nein.", "length ratio"),
        (ENGLISH[0], ENGLISH[0], "copied"),
        (ENGLISH[0], FRENCH[0], "language"),
        ("Tom!", "Tom!", None),
    ],
)
def test_a_fault_has_a_name(
    languages: Languages, source: str, target: str, reason: str | None
) -> None:
    assert fault(Pair(source, target, "de", "tatoeba"), languages) == reason


def test_duplicates_and_crowds_are_thinned() -> None:
    pairs = [Pair("I see.", f"Ich sehe {i}.", "de", "tatoeba") for i in (1, 1, 2, 3, 4, 5)]
    kept, dropped = clean_pairs(pairs)
    assert [p.target[-2] for p in kept] == ["1", "2", "3", "4"]
    assert dropped == {"duplicate": 1, "many translations": 1}


def test_languages_learn_from_the_pairs_themselves() -> None:
    pairs = [Pair(e, g, "de", "") for e, g in zip(ENGLISH, GERMAN, strict=True)]
    pairs += [Pair(e, f, "fr", "") for e, f in zip(ENGLISH, FRENCH, strict=True)]
    known = train_languages(pairs)
    assert known.is_other(FRENCH[0], "de")
    assert not known.is_other(GERMAN[1], "de")


def test_a_recogniser_writes_neither_case_nor_punctuation() -> None:
    assert as_recognised("Well-known: “It’s 5,5 %”, he said!") == "well known it's 55 he said"


def test_a_paragraph_is_cut_into_sentences() -> None:
    text = 'Mr. Smith came home late. "Where were you?" asked his old mother. No.'
    assert list(sentences(text)) == ["Mr. Smith came home late."]
    quoted = '"I was at the river, mother." "You are always at the river!"'
    assert list(sentences(quoted)) == [
        "I was at the river, mother.",
        "You are always at the river!",
    ]


def test_what_resembles_the_wanted_text_scores_higher() -> None:
    like = Resemblance(["we go home"] * 9, ["thou art a knave"] * 9)
    assert like.score("We go!") > 0 > like.score("Thou knave!")
