from __future__ import annotations

from stream.core.messages import Rung
from workers.core.jobs import Job, Run
from workers.underway import UnderWay


def job(name: str, deadline: float) -> Job:
    return Job(name, "c", deadline, 1, (Rung.DRAFT,))


def has_begun(under_way: UnderWay) -> bool:
    return under_way.going is not None


def test_each_job_is_due_once_and_none_after_the_engine_has_answered() -> None:
    under_way, jobs = UnderWay(), (job("a", 1.0), job("b", 2.0))
    under_way.enter(jobs)
    assert under_way.next_due() == 1.0
    assert under_way.pop_due(1.5) == [jobs[0]]
    assert under_way.pop_due(1.5) == []
    under_way.leave()
    assert under_way.next_due() is None
    assert under_way.pop_due(9.0) == []


def test_a_run_is_known_from_its_begin_to_its_end() -> None:
    under_way, jobs = UnderWay(), (job("a", 1.0),)
    under_way.enter(jobs)
    assert not has_begun(under_way), "the engine may have to start first"
    going = under_way.begin(Run(jobs, Rung.DRAFT, 0.1), 0.5)
    going.asked_s = 0.0
    assert going.broken_off
    assert has_begun(under_way)
    under_way.leave()
    assert not has_begun(under_way)
