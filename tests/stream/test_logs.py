"""A reader of the logs who stops reading never stops the service."""

from __future__ import annotations

import contextlib
import io
import os

from stream.logs import Lines


def test_lines_are_written_in_order() -> None:
    out = io.StringIO()
    lines = Lines(out)
    for number in range(100):
        lines.info(f"line {number}")
    assert lines.flush(30.0)
    assert out.getvalue().splitlines() == [f"line {number}" for number in range(100)]


def test_a_pipe_that_nobody_reads_costs_lines_and_never_waits() -> None:
    read, write = os.pipe()
    fill(write)
    with os.fdopen(write, "w") as stream, os.fdopen(read) as reader:
        lines = Lines(stream, limit=10)
        lines.info("x" * 1_000)
        while not lines._waiting.empty():  # until the thread stands before the pipe
            assert not lines.flush(0.001)
        for _ in range(999):
            lines.info("x" * 1_000)
        assert lines.dropped >= 980
        while not lines.flush(0.01):
            os.read(reader.fileno(), 65_536)
        lines.info("after")
        assert lines.flush(30.0)
        assert lines.dropped == 0


def fill(pipe: int) -> None:
    """Write until it holds no byte more."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x")
    os.set_blocking(pipe, True)
