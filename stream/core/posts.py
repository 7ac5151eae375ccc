"""Posts at the gate: each asked once, judged once, and what follows from the verdict."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from msgspec.structs import replace

from stream.core.deadlines import DeadlineHeap
from stream.core.effects import Announce, Asker, Await, Effect, Judge, Tell
from stream.core.errors import Refused
from stream.core.messages import Action, Post, Retract, Review, Rung, Verdict
from stream.core.policies import Fallback
from stream.core.records import PostJob
from stream.core.requests import Gate
from stream.core.settings import ChannelSettings

BEHIND = 0.5
"""Of its budget, what a request may have waited to be read. All that comes then waits as long: with
less left, answers by the policy would be late too.
"""
_FALLBACK: dict[Fallback, Action] = {
    "hold": Action.REVIEW,
    "block": Action.BLOCK,
    "allow": Action.ALLOW,
}


class GateLimits(NamedTuple):
    """`guard_ms` is kept of each budget for the answer's way out, at most a quarter of it.

    Over `pending` posts a new one is answered at once, by the channel's policy; of `settled` ones
    the oldest is forgotten, so that its repeat would be judged anew.
    """

    guard_ms: float = 25.0
    pending: int = 4_096
    settled: int = 20_000


class _Waiter(NamedTuple):
    asker: Asker
    id: str
    arrived: float
    deadline: float


@dataclass(slots=True)
class _Case:
    """A post; without its text once it is settled."""

    job: PostJob
    digest: bytes
    publish: bool
    due: float
    waiters: list[_Waiter] = field(default_factory=list)
    verdict: Verdict | None = None
    published: bool = False


class Posts:
    """Exactly one verdict for each request, not later than its deadline minus a guard.

    A repeat of a post (same channel and `post`) gets the verdict of the first; the same `post` with
    another text is refused. Told the time; `name` is the gateway that the workers answer.
    """

    def __init__(self, name: str, settings: ChannelSettings, limits: GateLimits) -> None:
        self.fallbacks = 0
        self.overflows = 0
        self.behind = 0
        self.retracted = 0
        self._name = name
        self._settings = settings
        self._limits = limits
        self._asked = 0
        self._cases: dict[str, _Case] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._job_of: dict[tuple[str, str], str] = {}
        self._due: DeadlineHeap[str] = DeadlineHeap()

    def ask(
        self, request: Gate, asker: Asker, now: float, arrived: float | None = None
    ) -> list[Effect]:
        """A request that arrived then, or now; one that waited too long to be read costs the
        workers nothing. Raises Refused for a known post with another text.
        """
        arrived = now if arrived is None else arrived
        deadline = arrived + request.budget_ms / 1000
        waiter = _Waiter(asker, request.id, arrived, deadline)
        known = self._job_of.get((request.channel, request.post or ""))
        if known is not None:
            return self._repeat(self._cases[known], request, waiter, now)
        case = self._open(request, arrived)
        case.waiters.append(waiter)
        if now - arrived > request.budget_ms / 1000 * BEHIND:
            self.behind += 1
            return self._fall_back(case, "the gate is behind", now)
        if len(self._due) >= self._limits.pending:
            self.overflows += 1
            return self._fall_back(case, "the gate is full", now)
        self._due.push(case.job.id, case.due)
        return [Judge(case.job)]

    def answer(self, verdict: Verdict, now: float) -> list[Effect]:
        """A worker's verdict; the first one counts, and a later block takes back what was shown."""
        case = self._cases.get(verdict.id)
        if case is None:
            return []
        if self._due.remove(verdict.id):
            return self._settle(case, verdict, now)
        if verdict.action is Action.BLOCK and not verdict.degraded:
            return self._take_back(case)
        return []

    def expire(self, now: float) -> list[Effect]:
        """What is due at `now` is answered by its channel's policy."""
        effects: list[Effect] = []
        for job_id in self._due.pop_due(now):
            effects += self._fall_back(self._cases[job_id], "no answer in time", now)
        return effects

    def next_due(self) -> float | None:
        return self._due.next_due()

    def statistics(self) -> dict[str, float]:
        return {
            "pending": len(self._due),
            "settled": len(self._settled),
            "asked": self._asked,
            "fallbacks": self.fallbacks,
            "overflows": self.overflows,
            "behind": self.behind,
            "retracted": self.retracted,
        }

    def _moment(self, budget_ms: int, arrived: float) -> float:
        return arrived + (budget_ms - min(self._limits.guard_ms, budget_ms / 4)) / 1000

    def _open(self, request: Gate, arrived: float) -> _Case:
        self._asked += 1
        job_id = f"{self._name}-{self._asked}"
        job = PostJob(
            id=job_id,
            channel=request.channel,
            text=request.text,
            author=request.author,
            post=request.post or job_id,
            gateway=self._name,
            arrived=arrived,
            budget_ms=request.budget_ms,
        )
        due = self._moment(request.budget_ms, arrived)
        case = _Case(job, _digest(request.text), request.publish, due)
        self._cases[job_id] = case
        self._job_of[job.channel, job.post] = job_id
        return case

    def _repeat(self, case: _Case, request: Gate, waiter: _Waiter, now: float) -> list[Effect]:
        if _digest(request.text) != case.digest:
            raise Refused(f"post {case.job.post} has another text, expected the text of the first")
        case.publish = case.publish or request.publish
        if case.verdict is None:
            case.waiters.append(waiter)
            case.due = min(case.due, self._moment(request.budget_ms, waiter.arrived))
            self._due.push(case.job.id, case.due)
            return []
        return [
            *self._answer(case, case.verdict, waiter, now),
            *self._announce(case, case.verdict, request.text),
        ]

    def _fall_back(self, case: _Case, why: str, now: float) -> list[Effect]:
        policy = self._settings.of(case.job.channel).policy
        self.fallbacks += 1
        verdict = Verdict(
            id=case.job.id,
            channel=case.job.channel,
            action=_FALLBACK[policy.late],
            reasons=(f"{why}, policy {policy.late}",),
            rung=Rung.REPEAT,
            degraded=True,
        )
        return self._settle(case, verdict, now)

    def _settle(self, case: _Case, verdict: Verdict, now: float) -> list[Effect]:
        case.verdict = verdict
        effects: list[Effect] = []
        for waiter in case.waiters:
            effects += self._answer(case, verdict, waiter, now)
        effects += self._announce(case, verdict, case.job.text)
        case.waiters = []
        case.job = replace(case.job, text="")
        self._keep(case.job.id)
        return effects

    def _answer(self, case: _Case, verdict: Verdict, waiter: _Waiter, now: float) -> list[Effect]:
        total_ms = round((now - waiter.arrived) * 1000, 3)
        latency = replace(verdict.latency, total_ms=total_ms)
        told = replace(verdict, id=waiter.id, latency=latency, late=now > waiter.deadline)
        effects: list[Effect] = [Tell(waiter.asker, told)]
        if verdict.action is Action.REVIEW:
            effects.append(Await(waiter.asker, case.job.channel, case.job.post, waiter.id))
        return effects

    def _announce(self, case: _Case, verdict: Verdict, text: str) -> list[Effect]:
        """The event that a verdict makes, once; what does not pass is told to moderators."""
        job = case.job
        if case.published:
            return []
        if verdict.action is not Action.ALLOW:
            event: Post | Review = Review(
                channel=job.channel,
                post=job.post,
                author=job.author,
                text=text,
                labels=verdict.labels,
                reasons=verdict.reasons,
                action=verdict.action,
            )
        elif case.publish:
            event = Post(channel=job.channel, post=job.post, author=job.author, text=text)
        else:
            return []
        case.published = True
        return [Announce(event, job.arrived, job.budget_ms, case.publish)]

    def _take_back(self, case: _Case) -> list[Effect]:
        verdict = case.verdict
        shown = case.published and verdict is not None and verdict.action is Action.ALLOW
        if not shown or verdict is None or not verdict.degraded:
            return []
        self.retracted += 1
        case.verdict = replace(verdict, action=Action.BLOCK)
        event = Retract(channel=case.job.channel, post=case.job.post, reason="blocked after all")
        return [Announce(event, case.job.arrived, case.job.budget_ms)]

    def _keep(self, job_id: str) -> None:
        self._settled[job_id] = None
        if len(self._settled) > self._limits.settled:
            oldest, _ = self._settled.popitem(last=False)
            gone = self._cases.pop(oldest)
            del self._job_of[gone.job.channel, gone.job.post]


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
