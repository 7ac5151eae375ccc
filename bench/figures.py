"""Quantiles and lines of figures that all benchmarks print alike."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    place = max(0, min(len(ordered) - 1, int(share * len(ordered) + 0.999_999) - 1))
    return ordered[place]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Count, p50, p95, p99, p99.9 and the largest."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99_9": 0.999, "max": 1.0}
    found = {name: round(quantile(values, share), 3) for name, share in shares.items()}
    return {"count": len(values), **found}


def row(name: str, figures: Mapping[str, Any]) -> str:
    return f"{name:<28} " + "  ".join(f"{key} {value}" for key, value in figures.items())


def last_line(bench: str, figures: Mapping[str, Any]) -> str:
    """The one JSON line in which a benchmark ends."""
    return json.dumps({"bench": bench, "machine": platform.processor(), **figures})
