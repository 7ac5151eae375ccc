"""The best path through known phones, and where recordings are cut."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("soundfile")

from training.captions.align import (  # noqa: E402
    DELAY,
    Alignment,
    best_paths,
    cut_places,
    load_alignments,
    word_gaps,
    write_alignments,
)
from training.captions.features import HOP  # noqa: E402
from training.captions.phones import BOUNDARY, PHONE_TOKENS  # noqa: E402


def best_by_trial(scores: np.ndarray, labels: list[int]) -> float:
    """The best score of all sequences of classes that collapse to `labels`."""
    best = -np.inf
    for classes in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        merged = [c for c, _ in itertools.groupby(classes)]
        if [c for c in merged if c] == labels:
            best = max(best, sum(scores[t, c] for t, c in enumerate(classes)))
    return best


def test_no_path_is_better_than_the_best() -> None:
    torch.manual_seed(0)
    scores = [torch.randn(frames, 3).log_softmax(-1) for frames in (6, 4, 5)]
    labels = [[1, 1, 2], [2], [1, 2]]
    paths, fits = best_paths(scores, labels)
    for score, spoken, path, fit in zip(scores, labels, paths, fits, strict=True):
        classes = [0 if s % 2 == 0 else spoken[s // 2] for s in path]
        assert [c for c, _ in itertools.groupby(path.tolist()) if c % 2] == [
            2 * k + 1 for k in range(len(spoken))
        ]
        total = sum(float(score[t, c]) for t, c in enumerate(classes))
        assert total == pytest.approx(fit * len(score), abs=1e-4)
        assert total == pytest.approx(best_by_trial(score.numpy(), spoken), abs=1e-4)


def test_words_are_cut_where_it_is_quiet_between_them() -> None:
    border = PHONE_TOKENS.index(BOUNDARY)
    path = np.array([0] * 10 + [1, 1, 2, 3, 3, 4, 5, 5] + [6] * 10)
    gaps = word_gaps(path, [4, border, 9])
    assert gaps == [(11, 16)]
    wave = np.random.default_rng(0).integers(-8000, 8000, len(path) * 4 * HOP).astype(np.int16)
    quiet = 56 - DELAY
    wave[(quiet - 1) * HOP : (quiet + 2) * HOP] = 0
    cuts, loudness_db = cut_places(gaps, wave)
    assert cuts == [0, quiet * HOP + HOP // 2, len(wave)]
    assert loudness_db[1] < -40


def test_alignments_are_read_as_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    told = Alignment("a/b.opus", "a/x", [(1, 3)], [0, 900, 4000], [0.0, -30.5, 0.0], -0.2)
    write_alignments(tmp_path / "a.jsonl", [told])
    (found,) = load_alignments(tmp_path / "a.jsonl")
    assert found.cuts == told.cuts
    assert found.voice == told.voice
