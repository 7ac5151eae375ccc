"""Silence makes marks likelier, and a segment's end need not be a sentence's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.marks import Mark
from workers.core.silences import silences_of, weigh_marks


def likely(*rows: tuple[float, ...]) -> np.ndarray:
    return np.log(np.array(rows, np.float32))


def marks(scores: np.ndarray, silences: list[float], *, cut: bool = False) -> list[Mark]:
    return [Mark(told) for told in weigh_marks(scores, silences, cut=cut).argmax(-1)]


def test_silences_lie_between_words() -> None:
    assert silences_of([0.0, 0.5, 1.5], [0.4, 1.0, 2.0]) == pytest.approx([0.1, 0.5])
    assert silences_of([0.0], [0.4]) == []


def test_a_doubtful_comma_stands_where_the_speaker_stopped() -> None:
    doubtful = likely((0.7, 0.3, 1e-6, 1e-6), (0.9, 0.1, 1e-6, 1e-6))
    assert marks(doubtful, [0.35], cut=True)[0] == Mark.COMMA
    assert marks(doubtful, [0.15], cut=True)[0] == Mark.NONE


def test_a_doubtful_comma_goes_where_the_speaker_went_on() -> None:
    doubtful = likely((0.4, 0.6, 1e-6, 1e-6), (0.9, 0.1, 1e-6, 1e-6))
    assert marks(doubtful, [0.0], cut=True)[0] == Mark.NONE


def test_silence_does_not_say_which_mark() -> None:
    asked = likely((0.1, 0.2, 0.3, 0.4), (0.9, 0.1, 1e-6, 1e-6))
    assert marks(asked, [0.6], cut=True)[0] == Mark.QUESTION


def test_a_segments_end_is_a_sentences_only_where_that_is_likely() -> None:
    assert marks(likely((0.4, 0.05, 0.55, 1e-6)), []) == [Mark.NONE]
    assert marks(likely((0.05, 0.02, 0.93, 1e-6)), []) == [Mark.STOP]
    assert marks(likely((0.05, 0.02, 1e-6, 0.93)), []) == [Mark.QUESTION]
    assert marks(likely((0.4, 0.05, 0.55, 1e-6)), [], cut=True) == [Mark.STOP]


probabilities = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4)


@given(st.lists(probabilities, min_size=1, max_size=9), st.floats(-1.0, 5.0), st.booleans())
def test_longer_silence_never_makes_a_mark_less_likely(
    rows: list[list[float]], silence: float, cut: bool
) -> None:
    scores = likely(*map(tuple, rows))
    before = weigh_marks(scores, [silence] * (len(rows) - 1), cut=cut)
    after = weigh_marks(scores, [silence + 0.2] * (len(rows) - 1), cut=cut)
    margin = [
        weighed[:, Mark.COMMA :].max(-1) - weighed[:, Mark.NONE] for weighed in (before, after)
    ]
    assert (margin[1] >= margin[0] - 1e-5).all()
    assert (scores == likely(*map(tuple, rows))).all()
