"""Everything that can go wrong, one tree; the reaction is data.

OntimeError
├── Malformed            a message cannot be taken: `error`, the connection goes on
│   └── Unreadable       not even a message: `error`, then close
├── Refused              understood, and not done
│   ├── NoToken          4001
│   ├── NotAllowed       4003
│   ├── TooMany          4029
│   ├── Overloaded       1013
│   ├── Restarting       1012
│   ├── NotFound         no such path
│   └── Unavailable      an engine or a language that is not there
├── TooSlow              4008, the peer does not read
├── BusError             the bus is slow, full or gone
│   ├── BusFull
│   └── BusGone
└── EngineError          an engine failed, hung or died
    ├── EngineLost
    └── EngineMissing
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class CloseCode(IntEnum):
    """WebSocket close codes (RFC 6455 section 7.4 below 4000, Ontime's own from 4000)."""

    NORMAL = 1000
    POLICY = 1008
    TOO_BIG = 1009
    RESTARTING = 1012
    OVERLOADED = 1013
    NO_TOKEN = 4001
    NOT_ALLOWED = 4003
    TOO_SLOW = 4008
    TOO_MANY = 4029


class OntimeError(Exception):
    """Root of the tree.

    `code` is the protocol's word for it, `close` the code that ends the connection (None: it goes
    on), `status` the HTTP status.
    """

    code: ClassVar[str] = "internal"
    close: ClassVar[CloseCode | None] = None
    status: ClassVar[int] = 500


class Malformed(OntimeError):
    """A message whose `field` holds `found` where `expected` was expected."""

    code = "malformed"
    status = 400

    def __init__(self, field: str, found: str, expected: str) -> None:
        super().__init__(f"{field} is {found}, expected {expected}")
        self.field = field
        self.found = found
        self.expected = expected


class Unreadable(Malformed):
    """What cannot be understood at all."""

    code = "unreadable"
    close = CloseCode.POLICY


class TooBig(Unreadable):
    """A frame over its size."""

    code = "too_big"
    close = CloseCode.TOO_BIG
    status = 413


class Refused(OntimeError):
    """Understood, and not done."""

    code = "refused"
    status = 409


class NoToken(Refused):
    """No valid token came."""

    code = "no_token"
    close = CloseCode.NO_TOKEN
    status = 401


class NotAllowed(Refused):
    """The token does not allow this."""

    code = "not_allowed"
    status = 403


class TooMany(Refused):
    """Over the rate or the number that a peer may have."""

    code = "too_many"
    close = CloseCode.TOO_MANY
    status = 429


class Overloaded(Refused):
    """The service has no room at present."""

    code = "overloaded"
    close = CloseCode.OVERLOADED
    status = 503


class Restarting(Refused):
    """The service stops; it or another one will be there soon."""

    code = "restarting"
    close = CloseCode.RESTARTING
    status = 503


class NotFound(Refused):
    """Nothing is there."""

    code = "not_found"
    status = 404


class Unavailable(Refused):
    """What was asked for is not there: an engine, a language, an encoding."""

    code = "unavailable"
    status = 501


class Unplayable(Refused):
    """A recording or stream that cannot be opened or heard."""

    code = "unplayable"
    status = 415


class TooSlow(OntimeError):
    """The peer does not read what must not be dropped."""

    code = "too_slow"
    close = CloseCode.TOO_SLOW


class BusError(OntimeError):
    """The bus did not take or give a record."""

    code = "bus"
    status = 503


class BusFull(BusError):
    """The queue before the bus is full."""

    code = "bus_full"


class BusGone(BusError):
    """The bus did not acknowledge in time, or is closed."""

    code = "bus_gone"


class EngineError(OntimeError):
    """An engine could not answer."""

    code = "engine"
    status = 503


class EngineLost(EngineError):
    """The engine's process hung or died; its states are gone and a new one is started."""

    code = "engine_lost"


class EngineMissing(EngineError):
    """No such engine, or its model or library is not installed."""

    code = "engine_missing"
    status = 501
