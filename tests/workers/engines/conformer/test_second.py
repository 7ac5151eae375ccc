"""The second hearing: whole, as often as a segment may have ended, and the same at any time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.captions import encoder
from tests.support.speech import read_speech
from workers.engines.conformer.features import FRAME_MELS, FRAME_SAMPLES, Floats, LogMel
from workers.engines.conformer.second import BLOCK_FRAMES, SecondHearing

SAMPLES = np.frombuffer(read_speech(), "<i2")


def mels(frames: int) -> Floats:
    samples = np.resize(SAMPLES, frames * FRAME_SAMPLES)
    return LogMel().step(LogMel.START, samples)[0]


AFTER = mels(3)


def heard(said: Floats, pieces: list[int], peeks: int = 0) -> Floats:
    """Log-probs of what comes in pieces of so many frames, peeked at after the first few."""
    second = SecondHearing()
    for place, piece in enumerate(np.split(said, [FRAME_MELS * at for at in pieces])):
        second.listen(piece)
        second.hear_blocks(encoder())
        if place < peeks:
            second.peek(encoder(), AFTER)
    return np.concatenate(second.peek(encoder(), AFTER))


@pytest.mark.parametrize("frames", [100, BLOCK_FRAMES, 2 * BLOCK_FRAMES + 40])
def test_neither_pieces_nor_peeks_change_what_is_heard(frames: int) -> None:
    said = mels(frames)
    whole = heard(said, [])
    assert len(whole) == frames + 3
    pieces = list(range(7, frames, 61))
    assert np.array_equal(heard(said, pieces), whole)
    assert np.array_equal(heard(said, pieces, peeks=len(pieces)), whole)


def test_a_block_is_one_run() -> None:
    said = mels(BLOCK_FRAMES)
    (scores,) = encoder().step([encoder().begin()], [np.concatenate((said, AFTER))])
    assert np.array_equal(heard(said, []), scores.phones)
