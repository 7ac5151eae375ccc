"""How the service logs: one line an event, for people on a terminal, as JSON elsewhere."""

from __future__ import annotations

import atexit
import logging
import queue
import sys
import threading
from typing import TextIO

import structlog

LIMIT = 10_000
LAST_WORDS_S = 1.0


class Lines:
    """Writes lines from a thread of its own, so that a reader who stops never stops the service.

    `limit` lines wait; over it a line is dropped and counted, and the next one that finds room is
    preceded by the number.
    """

    def __init__(self, stream: TextIO, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._stream = stream
        self._waiting: queue.Queue[str] = queue.Queue(limit)
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._write, name="logs", daemon=True).start()

    def msg(self, line: str) -> None:
        """Never waits."""
        self._idle.clear()
        try:
            if self.dropped:
                self._waiting.put_nowait(f"{self.dropped} lines dropped")
                self.dropped = 0
            self._waiting.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    debug = info = warning = error = critical = exception = msg

    def flush(self, wait_s: float = LAST_WORDS_S) -> bool:
        """Wait until all is written; False where that takes longer."""
        return self._idle.wait(wait_s)

    def _write(self) -> None:
        while True:
            line = self._waiting.get()
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self.dropped += 1
            if self._waiting.empty():
                self._idle.set()


def configure_logging(level: str = "info") -> None:
    """Log to standard error from `level` on; call once, from a command."""
    number = logging.getLevelNamesMapping()[level.upper()]
    to_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if to_terminal else structlog.processors.JSONRenderer()
    )
    lines = Lines(sys.stderr)
    atexit.register(lines.flush)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # It complains several times a second while a broker is away, and of nothing that ours don't.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
