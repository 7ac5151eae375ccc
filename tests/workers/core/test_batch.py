from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from stream.core.messages import Rung
from workers.core.batch import Batcher
from workers.core.fair import Entry, FairQueue
from workers.core.jobs import Job
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile

DRAFT, VERIFIED = Rung.DRAFT, Rung.VERIFIED
BOTH = (DRAFT, VERIFIED)
LENGTH = 100


def batcher(
    headroom: float = 2.0, ceiling: float = 0.7, worth: Mapping[Rung, float] | None = None
) -> Batcher:
    """An engine: 9 ms and 1 ms a job, three times that to verify, twice that for 4 x length."""
    profile = LatencyProfile()
    for rung, factor in ((DRAFT, 1), (VERIFIED, 3)):
        for batch in range(1, 9):
            profile.observe(rung, LENGTH, batch, 0.001 * (9 + batch) * factor, 0.0)
            profile.observe(rung, 4 * LENGTH, batch, 0.002 * (9 + batch) * factor, 0.0)
    limits = Limits(max_batch=8, guard_s=0.0, headroom=headroom, ceiling=ceiling, worth=worth or {})
    return Batcher(profile, limits)


def entries(
    slacks_ms: Sequence[float], rungs: tuple[Rung, ...] = (DRAFT,), length: int = LENGTH
) -> list[Entry]:
    queue = FairQueue(quantum_s=1e9)
    for number, slack_ms in enumerate(slacks_ms):
        job = Job(f"{length}/{number}", "c", slack_ms / 1000, length, rungs)
        queue.add(job, 0.001, LatencyProfile.bucket(length))
    return queue.candidates(100)


def slacks_ms(batch_entries: Sequence[Entry]) -> list[float]:
    return [round(entry.job.deadline * 1000) for entry in batch_entries]


def test_all_that_fit_go_together() -> None:
    batch = batcher().choose(entries([30, 40, 50]), 0.0, rate=0.0)
    assert slacks_ms(batch.entries) == [30, 40, 50]
    assert batch.rung is DRAFT
    assert 0.012 <= batch.predicted_s < 0.0125


def test_an_urgent_first_job_does_not_force_a_small_batch() -> None:
    batch = batcher().choose(entries([11, *[50] * 7]), 0.0, rate=0.0)
    assert slacks_ms(batch.entries) == [50] * 7


def chosen_of_eight(*taught: tuple[int, int, float]) -> int:
    """How many of eight jobs with time enough go together, after so many batches of a size took so
    long a job, in ms.
    """
    profile = LatencyProfile()
    for batches, size, each_ms in taught:
        for _ in range(batches):
            profile.observe(DRAFT, LENGTH, size, each_ms * size / 1000, 0.0)
    chooser = Batcher(profile, Limits(max_batch=8))
    return len(chooser.choose(entries([900] * 8), 0.0, rate=0.0).entries)


@pytest.mark.parametrize(("setup_ms", "size"), [(0.1, 1), (0.6, 1), (2, 3), (18, 8)])
def test_a_batch_is_no_larger_than_it_pays(setup_ms: float, size: int) -> None:
    """Jobs take 10 ms each: whoever comes meanwhile waits for a batch and gains little by it."""
    taught = [(5, batch, 10 + setup_ms / batch) for batch in range(1, 9)]
    assert chosen_of_eight(*taught) == size


def test_a_batch_that_was_slow_once_is_tried_again() -> None:
    """Else every batch would be of one job, for as long as there is load."""
    assert chosen_of_eight((50, 1, 9), (1, 3, 20), (1, 8, 20)) == 8


@pytest.mark.parametrize("each_ms", [9, 12])
def test_a_size_is_tried_until_a_few_have_shown_what_it_takes(each_ms: float) -> None:
    assert chosen_of_eight((50, 1, 9)) == 8
    assert chosen_of_eight((50, 1, 9), (3, 8, each_ms)) == 8
    assert chosen_of_eight((50, 1, 9), (4, 8, each_ms)) == 1


def test_jobs_that_cost_little_alone_do_not_make_full_batches_look_dear() -> None:
    """Most single jobs were silence, and most batches hold some speech."""
    assert chosen_of_eight((40, 1, 1), (24, 1, 9), (64, 8, 5)) == 8


def test_a_job_that_must_be_served_does() -> None:
    candidates = entries([12, *[50] * 7])
    batch = batcher().choose(candidates, 0.0, rate=0.0, must=candidates[0])
    assert slacks_ms(batch.entries) == [12, 50, 50]


def test_the_earliest_of_those_that_fit_are_taken() -> None:
    batch = batcher().choose(entries([5 * step for step in range(4, 20)]), 0.0, rate=0.0)
    assert slacks_ms(batch.entries) == [20, 25, 30, 35, 40, 45, 50, 55]


def test_a_long_job_does_not_slow_many_short_ones() -> None:
    candidates = entries([90], length=4 * LENGTH) + entries([95] * 7)
    batch = batcher().choose(candidates, 0.0, rate=0.0)
    assert {entry.job.length for entry in batch.entries} == {LENGTH}


def test_a_higher_rung_is_taken_where_there_is_slack() -> None:
    batch = batcher().choose(entries([40, 50], BOTH), 0.0, rate=0.0)
    assert batch.rung is VERIFIED
    assert len(batch.entries) == 2


