"""Lines of a pipe, a terminal or a file, as many at a time as are there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import IO

READ_BYTES = 64 * 1024


async def lines_of(source: IO[bytes]) -> AsyncIterator[Sequence[str]]:
    """Groups of whole lines, decoded as UTF-8 with replacement; never waits for a group to fill.

    A last line without an end counts.
    """
    begun = b""
    async for data in _pieces(source):
        *lines, begun = (begun + data).split(b"\n")
        if lines:
            yield [_text(line) for line in lines]
    if begun:
        yield [_text(begun)]


async def _pieces(source: IO[bytes]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_BYTES)
    try:
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), source
        )
    except ValueError:  # a regular file, which never makes anybody wait
        while data := source.read(READ_BYTES):
            yield data
        return
    try:
        while data := await reader.read(READ_BYTES):
            yield data
    finally:
        transport.close()


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
