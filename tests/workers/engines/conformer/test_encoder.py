"""A stream's numbers are its own, whoever shares its run."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.captions import encoder
from tests.support.speech import read_speech
from workers.engines.conformer.encoder import MOST_ROWS
from workers.engines.conformer.features import FRAME_MELS, FRAME_SAMPLES, Floats, LogMel

FRAMES = 120
SAMPLES = np.frombuffer(read_speech(), "<i2")


def mels_from(sample: int, frames: int = FRAMES) -> Floats:
    end = sample + frames * FRAME_SAMPLES
    return LogMel().step(LogMel.START, SAMPLES[sample:end])[0]


def hear(streams: list[Floats], chunk: int) -> list[Floats]:
    """Phone log-probs of streams that are heard side by side."""
    states = [encoder().begin() for _ in streams]
    heard: list[list[Floats]] = [[] for _ in streams]
    for at in range(0, FRAMES * FRAME_MELS, chunk * FRAME_MELS):
        scores = encoder().step(states, [mels[at : at + chunk * FRAME_MELS] for mels in streams])
        for parts, each in zip(heard, scores, strict=True):
            parts.append(each.phones)
    return [np.concatenate(parts) for parts in heard]


def test_neighbours_change_nothing() -> None:
    streams = [mels_from(20_000 + 9_000 * place) for place in range(3)]
    together = hear(streams, 8)
    for mels, heard in zip(streams, together, strict=True):
        assert np.array_equal(hear([mels], 8)[0], heard)


def test_they_are_log_probs_but_for_the_priors_that_are_divided_out() -> None:
    (phones,) = hear([mels_from(20_000)], 8)
    assert phones.shape == (FRAMES, 41)
    assert np.allclose(np.exp(phones).sum(1), 1, atol=1e-4)


def test_long_and_short_chunks_agree_in_the_main() -> None:
    short, long = (hear([mels_from(20_000)], chunk)[0] for chunk in (4, 30))
    assert (short.argmax(1) == long.argmax(1)).mean() > 0.8
    assert not np.array_equal(short, long)


def test_chunks_of_all_lengths_and_more_streams_than_a_run_takes_come_back_in_order() -> None:
    chunks = [mels_from(20_000, 1 + place % 3) for place in range(MOST_ROWS + 5)]
    states = [encoder().begin() for _ in chunks]
    found = encoder().step(states, chunks)
    assert [len(scores.phones) for scores in found] == [1 + place % 3 for place in range(21)]
    assert [state.position for state in states] == [1 + place % 3 for place in range(21)]
    alone = encoder().step([encoder().begin()], [chunks[-1]])[0]
    assert np.array_equal(alone.phones, found[-1].phones)


def test_what_it_remembers_does_not_grow() -> None:
    state = encoder().begin()
    before = state.rings.nbytes + state.taps.nbytes + state.mels.nbytes
    encoder().step([state], [mels_from(0, 120)])
    encoder().step([state], [mels_from(0, 3)])
    assert state.position == 123
    assert state.rings.nbytes + state.taps.nbytes + state.mels.nbytes == before
    assert before == pytest.approx(2.54e6, rel=0.02)
