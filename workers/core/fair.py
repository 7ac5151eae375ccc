"""A queue in which no channel can starve another."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from math import inf

from stream.core.deadlines import DeadlineHeap
from workers.core.jobs import Job

_FORGIVE_FROM = 1024

_Step = tuple[int, float, int, "Lane", int, float]
"""Round, deadline and number of a job that is looked at later; its lane, index, seconds served."""


@dataclass(slots=True, eq=False)
class Lane:
    """One channel's jobs, earliest deadline first, and the seconds of engine it has had."""

    channel: str
    served_s: float
    entries: list[tuple[float, int, Entry]] = field(default_factory=list)
    place: tuple[int, float, int, Lane] | None = None


@dataclass(slots=True, eq=False)
class Entry:
    """A queued job, what it costs its lane in seconds, and its bucket of length."""

    job: Job
    cost_s: float
    bucket: int
    number: int
    lane: Lane
    round: int = 0

    @property
    def key(self) -> tuple[float, int, Entry]:
        return self.job.deadline, self.number, self


class FairQueue:
    """Jobs in rounds, least served channel first; within a round, earliest deadline first.

    A channel's round is the engine time it has had since the queue was last empty, in whole
    `quantum_s`. So of two channels that have jobs all the while, neither is a quantum and a job
    ahead of the other, unless the caller passes a candidate over. A channel that comes late starts
    at the round that is being served: nobody saves up (start-time fair queueing: Goyal, Vin and
    Cheng 1996; deadlines among the eligible: Stoica and Abdel-Wahab 1995).

    `front` is the round of the channel that has had most.

    `add` and `remove` cost a bisection, `candidates` O(limit log limit), whatever is queued.
    """

    def __init__(self, quantum_s: float) -> None:
        self._quantum_s = quantum_s
        self._lanes: dict[str, Lane] = {}
        self._order: list[tuple[int, float, int, Lane]] = []
        self._entries: dict[str, Entry] = {}
        self._round = 0
        self.front = 0
        self._numbers = 0
        self._forgive_at = _FORGIVE_FROM
        self._depths: DeadlineHeap[str] = DeadlineHeap()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._entries

    @property
    def channels(self) -> int:
        """How many channels have jobs."""
        return len(self._order)

    def add(self, job: Job, cost_s: float, bucket: int) -> None:
        lane = self._lanes.get(job.channel)
        if lane is None:
            lane = self._lanes[job.channel] = Lane(job.channel, 0.0)
        if not lane.entries:
            lane.served_s = max(lane.served_s, self._round * self._quantum_s)
        self._numbers += 1
        entry = self._entries[job.id] = Entry(job, cost_s, bucket, self._numbers, lane)
        insort(lane.entries, entry.key)
        self._replace(lane)

    def remove(self, job_id: str) -> Job | None:
        """Take a job out without serving it."""
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return None
        lane = entry.lane
        del lane.entries[bisect_left(lane.entries, entry.key)]
        self._replace(lane)
        return entry.job

    def serve(self, entry: Entry) -> None:
        """Take a job out and charge its channel."""
        entry.lane.served_s += entry.cost_s
        self.front = max(self.front, int(entry.lane.served_s // self._quantum_s))
        self.remove(entry.job.id)

    def candidates(self, limit: int, due_from: float = -inf) -> list[Entry]:
        """The first `limit` jobs in order, as if each were served before the next is looked at.

        Only those with a deadline of `due_from` or later; then channels that have none may use up
        the look, so that fewer come. Sets each entry's `round`.
        """
        found: list[Entry] = []
        ahead: list[_Step] = []
        order, at = self._order, 0
        while len(found) < limit:
            if at < min(len(order), 4 * limit) and not (ahead and ahead[0] < order[at]):
                turn, due, _, lane = order[at]
                at += 1
                if due < due_from:
                    index = bisect_left(lane.entries, (due_from,))
                    self._step(ahead, lane, index, lane.served_s)
                    continue
                index, served_s = 0, lane.served_s
            elif ahead:
                turn, _, _, lane, index, served_s = heapq.heappop(ahead)
            else:
                break
            entry = lane.entries[index][2]
            entry.round = turn
            found.append(entry)
            self._step(ahead, lane, index + 1, served_s + entry.cost_s)
        return found

    def _step(self, ahead: list[_Step], lane: Lane, index: int, served_s: float) -> None:
        if index < len(lane.entries):
            due, number, _ = lane.entries[index]
            turn = int(served_s // self._quantum_s)
            heapq.heappush(ahead, (turn, due, number, lane, index, served_s))

    def deepest(self) -> Job | None:
        """The job of earliest deadline in the channel that has most jobs."""
        channel = self._depths.peek()
        return self._lanes[channel].entries[0][2].job if channel is not None else None

    def _replace(self, lane: Lane) -> None:
        """Put a lane where its round and its first deadline belong."""
        if lane.place is not None:
            del self._order[bisect_left(self._order, lane.place)]
            lane.place = None
        if lane.entries:
            deadline, number, _ = lane.entries[0]
            lane.place = (int(lane.served_s // self._quantum_s), deadline, number, lane)
            insort(self._order, lane.place)
            self._depths.push(lane.channel, -len(lane.entries))
        else:
            self._depths.remove(lane.channel)
        if self._order:
            self._round = max(self._round, self._order[0][0])
            self._forgive()
        else:
            self._lanes.clear()
            self._round = self.front = 0

    def _forgive(self) -> None:
        """Forget channels without jobs that owe nothing, so that memory follows what is queued."""
        if len(self._lanes) < self._forgive_at:
            return
        owed = self._round * self._quantum_s
        self._lanes = {
            channel: lane
            for channel, lane in self._lanes.items()
            if lane.entries or lane.served_s > owed
        }
        self._forgive_at = max(_FORGIVE_FROM, 2 * len(self._lanes))
