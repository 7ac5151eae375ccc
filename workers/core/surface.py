"""A monotone surface over length and batch, through the points that are known."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import ceil, log2
from operator import le

BATCHES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96, 128)
"""The batches that have a column; what is larger counts as the last."""

PROPORTION = tuple(float(batch) for batch in BATCHES)
"""The worst of sane engines: twice the batch, twice the time."""

Row = Sequence[float]


@dataclass(frozen=True, slots=True)
class Knot:
    """A known time in seconds, and the number of samples that speak for it."""

    seconds: float
    weight: int


def length_bucket(length: int) -> int:
    """The half-octave that holds a length."""
    return ceil(2 * log2(length)) if length > 1 else 0


def batch_column(batch: int) -> int:
    """The column of the smallest batch in `BATCHES` that is not smaller."""
    return min(bisect_left(BATCHES, batch), len(BATCHES) - 1)


class Surface:
    """Seconds by bucket of length and batch; never less for a longer or larger one.

    Between knots linear. A larger batch than any known costs as `shape` grows, a greater length in
    proportion; smaller ones cost no less than the nearest known. Knots that contradict monotony are
    pooled by weight. `shape` of the result is its row of most knots: how time grows with the batch.
    """

    def __init__(self, knots: Mapping[tuple[int, int], Knot], shape: Row = PROPORTION) -> None:
        """`knots` by (bucket of length, column of batch), at least one."""
        known: dict[int, dict[int, Knot]] = {}
        for (bucket, column), knot in knots.items():
            known.setdefault(bucket, {})[column] = knot
        weights = {bucket: _weight(row) for bucket, row in known.items()}
        fullest = max(known, key=lambda bucket: (len(known[bucket]), weights[bucket]))
        self.shape = _complete(known[fullest], shape)
        self._buckets = sorted(known)
        rows = [_complete(known[bucket], self.shape) for bucket in self._buckets]
        self._rows = _pooled(rows, [weights[bucket] for bucket in self._buckets])

    def seconds(self, bucket: int, batch: int) -> float:
        column = batch_column(batch)
        high_s = self._at(bucket, column)
        if column == 0 or batch >= BATCHES[column]:
            return high_s
        low, high = BATCHES[column - 1], BATCHES[column]
        return _mix(self._at(bucket, column - 1), high_s, (batch - low) / (high - low))

    def _at(self, bucket: int, column: int) -> float:
        buckets, rows = self._buckets, self._rows
        above = bisect_left(buckets, bucket)
        if above == len(buckets):
            return rows[-1][column] * 2 ** ((bucket - buckets[-1]) / 2)
        if above == 0 or buckets[above] == bucket:
            return rows[above][column]
        low, high = buckets[above - 1], buckets[above]
        share = (bucket - low) / (high - low)
        return _mix(rows[above - 1][column], rows[above][column], share)


def _pooled(rows: Sequence[Row], weights: Sequence[int]) -> Sequence[Row]:
    """Rows that never fall from one to the next. Isotonic regression keeps the order of its inputs,
    so each stays monotone.
    """
    if all(all(map(le, shorter, longer)) for shorter, longer in pairwise(rows)):
        return rows
    columns = [isotonic(column, weights) for column in zip(*rows, strict=True)]
    return list(zip(*columns, strict=True))


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to `values` in weighted least squares.

    Pool adjacent violators (Ayer et al. 1955).
    """
    if all(map(le, values, islice(values, 1, None))):
        return list(values)
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, float(weight), 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            total = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]


def _weight(row: Mapping[int, Knot]) -> int:
    return sum(knot.weight for knot in row.values())


def _complete(row: Mapping[int, Knot], shape: Row) -> Row:
    """A time for every column: linear between knots, by `shape` above, level below."""
    columns = sorted(row)
    weights = [row[column].weight for column in columns]
    values = isotonic([row[column].seconds for column in columns], weights)
    found = [values[0]] * columns[0]
    for (low, low_s), (high, high_s) in pairwise(zip(columns, values, strict=True)):
        found.append(low_s)
        for batch in BATCHES[low + 1 : high]:
            share = (batch - BATCHES[low]) / (BATCHES[high] - BATCHES[low])
            found.append(_mix(low_s, high_s, share))
    found.append(values[-1])
    last, last_s = shape[columns[-1]], values[-1]
    found += [last_s * max(1.0, each / last) for each in shape[columns[-1] + 1 :]]
    return found


def _mix(low: float, high: float, share: float) -> float:
    # min and max: rounding must not break monotony
    return min(max(low + (high - low) * share, low), high)
