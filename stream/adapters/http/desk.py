"""Moderations without a task: what is asked is told later, or at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from stream.adapters.http.answers import Answer, bearer_token, refusal
from stream.adapters.http.room import Room
from stream.core import moderations
from stream.core.access import Permissions
from stream.core.errors import OntimeError
from stream.core.messages import Verdict
from stream.core.moderations import Moderation
from stream.core.policies import Policy
from stream.ports import Clock

Verdicts = Callable[[Sequence[Verdict]], None]

TURN_S = 0.005
WAIT_S = 0.05
"""Half of the usual budget: then the gate gives up a request that the workers have not got."""

logger = structlog.get_logger(__name__)


class Judges(Protocol):
    """Whom the desk asks; each method raises an OntimeError where it can't do it."""

    def verify(self, token: str | None) -> Permissions: ...

    def judge(
        self, asked: Moderation, bearer: Permissions, told: Verdicts, waited_s: float = 0.0
    ) -> None:
        """`told` is called once, with a verdict for each text, unless this raises."""

    def policy(self, channel: str) -> Policy:
        """What holds on this channel."""


class Desk:
    """Takes moderations as they were sent; `new_id` names the answers.

    Of those that come together TURN_S are asked in each turn of the loop: else what workers have
    answered, and deadlines, would wait until all have been asked. Who has waited for WAIT_S is
    next, then the newest: where the loop is behind, some are judged in time in place of none.
    """

    def __init__(self, judges: Judges, new_id: Callable[[], str], room: Room, clock: Clock) -> None:
        self.judges = judges
        self.room = room
        self.new_id = new_id
        # not the loop's time: uvloop's stands still while a turn lasts
        self.now = clock.now
        self._waiting: deque[_Visit] = deque()

    def moderate(
        self, authorization: str, body: bytes, came: float, answer: Callable[[Answer], None]
    ) -> None:
        """`answer` is called exactly once, in here where there is no room. The budget counts from
        `came` on: what was late to be read is answered by its channel's policy.
        """
        try:
            self.room.enter()
        except OntimeError as error:
            answer(refusal(error, moderations.encode_error))
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._serve)
        self._waiting.append(_Visit(self, authorization, body, came, answer))

    def _serve(self) -> None:
        end = self.now() + TURN_S
        while self._waiting and (now := self.now()) < end:
            oldest = self._waiting[0]
            waits = now - oldest.came > WAIT_S
            (self._waiting.popleft() if waits else self._waiting.pop()).ask(now)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._serve)


class _Visit:
    """One request, from its place in the room to its answer."""

    def __init__(
        self,
        desk: Desk,
        authorization: str,
        body: bytes,
        came: float,
        answer: Callable[[Answer], None],
    ) -> None:
        self._desk = desk
        self._authorization = authorization
        self._body = body
        self.came = came
        self._answer = answer
        self._channel = ""
        self._over = False

    def ask(self, now: float) -> None:
        try:
            self._ask(now)
        except OntimeError as error:
            self._refuse(error)
        except Exception:
            logger.exception("a request failed")
            self._refuse(OntimeError("the server has made a mistake"))

    def _ask(self, now: float) -> None:
        judges = self._desk.judges
        bearer = judges.verify(bearer_token(self._authorization))
        asked = moderations.decode_moderation(self._body)
        self._channel = asked.channel
        judges.judge(asked, bearer, self._tell, now - self.came)

    def _refuse(self, error: OntimeError) -> None:
        self._leave(refusal(error, moderations.encode_error))

    def _tell(self, verdicts: Sequence[Verdict]) -> None:
        desk = self._desk
        policy = desk.judges.policy(self._channel)
        body = moderations.encode_moderation(f"modr-{desk.new_id()}", verdicts, policy)
        self._leave(Answer(200, body, {}))

    def _leave(self, answer: Answer) -> None:
        if not self._over:
            self._over = True
            self._desk.room.leave()
            self._answer(answer)
