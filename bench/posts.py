"""Posts that arrive at random, and the cores that read them for a moderation encoder elsewhere.

Each process is one core: it takes its posts when they arrive, asks the word lists and the draft,
and leaves the windows' pieces in shared memory. No post's arrival waits for an answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from traceback import format_exception_only
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONTEXT = get_context("spawn")
MOST_PIECES = 64
MOST_WINDOWS = 4
TAKEN_AT_ONCE = 16
LONGEST_START_S = 120


class Round(NamedTuple):
    """Posts of one process: `start` on the monotonic clock, `arrivals` in seconds after it."""

    start: float
    arrivals: NDArray[np.float64]


class Read(NamedTuple):
    """What a process has spent on a round."""

    posts: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """Windows that a process has read, in order: `count` of them are there.

    pieces [most, MOST_PIECES], 0 where a window is over; post [most] is each one's post.
    """

    count: Any
    pieces: Any
    lengths: Any
    posts: Any

    @classmethod
    def make(cls, most: int) -> Shelf:
        most *= MOST_WINDOWS
        raw = CONTEXT.RawArray
        return cls(raw("q", 1), raw("h", most * MOST_PIECES), raw("h", most), raw("i", most))

    def views(self) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.int16], Any]:
        pieces = np.frombuffer(self.pieces, np.int16).reshape(-1, MOST_PIECES)
        count, lengths = np.frombuffer(self.count, np.int64), np.frombuffer(self.lengths, np.int16)
        return count, pieces, lengths, np.frombuffer(self.posts, np.int32)


class ReaderError(RuntimeError):
    """A process that reads has ended; the message says why."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """What a process says last: the last line of its traceback."""

    why: str


def serve(pipe: Connection, shelf: Shelf, texts: Sequence[str]) -> None:
    """A process: rounds come through the pipe, None ends it."""
    try:
        read_rounds(pipe, shelf, texts)
    except Exception as error:  # whoever waits for it must hear of anything
        pipe.send(Fallen(format_exception_only(error)[-1].strip()))


def receive(pipe: Connection) -> Any:
    """What a process says; `ReaderError` where it has ended."""
    try:
        said = pipe.recv()
    except EOFError:
        raise ReaderError("a reader has ended without a word") from None
    if isinstance(said, Fallen):
        raise ReaderError(f"a reader has ended: {said.why}")
    return said


def read_rounds(pipe: Connection, shelf: Shelf, texts: Sequence[str]) -> None:
    from stream.core.messages import Rung
    from workers.engines.cascade_drafter import MODEL, make_drafter, worst_windows
    from workers.engines.cascade_pieces import BEGIN, END
    from workers.engines.rules import make_engine as make_rules
    from workers.ports import Judge

    drafter, rules = make_drafter(MODEL), make_rules()
    count, pieces, lengths, posts = shelf.views()

    def read(text: str, post: int) -> None:
        drafted = drafter.draft(text)
        for place in worst_windows(drafted):
            row, found = int(count[0]), [BEGIN, *drafted.windows[place].pieces, END]
            pieces[row, : len(found)] = found
            lengths[row], posts[row] = len(found), post
            count[0] = row + 1

    for text in texts[:200]:
        rules.run(Rung.DRAFT, [Judge(text=text)])
        drafter.draft(text)
    pipe.send("ready")
    while pipe.recv() is not None:
        pieces[:], count[0] = 0, 0
        pipe.send("clear")
        began, done = time.process_time(), 0
        start, arrivals = pipe.recv()
        while done < len(arrivals):
            now = time.monotonic() - start
            until = min(int(np.searchsorted(arrivals, now)), done + TAKEN_AT_ONCE)
            if until <= done:
                time.sleep(min(0.001, arrivals[done] - now + 1e-5))
                continue
            batch = [texts[n % len(texts)] for n in range(done, until)]
            rules.run(Rung.DRAFT, [Judge(text=text) for text in batch])
            for post, text in enumerate(batch, done):
                read(text, post)
            done = until
        pipe.send(Read(done, time.process_time() - began))


class Readers:
    """Processes that read; `texts` are dealt to all of them, each from a place of its own."""

    def __init__(self, texts: Sequence[str], cores: int, most: int) -> None:
        self.shelves = [Shelf.make(most) for _ in range(cores)]
        self._most = most
        self._pipes: list[Connection] = []
        self._processes = []
        for number, shelf in enumerate(self.shelves):
            here, there = CONTEXT.Pipe()
            turn = number * len(texts) // cores
            mine = [*texts[turn:], *texts[:turn]]
            process = CONTEXT.Process(target=serve, args=(there, shelf, mine), daemon=True)
            process.start()
            # its own end only: else nobody would see that it has ended
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        try:
            self._wait()
        except ReaderError:
            self.close()
            raise

    def _wait(self) -> None:
        for pipe in self._pipes:
            if not pipe.poll(LONGEST_START_S):
                raise ReaderError(f"a reader has not begun within {LONGEST_START_S} s")
            receive(pipe)

    def begin(self, rate: float, seconds: float, seed: int) -> tuple[float, list[Any]]:
        """Poisson arrivals of `rate` posts a second in all: when they start, and each process's."""
        chance = np.random.default_rng(seed)
        share = rate / len(self._pipes)
        count = min(self._most, int(share * seconds))
        gaps = [chance.exponential(1 / share, count) for _ in self._pipes]
        arrivals = [np.cumsum(each) for each in gaps]
        for pipe in self._pipes:
            pipe.send("clear")
        for pipe in self._pipes:
            receive(pipe)
        start = time.monotonic() + 0.1
        for pipe, each in zip(self._pipes, arrivals, strict=True):
            pipe.send(Round(start, each))
        return start, arrivals

    def finished(self) -> bool:
        """Whether each has read all its posts."""
        return all(pipe.poll() for pipe in self._pipes)

    def collect(self) -> list[Read]:
        return [receive(pipe) for pipe in self._pipes]

    def close(self) -> None:
        for pipe in self._pipes:
            with suppress(OSError):  # it has ended already
                pipe.send(None)
        for process in self._processes:
            process.join(5)
