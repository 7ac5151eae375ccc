from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream.core.messages import Rung
from workers.core.profile import LatencyProfile
from workers.core.schedule import KEPT_S, Decision, Expire, Job, Limits, Run, Schedule, Wait

DRAFT, VERIFIED = Rung.DRAFT, Rung.VERIFIED
LENGTH = 100


def taught(
    fixed_s: float = 0.009, each_s: float = 0.001, verified_factor: float = 3.0
) -> LatencyProfile:
    """The profile of an engine that always takes `fixed_s` and `each_s` a job."""
    profile = LatencyProfile()
    for rung, factor in ((DRAFT, 1.0), (VERIFIED, verified_factor)):
        for batch in (1, 2, 4, 8, 16, 32):
            profile.observe(rung, LENGTH, batch, (fixed_s + each_s * batch) * factor, 0.0)
    return profile


def schedule(**limits: float) -> Schedule:
    return Schedule(taught(), replace(Limits(guard_s=0.0), **limits))  # type: ignore[arg-type]


def job(name: str, deadline: float = 0.1, channel: str = "c", **more: object) -> Job:
    return replace(Job(name, channel, deadline, LENGTH, (DRAFT,)), **more)  # type: ignore[arg-type]


def ids(decision: Decision | None) -> list[str]:
    assert isinstance(decision, (Run, Expire))
    return [job.id for job in decision.jobs]


def test_an_empty_schedule_waits() -> None:
    empty = schedule()
    assert empty.decide(0.0) == Wait(None)
    assert empty.expired(0.0) is None
    assert empty.next_due() is None


def test_jobs_run_together_earliest_deadline_first() -> None:
    queue = schedule()
    for name, deadline in (("b", 0.2), ("a", 0.1), ("c", 0.3)):
        assert queue.add(job(name, deadline), 0.0) is None
    decision = queue.decide(0.0)
    assert isinstance(decision, Run)
    assert ids(decision) == ["a", "b", "c"]
    assert decision.predicted_s == pytest.approx(0.012, rel=0.02)
    assert len(queue) == 0


def test_a_batch_is_no_larger_than_the_engine_takes() -> None:
    queue = schedule(max_batch=4)
    for number in range(6):
        queue.add(job(str(number)), 0.0)
    assert len(ids(queue.decide(0.0))) == 4


def test_what_cannot_be_met_is_expired_before_its_deadline() -> None:
    queue = schedule()
    queue.add(job("hopeless", 0.009), 0.0)
    queue.add(job("possible", 0.050), 0.0)
    decision = queue.decide(0.0)
    assert isinstance(decision, Expire)
    assert ids(decision) == ["hopeless"]
    assert ids(queue.decide(0.0)) == ["possible"]


def test_the_guard_is_kept_free_before_the_deadline() -> None:
    queue = schedule(guard_s=0.005)
    queue.add(job("a", 0.0149), 0.0)
    queue.add(job("b", 0.0200), 0.0)
    assert ids(queue.decide(0.0)) == ["a"]
    assert queue.next_due() == pytest.approx(0.015)


def test_deadlines_pass_while_the_engine_is_busy() -> None:
    queue = schedule(guard_s=0.002)
    queue.add(job("a", 0.100), 0.0)
    queue.add(job("b", 0.200), 0.0)
    assert queue.expired(0.097) is None
    assert queue.next_due() == pytest.approx(0.098)
    assert ids(queue.expired(0.098)) == ["a"]
    assert len(queue) == 1


def test_newer_partial_work_replaces_what_waits() -> None:
    queue = schedule()
    first = job("p1", supersedes="segment", final=False)
    assert queue.add(first, 0.0) is None
    assert queue.add(job("p2", supersedes="segment", final=False), 0.0) == first
    assert queue.add(job("p3", supersedes="other", final=False), 0.0) is None
    assert sorted(ids(queue.decide(0.0))) == ["p2", "p3"]