def test_a_job_that_would_be_late_keeps_its_batch_on_the_lower_rung() -> None:
    batch = batcher().choose(entries([25, 90], BOTH), 0.0, rate=0.0)
    assert batch.rung is DRAFT
    assert len(batch.entries) == 2


def test_a_job_that_does_not_offer_it_keeps_its_batch_on_the_lower_rung() -> None:
    candidates = entries([90]) + entries([90], BOTH)
    assert batcher().choose(candidates, 0.0, rate=0.0).rung is DRAFT


def test_a_higher_rung_makes_nobody_else_late() -> None:
    assert batcher().choose(entries([60] * 8 + [120] * 8, BOTH), 0.0, rate=0.0).rung is VERIFIED
    assert batcher().choose(entries([60] * 8 + [65] * 8, BOTH), 0.0, rate=0.0).rung is DRAFT


def test_a_higher_rung_is_not_begun_at_a_rate_that_it_could_not_keep_up() -> None:
    # verified in full batches: 51 ms for 8, 157 a second
    assert batcher().choose(entries([90], BOTH), 0.0, rate=100.0).rung is VERIFIED
    assert batcher().choose(entries([90], BOTH), 0.0, rate=120.0).rung is DRAFT


def test_what_a_few_jobs_cost_more_counts_by_their_share() -> None:
    """One run in ten ends a segment and takes ten times as long: 19 ms each, not 100."""
    profile = LatencyProfile()
    for step in range(60):
        profile.observe(DRAFT, LENGTH, 1, 0.010, 0.0)
        profile.observe(VERIFIED, LENGTH, 1, 0.100 if step % 10 == 0 else 0.010, 0.0)
    chooser = Batcher(profile, Limits(max_batch=1, ceiling=0.7))
    rungs = [chooser.choose(entries([900], BOTH), 0.0, rate).rung for rate in (35.0, 40.0)]
    assert rungs == [VERIFIED, DRAFT]


def test_jobs_that_offer_only_the_higher_rung_are_served_too() -> None:
    batch = batcher().choose(entries([40], (VERIFIED,)), 0.0, rate=1e9)
    assert batch.rung is VERIFIED


def test_under_load_that_rung_is_taken_whose_answers_are_worth_most_a_second() -> None:
    """Three times as long pays only where a draft is worth less than a third; who is left behind
    says that all of the time will be missing.
    """
    queue = entries([60] * 8 + [500], BOTH)
    rungs = [
        batcher(worth={DRAFT: draft, VERIFIED: 1.0}).choose(queue, 0.0, rate=1e6, risk=1.0).rung
        for draft in (0.3, 0.4)
    ]
    assert rungs == [VERIFIED, DRAFT]


def test_what_is_worth_more_and_would_be_late_is_not_begun() -> None:
    queue = entries([30] * 8, BOTH)
    batch = batcher(worth={DRAFT: 0.3, VERIFIED: 1.0}).choose(queue, 0.0, rate=1e6)
    assert (batch.rung, len(batch.entries)) == (DRAFT, 8)


def even_batcher(worth: Mapping[Rung, float] | None, max_batch: int = 8) -> Batcher:
    """Verifying costs a lone text twice a draft, and a full batch no more than drafts do."""
    profile = LatencyProfile()
    for batch in range(1, 9):
        profile.observe(DRAFT, LENGTH, batch, 0.005 + 0.005 * batch, 0.0)
        profile.observe(VERIFIED, LENGTH, batch, 0.017 + 0.0035 * batch, 0.0)
    return Batcher(profile, Limits(max_batch=max_batch, guard_s=0.0, worth=worth or {}))


@pytest.mark.parametrize("draft", [0.82, 0.92])
def test_a_better_rung_that_bears_as_much_is_taken_at_any_rate(draft: float) -> None:
    """One text: a draft is worth more a second, and yet nobody is served by it."""
    worth = {DRAFT: draft, VERIFIED: 1.0}
    for count in (1, 3, 8):
        queue = entries([150] * count, BOTH)
        batch = even_batcher(worth).choose(queue, 0.0, rate=1e6)
        assert (batch.rung, len(batch.entries)) == (VERIFIED, count)
    assert even_batcher(None).choose(entries([150], BOTH), 0.0, rate=1e6).rung is DRAFT


def test_a_draft_is_made_where_it_saves_the_deadline_of_another() -> None:
    """One at a time, drafts 10 ms, verified 20.5: the second has to wait for the first."""
    worth = {DRAFT: 0.82, VERIFIED: 1.0}
    rungs = [
        even_batcher(worth, max_batch=1).choose(entries([30, due_ms], BOTH), 0.0, rate=0.0).rung
        for due_ms in (30, 32)
    ]
    assert rungs == [DRAFT, VERIFIED]


def test_a_lone_text_that_verifying_would_make_late_is_drafted() -> None:
    worth = {DRAFT: 0.82, VERIFIED: 1.0}
    batch = even_batcher(worth).choose(entries([15], BOTH), 0.0, rate=0.0)
    assert batch.rung is DRAFT


def test_a_rung_of_unknown_worth_counts_as_much_and_is_taken_where_nobody_misses_his() -> None:
    rungs = (*BOTH, Rung.REFINED)
    chooser = even_batcher({DRAFT: 0.82, VERIFIED: 1.0})
    assert chooser.choose(entries([900], rungs), 0.0, rate=0.0).rung is Rung.REFINED
    done = entries([900], (Rung.REFINED,))
    assert chooser.choose(done, 0.0, rate=0.0).rung is Rung.REFINED
