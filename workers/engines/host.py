"""The child's side: makes one engine and answers for it until the parent goes away.

    python -m workers.engines.host FACTORY OPTIONS FD

OPTIONS is a JSON object, FD the socket to the parent. Standard output and standard error carry no
protocol, so whatever a native library prints harms nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import traceback

import msgspec

from stream.core.errors import EngineError, EngineMissing
from workers.engines.codec import (
    Answers,
    Failed,
    Forget,
    Ready,
    Reply,
    Run,
    Unfit,
    encode_frame,
)
from workers.engines.inbox import Inbox
from workers.engines.registry import make_engine
from workers.ports import Audio, Card, Engine, Interruptible, Judge, Question, Render

PR_SET_PDEATHSIG = 1
WARM_UP_STREAM = "warm-up"


def main(factory: str, options: str, descriptor: str) -> int:
    die_with_parent()
    with socket.socket(fileno=int(descriptor)) as pipe:
        try:
            engine = make_engine(factory, json.loads(options))
            warm_up(engine)
        except Exception as error:
            report(error)
            missing = isinstance(error, EngineMissing)
            pipe.sendall(encode_frame(Unfit(describe(error), missing)))
            return 1
        inbox = Inbox(pipe)
        if isinstance(engine, Interruptible):
            engine.interrupt_when(inbox.hurried)
        pipe.sendall(encode_frame(Ready(full_card(engine))))
        serve(engine, inbox, pipe)
    return 0


def full_card(engine: Engine) -> Card:
    return msgspec.structs.replace(engine.card, interruptible=isinstance(engine, Interruptible))


def die_with_parent() -> None:
    """Be killed with the parent where the system can do that; elsewhere the pipe's end tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def warm_up(engine: Engine) -> None:
    """One run of each rung, so that the first real question pays for no first time."""
    for rung in engine.card.rungs:
        engine.run(rung, (probe(engine.card),))
    engine.forget(WARM_UP_STREAM)


def probe(card: Card) -> Question:
    match card.task:
        case "captions":
            return Audio(stream=WARM_UP_STREAM, start=0, pcm=bytes(32_000), fresh=True, last=True)
        case "moderation":
            return Judge(text="good morning")
        case "translation":
            source, target = (card.sources or card.languages)[0], card.languages[-1]
            return Render(text="Good morning.", source=source, target=target)


def serve(engine: Engine, inbox: Inbox, pipe: socket.socket) -> None:
    """Until the parent closes its end, or is gone."""
    try:
        while (request := inbox.next()) is not None:
            if isinstance(request, Forget):
                engine.forget(request.stream)
            else:
                pipe.sendall(answer(engine, request))
    except ConnectionError:
        return


def answer(engine: Engine, request: Run) -> bytes | bytearray:
    """The reply's frame. Whatever the engine raises is told, and the child lives."""
    reply: Reply
    try:
        answers = tuple(engine.run(request.rung, request.questions))
        check_count(len(answers), len(request.questions))
        return encode_frame(Answers(request.id, answers))
    except Exception as error:
        if not isinstance(error, EngineError):
            report(error)
        reply = Failed(request.id, describe(error))
    return encode_frame(reply)


def check_count(answers: int, questions: int) -> None:
    if answers != questions:
        raise EngineError(f"engine gave {answers} answers, expected {questions}")


def describe(error: Exception) -> str:
    """An engine's own words; of a stranger's error only the kind, for it may quote the input."""
    return str(error) if isinstance(error, EngineError) else type(error).__name__


def report(error: Exception) -> None:
    """Where it happened, for the operator, without the values."""
    if not isinstance(error, EngineMissing):
        where = "".join(traceback.format_tb(error.__traceback__))
        print(f"engine: {describe(error)}\n{where}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    # No interpreter shutdown: native threads and destructors have nothing left to save.
    sys.stderr.flush()
    os._exit(status)
