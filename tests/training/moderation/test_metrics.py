"""Figures that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.moderation.calibrate import LEAST_POSITIVES, calibrate
from training.moderation.metrics import (
    auroc,
    balanced_accuracy,
    best_threshold,
    calibration_error,
    f1,
    interval,
)

SCORES = np.array([0.1, 0.4, 0.4, 0.9])
TRUTH = np.array([0.0, 0.0, 1.0, 1.0])


def test_the_area_counts_ties_half() -> None:
    assert auroc(SCORES, TRUTH) == pytest.approx(3.5 / 4)
    assert np.isnan(auroc(SCORES, np.ones(4)))


def test_a_score_that_is_the_rate_has_no_calibration_error() -> None:
    assert calibration_error(np.full(4, 0.5), TRUTH) == 0.0
    assert calibration_error(np.full(4, 1.0), TRUTH) == 0.5


def test_f1_and_balanced_accuracy() -> None:
    assert f1(SCORES, TRUTH, 0.4) == pytest.approx(0.8)
    assert balanced_accuracy(SCORES, TRUTH, 0.4) == pytest.approx(0.75)
    perfect = np.array([0.1, 0.2, 0.6, 0.9])
    assert 0.2 < best_threshold(perfect, TRUTH, balanced_accuracy) <= 0.6


def test_an_interval_holds_the_figure() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random(300) < 0.3).astype(float)
    scores = truth + generator.normal(size=300)
    low, high = interval(auroc, scores, truth, rounds=200)
    assert low < auroc(scores, truth) < high


def test_calibration_undoes_a_scale_and_a_shift() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4_000, 2)).astype(np.float32) * 2
    labels = (generator.random((4_000, 2)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    labels[LEAST_POSITIVES // 2 :, 1] = np.nan
    found = calibrate(3 * logits + 1, labels)
    assert found.scale == pytest.approx([1 / 3, 1.0], rel=0.1)
    assert found.shift[0] == pytest.approx(-1 / 3, abs=0.15)
    assert found.shift[1] == 0.0
