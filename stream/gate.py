"""The gate: one verdict for each post by its deadline, whatever becomes of workers and bus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from stream.alarm import Alarm
from stream.announcing import PUBLISH_HEADER, Announcer
from stream.core import requests, wire
from stream.core.effects import Announce, Await, Effect, Judge, Tell
from stream.core.errors import BusError, Malformed, Overloaded
from stream.core.messages import Action, Decision, Message, Post, Review, Verdict
from stream.core.posts import GateLimits, Posts
from stream.core.records import Position, PostJob, Record, Topic
from stream.core.reviews import Reviews
from stream.core.settings import ChannelSettings
from stream.core.stats import Histogram
from stream.ports import Bus, Clock

logger = structlog.get_logger(__name__)


class Asker(Protocol):
    """Whoever waits for an answer; it must not wait itself."""

    def tell(self, message: Message) -> None: ...


class Lag:
    """How late the loop comes to its deadlines: what it was at worst, fading with time.

    At most LONGEST_S, so that after a single stop the workers are still given their time.
    """

    LONGEST_S = 0.03
    FADES = 0.1
    """Of the time that passes."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._noted = 0.0

    def note(self, late_s: float, now: float) -> None:
        """Something came so late."""
        faded_s = self.worst_s - self.FADES * (now - self._noted)
        self.worst_s, self._noted = min(max(late_s, faded_s, 0.0), self.LONGEST_S), now


class Gate:
    """Asks the workers by the `posts` log, is answered by `answer`, and keeps its own timer.

    No method waits for the bus: a job that it does not take is answered by the channel's policy.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        name: str,
        settings: ChannelSettings,
        limits: GateLimits = GateLimits(),  # noqa: B008
    ) -> None:
        self.unsent = 0
        self.untold = 0
        self.late = 0
        self.latency = Histogram()
        self._bus = bus
        self._clock = clock
        self._posts = Posts(name, settings, limits)
        self._reviews = Reviews(name)
        self._announcer = Announcer(bus, name)
        self._lag = Lag()
        self._alarm = Alarm(clock, self._expire)
        self._log = (
            logger.bind()
        )  # once: for each verdict it would cost as much as judging its text

    def ask(self, request: requests.Gate, asker: Asker, waited_s: float = 0.0) -> None:
        """Exactly one verdict is told to `asker`. Its budget counts from `waited_s` ago on: what
        came when this process was behind is late already. Raises Refused.
        """
        now = self._clock.now()
        self._carry_out(self._posts.ask(request, asker, now, now - waited_s))

    def answer(self, verdict: Verdict) -> None:
        """A worker's verdict that was addressed to this gateway."""
        self._carry_out(self._posts.answer(verdict, self._clock.now()))

    def knows(self, request: requests.Decide) -> bool:
        """True once the log has told of the post that is to be decided."""
        return self._reviews.knows(request.channel, request.post)

    def decide(self, request: requests.Decide, by: str, asker: Asker) -> None:
        """A moderator's word; told to `asker` once the log has it. Raises Refused or Overloaded."""
        if not self._announcer.has_room():
            raise Overloaded("the bus takes no events at present")
        self._carry_out([self._reviews.decide(request, by, asker, self._clock.now())])

    def learn(self, record: Record) -> None:
        """A record of the events log. Raises Malformed."""
        result, origin = wire.decode_result(record)
        match result:
            case Review():
                publish = record.headers.get(PUBLISH_HEADER) == b"1"
                self._reviews.learn_review(result, publish=publish)
            case Post():
                self._reviews.learn_post(result)
            case Decision():
                now = self._clock.now()
                self._carry_out(self._reviews.learn_decision(result, origin.owner, now))

    def waiting(self, channel: str) -> list[Review]:
        """What a moderator who comes new has to know."""
        return self._reviews.waiting(channel)

    def forget(self, asker: Asker) -> None:
        """Nobody is there to be told any more."""
        self._reviews.forget(asker)

    async def run(self) -> None:
        """Write events until cancelled."""
        try:
            await self._announcer.run()
        finally:
            self._alarm.stop()

    async def wait_written(self) -> None:
        """Wait until the bus has all events."""
        await self._announcer.wait_empty()

    def statistics(self) -> dict[str, dict[str, float]]:
        return {
            "gate": {
                **self._posts.statistics(),
                "unsent": self.unsent,
                "untold": self.untold,
                "late": self.late,
            },
            "reviews": self._reviews.statistics(),
            "events": self._announcer.statistics(),
        }

    def _expire(self) -> None:
        """What is due, and what would be late if the next turn came as late as this one."""
        now = self._clock.now()
        due = self._posts.next_due()
        if due is not None:
            self._lag.note(now - self._moment(due), now)
        self._carry_out(self._posts.expire(now + self._lag.worst_s))

    def _moment(self, due: float) -> float:
        """When to answer what is due then."""
        return due - self._lag.worst_s

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Tell(asker=asker, message=message):
                    self._tell(asker, message)
                case Judge(job=job):
                    self._send(job)
                case Announce():
                    self._announce(effect)
                case Await():
                    self._carry_out(self._reviews.wait(effect))
        due = self._posts.next_due()
        self._alarm.set(None if due is None else self._moment(due))

    def _announce(self, effect: Announce) -> None:
        """A flood of blocked posts must leave room for what waits, is shown or is decided."""
        event = effect.event
        blocked = isinstance(event, Review) and event.action is Action.BLOCK
        if blocked and self._announcer.is_half_full():
            self.untold += 1
        else:
            self._announcer.announce(effect)

    def _tell(self, asker: object, message: Message) -> None:
        if isinstance(message, Verdict):
            self._report(message)
        asker.tell(message)  # type: ignore[attr-defined]  # the core does not know what an asker is

    def _report(self, verdict: Verdict) -> None:
        """One line and one observation a verdict, without the text that was judged."""
        total_ms = verdict.latency.total_ms
        self.latency.observe(total_ms)
        self.late += verdict.late
        self._log.debug(
            "verdict",
            channel=verdict.channel,
            action=verdict.action,
            rung=verdict.rung,
            total_ms=total_ms,
            late=verdict.late,
            degraded=verdict.degraded,
        )

    def _send(self, job: PostJob) -> None:
        payload = wire.encode_job(job)
        try:
            sent = self._bus.publish_nowait(
                Topic.POSTS, job.channel, payload.value, payload.headers
            )
        except (BusError, Malformed):
            self.unsent += 1
        else:
            sent.add_done_callback(self._sent)

    def _sent(self, sent: asyncio.Future[Position]) -> None:
        """Without the workers' answer the deadline gives one; here it is only counted."""
        if sent.cancelled() or sent.exception() is not None:
            self.unsent += 1
