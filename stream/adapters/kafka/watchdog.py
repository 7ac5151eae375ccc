"""Tells a stuck reader from an idle one.

Consumers of aiokafka can silently stop after a broker's restart (its issues 1154, 847, 703, 625 and
1037); what gives them away is that they are behind and stand still.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream.core.records import Log


class Watchdog:
    """Is told, now and then, where a reader stands and where its logs end."""

    def __init__(self, stuck_s: float) -> None:
        self._stuck_s = stuck_s
        self._stood: dict[Log, tuple[int | None, float]] = {}

    def is_stuck(
        self, now: float, positions: Mapping[Log, int | None], ends: Mapping[Log, int]
    ) -> bool:
        """True when a log has stood behind its end for `stuck_s`.

        A position of None, one that the reader itself doesn't know, counts as behind.
        """
        stood: dict[Log, tuple[int | None, float]] = {}
        for log, position in positions.items():
            if position is None or position < ends.get(log, 0):
                former = self._stood.get(log)
                same = former is not None and former[0] == position
                stood[log] = former if same and former else (position, now)
        self._stood = stood
        return any(now - since >= self._stuck_s for _, since in stood.values())