def test_work_that_is_under_way_is_not_replaced() -> None:
    queue = schedule()
    queue.add(job("p1", supersedes="segment", final=False), 0.0)
    queue.decide(0.0)
    assert queue.add(job("p2", supersedes="segment", final=False), 0.0) is None


def test_a_final_replaces_its_partial_and_is_never_replaced() -> None:
    queue = schedule()
    partial = job("p", supersedes="segment", final=False)
    queue.add(partial, 0.0)
    assert queue.add(job("f", supersedes="segment", final=True), 0.0) == partial
    assert queue.add(job("q", supersedes="segment", final=False), 0.0) is None
    assert sorted(ids(queue.decide(0.0))) == ["f", "q"]


def test_removed_work_does_not_run() -> None:
    queue = schedule()
    queue.add(job("a"), 0.0)
    assert queue.remove("a") == job("a")
    assert queue.remove("a") is None
    assert queue.decide(0.0) == Wait(None)


def test_a_full_queue_makes_the_deepest_channel_answer_for_its_earliest_job() -> None:
    queue = schedule(capacity=3)
    queue.add(job("a1", 0.3, "a"), 0.0)
    queue.add(job("a2", 0.2, "a"), 0.0)
    queue.add(job("b1", 0.1, "b"), 0.0)
    queue.add(job("b2", 0.4, "b"), 0.0)
    expired = queue.decide(0.0)
    assert isinstance(expired, Expire)
    assert ids(expired) == ["a2"]
    assert queue.statistics()["shed"] == 1
    assert sorted(ids(queue.decide(0.0))) == ["a1", "b1", "b2"]


def test_a_better_answer_waits_for_all_first_answers() -> None:
    queue = schedule(max_batch=1)
    queue.add(job("better", 0.09, rungs=(VERIFIED,), done=DRAFT), 0.0)
    queue.add(job("first", 0.2), 0.0)
    assert ids(queue.decide(0.0)) == ["first"]
    decision = queue.decide(0.01)
    assert isinstance(decision, Run)
    assert (ids(decision), decision.rung) == (["better"], VERIFIED)


def test_slack_buys_a_higher_rung() -> None:
    for deadline, rung in ((0.100, VERIFIED), (0.020, DRAFT)):
        queue = schedule()
        queue.add(job("a", deadline, rungs=(DRAFT, VERIFIED)), 0.0)
        decision = queue.decide(0.0)
        assert isinstance(decision, Run)
        assert decision.rung is rung


def test_what_is_replaced_is_no_more_work() -> None:
    """Partials of one segment come every 40 ms while they wait, and are still one question."""
    queue = schedule()
    for number in range(1_000):
        queue.add(job(str(number), supersedes="s", final=False, rungs=(DRAFT, VERIFIED)), 0.0)
    decision = queue.decide(0.0)
    assert isinstance(decision, Run)
    assert decision.rung is VERIFIED


@pytest.mark.parametrize(("done", "rung"), [(None, DRAFT), (DRAFT, VERIFIED)])
def test_what_was_answered_and_waits_to_be_better_is_no_more_work(
    done: Rung | None, rung: Rung
) -> None:
    queue = schedule()
    for number in range(1_000):
        queue.add(job(str(number), rungs=(VERIFIED,), done=done), 0.0)
        queue.remove(str(number))
    queue.add(job("text", rungs=(DRAFT, VERIFIED)), 0.0)
    decision = queue.decide(0.0)
    assert isinstance(decision, Run)
    assert decision.rung is rung


def test_runs_teach_the_profile() -> None:
    queue = Schedule(LatencyProfile(initial_s=0.001), Limits())
    queue.add(job("a"), 0.0)
    run = queue.decide(0.0)
    assert isinstance(run, Run)
    assert run.predicted_s == pytest.approx(0.001)
    queue.observe(run, 0.040, 0.040)
    assert queue.profile.predict(DRAFT, LENGTH, 1) == pytest.approx(0.040)


