"""The shipped translation model: verified is greedy, and it says what a traveller would expect."""

from __future__ import annotations

import numpy as np
import pytest

from stream.core.messages import Rung
from workers.core.shortcut import Shortcut
from workers.engines.ctc_translation.engine import Drafting, limit_of, open_drafting
from workers.engines.ctc_translation.graphs import BEGIN, END, Graphs
from workers.engines.texts import Sentence

TEXTS = """
Where is the station?
I would like a cup of coffee, please.
She has been living in this town since she was a child.
We will meet again tomorrow at half past nine.
The weather was so bad that nobody went out.
Can you tell me how much this costs?
He forgot to close the window before he left.
My brother plays the piano every evening.
There are three books and a letter on the table.
If I had known that, I would have stayed at home.
the train to the north leaves from the other side
what did you say about the children
""".strip().splitlines()
LANGUAGES = ("de", "fr", "es")


class AlwaysDraft(Shortcut):
    """No plain steps, whatever they cost: otherwise a quick decoder would be compared to itself."""

    def wants_draft(self, tokens: int, rows: int, left_s: float | None) -> bool:
        return True


@pytest.fixture(scope="module")
def model() -> Drafting:
    model = open_drafting()
    model._shortcut = AlwaysDraft()
    return model


def greedy(graphs: Graphs, source: list[int]) -> list[int]:
    """One piece a step, by the plainest loop there is."""
    memory = graphs.encode([source])
    past = np.zeros((graphs.layers, 1, 0, graphs.cache_width), np.float32)
    said = [BEGIN]
    while len(said) <= limit_of(len(source)):
        best, new = graphs.read(np.array([said[-1:]]), memory, past, np.array([past.shape[2]]))
        past = np.concatenate([past, new], 2)
        if best.tokens[0, 0, 0] == END:
            break
        said.append(int(best.tokens[0, 0, 0]))
    return said[1:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_verified_is_what_greedy_decoding_gives(model: Drafting, language: str) -> None:
    """In 8 bits a near tie may go either way; of 36 texts none may (at least 99.5 %)."""
    words = model._vocabulary
    found = [
        said
        for text in TEXTS
        for said in model.translate(Rung.VERIFIED, [Sentence(text, "en", language)])
    ]
    plain = [words.text(greedy(model.graphs, words.source(t, language, 250))) for t in TEXTS]
    assert [each.text for each in found] == plain
    assert sum(each.accepted for each in found) > 0.2 * sum(each.drafted for each in found)


@pytest.mark.parametrize(
    ("language", "word"), [("de", "Bahnhof"), ("fr", "gare"), ("es", "estación")]
)
def test_it_has_learned_each_language(model: Drafting, language: str, word: str) -> None:
    (said,) = model.translate(Rung.VERIFIED, [Sentence(TEXTS[0], "en", language)])
    assert word in said.text
