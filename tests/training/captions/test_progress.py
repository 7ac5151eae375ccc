"""A learning curve is a line of JSON each time, with means since the last one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.captions.progress import Curve  # noqa: E402


def entries(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_losses_are_means_since_the_last_line(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "work" / "curve.jsonl", unit="pieces")
    for loss in (1.0, 3.0):
        curve.add({"ctc": torch.tensor(loss)}, 100)
    curve.write(2, 0, 1e-3, 0.1)
    curve.add({"ctc": torch.tensor(5.0)}, 100)
    curve.write(3, 0, 1e-3, 0.2)
    first, second = entries(tmp_path / "work" / "curve.jsonl")
    assert (first["step"], first["ctc"], second["ctc"]) == (2, 2.0, 5.0)
    assert first["pieces_s"] > 0


def test_what_is_held_out_says_under_which_conditions(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "curve.jsonl")
    curve.write_held(7, {"phone_error": 0.123456}, chunk=8)
    assert entries(tmp_path / "curve.jsonl") == [
        {"step": 7, "chunk": 8, "held_phone_error": 0.1235}
    ]
