"""Questions that wait for one answer each, by a deadline."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from stream.core.deadlines import DeadlineHeap

Q = TypeVar("Q")


class Asked(NamedTuple, Generic[Q]):
    """A question, when it came and by when it is answered."""

    question: Q
    arrived: float
    deadline: float


class Pending(Generic[Q]):
    """`take` and `expire` give each question back exactly once.

    Over `limit` questions `put` raises Overloaded.
    """

    def __init__(self, limit: int) -> None:
        self.asked = 0
        self.expired = 0
        self._by_id: dict[str, Asked[Q]] = {}
        self._due: DeadlineHeap[str] = DeadlineHeap(limit)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._by_id

    def put(self, id: str, question: Q, arrived: float, deadline: float) -> None:  # noqa: A002
        """Wait until `deadline`. Raises Overloaded."""
        assert id not in self._by_id
        self._due.push(id, deadline)
        self._by_id[id] = Asked(question, arrived, deadline)
        self.asked += 1

    def take(self, id: str) -> Asked[Q] | None:  # noqa: A002
        """The question, answered now; None when nobody waits for it any more."""
        self._due.remove(id)
        return self._by_id.pop(id, None)

    def expire(self, now: float) -> list[Asked[Q]]:
        """The questions whose deadline has come."""
        due = [self._by_id.pop(key) for key in self._due.pop_due(now)]
        self.expired += len(due)
        return due

    def next_due(self) -> float | None:
        return self._due.next_due()

    def statistics(self) -> dict[str, float]:
        return {"pending": len(self), "asked": self.asked, "expired": self.expired}
