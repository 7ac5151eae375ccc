"""Texts of any shape through any model: nothing is invented, nothing dropped."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.errors import EngineError
from stream.core.messages import Rung
from workers.core.pieces import ADDRESS, cut
from workers.engines.sentences import Said, Sentence
from workers.engines.texts import TextEngine
from workers.ports import Card, Judge, Render, Rendered

RUNGS = (Rung.DRAFT, Rung.VERIFIED)


class Shouting:
    """A good model: a sentence in capitals, and what it was asked."""

    card = Card(
        name="shouting", task="translation", rungs=RUNGS, languages=("de",), sources=("en",)
    )

    def __init__(self) -> None:
        self.asked: list[Sentence] = []
        self.sizes: list[int] = []

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        self.asked += sentences
        self.sizes.append(len(sentences))
        return [
            Said(each.text.upper(), rung, drafted=4, accepted=3, passes=2, tokens=4)
            for each in sentences
        ]


class Drunk(Shouting):
    """A bad one: drops words, doubles them, makes numbers up."""

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        return [Said(self.mangle(each.text), rung) for each in sentences]

    @staticmethod
    def mangle(text: str) -> str:
        chance = random.Random(text)
        words = [word for word in text.split() for _ in range(chance.choice((0, 1, 1, 2)))]
        return " ".join([*words, str(chance.randrange(100))])


def digits(text: str) -> Counter[str]:
    """The runs of digits: whatever stands between them differs by language."""
    return Counter(re.findall(r"\d+", text))


def shouted(text: str) -> str:
    """Numbers are written as Germans do, addresses as they are."""
    made = text.upper().replace("1,234.56", "1.234,56").replace("3.5", "3,5")
    for address in re.findall(ADDRESS, text):
        made = made.replace(address.upper(), address)
    return made


def ask(text: str, **options: object) -> Render:
    return Render(text=text, source="en", target="de", **options)  # type: ignore[arg-type]


def run(model: Shouting, *questions: Render, rung: Rung = Rung.VERIFIED) -> list[Rendered]:
    return list(TextEngine(model).run(rung, questions))


TEXTS = [
    "",
    "   \n\n ",
    "🙂",
    "Hello, world!",
    "Dr. Ann Lee paid $1,234.56 on 3 May 2024 at 10:30. Really?  Yes!",
    "See https://a.org/x?id=42&q=ü and mail bob@ex.co.uk 🎉🎉\n\n- one\n- two 2\r\nend",
    "no stop no case just 12 words as a recogniser gives them",
    "a" * 5_000,
    ("Twenty words and 7 numbers, 3.5 of them in here. " * 200).strip(),
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:20].strip() or "nothing")
def test_a_good_models_text_keeps_its_shape(text: str) -> None:
    model = Shouting()
    (answer,) = run(model, ask(text))
    wanted = "".join(piece.text if piece.copy else shouted(piece.text) for piece in cut(text))
    assert answer.text == wanted
    assert max(model.sizes, default=0) <= 16


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:20].strip() or "nothing")
def test_numbers_addresses_and_line_breaks_survive_a_bad_model(text: str) -> None:
    (answer,) = run(Drunk(), ask(text))
    assert digits(answer.text) == digits(text)
    for piece in cut(text):
        if piece.copy and piece.text.strip(" "):
            assert answer.text.count(piece.text) >= text.count(piece.text) > 0
    for address in re.findall(ADDRESS, text):
        assert answer.text.count(address) == text.count(address)
    assert answer.text.count("\n") == text.count("\n")


@settings(max_examples=50)
@given(st.text(alphabet="ab 12.,:/\n€🙂h"))
def test_any_text_has_the_same_numbers_after_a_bad_model(text: str) -> None:
    (answer,) = run(Drunk(), ask(text))
    assert digits(answer.text) == digits(text)


class Forgetful(Shouting):
    """Loses some words whatever they are, and says the rest."""

    def __init__(self, *lost: str) -> None:
        super().__init__()
        self._lost = lost

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        super().translate(rung, sentences)
        words = [
            [word for word in each.text.split() if word not in self._lost] for each in sentences
        ]
        return [Said(" ".join(each).capitalize(), rung) for each in words]


def test_a_lost_number_is_asked_for_with_another_in_its_place() -> None:
    model = Forgetful("7")
    (answer,) = run(model, ask("we saw 7 cats and 8 dogs"))
    assert answer.text == "We saw 7 cats and 8 dogs"
    assert model.sizes == [1, 1]


def test_what_is_settled_on_screen_stays_when_a_number_is_asked_for_again() -> None:
    model = Forgetful("7")
    run(model, ask("we saw 7 cats", draft="Wir sahen", stable=9))
    assert [(each.text, each.prefix) for each in model.asked] == [
        ("we saw 7 cats", "Wir sahen"),
        ("we saw 23 cats", "Wir sahen"),
    ]


def test_a_sentence_is_cut_where_it_must_be_and_reads_on_in_small_letters() -> None:
    model = Forgetful("7", "23", "Q")
    (answer,) = run(model, ask("we saw 7 and then 8 dogs"))
    assert answer.text == "We saw 7 and then 8 dogs".replace("and", "And")
    assert [each.text for each in model.asked[-2:]] == ["we saw", "and then 8 dogs"]


@pytest.mark.parametrize("model", [Shouting(), Drunk()], ids=["good", "bad"])
def test_the_glossary_is_kept_to_by_any_model(model: Shouting) -> None:
    glossary = {"red team": "Rotes Team", "fox": "FUCHS"}
    text = "The Red Team met the fox. The foxes saw the red team."
    (answer,) = run(model, ask(text, glossary=glossary))
    assert answer.text.casefold().count("rotes team") == 2
    assert answer.text.casefold().count("fuchs") == 1


def test_an_address_on_screen_is_a_letter_to_the_model() -> None:
    model = Shouting()
    shown = "Frag bob@ex.org heute"
    run(model, ask("Ask bob@ex.org today", draft=shown, stable=10))
    (asked,) = model.asked
    assert (asked.text, asked.draft, asked.prefix) == ("Ask Q today", "Frag Q heute", "Frag ")


def test_texts_of_a_batch_do_not_mix() -> None:
    alone = [run(Drunk(), ask(text))[0] for text in TEXTS]
    assert run(Drunk(), *(ask(text) for text in TEXTS)) == alone


def test_what_is_on_screen_goes_to_the_sentences_it_belongs_to() -> None:
    model = Shouting()
    run(model, ask("One two. Three four.", draft="Eins zwei. Drei vier", stable=15))
    assert [(each.draft, each.prefix) for each in model.asked] == [
        ("Eins zwei.", "Eins zwei."),
        ("Drei vier", "Drei"),
    ]


def test_what_the_verification_counted_is_added_up_and_the_lowest_rung_named() -> None:
    class Tired(Shouting):
        def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
            said = super().translate(rung, sentences)
            return [said[0]._replace(rung=Rung.DRAFT), *said[1:]]

    (answer,) = run(Tired(), ask("One. Two."))
    assert (answer.rung, answer.drafted, answer.accepted) == (Rung.DRAFT, 8, 6)
    assert (answer.passes, answer.tokens, answer.relaxed) == (4, 8, False)


def test_a_sentence_is_told_how_much_time_is_left() -> None:
    now = iter((10.0, 10.2, 10.4))
    model = Shouting()
    TextEngine(model, clock=lambda: next(now)).run(Rung.DRAFT, [ask("Hi there", left_s=0.5)])
    assert model.asked[0].left() == pytest.approx(0.3)
    assert model.asked[0].left() == pytest.approx(0.1)


def test_a_sentence_is_told_that_somebody_waits_and_whether_its_draft_is_a_whole_answer() -> None:
    model, waits = Shouting(), False
    engine = TextEngine(model)
    engine.interrupt_when(lambda: waits)
    engine.run(Rung.VERIFIED, [ask("One. Two.", draft="Eins. Zwei.", answered=True)])
    engine.run(Rung.VERIFIED, [ask("One. Two.", draft="Eins. Zwei. Drei.", answered=True)])
    engine.run(Rung.VERIFIED, [ask("One. Two.", draft="Eins. Zwei.")])
    assert [each.answered for each in model.asked] == [True] * 2 + [False] * 4
    assert [each.spare(drafted=True) for each in model.asked] == [None] * 6
    waits = True
    assert [each.spare(drafted=True) for each in model.asked] == [0.0] * 6
    assert [each.spare(drafted=False) for each in model.asked] == [0.0] * 2 + [None] * 4


def test_what_is_asked_again_for_a_lost_number_is_no_answer_yet() -> None:
    model = Forgetful("7")
    run(model, ask("we saw 7 cats", draft="Wir sahen 7 Katzen", answered=True))
    assert [each.answered for each in model.asked][:2] == [True, False]
    assert not any(each.answered for each in model.asked[1:])


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (Judge(text="x"), "was asked Judge, not Render"),
        (Render(text="x", source="fr", target="de"), "was asked fr to de, expected en to de"),
        (Render(text="x", source="en", target="xx"), "was asked en to xx, expected en to de"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(question: Render, told: str) -> None:
    with pytest.raises(EngineError, match=told):
        TextEngine(Shouting()).run(Rung.DRAFT, [question])
