"""What a better answer may cost: an engine whose full batches take 5.6 ms a draft."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stream.core.messages import Rung
from workers.core.fair import Entry, FairQueue
from workers.core.jobs import Job
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.worth import Worth

SKETCH, DRAFT, VERIFIED = Rung.SKETCH, Rung.DRAFT, Rung.VERIFIED
LENGTH = 100
BUCKET = LatencyProfile.bucket(LENGTH)


def worth(known: dict[Rung, float], *, interruptible: bool = False) -> Worth:
    """Verifying costs a lone text twice a draft, and a full batch no more than drafts do."""
    profile = LatencyProfile()
    for batch in range(1, 9):
        profile.observe(DRAFT, LENGTH, batch, 0.005 + 0.005 * batch, 0.0)
        profile.observe(VERIFIED, LENGTH, batch, 0.017 + 0.0035 * batch, 0.0)
    limits = Limits(max_batch=8, guard_s=0.0, worth=known, interruptible=interruptible)
    return Worth(profile, limits)


def entries(count: int, done: Rung | None = None) -> Sequence[Entry]:
    queue = FairQueue(quantum_s=1.0)
    for number in range(count):
        rungs = (VERIFIED,) if done else (DRAFT, VERIFIED)
        queue.add(Job(str(number), "c", 0.5, LENGTH, rungs, done=done), 0.001, BUCKET)
    return queue.candidates(count)


def test_what_is_made_better_pays_where_few_come_or_little_is_lost() -> None:
    """Verifying takes as long as four drafts of a full batch, and adds 0.18."""
    price = worth({DRAFT: 0.82, VERIFIED: 1.0})
    better = entries(1, done=DRAFT)
    assert price.pays(VERIFIED, better, lambda _: 0.9, risk=0.4, cost=1.0)
    assert not price.pays(VERIFIED, better, lambda _: 0.2, risk=0.4, cost=1.0)
    assert price.pays(VERIFIED, better, lambda _: 0.2, risk=0.04, cost=1.0)
    assert price.pays(VERIFIED, better, lambda _: 0.2, risk=0.4, cost=0.1)
    assert price.pays(VERIFIED, entries(1), lambda _: 0.0, risk=1.0, cost=1.0)


def test_what_can_be_broken_off_adds_nothing_where_somebody_comes() -> None:
    for interruptible in (False, True):
        price = worth({DRAFT: 0.82, VERIFIED: 1.0}, interruptible=interruptible)
        pays = price.pays(VERIFIED, entries(1, done=DRAFT), lambda _: 0.1, risk=0.03, cost=1.0)
        assert pays is not interruptible


@pytest.mark.parametrize(("risk", "way"), [(0.0, False), (0.05, False), (0.2, True)])
def test_first_answers_give_way_where_half_their_time_may_cost_more_than_they_add(
    risk: float, way: bool
) -> None:
    """Half of 20.5 ms makes 1.8 drafts of 0.82; a verified text adds 0.18."""
    price = worth({DRAFT: 0.82, VERIFIED: 1.0})
    assert price.gives_way(VERIFIED, entries(1), risk) is way


def test_where_no_worth_is_known_first_answers_give_way() -> None:
    assert worth({}).gives_way(VERIFIED, entries(1), risk=0.0)


def test_time_is_priced_by_what_the_best_use_of_it_would_make() -> None:
    """A lone text: twice a draft's time for a fifth more, and all of it will be missing."""
    price = worth({DRAFT: 0.82, VERIFIED: 1.0})
    rungs = (DRAFT, VERIFIED)
    assert price.best(rungs, BUCKET, 1, [], 0.0, risk=0.0) is VERIFIED
    assert price.best(rungs, BUCKET, 1, [], 0.0, risk=1.0) is DRAFT
    assert price.best(rungs, BUCKET, 8, [], 0.0, risk=1.0) is VERIFIED


def test_who_is_left_and_would_be_late_counts() -> None:
    price = worth({DRAFT: 0.82, VERIFIED: 1.0})
    rungs = (DRAFT, VERIFIED)
    assert price.best(rungs, BUCKET, 1, [0.017], 0.0, risk=0.0) is DRAFT
    assert price.best(rungs, BUCKET, 1, [0.017, 0.5], 0.0, risk=0.0) is DRAFT
    assert price.best(rungs, BUCKET, 1, [0.5], 0.0, risk=0.0) is VERIFIED
