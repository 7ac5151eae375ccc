"""Posts that wait for a moderator, as the events log tells, and what was decided.

The log orders decisions: the first one in it counts, on every gateway. Nothing here is believed
before it has been read back from the log.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from stream.core.effects import Announce, Asker, Await, Effect, Tell
from stream.core.errors import Refused
from stream.core.messages import Action, Decision, Error, Post, Review
from stream.core.requests import Decide


class ReviewLimits(NamedTuple):
    """Over `posts` or `bytes` of text the post that has waited longest can be decided no more."""

    posts: int = 10_000
    bytes: int = 32 * 1024 * 1024


class _Waiter(NamedTuple):
    asker: Asker
    id: str


class _Decider(NamedTuple):
    asker: Asker
    id: str | None
    decision: Decision


@dataclass(slots=True)
class _Case:
    """`review` is None until the log has told it, and again once it is decided."""

    review: Review | None = None
    publish: bool = False
    decision: Decision | None = None
    waiters: list[_Waiter] = field(default_factory=list)
    deciders: list[_Decider] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.review.text) if self.review else 0


class Reviews:
    """Told by the gate who waits, by moderators what they decide, by the log what has happened."""

    def __init__(self, name: str, limits: ReviewLimits = ReviewLimits()) -> None:  # noqa: B008
        self.dropped = 0
        self._name = name
        self._limits = limits
        self._cases: OrderedDict[tuple[str, str], _Case] = OrderedDict()
        self._bytes = 0

    def wait(self, wanted: Await) -> list[Effect]:
        """Whoever asked the gate is told the decision when it comes, or has come."""
        case = self._case(wanted.channel, wanted.post)
        if case.decision is not None:
            return [Tell(wanted.asker, replace(case.decision, id=wanted.id))]
        case.waiters.append(_Waiter(wanted.asker, wanted.id))
        return []

    def decide(self, request: Decide, by: str, asker: Asker, now: float) -> Effect:
        """The decision for the log. Raises Refused for a post that does not wait for one."""
        case = self._cases.get((request.channel, request.post))
        if case is None or case.decision or case.review is None:
            found = "decided already" if case and case.decision else "not in review"
            raise Refused(f"post {request.post} is {found}, expected one that waits")
        decision = Decision(
            channel=request.channel, post=request.post, action=Action(request.action), by=by
        )
        case.deciders.append(_Decider(asker, request.id, decision))
        return Announce(decision, now, 0)

    def knows(self, channel: str, post: str) -> bool:
        """True once the log has told of a review of this post, or of a decision."""
        case = self._cases.get((channel, post))
        return case is not None and (case.review is not None or case.decision is not None)

    def learn_review(self, review: Review, *, publish: bool) -> None:
        """The log tells of a post in review."""
        case = self._case(review.channel, review.post)
        if case.review is None and case.decision is None:
            case.review, case.publish = review, publish
            self._bytes += case.size
            self._trim()

    def learn_decision(self, decision: Decision, owner: str, now: float) -> list[Effect]:
        """The log tells of a decision by the gateway `owner`; the first one counts."""
        case = self._case(decision.channel, decision.post)
        if case.decision is not None:
            return []
        review, case.review, case.decision = case.review, None, decision
        self._bytes -= len(review.text) if review else 0
        effects: list[Effect] = [
            Tell(waiter.asker, replace(decision, id=waiter.id)) for waiter in case.waiters
        ]
        effects += [_reply(decider, decision) for decider in case.deciders]
        case.waiters, case.deciders = [], []
        mine = owner == self._name and decision.action is Action.ALLOW
        if mine and review and case.publish:
            effects.append(Announce(_post(review), now, 0))
        return effects

    def forget(self, asker: Asker) -> None:
        """Nobody is there to be told any more."""
        for case in self._cases.values():
            if case.waiters:
                case.waiters = [waiter for waiter in case.waiters if waiter.asker is not asker]

    def statistics(self) -> dict[str, float]:
        return {
            "posts": len(self._cases),
            "bytes": self._bytes,
            "waiting": sum(case.review is not None for case in self._cases.values()),
            "dropped": self.dropped,
        }

    def _case(self, channel: str, post: str) -> _Case:
        case = self._cases.get((channel, post))
        if case is None:
            case = self._cases[channel, post] = _Case()
            self._trim()
        return case

    def _trim(self) -> None:
        while len(self._cases) > self._limits.posts or self._bytes > self._limits.bytes:
            _, oldest = self._cases.popitem(last=False)
            self._bytes -= oldest.size
            self.dropped += oldest.review is not None


def _post(review: Review) -> Post:
    return Post(channel=review.channel, post=review.post, author=review.author, text=review.text)


def _reply(decider: _Decider, decision: Decision) -> Tell:
    """The decision to whoever made it; an error to a moderator who was not the first."""
    if decider.decision == decision:
        return Tell(decider.asker, replace(decision, id=decider.id) if decider.id else decision)
    told = f"post {decision.post} was decided by {decision.by}, expected one that waits"
    return Tell(decider.asker, Error(code=Refused.code, message=told, id=decider.id))