def test_a_job_that_waits_alone_is_tried_where_the_median_fits() -> None:
    profile = LatencyProfile()
    for number in range(64):
        profile.observe(DRAFT, LENGTH, 1, 0.2 if number % 8 == 0 else 0.01, 0.0)
    queue = Schedule(profile)
    queue.add(job("tried", 0.1), 0.0)
    run = queue.decide(0.0)
    assert isinstance(run, Run)
    assert run.predicted_s > 0.1
    queue.add(job("too short", 0.005), 0.0)
    assert isinstance(queue.decide(0.0), Expire)


def test_a_job_that_fits_by_the_median_only_is_given_up_where_others_wait() -> None:
    profile = LatencyProfile()
    for number in range(64):
        profile.observe(DRAFT, LENGTH, 1, 0.2 if number % 8 == 0 else 0.01, 0.0)
    queue = Schedule(profile)
    queue.add(job("first", 0.1), 0.0)
    queue.add(job("other", 1.0), 0.0)
    given_up = queue.decide(0.0)
    assert isinstance(given_up, Expire)
    assert ids(given_up) == ["first"]


def test_where_nothing_fits_one_job_a_second_runs_so_that_a_wrong_profile_can_learn() -> None:
    queue = Schedule(taught(fixed_s=5.0), Limits(probe_s=1.0))
    for name, deadline in (("a", 0.1), ("b", 0.2)):
        queue.add(job(name, deadline), 0.0)
    probe = queue.decide(0.0)
    assert isinstance(probe, Run)
    assert ids(probe) == ["b"]
    assert isinstance(queue.decide(0.01), Expire)
    queue.observe(probe, 0.01, 0.01)
    for name in ("c", "d"):
        queue.add(job(name, 0.9), 0.5)
    assert isinstance(queue.decide(0.5), Expire)
    queue.add(job("e", 1.2), 1.1)
    assert isinstance(queue.decide(1.1), Run)


@pytest.mark.parametrize("bad", [job("a"), job("b", rungs=())])
def test_a_job_without_a_new_id_or_a_rung_is_refused(bad: Job) -> None:
    queue = schedule()
    queue.add(job("a"), 0.0)
    with pytest.raises(ValueError, match="expected"):
        queue.add(bad, 0.0)
    assert len(queue) == 1


def test_a_channel_with_a_tight_budget_is_not_passed_over_for_ever() -> None:
    """Alone its jobs are on time; in the large batches that others fill they never are."""
    queue = schedule(max_batch=32, quantum_s=0.01)
    now, ran = 0.0, Counter[str]()
    for step in range(60):
        for number in range(40):
            queue.add(job(f"{step}/{number}", now + 0.5, f"wide{number % 4}"), now)
        queue.add(job(f"{step}/tight", now + 0.012, "tight"), now)
        while isinstance(decision := queue.decide(now), Expire):
            continue
        assert isinstance(decision, Run)
        ran.update(one.channel for one in decision.jobs)
        now += decision.predicted_s
    assert ran["tight"] > 5


@settings(max_examples=40, deadline=None)
@given(
    flood=st.integers(10, 80),
    quiet=st.integers(1, 5),
    budget_s=st.floats(0.08, 0.3),
    loud_budget_s=st.floats(0.03, 0.3),
)
def test_a_talkative_channel_starves_nobody(
    flood: int, quiet: int, budget_s: float, loud_budget_s: float
) -> None:
    """Channels that send one job a run are always served, whatever one other sends.

    Each asks for less than its share of a batch of eight, and is on time, however urgent the
    flood's jobs are.
    """
    queue = schedule(max_batch=8, quantum_s=0.02)
    now, expired = 0.0, Counter[str]()
    for step in range(60):
        for number in range(flood):
            queue.add(job(f"{step}/loud/{number}", now + loud_budget_s, "loud"), now)
        for number in range(quiet):
            queue.add(job(f"{step}/{number}", now + budget_s, f"quiet{number}"), now)
        while isinstance(decision := queue.decide(now), Expire):
            expired.update(one.channel for one in decision.jobs)
        assert isinstance(decision, Run)
        now += decision.predicted_s
    assert set(expired) <= {"loud"}


