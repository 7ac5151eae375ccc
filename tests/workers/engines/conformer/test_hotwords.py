"""Words that a channel waits for: how they are said, and where they take the place of others."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.support.captions import model, vocabulary
from workers.engines.conformer.features import Floats
from workers.engines.conformer.hotwords import HotwordMaker, letters_of
from workers.engines.conformer.pronounce import Pronouncer
from workers.engines.conformer.words import Path


@cache
def maker() -> HotwordMaker:
    return HotwordMaker(vocabulary(), model())


def said(phones: str) -> Floats:
    """Log-probs of someone who says these phones for two frames each, not too clearly."""
    tokens = [vocabulary().phones[phone] for phone in phones.split() for _ in range(2)]
    scores = np.full((len(tokens), vocabulary().tokens), -6.0, np.float32)
    scores[np.arange(len(tokens)), tokens] = -0.1
    return scores


def heard(scores: Floats, *hotwords: str) -> Path:
    beam = vocabulary().beam()
    beam.step(scores)
    return maker().make(hotwords).put(beam.close(), scores)


def texts(path: Path) -> list[str]:
    return [word.text for word in path.words]


I_SAW_COMSTOCK = said("| AY | S AO | K AA M S T AA K | T AH D EY |")


def test_a_name_takes_the_place_of_what_it_sounds_like() -> None:
    without = texts(heard(I_SAW_COMSTOCK))
    assert without[:2] == ["I", "SAW"]
    assert "COMSTOCK" not in without
    assert texts(heard(I_SAW_COMSTOCK, "Comstock")) == ["I", "SAW", "Comstock", "TODAY"]


def test_it_has_the_time_of_what_it_replaces() -> None:
    place = texts(heard(I_SAW_COMSTOCK, "Comstock")).index("Comstock")
    word = heard(I_SAW_COMSTOCK, "Comstock").words[place]
    assert (word.start, word.end) == (12, 26)
    assert word.hot


def test_what_was_not_said_is_not_written() -> None:
    names = ("Quetzalcoatl", "Wilberforce", "Memphis")
    assert heard(I_SAW_COMSTOCK, *names) == heard(I_SAW_COMSTOCK)


def test_a_word_of_the_lexicon_is_written_as_its_channel_writes_it() -> None:
    assert texts(heard(said("| S AO | L AH N D AH N |"), "London")) == ["SAW", "London"]


def test_phrases_and_signs_are_said_by_their_letters() -> None:
    assert letters_of("Jean-Luc O’Brien, 3rd Zoë") == ["JEAN", "LUC", "O'BRIEN", "RD", "ZOE"]
    assert maker().pronounce("42 + ?") == []
    assert texts(heard(I_SAW_COMSTOCK, "?!", "")) == texts(heard(I_SAW_COMSTOCK))
    first = maker().pronounce("good morning")[0]
    assert first == tuple(vocabulary().phones[p] for p in "G UH D M AO R N IH NG".split())


def test_only_so_many_sets_are_kept() -> None:
    small = HotwordMaker(vocabulary(), model())
    for number in range(small.MOST_SETS + 10):
        small.make((f"London{number}",))
    assert len(small._made) == small.MOST_SETS


@pytest.mark.parametrize(
    ("word", "phones"),
    [("VRONSKY", "V R AA N S K IY"), ("COMSTOCK", "K AA M S T AA K"), ("FAYLE", "F EY L")],
)
def test_names_are_pronounced_by_their_letters(word: str, phones: str) -> None:
    packed = model().unpack(model().settings.pronunciations)
    found = Pronouncer(packed).pronounce(word)
    assert tuple(phones.split()) in found
    assert len(found) <= 3


def test_hostile_words_are_bounded() -> None:
    packed = model().unpack(model().settings.pronunciations)
    pronouncer = Pronouncer(packed)
    assert pronouncer.pronounce("") == []
    assert pronouncer.pronounce("'''") == []
    assert all(len(phones) <= 80 for phones in pronouncer.pronounce("X" * 10_000))
