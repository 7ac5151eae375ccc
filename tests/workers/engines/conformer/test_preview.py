"""Previews: bounded runs that hear the latest with what followed it, and words that stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.captions import encoder
from tests.support.speech import read_speech
from workers.engines.conformer.encoder import EncoderState
from workers.engines.conformer.features import FRAME_MELS, FRAME_SAMPLES, Floats, LogMel
from workers.engines.conformer.preview import (
    DUE_FRAMES,
    KEPT_FRAMES,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Preview,
)

CHUNK = 4
SAMPLES = np.frombuffer(read_speech(), "<i2")


class Listening:
    """A preview beside a draft that hears every chunk at once."""

    def __init__(self) -> None:
        self.preview = Preview()
        self.draft: EncoderState = encoder().begin()
        self.runs: list[int] = []
        self.heard = 0

    def chunk(self) -> None:
        begin = self.heard * FRAME_SAMPLES
        samples = SAMPLES[begin : begin + CHUNK * FRAME_SAMPLES]
        mels, _ = LogMel().step(LogMel.START, samples)
        self.heard += CHUNK
        self.preview.listen(mels)
        encoder().step([self.draft], [mels])

    def look(self) -> None:
        self.preview.hear(encoder(), self.draft)
        self.runs.append(self.preview.frames - self.preview.anchors[0].position)


def test_it_is_due_every_few_frames() -> None:
    here = Listening()
    due = []
    for _ in range(8):
        here.chunk()
        due.append(here.preview.is_due)
        if here.preview.is_due:
            here.look()
    assert due == [False, True] * (8 * CHUNK // DUE_FRAMES)


def test_runs_are_bounded_and_every_frame_is_known() -> None:
    here = Listening()
    for _ in range(50):
        here.chunk()
        here.look()
        begin, scores = here.preview.since(0)
        assert (begin, len(scores)) == (0, here.heard)
    assert max(here.runs) < WINDOW_FRAMES + STEP_FRAMES + CHUNK
    assert min(here.runs[WINDOW_FRAMES // CHUNK :]) >= WINDOW_FRAMES


def test_what_follows_changes_what_was_heard() -> None:
    here = Listening()
    for _ in range(4):
        here.chunk()
    here.look()
    before = here.preview.since(8)[1][:8]
    for _ in range(4):
        here.chunk()
    here.look()
    assert not np.array_equal(here.preview.since(8)[1][:8], before)


@pytest.mark.parametrize("chunks", [10, 60])
def test_one_that_begins_late_says_from_where_it_knows(chunks: int) -> None:
    here = Listening()
    for _ in range(chunks):
        here.chunk()
    here.chunk()
    here.look()
    late = here.heard > KEPT_FRAMES
    assert here.preview.begin == (here.draft.position if late else 0)
    here.chunk()
    here.look()
    begin, scores = here.preview.since(0)
    assert begin == here.preview.begin
    assert begin + len(scores) == here.heard


def test_a_preview_leaves_the_draft_alone() -> None:
    here = Listening()
    for _ in range(5):
        here.chunk()
    rings: Floats = here.draft.rings.copy()
    here.look()
    assert here.draft.position == 5 * CHUNK
    assert np.array_equal(here.draft.rings, rings)
    assert len(here.preview.mels) == 5 * CHUNK * FRAME_MELS
