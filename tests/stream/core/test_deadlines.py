from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stream.core.deadlines import Budget, DeadlineHeap, slack
from stream.core.errors import Overloaded

TIMES = st.floats(min_value=-1e6, max_value=1e6)


def test_a_deadline_is_arrival_plus_budget() -> None:
    assert Budget(200).deadline(10.0) == pytest.approx(10.2)


def test_slack_is_what_is_left_and_goes_below_zero() -> None:
    assert slack(10.0, 9.5) == pytest.approx(0.5)
    assert slack(10.0, 10.5) == pytest.approx(-0.5)


def test_what_is_due_exactly_now_is_due() -> None:
    heap: DeadlineHeap[str] = DeadlineHeap()
    heap.push("a", 1.0)
    assert heap.pop_due(0.999) == []
    assert heap.pop_due(1.0) == ["a"]
    assert "a" not in heap


def test_equal_times_keep_the_order_of_arrival() -> None:
    heap: DeadlineHeap[str] = DeadlineHeap()
    for key in "cab":
        heap.push(key, 1.0)
    assert heap.pop_due(1.0) == ["c", "a", "b"]


def test_a_key_that_is_pushed_again_moves() -> None:
    heap: DeadlineHeap[str] = DeadlineHeap()
    heap.push("a", 1.0)
    heap.push("b", 2.0)
    heap.push("a", 3.0)
    assert len(heap) == 2
    assert heap.peek() == "b"
    assert heap.pop_due(5.0) == ["b", "a"]


def test_pop_due_takes_no_more_than_its_limit() -> None:
    heap: DeadlineHeap[int] = DeadlineHeap()
    for key in range(5):
        heap.push(key, float(key))
    assert heap.pop_due(9.0, limit=2) == [0, 1]
    assert heap.next_due() == 2.0


def test_a_full_heap_refuses_a_new_key_and_still_moves_a_known_one() -> None:
    heap: DeadlineHeap[str] = DeadlineHeap(limit=1)
    heap.push("a", 1.0)
    with pytest.raises(Overloaded, match="1 deadlines are pending, expected fewer"):
        heap.push("b", 1.0)
    heap.push("a", 2.0)
    assert heap.next_due() == 2.0


def test_memory_is_bounded_by_the_living_however_often_one_moves() -> None:
    heap: DeadlineHeap[str] = DeadlineHeap()
    for moment in range(10_000):
        heap.push("a", float(moment))
        heap.push("b", float(moment))
        heap.remove("b")
    assert heap.statistics()["pending"] == 1
    assert heap.statistics()["entries"] <= 66


@given(st.lists(TIMES))
def test_everything_comes_out_once_and_in_order(times: list[float]) -> None:
    heap: DeadlineHeap[int] = DeadlineHeap()
    for key, due in enumerate(times):
        heap.push(key, due)
    popped = heap.pop_due(float("inf"))
    assert popped == sorted(range(len(times)), key=lambda key: (times[key], key))
    assert heap.next_due() is None


class HeapAgainstDictionary(RuleBasedStateMachine):
    """The heap behaves as a dictionary that is sorted at each question."""

    def __init__(self) -> None:
        super().__init__()
        self.heap: DeadlineHeap[int] = DeadlineHeap()
        self.model: dict[int, float] = {}

    @rule(key=st.integers(0, 9), due=TIMES)
    def push(self, key: int, due: float) -> None:
        self.heap.push(key, due)
        self.model[key] = due

    @rule(key=st.integers(0, 9))
    def remove(self, key: int) -> None:
        assert self.heap.remove(key) == (self.model.pop(key, None) is not None)

    @rule(now=TIMES)
    def pop_due(self, now: float) -> None:
        popped = self.heap.pop_due(now)
        assert [self.model[key] for key in popped] == sorted(
            due for due in self.model.values() if due <= now
        )
        for key in popped:
            del self.model[key]

    @invariant()
    def next_due_is_the_least(self) -> None:
        assert len(self.heap) == len(self.model)
        assert self.heap.next_due() == min(self.model.values(), default=None)


TestHeapAgainstDictionary = HeapAgainstDictionary.TestCase