class AnsweredOnce(RuleBasedStateMachine):
    """Whatever comes in any order: each job leaves once, and no run is late but what is tried."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limits = Limits(capacity=12, max_batch=4, guard_s=0.001, quantum_s=0.02, sweep=5)
        self.schedule = Schedule(LatencyProfile(), self.limits)
        self.waiting: dict[str, Job] = {}
        self.left: Counter[str] = Counter()
        self.runs: list[Run] = []
        self.added = 0

    @rule(
        channel=st.sampled_from("abc"),
        budget_ms=st.integers(-5, 200),
        length=st.sampled_from([0, 10, 100, 5000]),
        rungs=st.sampled_from([(DRAFT,), (DRAFT, VERIFIED), (VERIFIED,)]),
        key=st.sampled_from([None, "k", "l"]),
        final=st.booleans(),
        done=st.sampled_from([None, None, DRAFT]),
    )
    def add(
        self,
        *,
        channel: str,
        budget_ms: int,
        length: int,
        rungs: tuple[Rung, ...],
        key: str | None,
        final: bool,
        done: Rung | None,
    ) -> None:
        self.added += 1
        deadline = self.now + budget_ms / 1000
        fresh = Job(str(self.added), channel, deadline, length, rungs, key, final, done)
        self.waiting[fresh.id] = fresh
        replaced = self.schedule.add(fresh, self.now)
        if replaced is not None:
            assert replaced.supersedes == key
            assert not replaced.final
            self.leave(replaced)

    @rule(number=st.integers(1, 40))
    def remove(self, number: int) -> None:
        removed = self.schedule.remove(str(number))
        if removed is not None:
            self.leave(removed)

    @rule(milliseconds=st.floats(0, 50))
    def time_passes(self, milliseconds: float) -> None:
        self.now += milliseconds / 1000

    @rule()
    def deadlines_are_watched(self) -> None:
        expired = self.schedule.expired(self.now)
        for one in expired.jobs if expired else ():
            self.leave(one)

    @rule()
    def an_engine_is_free(self) -> None:
        tried = self.tried()
        decision = self.schedule.decide(self.now)
        if isinstance(decision, Wait):
            # What was pushed out comes as Expire, so nothing is left behind here.
            assert not self.waiting
            return
        assert decision.jobs
        if isinstance(decision, Run):
            if self.tried() == tried:
                self.is_on_time(decision)
            self.runs.append(decision)
        for one in decision.jobs:
            self.leave(one)

    @precondition(lambda self: self.runs)
    @rule(milliseconds=st.floats(0.1, 300))
    def a_run_ends(self, milliseconds: float) -> None:
        self.schedule.observe(self.runs.pop(), milliseconds / 1000, self.now)

    def tried(self) -> float:
        """Runs that the profile gives little or no chance to be on time."""
        counts = self.schedule.statistics()
        return counts["probes"] + counts["attempts"]

    def is_on_time(self, run: Run) -> None:
        assert len(run.jobs) <= self.limits.max_batch
        for one in run.jobs:
            assert run.rung in one.rungs
            left_s = one.deadline - self.now - run.predicted_s - self.limits.guard_s
            assert left_s >= -1e-9

    def leave(self, one: Job) -> None:
        assert self.waiting.pop(one.id) == one
        self.left[one.id] += 1

    @invariant()
    def all_are_accounted_for(self) -> None:
        assert len(self.schedule) == len(self.waiting)
        assert all(times == 1 for times in self.left.values())
        counts = self.schedule.statistics()
        ways = ("run", "expired", "superseded", "removed")
        assert counts["added"] == counts["waiting"] + sum(counts[way] for way in ways)


TestAnsweredOnce = AnsweredOnce.TestCase
TestAnsweredOnce.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_a_decision_looks_at_no_more_of_a_long_queue_than_of_a_short_one() -> None:
    """Counted in comparisons of candidates, for a clock would only measure the machine."""
    looked: dict[int, int] = {}
    for length in (200, 10_000):
        queue = schedule(capacity=20_000, max_batch=32)
        for number in range(length):
            queue.add(job(str(number), 1.0 + number / 1e5, f"channel{number % 500}"), 0.0)
        looked[length] = len(queue._first.candidates(0.0))
        assert isinstance(queue.decide(0.0), Run)
    assert looked[10_000] <= looked[200] <= 4 * 32


WORTH = {DRAFT: 0.96, VERIFIED: 1.0}


def offered(name: str, deadline: float) -> Job:
    return job(name, deadline, rungs=(DRAFT, VERIFIED))


def improvement(name: str, deadline: float) -> Job:
    return job(name, deadline, rungs=(VERIFIED,), done=DRAFT)


def after_losses(count: int, asked: Callable[[str, float], Job]) -> Schedule:
    """Texts came as quickly as they are drafted; each time one ran another went without answer."""
    queue = Schedule(taught(), Limits(guard_s=0.0, worth=WORTH))
    for number in range(count):
        now = number * 0.01
        queue.add(asked(f"early {number}", now + 0.5), now)
        queue.decide(now)
        lost = offered(f"lost {number}", now + 0.05)
        queue.add(lost, now)
        expired = queue.expired(now + 0.06)
        assert expired is not None
        assert lost in expired.jobs
    return queue


def test_a_better_rung_is_taken_until_answers_are_lost_for_it() -> None:
    rungs = []
    for losses in (0, 60):
        queue, now = after_losses(losses, offered), losses * 0.01
        queue.add(offered("text", now + 0.5), now)
        decision = queue.decide(now)
        assert isinstance(decision, Run)
        rungs.append(decision.rung)
    assert rungs == [VERIFIED, DRAFT]


@pytest.mark.parametrize("losses", [0, 60])
def test_what_is_drafted_is_improved_unless_that_costs_somebody_an_answer(losses: int) -> None:
    queue, now = after_losses(losses, improvement), losses * 0.01
    while isinstance(earlier := queue.decide(now), Expire):
        assert "text" not in ids(earlier)
    queue.add(improvement("text", now + 0.5), now)
    assert isinstance(queue.decide(now), Wait if losses else Run)


def test_a_job_that_nobody_could_have_answered_is_no_loss() -> None:
    queue = Schedule(taught(), Limits(guard_s=0.0, worth=WORTH))
    for number in range(100):
        now = float(number)
        queue.add(improvement(f"early {number}", now + 0.5), now)
        queue.decide(now)
        queue.add(offered(f"doomed {number}", now + 0.001), now)
        assert isinstance(queue.expired(now + 0.002), Expire)
    queue.add(improvement("text", 100.5), 100.0)
    assert isinstance(queue.decide(100.0), Run)


def test_what_does_not_pay_waits_a_moment_and_is_given_up() -> None:
    """Not before its deadline only: nobody is told later for nothing."""
    queue = Schedule(taught(), Limits(guard_s=0.0, worth={DRAFT: 0.96, VERIFIED: 1.0}))
    pays = False
    queue._better.batcher.worth.pays = lambda *_: pays  # type: ignore[method-assign]
    for name, at in (("a", 0.0), ("b", 0.1)):
        queue.add(improvement(name, 5.0), at)
    assert queue.decide(0.1) == Wait(KEPT_S)
    assert ids(queue.decide(KEPT_S)) == ["a"]
    assert queue.decide(KEPT_S) == Wait(0.1 + KEPT_S)
    assert len(queue) == 1
    pays = True
    assert ids(queue.decide(0.1 + KEPT_S)) == ["b"]
    assert queue.decide(1.0) == Wait()


def interruptible(**limits: object) -> Schedule:
    return Schedule(taught(), Limits(guard_s=0.0, interruptible=True, **limits))  # type: ignore[arg-type]


def begun(queue: Schedule, *jobs: Job) -> Run:
    for each in jobs:
        queue.add(each, 0.0)
    decision = queue.decide(0.0)
    assert isinstance(decision, Run)
    return decision


def test_what_is_made_better_is_broken_off_for_whoever_comes() -> None:
    queue = interruptible()
    run = begun(queue, improvement("text", 0.5))
    assert run.improves
    queue.add(improvement("other", 0.5), 0.001)
    assert not queue.breaks(run), "nobody waits for a first answer"
    queue.add(offered("new", 0.5), 0.002)
    assert queue.breaks(run)


@pytest.mark.parametrize(
    ("max_batch", "risk", "broken_off"), [(8, 0.015, True), (1, 0.015, False), (8, 0.0, False)]
)
def test_a_better_rung_is_broken_off_for_whoever_comes_and_may_go_without_an_answer(
    max_batch: int, risk: float, broken_off: bool
) -> None:
    """Unless others were left behind."""
    queue = interruptible(max_batch=max_batch, worth={DRAFT: 0.96, VERIFIED: 1.0})
    queue._risk.ask = lambda *_, **__: risk  # type: ignore[method-assign]
    run = begun(queue, offered("a", 0.5), offered("b", 0.5))
    assert run.rung is VERIFIED
    queue.add(offered("new", 0.5), 0.001)
    assert queue.breaks(run) is broken_off


def test_a_draft_or_an_engine_that_does_not_stop_is_not_broken_off() -> None:
    drafting = interruptible()
    run = begun(drafting, job("a", 0.5, rungs=(DRAFT,)))
    drafting.add(offered("new", 0.5), 0.001)
    assert not drafting.breaks(run)
    steady = schedule()
    run = begun(steady, improvement("text", 0.5))
    steady.add(offered("new", 0.5), 0.001)
    assert not steady.breaks(run)


def test_a_run_that_was_broken_off_teaches_how_soon_that_goes_and_not_how_long_it_takes() -> None:
    queue = interruptible(worth=WORTH)
    known = queue.profile.statistics()
    run = begun(queue, improvement("text", 0.5))
    for _ in range(100):
        queue.broke(run, asked_s=0.001, took_s=0.001, now=0.0)
    assert queue.profile.statistics() == known
    assert queue._better.yielding.cost < 0.01 < queue._first.yielding.cost
    assert queue.statistics()["broken_off"] == 100


def test_what_was_drafted_is_verified_in_a_time_of_its_own() -> None:
    queue = interruptible()
    again, first = (improvement("text", 0.5),), (offered("text", 0.5),)
    for _ in range(20):
        queue.observe(Run(again, VERIFIED, 0.0), 0.004, 0.0)
        queue.observe(Run(first, VERIFIED, 0.0), 0.020, 0.0)
    for jobs, took_s in ((again, 0.004), (first, 0.020)):
        assert queue._line_of(jobs[0]).typical_s(replace(jobs[0], rungs=(VERIFIED,))) == took_s


def test_a_rung_that_is_always_broken_off_does_not_look_cheap_for_ever() -> None:
    queue = interruptible()
    run = begun(queue, improvement("text", 0.5))
    line = queue._better
    assert line.expected_s(VERIFIED, run.jobs) < 0.1
    for _ in range(40):
        queue.broke(run, asked_s=0.2, took_s=0.21, now=1.0)
    assert line.expected_s(VERIFIED, run.jobs) >= 0.2
