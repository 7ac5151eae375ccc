"""What the workers need of a model: one port for every engine.

An engine lives in a child process (engines/host.py), is synchronous, and may keep state by stream.
Requests and answers are values that cross a pipe as MessagePack (engines/codec.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from stream.core.messages import Rung, Word

Task = Literal["captions", "translation", "moderation"]


class Card(Struct, frozen=True, kw_only=True):
    """What an engine is: its name, its task, its rungs (cheapest first), its languages.

    Of a translation engine `languages` are those it writes, `sources` those it reads (without any:
    the first of `languages`). `worth` is that of an answer at a rung, where that was measured:
    a worker then seeks most worth, and counts what its time may cost others. `interruptible`: a run
    can be broken off between its steps (its process says so: engines/host.py).
    """

    name: str
    task: Task
    rungs: tuple[Rung, ...]
    languages: tuple[str, ...] = ("en",)
    sources: tuple[str, ...] = ()
    worth: dict[Rung, float] = {}
    interruptible: bool = False


class Audio(Struct, frozen=True, kw_only=True, tag_field="type", tag="audio"):
    """Samples `start` and following of a stream (16 kHz mono s16le).

    `fresh`   the stream's state starts empty at `start`; else the audio joins what came before
    `last`    nothing follows: finish the open segment
    `quiet`   finals only: this audio is behind its time
    `calm`    there is time to make partials better, which may cost several times as much
    `chunk_ms` how much audio to decode at a time: less is sooner, more is cheaper
    """

    stream: str
    start: int
    pcm: bytes
    fresh: bool = False
    last: bool = False
    quiet: bool = False
    calm: bool = False
    chunk_ms: int = 160
    language: str = "en"
    hotwords: tuple[str, ...] = ()


class Hypothesis(Struct, frozen=True, kw_only=True):
    """A segment's text as heard so far: samples [start, end), settled code points, word times.

    `ended` is the sample at which a final's endpoint was decided.
    """

    start: int
    end: int
    text: str
    stable: int = 0
    words: tuple[Word, ...] = ()
    final: bool = False
    ended: int = 0


class Heard(Struct, frozen=True, kw_only=True, tag_field="type", tag="heard"):
    """Answer to `Audio`: finals in order, then at most one partial.

    `upto`     samples decoded
    `settled`  a sample from which a fresh state gives the same results as going on (the start of
               the open segment, or where silence began it anew): a crash replays from here
    `foreseen` the sample at which a segment's end is likely or decided unless speech goes on; 0:
               none is foreseen
    """

    hypotheses: tuple[Hypothesis, ...]
    upto: int
    settled: int
    foreseen: int = 0


class Judge(Struct, frozen=True, kw_only=True, tag_field="type", tag="judge"):
    """A text to be scored; `words` are the channel's own forbidden texts."""

    text: str
    words: tuple[str, ...] = ()


class Scored(Struct, frozen=True, kw_only=True, tag_field="type", tag="scored"):
    """Answer to `Judge`: a score (0 to 1) for each label that the engine knows, and why.

    `found` are the channel's own texts that occur, as they were given. `rung` is what was reached
    where that is not the rung that was asked for: a draft that is sure is not looked at again.
    """

    labels: dict[str, float]
    rung: Rung | None = None
    reasons: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


class Render(Struct, frozen=True, kw_only=True, tag_field="type", tag="render"):
    """A text to be translated.

    `draft`     what is on screen already; its first `stable` code points must stand in the answer
    `answered`  `draft` is a translation of this very text, which is to become better
    `growing`   the text goes on: more of `draft` may stand where it is nearly the best
    `glossary`  words and how they are always translated
    `left_s`    seconds until the answer is due, counted from the run's begin: a rung is interrupted
                between two of its steps, and what there is then is the answer; None: no hurry
    """

    text: str
    source: str
    target: str
    draft: str = ""
    stable: int = 0
    answered: bool = False
    growing: bool = False
    glossary: dict[str, str] = {}
    left_s: float | None = None


class Rendered(Struct, frozen=True, kw_only=True, tag_field="type", tag="rendered"):
    """Answer to `Render`.

    `rung`      what was reached, where time ran out below the rung that was asked for
    `relaxed`   draft tokens stand that were nearly the best, not only the best
    `drafted`, `accepted`  tokens of the drafts, and of those how many stood in the first pass
    `passes`, `tokens`     of the decoder that verified, and how many tokens it settled
    """

    text: str
    rung: Rung | None = None
    relaxed: bool = False
    drafted: int = 0
    accepted: int = 0
    passes: int = 0
    tokens: int = 0


Question = Audio | Judge | Render
Answer = Heard | Scored | Rendered


class Engine(Protocol):
    """A model. Made and run in its own process only."""

    card: Card

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer a question, in order. Raises EngineError for the whole batch."""

    def forget(self, stream: str) -> None:
        """Drop a stream's state."""


@runtime_checkable
class Interruptible(Protocol):
    """An engine whose runs can be broken off between two of their steps."""

    def interrupt_when(self, hurried: Callable[[], bool]) -> None:
        """Ask this between steps; once it is so, the answers are what there is then, each at the
        rung that it has reached. Called before the first question.
        """


class RunsEngine(Protocol):
    """An engine as those see it who wait for its process (engines/process.py)."""

    async def wait_up(self) -> None:
        """Until there is a process to ask: its start is no part of a run. Raises EngineLost."""

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        """One answer a question, in order. Raises EngineError, EngineLost."""

    def forget(self, stream: str) -> None:
        """Drop a stream's state."""

    def hurry(self) -> None:
        """Have the run under way broken off between two of its steps, where the engine can."""

    def statistics(self) -> Mapping[str, float]:
        """Counts by name."""
