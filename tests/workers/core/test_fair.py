from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Rung
from workers.core.fair import FairQueue
from workers.core.jobs import Job

QUANTUM_S = 1.0


def job(name: str, channel: str, deadline: float = 1.0) -> Job:
    return Job(name, channel, deadline, 100, (Rung.DRAFT,))


def names(queue: FairQueue, limit: int = 100, due_from: float = float("-inf")) -> list[str]:
    return [entry.job.id for entry in queue.candidates(limit, due_from)]


def test_within_a_round_the_earliest_deadline_comes_first() -> None:
    queue = FairQueue(QUANTUM_S)
    for name, channel, deadline in (("c", "x", 3.0), ("a", "y", 1.0), ("b", "x", 2.0)):
        queue.add(job(name, channel, deadline), cost_s=0.1, bucket=0)
    assert names(queue) == ["a", "b", "c"]


def test_equal_deadlines_keep_the_order_of_arrival() -> None:
    queue = FairQueue(QUANTUM_S)
    for name in "cab":
        queue.add(job(name, "x"), cost_s=0.1, bucket=0)
    assert names(queue) == ["c", "a", "b"]


def test_a_channel_over_its_quantum_waits_although_its_deadlines_are_earlier() -> None:
    queue = FairQueue(QUANTUM_S)
    for number in range(4):
        queue.add(job(f"loud{number}", "loud", 1.0), cost_s=0.5, bucket=0)
    queue.add(job("quiet", "quiet", 9.0), cost_s=0.5, bucket=0)
    assert names(queue) == ["loud0", "loud1", "quiet", "loud2", "loud3"]


def test_nobody_saves_up_by_being_silent() -> None:
    queue = FairQueue(QUANTUM_S)
    for number in range(40):
        queue.add(job(f"a{number}", "a"), cost_s=0.5, bucket=0)
    for entry in queue.candidates(20):
        queue.serve(entry)
    for number in range(40):
        queue.add(job(f"b{number}", "b"), cost_s=0.5, bucket=0)
    shares = Counter(name[0] for name in names(queue, 20))
    assert shares == {"a": 10, "b": 10}


def test_when_the_queue_runs_empty_nobody_owes_anything() -> None:
    queue = FairQueue(QUANTUM_S)
    queue.add(job("a", "a"), cost_s=50.0, bucket=0)
    queue.serve(queue.candidates(1)[0])
    assert queue.front == 0
    queue.add(job("a", "a", 1.0), cost_s=0.1, bucket=0)
    queue.add(job("b", "b", 2.0), cost_s=0.1, bucket=0)
    assert names(queue) == ["a", "b"]


def test_a_look_can_begin_at_a_deadline() -> None:
    queue = FairQueue(QUANTUM_S)
    for deadline in range(5):
        queue.add(job(f"x{deadline}", "x", float(deadline)), cost_s=0.01, bucket=0)
    queue.add(job("y", "y", 0.0), cost_s=0.01, bucket=0)
    assert names(queue, 2, due_from=3.0) == ["x3", "x4"]


def test_the_deepest_channel_names_its_earliest_job() -> None:
    queue = FairQueue(QUANTUM_S)
    assert queue.deepest() is None
    queue.add(job("a", "a", 0.5), cost_s=0.1, bucket=0)
    for deadline in (3.0, 2.0):
        queue.add(job(f"b{deadline}", "b", deadline), cost_s=0.1, bucket=0)
    deepest = queue.deepest()
    assert deepest is not None
    assert deepest.id == "b2.0"
    queue.remove("b2.0")
    queue.remove("b3.0")
    deepest = queue.deepest()
    assert deepest is not None
    assert deepest.id == "a"


def test_memory_follows_what_is_queued_however_many_channels_pass() -> None:
    queue = FairQueue(QUANTUM_S)
    queue.add(job("stays", "stays", 1e9), cost_s=0.1, bucket=0)
    for number in range(10_000):
        queue.add(job("passing", f"channel {number}", 1.0), cost_s=0.1, bucket=0)
        queue.remove("passing")
    assert len(queue._lanes) <= 1024


@given(
    costs=st.lists(st.floats(0.01, 3.0), min_size=2, max_size=6),
    batches=st.lists(st.integers(1, 8), min_size=1, max_size=60),
)
def test_of_channels_that_always_wait_none_is_a_quantum_and_a_job_ahead(
    costs: list[float], batches: list[int]
) -> None:
    """The law, for any costs, any batches and a first channel whose jobs are the most urgent."""
    queue = FairQueue(QUANTUM_S)
    served_s = dict.fromkeys(map(str, range(len(costs))), 0.0)
    for channel, cost_s in enumerate(costs):
        for number in range(sum(batches)):
            name = f"{channel}/{number}"
            queue.add(job(name, str(channel), float(channel)), cost_s, bucket=0)
    for size in batches:
        for entry in queue.candidates(size):
            queue.serve(entry)
            served_s[entry.job.channel] += entry.cost_s
        spread_s = max(served_s.values()) - min(served_s.values())
        assert spread_s <= QUANTUM_S + max(costs) + 1e-6


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 10), st.floats(0.01, 2.0)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 20),
)
def test_looking_changes_nothing_and_serving_follows_the_look(
    jobs: list[tuple[int, float, float]], limit: int
) -> None:
    queue = FairQueue(QUANTUM_S)
    for number, (channel, deadline, cost_s) in enumerate(jobs):
        queue.add(job(str(number), str(channel), deadline), cost_s, bucket=0)
    looked = names(queue, limit)
    assert looked == names(queue, limit)
    assert len(looked) == len(set(looked)) == min(limit, len(jobs))
    one_by_one = []
    for _ in looked:
        entry = queue.candidates(1)[0]
        one_by_one.append(entry.job.channel)
        queue.serve(entry)
    # The rounds advance alike; only joining does not happen while looking.
    assert Counter(one_by_one) == Counter(str(jobs[int(name)][0]) for name in looked)


def test_a_job_that_is_not_there_cannot_be_removed() -> None:
    queue = FairQueue(QUANTUM_S)
    queue.add(job("a", "a"), cost_s=0.1, bucket=0)
    assert queue.remove("b") is None
    assert queue.remove("a") == job("a", "a")
    assert "a" not in queue
    assert (len(queue), queue.channels) == (0, 0)


@pytest.mark.parametrize("channels", [1, 7])
def test_every_job_comes_out_once(channels: int) -> None:
    queue = FairQueue(QUANTUM_S)
    for number in range(50):
        queue.add(job(str(number), str(number % channels), number / 7 % 1), 0.3, bucket=0)
    out = []
    while queue.channels:
        for entry in queue.candidates(6):
            queue.serve(entry)
            out.append(int(entry.job.id))
    assert sorted(out) == list(range(50))
