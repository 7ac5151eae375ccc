"""What peers say: each conversation's effects, carried out."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from stream.configuring import Configurator
from stream.core.access import Permissions
from stream.core.errors import NoToken, OntimeError
from stream.core.messages import Message, Opened, Subscribed, Unsubscribed
from stream.core.requests import Close, Configure, Decide, Gate, Subscribe, Translate
from stream.core.session import (
    Ask,
    CloseConnection,
    Effect,
    EndAudio,
    Leave,
    Listen,
    PutAudio,
    Send,
    Session,
    SessionLimits,
    StartAudio,
    error_message,
)
from stream.following import Follower
from stream.gate import Gate as GateKeeper
from stream.ports import Clock, Peer
from stream.publishing import Publisher, Studio
from stream.translating import Translator

FRAMES_A_TURN = 4
"""As many as wait for each peer at most before its reading pauses."""
LISTING_S = 0.1
"""For a new moderator's list to hold all that the bus has."""


class Connection(Peer, Protocol):
    """A peer that also speaks."""

    permissions: Permissions

    async def receive(self) -> str | bytes | None:
        """The next frame; None once the connection has ended."""

    @property
    def waited_s(self) -> float:
        """How long that frame may have waited to be read, at most."""


class Audience(Protocol):
    """Whoever writes to peers (fanout.py)."""

    def subscribe(self, peer: Peer, request: Subscribe, moderator: bool) -> Subscribed: ...

    def unsubscribe(self, peer: Peer, channel: str) -> None: ...

    def drain(self, peer: Peer) -> None: ...

    def forget(self, peer: Peer) -> None: ...

    def send(self, peer: Peer, message: Message) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Whom an ingress passes on to."""

    audience: Audience
    gate: GateKeeper
    translator: Translator
    studio: Studio
    configurator: Configurator
    events: Follower


class Ingress:
    """`serve` talks with a peer from its first frame to its end."""

    def __init__(
        self,
        services: Services,
        clock: Clock,
        limits: SessionLimits,
        random_bits: Callable[[int], int],
    ) -> None:
        self._services = services
        self._clock = clock
        self._limits = limits
        self._random_bits = random_bits

    async def serve(self, connection: Connection) -> None:
        """Returns once the peer has left and what it had begun is ended."""
        now = self._clock.now()
        session = Session(connection.permissions, self._limits, now, self._random_bits)
        conversation = Conversation(connection, self._services, session)
        expiry = self._expire_later(connection, now)
        try:
            for turn in itertools.count(1):
                frame = await connection.receive()
                if frame is None:
                    break
                for effect in session.receive(frame, self._clock.now()):
                    await conversation.carry_out(effect)
                if turn % FRAMES_A_TURN == 0:
                    await asyncio.sleep(0)  # a peer with many frames must not hold up the others
        finally:
            if expiry is not None:
                expiry.cancel()
            await conversation.leave()

    def _expire_later(self, connection: Connection, now: float) -> asyncio.TimerHandle | None:
        expires = connection.permissions.expires
        if expires is None:
            return None
        loop, error = asyncio.get_running_loop(), NoToken("token has expired")
        return loop.call_later(max(0.0, expires - now), connection.close_soon, error)


class Conversation:
    """One peer: what its session wants done. As an asker it is told answers until it has left."""

    def __init__(self, connection: Connection, services: Services, session: Session) -> None:
        self._connection = connection
        self._services = services
        self._session = session
        self._publisher: Publisher | None = None
        self._gone = False

    def tell(self, message: Message) -> None:
        if not self._gone:
            self._services.audience.send(self._connection, message)

    async def carry_out(self, effect: Effect) -> None:
        """Do it; what fails is told to the peer, and the conversation goes on."""
        try:
            await self._do(effect)
        except OntimeError as error:
            asked = getattr(getattr(effect, "request", None), "id", None)
            self.tell(error_message(error, asked))

    async def leave(self) -> None:
        """The peer is gone: end its audio, forget it."""
        self._gone = True
        services = self._services
        services.audience.forget(self._connection)
        services.gate.forget(self)
        for effect in self._session.leave():
            await self.carry_out(effect)

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Send(message=message):
                self.tell(message)
            case Listen(request=request, moderator=moderator):
                await self._subscribe(request, moderator)
            case Leave(request=request):
                self._services.audience.unsubscribe(self._connection, request.channel)
                self.tell(Unsubscribed(id=request.id, channel=request.channel))
            case Ask(request=request):
                await self._ask(request)
            case StartAudio() | PutAudio() | EndAudio():
                await self._audio(effect)
            case CloseConnection(error=error):
                self._services.audience.drain(self._connection)  # the reason comes before the end
                self._connection.close_soon(error)
            case _:
                assert_never(effect)

    async def _subscribe(self, request: Subscribe, moderator: bool) -> None:
        """A moderator who comes new is told what waits, after what comes live has begun: a review
        may then come twice. Only where the bus is slow may one be missing that is younger than
        this wait, which must not hold up the peer's posts when the bus is gone.
        """
        services = self._services
        answer = services.audience.subscribe(self._connection, request, moderator)
        resumed = request.since is not None and answer.recovered
        if moderator and "reviews" in request.kinds and not resumed:
            await services.events.catch_up(LISTING_S)
            for review in services.gate.waiting(request.channel):
                self.tell(review)

    async def _ask(self, request: Gate | Translate | Decide | Configure) -> None:
        services = self._services
        match request:
            case Gate():
                services.gate.ask(request, self, self._connection.waited_s)
            case Translate():
                services.translator.ask(request, self)
            case Decide():
                await self._decide(request)
            case Configure():
                await services.configurator.configure(request, self)

    async def _decide(self, request: Decide) -> None:
        """A moderator may have seen the review before the gate has read of it."""
        services = self._services
        if not services.gate.knows(request):
            await services.events.catch_up()
        services.gate.decide(request, self._session.permissions.subject, self)

    async def _audio(self, effect: StartAudio | PutAudio | EndAudio) -> None:
        match effect:
            case StartAudio(request=request, epoch=epoch):
                self._publisher = Publisher(self._services.studio, request, epoch, self)
                self.tell(Opened(id=request.id, channel=request.channel, epoch=epoch))
                self._services.translator.check(request, self)
            case PutAudio(piece=piece):
                assert self._publisher is not None
                await self._publisher.put(piece)
            case EndAudio(request=closing):
                await self._end_audio(closing)

    async def _end_audio(self, request: Close | None) -> None:
        assert self._publisher is not None
        publisher, self._publisher = self._publisher, None
        if request is not None:
            self._services.studio.await_end(publisher.feed.epoch, request, self)
        await publisher.end()
