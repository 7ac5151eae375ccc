"""An engine that does what its script says, for tests and benchmarks of what stands around engines.

Its name is SCRIPTED (an import path: the product's registry does not know it). Answers are a pure
function of the input and the stream's position. A question whose text, or first hotword, is
`!error`, `!bug`, `!hang`, `!exit`, `!kill`, `!segfault` or `!babble` makes it do that; one that is
made with `patient` can be broken off.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from stream.core.errors import EngineError
from stream.core.messages import Rung, Word
from workers.ports import (
    Answer,
    Audio,
    Card,
    Heard,
    Hypothesis,
    Judge,
    Question,
    Render,
    Rendered,
    Scored,
    Task,
)

SCRIPTED = "tests.support.scripted:make_engine"
WORD_SAMPLES = 5_120
SEGMENT_SAMPLES = 10 * WORD_SAMPLES
SPOKEN = "the quick brown fox jumps over one lazy sleeping dog".split()


def make_engine(
    task: Task,
    delay_s: float = 0.0,
    each_s: float = 0.0,
    start_fault: str = "",
    patient: bool = False,
) -> Scripted:
    fall(start_fault)
    return (Patient if patient else Scripted)(task, delay_s, each_s)


def word_at(sample: int) -> str:
    return SPOKEN[sample // WORD_SAMPLES % len(SPOKEN)]


class Scripted:
    """A word each 320 ms of audio, a segment each 3.2 s, both on the epoch's samples.

    A batch takes `delay_s`, and `each_s` for each question. A text with `bad` in it scores toxic
    0.95; a translation is the text behind its language.
    """

    def __init__(self, task: Task, delay_s: float, each_s: float) -> None:
        rungs = (Rung.DRAFT, Rung.VERIFIED)
        self.card = Card(name="scripted", task=task, rungs=rungs, languages=("en", "de"))
        self._delay_s = delay_s
        self._each_s = each_s
        self._segments: dict[str, tuple[int, int]] = {}

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Answer]:
        for question in questions:
            fall(script_of(question))
        time.sleep(self._delay_s + self._each_s * len(questions))
        return [self._answer(question) for question in questions]

    def forget(self, stream: str) -> None:
        self._segments.pop(stream, None)

    def _answer(self, question: Question) -> Answer:
        match self.card.task, question:
            case "captions", Audio():
                return self._hear(question)
            case "moderation", Judge(text=text, words=words):
                own = {"words": 1.0} if any(word in text for word in words) else {}
                return Scored(labels={"toxic": 0.95 if "bad" in text else 0.05, **own})
            case "translation", Render(text=text, target=target):
                return Rendered(text=f"[{target}] {text}")
        raise EngineError(f"scripted {self.card.task} was asked {type(question).__name__}")

    def _hear(self, audio: Audio) -> Heard:
        opened, upto = (
            (audio.start,) * 2 if audio.fresh else self._segments.get(audio.stream, (0, -1))
        )
        if upto != audio.start:
            raise EngineError(f"stream is at {upto}, audio begins at {audio.start}")
        upto += len(audio.pcm) // 2
        hypotheses = []
        while (end := (opened // SEGMENT_SAMPLES + 1) * SEGMENT_SAMPLES) <= upto:
            hypotheses.append(hypothesis(opened, end, final=True))
            opened = end
        if opened < upto and (audio.last or not audio.quiet):
            hypotheses.append(hypothesis(opened, upto, final=audio.last))
        opened = upto if audio.last else opened
        self._segments[audio.stream] = (opened, upto)
        return Heard(hypotheses=tuple(hypotheses), upto=upto, settled=opened)


class Patient(Scripted):
    """ports.Interruptible: above a draft a text says how many steps of 1 ms it takes: `!wait 3`."""

    def interrupt_when(self, hurried: Callable[[], bool]) -> None:
        self._hurried = hurried

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Answer]:
        steps = 0
        if rung is not Rung.DRAFT:
            steps = max((steps_of(script_of(question)) for question in questions), default=0)
        while steps and not self._hurried():
            time.sleep(0.001)
            steps -= 1
        answers = super().run(rung, questions)
        return [told(each, Rung.DRAFT) for each in answers] if steps else answers


def told(answer: Answer, rung: Rung) -> Answer:
    """The same at a rung that was reached; heard audio has none."""
    return answer if isinstance(answer, Heard) else replace(answer, rung=rung)


def steps_of(script: str) -> int:
    wait, _, steps = script.partition(" ")
    return int(steps) if wait == "!wait" else 0


def hypothesis(start: int, end: int, *, final: bool) -> Hypothesis:
    words = tuple(
        Word(
            word=word_at(at),
            start=at / 16_000,
            end=min(at + WORD_SAMPLES, end) / 16_000,
            confidence=1.0,
        )
        for at in range(start, end, WORD_SAMPLES)
    )
    text = " ".join(word.word for word in words)
    stable = len(text) if final else len(" ".join(word.word for word in words[:-2]))
    ended = end if final else 0
    return Hypothesis(
        start=start, end=end, text=text, stable=stable, words=words, final=final, ended=ended
    )


def script_of(question: Question) -> str:
    if isinstance(question, Audio):
        return question.hotwords[0] if question.hotwords else ""
    return question.text


def fall(script: str) -> None:
    if script in FAULTS:
        FAULTS[script]()


def fail() -> None:
    raise EngineError("as the script says")


def hang() -> None:
    while True:
        time.sleep(1)


def babble() -> None:
    """Speak out of turn, on every descriptor."""
    for descriptor in range(1, 64):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue


FAULTS: dict[str, Callable[[], object]] = {
    "!error": fail,
    "!bug": lambda: int("nothing"),
    "!hang": hang,
    "!exit": lambda: sys.exit(3),
    "!kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "!segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "!babble": babble,
}
