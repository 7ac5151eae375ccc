"""The beam: words, their times, and the same however it is fed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.captions import vocabulary
from workers.engines.conformer.features import Floats
from workers.engines.conformer.words import LOWEST, Path


def said(phones: str, each: int = 2) -> Floats:
    """Log-probs of someone who says these phones (`-` is a blank) for `each` frames."""
    tokens = [vocabulary().phones.get(phone, 0) for phone in phones.split() for _ in range(each)]
    scores = np.full((len(tokens), vocabulary().tokens), -8.0, np.float32)
    scores[np.arange(len(tokens)), tokens] = -0.01
    return scores


GOOD_MORNING = said("| G UH D | M AO R N IH NG | -")


def heard(parts: list[Floats]) -> Path:
    beam = vocabulary().beam()
    for part in parts:
        beam.step(part)
    return beam.close()


def test_words_are_heard_with_their_times() -> None:
    words = heard([GOOD_MORNING]).words
    assert [word.text for word in words] == ["GOOD", "MORNING"]
    assert [(word.start, word.end) for word in words] == [(2, 8), (10, 22)]


def test_the_path_has_a_token_for_each_frame() -> None:
    tokens = heard([GOOD_MORNING]).tokens
    assert len(tokens) == len(GOOD_MORNING)
    assert np.mean(tokens == GOOD_MORNING.argmax(1)) > 0.9


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(GOOD_MORNING)), max_size=6))
def test_the_words_do_not_depend_on_how_the_frames_come(borders: list[int]) -> None:
    assert heard(np.split(GOOD_MORNING, sorted(borders))) == heard([GOOD_MORNING])


def test_a_word_shows_once_its_last_phone_is_over() -> None:
    beam = vocabulary().beam()
    beam.step(said("| G UH D"))
    assert beam.best().words == ()
    beam.step(said("|"))
    assert [word.text for word in beam.best().words] == ["GOOD"]


def test_a_last_word_needs_no_silence_after_it() -> None:
    assert [word.text for word in heard([said("| G UH D", each=1)]).words] == ["GOOD"]


def test_a_long_pause_takes_nothing_back() -> None:
    beam = vocabulary().beam()
    beam.step(GOOD_MORNING)
    before = beam.best().words
    for _ in range(6):
        beam.step(said("- " * 20))
        assert beam.best().words == before
    assert beam.close().words == before


def test_nothing_heard_is_nothing_said() -> None:
    assert heard([]) == Path((), ())
    assert heard([said("- - - - - -")]).words == ()


def test_impossible_frames_end_nothing() -> None:
    scores = GOOD_MORNING.copy()
    scores[scores < -1] = -np.inf
    assert [word.text for word in heard([scores]).words] == ["GOOD", "MORNING"]
    assert LOWEST < -8
