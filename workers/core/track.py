"""A stretch of a channel's audio between its settled point and now."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from stream.core.records import SAMPLE_RATE, Position

BYTES_PER_SAMPLE = 2


class Piece(NamedTuple):
    """One record's audio: it ends before sample `end`, arrived at a gateway, was read by us."""

    end: int
    arrived: float
    read: float
    position: Position


class Track:
    """Unbroken audio of one epoch, in samples: settled <= sent <= received.

    What lies between `settled` and `received` is kept, so that an engine that lost its state can
    be told again; what lies before it is finished and its records are given back.

    `fresh`     the engine has no state of this track
    `complete`  nothing will be appended
    `over`      complete because its publisher ended the audio
    `finishing` the engine has been given the last of it
    """

    def __init__(self, epoch: str, start: int) -> None:
        self.epoch = epoch
        self.start = start
        self.settled = start
        self.sent = start
        self.received = start
        self.fresh = True
        self.complete = False
        self.over = False
        self.finishing = False
        self._pcm = bytearray()
        self._pieces: deque[Piece] = deque()

    def append(self, pcm: bytes, arrived: float, read: float, position: Position) -> None:
        assert not self.complete
        self.received += len(pcm) // BYTES_PER_SAMPLE
        self._pcm += pcm
        self._pieces.append(Piece(self.received, arrived, read, position))

    def complete_with(self, *, over: bool) -> None:
        self.complete = True
        self.over = self.over or over

    @property
    def pending(self) -> int:
        """Samples that the engine has not been given."""
        return self.received - self.sent

    def due(self, grid: int, ending: int) -> int:
        """Samples that are worth a run: up to a multiple of `grid`, or to where a segment ends.

        Segments begin on the grid too, so that none waits for a part of its chunk.
        """
        if self.complete:
            return self.pending
        upto = self.received // grid * grid
        return max(0, upto - self.sent, ending - self.sent if ending <= self.received else 0)

    def take(self, limit: int) -> bytes:
        """The next samples for the engine, at most `limit`."""
        begin = (self.sent - self.settled) * BYTES_PER_SAMPLE
        self.sent = min(self.received, self.sent + limit)
        self.fresh = False
        self.finishing = self.complete and self.pending == 0
        return bytes(self._pcm[begin : (self.sent - self.settled) * BYTES_PER_SAMPLE])

    def rewind(self) -> None:
        """The engine lost its state: everything since `settled` is to be sent again."""
        self.sent = self.settled
        self.fresh = True
        self.finishing = False

    def settle(self, sample: int) -> tuple[Position, ...]:
        """Nothing before `sample` is needed again; returns the records that are finished."""
        sample = max(self.settled, min(sample, self.sent))
        del self._pcm[: (sample - self.settled) * BYTES_PER_SAMPLE]
        self.settled = sample
        finished = []
        while self._pieces and self._pieces[0].end <= sample:
            finished.append(self._pieces.popleft().position)
        return tuple(finished)

    def skip(self) -> tuple[Position, ...]:
        """Give up what has been received: all of it counts as settled."""
        self.sent = self.received
        self.fresh = True
        return self.settle(self.received)

    def piece_at(self, sample: int) -> Piece | None:
        """The piece that brought the sample before `sample`, or the newest; None when settled."""
        newest = self._pieces[-1] if self._pieces else None
        return next((piece for piece in self._pieces if piece.end >= sample), newest)

    @property
    def newest(self) -> Piece | None:
        return self._pieces[-1] if self._pieces else None


def seconds(samples: int) -> float:
    """Samples as seconds, to the millisecond."""
    return round(samples / SAMPLE_RATE, 3)
