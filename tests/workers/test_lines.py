"""Whole lines as soon as they are there, from a pipe and from a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.lines import lines_of


async def test_a_pipe_gives_a_line_before_the_next_is_written() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as source:
        groups = lines_of(source)
        os.write(write, b"one\ntw")
        assert await anext(groups) == ["one"]
        os.write(write, "o\r\nthré".encode())
        assert await anext(groups) == ["two"]
        os.close(write)
        assert await anext(groups) == ["thré"]
        with pytest.raises(StopAsyncIteration):
            await anext(groups)


async def test_a_file_gives_all_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "texts"
    path.write_bytes(b"one\n\n\xff\n")
    with path.open("rb") as source:
        groups = [group async for group in lines_of(source)]
    assert groups == [["one", "", "�"]]
