"""One peer's conversation: frames in, effects out as values. It does no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, assert_never

from stream.core import wire
from stream.core.access import Permissions
from stream.core.bucket import Bucket
from stream.core.errors import (
    Malformed,
    OntimeError,
    Refused,
    TooBig,
    TooMany,
    Unreadable,
)
from stream.core.feed import make_epoch
from stream.core.messages import Error, Message, Pong
from stream.core.requests import (
    Close,
    Configure,
    Decide,
    Gate,
    Open,
    Ping,
    Subscribe,
    Translate,
    Unsubscribe,
)


class Send(NamedTuple):
    """Write this to the peer."""

    message: Message


class Listen(NamedTuple):
    """Subscribe the peer, and answer it."""

    request: Subscribe
    moderator: bool


class Leave(NamedTuple):
    """End a subscription, and answer."""

    request: Unsubscribe


class StartAudio(NamedTuple):
    """The channel's audio begins; answered by `opened`."""

    request: Open
    epoch: str


class PutAudio(NamedTuple):
    """Audio of the open channel: samples in an even number of bytes, or a piece of a recording."""

    piece: bytes


class EndAudio(NamedTuple):
    """The channel's audio is over; `closed` answers `request` (None: nobody waits)."""

    request: Close | None


class Ask(NamedTuple):
    """A question that somebody else answers."""

    request: Gate | Translate | Decide | Configure


class CloseConnection(NamedTuple):
    """End the conversation with the error's close code."""

    error: OntimeError


Effect = Send | Listen | Leave | StartAudio | PutAudio | EndAudio | Ask | CloseConnection


class SessionLimits(NamedTuple):
    """What one peer may do: rates a second, each with a burst, and the number of its channels."""

    messages_per_s: float = 2_000
    messages_burst: float = 10_000
    bytes_per_s: float = 4 * 1024 * 1024
    bytes_burst: float = 16 * 1024 * 1024
    errors_per_s: float = 1
    errors_burst: float = 100
    channels: int = 64


class Session:
    """`receive` never raises: what is wrong becomes an `error`, and sometimes an end.

    The connection goes on after what is malformed or refused; it ends after what cannot be
    understood, and when the peer is over a rate or has made too many errors.
    """

    def __init__(
        self,
        permissions: Permissions,
        limits: SessionLimits,
        now: float,
        random_bits: Callable[[int], int],
    ) -> None:
        self.permissions = permissions
        self.channels: set[str] = set()
        self.open: Open | None = None
        self.ended = False
        self._limits = limits
        self._random_bits = random_bits
        self._messages = Bucket(limits.messages_per_s, limits.messages_burst, now)
        self._bytes = Bucket(limits.bytes_per_s, limits.bytes_burst, now)
        self._errors = Bucket(limits.errors_per_s, limits.errors_burst, now)

    def receive(self, frame: str | bytes, now: float) -> list[Effect]:
        """What follows from a frame; nothing after the end."""
        if self.ended:
            return []
        try:
            self._meter(len(frame), now)
            effects = self._audio(frame) if isinstance(frame, bytes) else self._text(frame, now)
        except (Unreadable, TooMany) as error:
            return self._end(error)
        except OntimeError as error:
            return self._refuse(error, frame, now)
        return effects

    def leave(self) -> list[Effect]:
        """The peer is gone: end what it had begun."""
        self.ended = True
        had_open, self.open = self.open, None
        return [EndAudio(None)] if had_open else []

    def _meter(self, size: int, now: float) -> None:
        if not self._messages.take(1, now):
            raise TooMany(f"more than {self._limits.messages_per_s:g} messages a second")
        if not self._bytes.take(size, now):
            raise TooMany(f"more than {self._limits.bytes_per_s:g} bytes a second")

    def _end(self, error: OntimeError) -> list[Effect]:
        effects = self.leave()
        return [*effects, Send(error_message(error, None)), CloseConnection(error)]

    def _refuse(self, error: OntimeError, frame: str | bytes, now: float) -> list[Effect]:
        if not self._errors.take(1, now):
            return self._end(TooMany(f"too many errors, the last: {error}"))
        asked = wire.request_id(frame) if isinstance(frame, str) else None
        return [Send(error_message(error, asked))]

    def _audio(self, frame: bytes) -> list[Effect]:
        if self.open is None:
            raise Unreadable("frame", "binary", "text, or an open before it")
        if len(frame) > wire.BINARY_LIMIT_BYTES:
            raise TooBig("frame", f"{len(frame)} bytes", f"at most {wire.BINARY_LIMIT_BYTES}")
        odd = len(frame) % 2 and self.open.encoding == "pcm_s16le"
        if odd or not frame:
            raise Malformed("chunk", f"{len(frame)} bytes", "an even number above 0")
        return [PutAudio(frame)]

    def _text(self, frame: str, now: float) -> list[Effect]:
        request = wire.decode_request(frame)
        match request:
            case Subscribe():
                return self._subscribe(request)
            case Unsubscribe():
                return self._unsubscribe(request)
            case Open():
                return self._open(request, now)
            case Close():
                return self._close(request)
            case Ping():
                return [Send(Pong(id=request.id))]
            case Gate() | Translate() | Decide() | Configure():
                return self._ask(request)
            case _:
                assert_never(request)

    def _subscribe(self, request: Subscribe) -> list[Effect]:
        self.permissions.demand("subscribe", request.channel)
        if request.channel not in self.channels and len(self.channels) >= self._limits.channels:
            limit = self._limits.channels
            raise Refused(f"connection has {limit} channels, expected at most {limit}")
        self.channels.add(request.channel)
        return [Listen(request, self.permissions.allows("moderate", request.channel))]

    def _unsubscribe(self, request: Unsubscribe) -> list[Effect]:
        self.channels.discard(request.channel)
        return [Leave(request)]

    def _open(self, request: Open, now: float) -> list[Effect]:
        self.permissions.demand("publish", request.channel)
        if self.open is not None:
            raise Refused(f"channel {self.open.channel} is open, expected one open a connection")
        self.open = request
        return [StartAudio(request, make_epoch(now, self._random_bits(32)))]

    def _close(self, request: Close) -> list[Effect]:
        if self.open is None or self.open.channel != request.channel:
            found = self.open.channel if self.open else "not open"
            raise Refused(f"channel is {found}, expected {request.channel} to be open")
        self.open = None
        return [EndAudio(request)]

    def _ask(self, request: Gate | Translate | Decide | Configure) -> list[Effect]:
        match request:
            case Gate():
                self.permissions.demand("gate", request.channel)
            case Translate():
                self.permissions.demand_somewhere("translate")
            case Decide() | Configure():
                self.permissions.demand("moderate", request.channel)
        return [Ask(request)]


def error_message(error: OntimeError, asked: str | None) -> Error:
    """The protocol's `error` about the request `asked`."""
    return Error(code=error.code, message=str(error), id=asked)
