"""Questions with a deadline: each comes back once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import Overloaded
from stream.core.pending import Pending


def test_a_question_is_taken_once() -> None:
    pending: Pending[str] = Pending(8)
    pending.put("1", "why", 1.0, 2.0)
    asked = pending.take("1")
    assert asked is not None
    assert (asked.question, asked.arrived, asked.deadline) == ("why", 1.0, 2.0)
    assert pending.take("1") is None
    assert pending.expire(9.0) == []


def test_over_its_limit_it_takes_no_more() -> None:
    pending: Pending[str] = Pending(1)
    pending.put("1", "a", 0.0, 1.0)
    with pytest.raises(Overloaded):
        pending.put("2", "b", 0.0, 1.0)
    assert len(pending) == 1
    assert "2" not in pending


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=30), st.integers(0, 30))
def test_each_question_is_answered_or_expires(questions: list[tuple[int, bool]], now: int) -> None:
    pending: Pending[int] = Pending(100)
    for number, (due, _) in enumerate(questions):
        pending.put(str(number), number, 0.0, due)
    taken = {n for n, (_, answer) in enumerate(questions) if answer and pending.take(str(n))}
    expired = [asked.question for asked in pending.expire(now)]
    assert taken.isdisjoint(expired)
    left = {n for n, (due, _) in enumerate(questions) if n not in taken and due > now}
    assert taken | set(expired) | left == set(range(len(questions)))
    assert len(pending) == len(left)
