"""Scores that mean what they say: for each label a scale and a shift of its logit (Platt, 1999).

The scale is the temperature's inverse (Guo et al., 2017). The shift is there because our epochs
hold more positives and more look-alikes than the data do.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEAST_POSITIVES = 20
"""Fewer in the development texts: the label keeps scale 1 and shift 0."""

STEPS = 50
RIDGE = 1e-3
"""Keeps a step finite where positives and negatives do not overlap."""

Array = npt.NDArray[np.float32]


class Calibration(NamedTuple):
    """logit -> scale * logit + shift, [labels] each."""

    scale: Array
    shift: Array

    def apply(self, logits: Array) -> Array:
        found: Array = logits * self.scale + self.shift
        return found


def calibrate(logits: Array, labels: Array) -> Calibration:
    """Both [texts, labels]; nan where a label is unknown."""
    scale, shift = np.ones(labels.shape[1], np.float32), np.zeros(labels.shape[1], np.float32)
    for number in range(labels.shape[1]):
        known = ~np.isnan(labels[:, number])
        truth = labels[known, number]
        if truth.sum() >= LEAST_POSITIVES:
            scale[number], shift[number] = _fit(logits[known, number], truth)
    return Calibration(scale, shift)


def _fit(logits: Array, truth: Array) -> tuple[float, float]:
    """Logistic regression on one feature, by Newton's method."""
    features = np.stack([logits, np.ones_like(logits)]).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-np.clip(weights @ features, -30, 30)))
        slope = features @ (truth - chances)
        curve = (features * (chances * (1 - chances))) @ features.T
        weights += np.linalg.solve(curve + RIDGE * np.eye(2), slope)
    return float(weights[0]), float(weights[1])
