"""How long a batch takes: the 95th percentile by rung, length and batch, learned online."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from stream.core.messages import Rung
from workers.core.quantile import QuantileWindow
from workers.core.surface import (
    BATCHES,
    PROPORTION,
    Knot,
    Surface,
    batch_column,
    length_bucket,
)

_ORDER = {rung: place for place, rung in enumerate(Rung)}
_QUANTILE = 0.95
_ENOUGH = 20  # fewer samples or ratios have no 95th percentile, and hardly a median
_BEYOND = 2.0
_RATIOS = 256
_LONGEST_GAP_S = 1.0
_MOST_HALVINGS = 3
_TOLERANCE = 0.01

Figure = Literal["high", "typical", "mean"]
FIGURES: tuple[Figure, ...] = ("typical", "high", "mean")


@dataclass(slots=True)
class _Cell:
    window: QuantileWindow = field(default_factory=QuantileWindow)
    used_s: float = 0.0
    halvings: int = 0

    typical_s: float = 0.0
    high_s: float = 0.0
    mean_s: float = 0.0

    def figure(self, name: Figure) -> float:
        return {"high": self.high_s, "typical": self.typical_s, "mean": self.mean_s}[name]

    def refresh(self, spread: float | None) -> list[Figure]:
        """Bring those figures up to date that have moved enough to matter, and name them.

        The 95th percentile is the window's own as far as that is full, else median times `spread`,
        but never far above the slowest: a spread learned while silence was cheap says nothing of
        speech.
        """
        typical_s, high_s = self.window.value(0.5), self.window.value(_QUANTILE)
        if spread is not None:
            share = self.window.fullness
            most = 1.0 if len(self.window) >= _ENOUGH else _BEYOND
            guess_s = min(typical_s * spread, most * self.window.value(1.0))
            high_s = share * high_s + (1 - share) * guess_s
        fresh = typical_s, high_s, self.window.mean
        shown = self.typical_s, self.high_s, self.mean_s
        near = [_near(*both) for both in zip(fresh, shown, strict=True)]
        kept = (old if same else new for new, old, same in zip(fresh, shown, near, strict=True))
        self.typical_s, self.high_s, self.mean_s = kept
        return [name for name, same in zip(FIGURES, near, strict=True) if not same]


def _near(fresh: float, shown: float) -> bool:
    return abs(fresh - shown) <= _TOLERANCE * shown


class LatencyProfile:
    """Predicts the 95th percentile of a batch's time, never less for a longer or larger one.

    A cell for each rung, half-octave of length and batch holds its latest samples; a `Surface`
    joins the cells of a rung. What was never observed is guessed so that it is tried and learned:
    a larger batch costs in proportion, or as it does at the next cheaper rung; a rung costs as
    much as the next cheaper one; with nothing observed, a job costs `initial_s`.

    A cell that is not observed during `half_life_s` of use is trusted less: its samples are halved,
    three times at most, so that what was slow once is tried again. A pause is not use.

    A rung that was never observed here costs what it does in the profile `like`.
    """

    def __init__(
        self,
        initial_s: float = 0.005,
        half_life_s: float = 60.0,
        like: LatencyProfile | None = None,
    ) -> None:
        self._initial_s = initial_s
        self._half_life_s = half_life_s
        self._like = like
        self._cells: dict[Rung, dict[tuple[int, int], _Cell]] = {}
        self._ratios: dict[Rung, QuantileWindow] = {}
        self._seen: dict[Rung, list[int]] = {}
        self._surfaces: dict[tuple[Figure, Rung], Surface] = {}
        self._cache: dict[Figure, dict[tuple[Rung, int, int], float]] = {f: {} for f in FIGURES}
        self._used_s = 0.0
        self._now: float | None = None
        self._swept_s = 0.0

    @staticmethod
    def bucket(length: int) -> int:
        """Lengths of one bucket are predicted alike."""
        return length_bucket(length)

    def predict(self, rung: Rung, length: int, batch: int) -> float:
        """Seconds for `batch` jobs, the longest of them of `length`, at `rung`: 95 % take less."""
        return self.predict_bucket(rung, length_bucket(length), batch)

    def predict_bucket(self, rung: Rung, bucket: int, batch: int) -> float:
        """`predict` for a length that is known by its bucket."""
        return self._recall("high", rung, bucket, batch)

    def expect_bucket(self, rung: Rung, bucket: int, batch: int) -> float:
        """The median, to compare batches by: one that was slow by chance is still tried again."""
        return self._recall("typical", rung, bucket, batch)

    def average_bucket(self, rung: Rung, bucket: int, batch: int) -> float:
        """The mean, of which load is made: what few jobs cost more counts by their share."""
        return self._recall("mean", rung, bucket, batch)

    def seen(self, rung: Rung, batch: int) -> int:
        """How many batches at least as large, of any length, have taught this rung's times."""
        return self._seen[rung][batch_column(batch)] if rung in self._seen else 0

    def observe(self, rung: Rung, length: int, batch: int, took_s: float, now: float) -> None:
        """A batch took so long. `now` only tells how much the profile is in use."""
        self._advance(now)
        place = length_bucket(length), batch_column(batch)
        self._count(rung, batch)
        cell = self._cells.setdefault(rung, {}).setdefault(place, _Cell())
        if len(cell.window) >= _ENOUGH:
            ratios = self._ratios.setdefault(rung, QuantileWindow(_RATIOS))
            ratios.append(took_s / cell.window.value(0.5))
        cell.window.append(took_s)
        cell.used_s, cell.halvings = self._used_s, 0
        self._forget(rung, cell.refresh(self._spread(rung)))

    def statistics(self) -> dict[str, float]:
        """Seconds by `rung/longest length/largest batch`, for the cells that were observed."""
        return {
            f"{rung}/{round(2 ** (bucket / 2))}/{BATCHES[column]}": cell.high_s
            for rung, cells in self._cells.items()
            for (bucket, column), cell in cells.items()
        }

    def _count(self, rung: Rung, batch: int) -> None:
        seen = self._seen.setdefault(rung, [0] * len(BATCHES))
        for column in range(batch_column(batch) + 1):
            seen[column] += 1

    def _recall(self, figure: Figure, rung: Rung, bucket: int, batch: int) -> float:
        if self._like is not None and rung not in self._cells:
            return self._like._recall(figure, rung, bucket, batch)
        cache, key = self._cache[figure], (rung, bucket, batch)
        known = cache.get(key)
        if known is None:
            known = cache[key] = self._look_up(figure, *key)
        return known

    def _look_up(self, figure: Figure, rung: Rung, bucket: int, batch: int) -> float:
        if not self._cells:
            return self._initial_s * batch
        known = rung if rung in self._cells else self._cheaper(rung) or self._cheapest()
        return self._surface(figure, known).seconds(bucket, batch)

    def _surface(self, figure: Figure, rung: Rung) -> Surface:
        key = figure, rung
        if key not in self._surfaces:
            cheaper = self._cheaper(rung)
            knots = {
                place: Knot(cell.figure(figure), len(cell.window))
                for place, cell in self._cells[rung].items()
            }
            shape = PROPORTION if cheaper is None else self._surface(figure, cheaper).shape
            self._surfaces[key] = Surface(knots, shape)
        return self._surfaces[key]

    def _cheaper(self, rung: Rung) -> Rung | None:
        """The best observed rung below."""
        below = [other for other in self._cells if _ORDER[other] < _ORDER[rung]]
        return max(below, key=_ORDER.__getitem__, default=None)

    def _cheapest(self) -> Rung:
        return min(self._cells, key=_ORDER.__getitem__)

    def _spread(self, rung: Rung) -> float | None:
        """How far the 95th percentile lies above the median, over all cells of a rung."""
        ratios = self._ratios.get(rung)
        if ratios is None or len(ratios) < _ENOUGH:
            return None
        return max(ratios.value(_QUANTILE), 1.0)

    def _advance(self, now: float) -> None:
        if self._now is not None:
            self._used_s += min(max(now - self._now, 0.0), _LONGEST_GAP_S)
        self._now = now
        if self._used_s - self._swept_s >= _LONGEST_GAP_S:
            self._swept_s = self._used_s
            self._doubt_the_idle()

    def _doubt_the_idle(self) -> None:
        for rung, cells in self._cells.items():
            for cell in cells.values():
                idle = self._used_s - cell.used_s > self._half_life_s
                if idle and cell.halvings < _MOST_HALVINGS:
                    cell.window.scale(0.5)
                    self._forget(rung, cell.refresh(self._spread(rung)))
                    cell.used_s, cell.halvings = self._used_s, cell.halvings + 1

    def _forget(self, rung: Rung, moved: Iterable[Figure]) -> None:
        """Better rungs may have taken their shape from this one."""
        for figure in moved:
            self._cache[figure].clear()
            for other in Rung:
                if _ORDER[other] >= _ORDER[rung]:
                    self._surfaces.pop((figure, other), None)
