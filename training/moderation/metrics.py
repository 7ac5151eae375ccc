"""Area under the curve, calibration error, and how sure we are of them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Measure = Callable[[Array, Array], float]


def auroc(scores: Array, truth: Array) -> float:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney, 1947)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = truth == 1
    count = int(positive.sum())
    if not 0 < count < len(truth):
        return float("nan")
    above = ranks[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(truth) - count)))


def calibration_error(scores: Array, truth: Array, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width (Naeini et al., 2015)."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        abs(scores[place == b].mean() - truth[place == b].mean()) * np.mean(place == b)
        for b in np.unique(place)
    ]
    return float(sum(gaps))


def interval(
    measure: Measure, scores: Array, truth: Array, seed: int = 0, rounds: int = 1000
) -> tuple[float, float]:
    """95 % bootstrap over texts (Efron, 1979)."""
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(scores), size=len(scores)) for _ in range(rounds))
    found = np.array([measure(scores[draw], truth[draw]) for draw in draws])
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


def f1(scores: Array, truth: Array, threshold: float) -> float:
    """Of the positive class."""
    called = scores >= threshold
    hits = float((called & (truth == 1)).sum())
    return 2 * hits / max(1.0, float(called.sum() + (truth == 1).sum()))


def balanced_accuracy(scores: Array, truth: Array, threshold: float) -> float:
    """Mean of the shares of positives and of negatives that are called rightly."""
    called = scores >= threshold
    return float((called[truth == 1].mean() + (~called)[truth == 0].mean()) / 2)


def best_threshold(
    scores: Array, truth: Array, measure: Callable[[Array, Array, float], float]
) -> float:
    candidates = np.linspace(0.02, 0.98, 97)
    found = [measure(scores, truth, float(t)) for t in candidates]
    return float(candidates[int(np.argmax(found))])
