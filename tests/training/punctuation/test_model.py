"""The tagger learns, and what is exported says the same in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from training.punctuation.export import export, in_8_bits
from training.punctuation.measure import measure
from training.punctuation.model import Shape, Tagger
from training.punctuation.prepare import Words
from training.punctuation.train import loss_of
from training.punctuation.windows import Batch, Windows
from workers.core.marks import Case, Mark
from workers.engines.formatting.vocabulary import PAD, START

TINY = Shape(embedding=8, width=16, inner=16, layers=1, kernel=3, around=1, dropout=0.0)
SENTENCE = 6


def running_text() -> Words:
    """A sentence over and over: its last word is always the same."""
    places = np.arange(600) % SENTENCE
    marks = np.where(places == SENTENCE - 1, Mark.STOP, Mark.NONE).astype(np.int64)
    cases = np.where(places == 0, Case.CAPITAL, Case.LOWER).astype(np.int64)
    return Words(places + 100, np.zeros_like(places), marks, cases)


@pytest.fixture(scope="module")
def windows() -> Windows:
    return Windows({"t": running_text()}, {"t": 1.0}, 0)


@pytest.fixture(scope="module")
def tagger(windows: Windows) -> Tagger:
    """A tiny one, after a little training."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = Tagger(TINY)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-2)
    for _ in range(40):
        optimiser.zero_grad()
        loss_of(net, windows.batch(16, 8)).backward()
        optimiser.step()
    return net.eval()


def scores(tagger: Tagger, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        marks, cases = tagger(torch.from_numpy(batch.ids), torch.from_numpy(batch.habits))
    return marks.numpy(), cases.numpy()


def test_it_learns_where_sentences_end(tagger: Tagger, windows: Windows) -> None:
    quality = measure(tagger, [windows.batch(16, 20)])
    assert np.trace(quality.marks) / quality.marks.sum() > 0.95
    assert np.trace(quality.cases) / quality.cases.sum() > 0.95
    assert quality.marks[Mark.STOP].sum() > 0


def test_a_segment_does_not_depend_on_its_neighbours(tagger: Tagger, windows: Windows) -> None:
    batch = windows.batch(16, 4)
    together, _ = scores(tagger, batch)
    for row in range(4):
        size = int((batch.ids[row] != PAD).sum())
        alone, _ = scores(tagger, Batch(*(array[row : row + 1, :size] for array in batch)))
        np.testing.assert_allclose(together[row, :size], alone[0], atol=1e-4)
    assert set(batch.ids[:, 0]) == {START}


def test_the_graph_in_8_bits_says_the_same(
    tagger: Tagger, windows: Windows, tmp_path: Path
) -> None:
    batch = windows.batch(32, 3)
    export(tagger, tmp_path / "tagger.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "tagger.onnx")
    told = session.run(None, {"ids": batch.ids, "habits": batch.habits})
    for graphs, ours in zip(told, scores(tagger, batch), strict=True):
        there = batch.ids != PAD
        np.testing.assert_allclose(np.exp(graphs)[there], np.exp(ours)[there], atol=0.1)
        assert (graphs.argmax(-1) == ours.argmax(-1))[there].mean() > 0.99
    (one, _) = session.run(None, {"ids": batch.ids[:1, :5], "habits": batch.habits[:1, :5]})
    assert one.shape == (1, 5, len(Mark))


def test_8_bits_keep_a_weight_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    values, scale = in_8_bits(weight)
    assert np.abs(values).max() == 127
    assert (np.abs(values * scale - weight) <= scale / 2 + 1e-6).all()
