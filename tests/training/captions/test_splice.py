"""New recordings of old pieces: every piece once, what is said stays what is heard."""

import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("soundfile")

from training.captions.align import Alignment  # noqa: E402
from training.captions.audio import RATE_HZ  # noqa: E402
from training.captions.editions import Stock, bind, make_editions  # noqa: E402
from training.captions.phones import BOUNDARY, PHONE_TOKENS  # noqa: E402
from training.captions.splice import (  # noqa: E402
    CROSSED,
    LONGEST_S,
    Source,
    Spliced,
    cut,
    splice,
)

BORDER = PHONE_TOKENS.index(BOUNDARY)
WORD_SAMPLES = RATE_HZ // 4


def make_source(number: int, words: int, voice: str) -> Source:
    """Word k of recording n is spelt by both, is phone n, and sounds as loud as 100 + k."""
    names = [f"{chr(65 + number)}{chr(65 + k)}" for k in range(words)]
    wave = np.concatenate([np.full(WORD_SAMPLES, 1000 + k, np.int16) for k in range(words)])
    phones = [p for k in range(words) for p in (BORDER, number + 1)][1:]
    cuts = [k * WORD_SAMPLES for k in range(words + 1)]
    quiet = [-30.0] * (words + 1)
    return Source(
        wave, phones, " ".join(names), Alignment(str(number), voice, [], cuts, quiet, 0.0)
    )


def make_sources() -> list[Source]:
    return [make_source(n, 3 + n % 7, f"folder/{n % 2}") for n in range(24)]


def test_every_word_comes_once_and_phones_follow_the_words() -> None:
    sources = make_sources()
    made = splice(sources, 3)
    said = sorted(w for s in made for w in s.words.split())
    assert said == sorted(w for s in sources for w in s.words.split())
    for recording in made:
        words = recording.words.split()
        assert recording.phones == [p for w in words for p in (BORDER, ord(w[0]) - 64)][1:]
        assert len(recording.wave) == len(words) * WORD_SAMPLES + 2 * CROSSED
        assert len(recording.wave) <= LONGEST_S * RATE_HZ
        middles = recording.wave[CROSSED + WORD_SAMPLES // 2 :: WORD_SAMPLES][: len(words)]
        assert all(900 < m < 1100 for m in middles)


def test_the_same_seed_makes_the_same_and_another_does_not() -> None:
    sources = make_sources()
    one, again, other = splice(sources, 1), splice(sources, 1), splice(sources, 2)
    assert [s.words for s in one] == [s.words for s in again]
    assert [s.words for s in one] != [s.words for s in other]


def test_voices_that_have_said_enough_stay_alone() -> None:
    for recording in splice(make_sources(), 0):
        assert len({ord(w[0]) % 2 for w in recording.words.split()}) == 1


def test_borders_in_silence_are_cut_more_often_than_those_in_speech() -> None:
    loudness = [0.0, 0.0, -40.0, 0.0, 0.0]
    cuts = [k * WORD_SAMPLES for k in range(5)]
    alignment = Alignment("a", "v", [], cuts, loudness, 0.0)
    chance = random.Random(0)
    ends = [p.last for _ in range(300) for p in cut(alignment, 0, chance)]
    assert ends.count(2) > 5 * ends.count(1)


def test_what_cannot_be_trusted_is_not_cut() -> None:
    good = make_source(0, 4, "v/a")
    poor = Source(good.wave, good.phones, good.words, Alignment("x", "v", [], [0], [0.0], -3.0))
    assert splice([poor], 0) == []


def test_an_edition_turned_to_sounds_and_reads_as_it_was_made(tmp_path: Path) -> None:
    sources = make_sources()
    paths = make_editions(sources, 2, 5, tmp_path, processes=2)
    own = [Spliced(np.full(8000, 7, np.int16), [1, 2], "AB")]
    stock = Stock(bind(own), paths, torch.device("cpu"))
    for number in (1, 0, 3):
        stock.turn(number)
        made = splice(sources, 5 + number % 2)
        assert stock.samples == [8000, *(len(s.wave) for s in made)]
        row = torch.tensor([len(made)])
        heard = stock.bank.read(row, torch.ones(1), len(made[-1].wave))[0] * 32768
        np.testing.assert_allclose(heard.numpy(), made[-1].wave, atol=40)
        labels, lengths = stock.phones.of([len(made)], row)
        assert labels[0, : lengths[0]].tolist() == made[-1].phones
