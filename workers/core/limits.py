"""The bounds of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream.core.messages import Rung


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a schedule.

    `capacity`   jobs that may wait; one more makes the fullest channel give up its earliest job,
                 which the next decision expires
    `max_batch`  jobs that an engine takes at once
    `guard_s`    kept before each deadline for what follows the engine
    `quantum_s`  engine time by which a channel may be ahead of another that waits
    `patience`   quanta after which a channel that was passed over is in the next batch
    `headroom`   a higher rung is taken where this many times the work that waits could be met after
    `ceiling`    and where all that comes, at the rate of late, would load the engines less than so;
                 both are for rungs without a worth
    `engines`    how many work in parallel
    `probe_s`    when nothing fits and nothing has run for so long, one job runs nevertheless, so
                 that a profile that is wrong can learn
    `sweep`      jobs that one decision expires at most
    `interruptible`  whether a run can be broken off between two of its steps
    `worth`      of an answer at a rung; where rungs have one, a batch runs at that of most worth,
                 less the answers that its time may cost, else at the lowest unless there is time
    """

    capacity: int = 10_000
    max_batch: int = 32
    guard_s: float = 0.002
    quantum_s: float = 0.05
    patience: int = 2
    headroom: float = 2.0
    ceiling: float = 0.7
    engines: int = 1
    probe_s: float = 1.0
    sweep: int = 256
    interruptible: bool = False
    worth: Mapping[Rung, float] = field(default_factory=dict)
