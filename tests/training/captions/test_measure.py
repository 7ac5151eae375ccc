"""Word errors and pruning."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("rapidfuzz")
pytest.importorskip("soundfile")
pytest.importorskip("flashlight.lib.text.decoder")
pytest.importorskip("onnxscript")

from training.captions import measure  # noqa: E402
from training.captions.greedy import collapse, edit_distance  # noqa: E402


def test_errors_are_counted_by_words_and_their_interval_holds_the_rate() -> None:
    errors = measure.word_errors(["A B C", "D"] * 20, ["A X C", "D"] * 20)
    low, high = errors.interval()
    assert errors.rate == 25
    assert 0 < low < 25 < high < 50


def test_repeats_collapse_and_blanks_part_them() -> None:
    assert collapse(np.array([0, 3, 3, 0, 3, 5, 5, 0])) == [3, 3, 5]
    assert edit_distance([1, 2, 3], [1, 3, 3, 4]) == 2
    assert edit_distance([], [1, 1]) == 2
    assert edit_distance([1, 2], []) == 2
