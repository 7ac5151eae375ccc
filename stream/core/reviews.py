"""Posts that wait for a moderator, as the events log tells, and what was decided.

The log orders decisions: the first one in it counts, on every gateway, and after an `allow` one
`block`, which takes back what was shown. Nothing here is believed before it has been read back
from the log.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from stream.core.effects import Announce, Asker, Await, Effect, Tell
from stream.core.errors import Refused
from stream.core.messages import Action, Decision, Error, Post, Retract, Review
from stream.core.requests import Decide

_Key = tuple[str, str]


class ReviewLimits(NamedTuple):
    """Over `posts` or `bytes` of text the post that has waited longest can be decided no more; of
    `blocked` and `shown` posts the oldest is forgotten. `listed` are told to a new moderator.
    """

    posts: int = 10_000
    bytes: int = 32 * 1024 * 1024
    blocked: int = 1_000
    shown: int = 20_000
    listed: int = 500


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

    def counts(self, decision: Decision) -> bool:
        """Whether a decision that the log tells changes anything."""
        if self.decision is None:
            return True
        return (self.decision.action, decision.action) == (Action.ALLOW, Action.BLOCK)


class Reviews:
    """Told by the gate who waits, by moderators what they decide, by the log what has happened."""

    def __init__(self, name: str, limits: ReviewLimits = ReviewLimits()) -> None:  # noqa: B008
        self.dropped = 0
        self._name = name
        self._limits = limits
        self._cases: OrderedDict[_Key, _Case] = OrderedDict()
        self._blocked: OrderedDict[_Key, _Case] = OrderedDict()
        self._shown: OrderedDict[_Key, None] = OrderedDict()
        self._bytes = 0

    def wait(self, wanted: Await) -> list[Effect]:
        """Whoever asked the gate is told the decision when it comes, or has come."""
        case = self._case(wanted.channel, wanted.post)
        if case.decision is not None:
            return [Tell(wanted.asker, replace(case.decision, id=wanted.id))]
        case.waiters.append(_Waiter(wanted.asker, wanted.id))
        return []

    def decide(self, request: Decide, by: str, asker: Asker, now: float) -> Effect:
        """The decision for the log. Raises Refused for a post of which nothing can be decided."""
        key = (request.channel, request.post)
        case = self._cases.get(key) or self._blocked.get(key)
        decision = Decision(
            channel=request.channel, post=request.post, action=Action(request.action), by=by
        )
        self._check(case, decision, shown=key in self._shown)
        if case is None:
            case = self._case(*key)
        case.deciders.append(_Decider(asker, request.id, decision))
        return Announce(decision, now, 0)

    def knows(self, channel: str, post: str) -> bool:
        """True once the log has told of this post."""
        key = (channel, post)
        case = self._cases.get(key)
        told = case is not None and (case.review is not None or case.decision is not None)
        return told or key in self._blocked or key in self._shown

    def learn_review(self, review: Review, *, publish: bool) -> None:
        """The log tells of a post in review, or of one that a rule has blocked."""
        key = (review.channel, review.post)
        if review.action is Action.BLOCK:
            self._blocked[key] = _Case(review, publish)
            _bound(self._blocked, self._limits.blocked)
            return
        case = self._case(*key)
        if case.review is None and case.decision is None:
            case.review, case.publish = review, publish
            self._bytes += case.size
            self._trim()

    def learn_post(self, post: Post) -> None:
        """The log tells that a post is shown; it can be taken back."""
        self._shown[post.channel, post.post] = None
        _bound(self._shown, self._limits.shown)

    def learn_decision(self, decision: Decision, owner: str, now: float) -> list[Effect]:
        """The log tells of a decision by the gateway `owner`."""
        key = (decision.channel, decision.post)
        blocked = self._blocked.pop(key, None)
        case = self._case(*key)
        if blocked is not None and case.decision is None:
            case.review, case.publish, case.deciders = (
                blocked.review,
                blocked.publish,
                blocked.deciders,
            )
            self._bytes += case.size
        if not case.counts(decision):
            return []
        before, case.decision = case.decision, decision
        review, case.review = case.review, None
        self._bytes -= len(review.text) if review else 0
        effects: list[Effect] = [
            Tell(waiter.asker, replace(decision, id=waiter.id)) for waiter in case.waiters
        ]
        effects += [_reply(decider, decision) for decider in case.deciders]
        case.waiters, case.deciders = [], []
        if owner == self._name:
            effects += self._consequence(case, review, before, decision, now)
        return effects

    def waiting(self, channel: str) -> list[Review]:
        """What a moderator who comes new has to know: blocked posts, and those that wait."""
        limit = self._limits.listed
        blocked = [case.review for case in self._blocked.values() if case.review]
        mine = [review for review in blocked if review.channel == channel][-limit:]
        open_ = (case.review for case in self._cases.values() if case.review)
        return mine + list(islice((each for each in open_ if each.channel == channel), limit))

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
            "blocked": len(self._blocked),
            "shown": len(self._shown),
            "dropped": self.dropped,
        }

    def _check(self, case: _Case | None, decision: Decision, *, shown: bool) -> None:
        open_ = case is not None and case.review is not None and case.decision is None
        allowed = case.decision is not None and case.counts(decision) if case else False
        undecided = case is None or case.decision is None
        if open_ or allowed or (shown and undecided and decision.action is Action.BLOCK):
            return
        found = "decided already" if not undecided else "shown" if shown else "not in review"
        raise Refused(f"post {decision.post} is {found}, expected one that waits")

    def _consequence(
        self,
        case: _Case,
        review: Review | None,
        before: Decision | None,
        decision: Decision,
        now: float,
    ) -> list[Effect]:
        """What becomes of the post; the gateway that has decided tells it."""
        key = (decision.channel, decision.post)
        if decision.action is Action.ALLOW:
            shown = review is not None and case.publish
            return [Announce(_post(review), now, 0)] if shown and review else []
        if key in self._shown or (before is not None and case.publish):
            reason = "blocked by a moderator"
            retract = Retract(channel=decision.channel, post=decision.post, reason=reason)
            return [Announce(retract, now, 0)]
        return []

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


def _bound(kept: OrderedDict[_Key, _Case] | OrderedDict[_Key, None], limit: int) -> None:
    if len(kept) > limit:
        kept.popitem(last=False)


def _post(review: Review) -> Post:
    return Post(channel=review.channel, post=review.post, author=review.author, text=review.text)


def _reply(decider: _Decider, decision: Decision) -> Tell:
    """The decision to whoever made it; an error to a moderator who was not the first."""
    if decider.decision == decision:
        return Tell(decider.asker, replace(decision, id=decider.id) if decider.id else decision)
    told = f"post {decision.post} was decided by {decision.by}, expected one that waits"
    return Tell(decider.asker, Error(code=Refused.code, message=told, id=decider.id))
