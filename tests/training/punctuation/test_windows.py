"""Segments are cut from running text as a recogniser would hand them over."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.punctuation.prepare import Words
from training.punctuation.windows import IGNORED, LENGTHS, Windows
from workers.core.marks import Mark
from workers.engines.formatting.vocabulary import CUT, END, PAD, START


def text(words: int = 4_000, sentence: int = 9) -> Words:
    """Sentences of so many words, a comma in the middle of each; a word's id is its place."""
    places = np.arange(words)
    marks = np.where(places % sentence == sentence - 1, Mark.STOP, Mark.NONE)
    marks[places % sentence == sentence // 2] = Mark.COMMA
    return Words(places + 100, places % 8, marks.astype(np.int64), places % 3)


@given(st.sampled_from(LENGTHS), st.integers(0, 99))
def test_a_segment_is_a_piece_of_the_text_between_its_special_tokens(
    length: int, seed: int
) -> None:
    running = text()
    batch = Windows({"t": running}, {"t": 1.0}, seed).batch(length, 6)
    assert batch.ids.shape == (6, length + 2)
    for ids, marks in zip(batch.ids, batch.marks, strict=True):
        size = int((marks != IGNORED).sum())
        assert 1 <= size <= length
        assert (ids[0], marks[0], marks[size + 1]) == (START, IGNORED, IGNORED)
        assert ids[size + 1] in (END, CUT)
        assert set(ids[size + 2 :]) <= {PAD}
        place = ids[1] - 100
        assert ids[1 : size + 1].tolist() == list(range(ids[1], ids[1] + size))
        assert marks[1 : size + 1].tolist() == running.marks[place : place + size].tolist()


def test_silence_mostly_follows_a_sentence_and_a_cut_anything() -> None:
    batch = Windows({"t": text()}, {"t": 1.0}, 0).batch(32, 400)
    lasts: dict[int, list[int]] = {END: [], CUT: []}
    for ids, marks in zip(batch.ids, batch.marks, strict=True):
        size = int((marks != IGNORED).sum())
        lasts[int(ids[size + 1])].append(int(marks[size]))
    assert np.mean(np.array(lasts[END]) == Mark.STOP) > 0.7
    assert np.mean(np.array(lasts[CUT]) == Mark.STOP) < 0.3


def test_the_same_seed_draws_the_same_segments() -> None:
    first, again, other = (Windows({"t": text()}, {"t": 1.0}, s).batch(16, 9) for s in (3, 3, 4))
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, other.ids)
