"""A process that reads posts for a benchmark says why it has ended."""

from __future__ import annotations

from multiprocessing.connection import Connection

import pytest

from bench import posts


def fall(pipe: Connection, shelf: posts.Shelf, texts: list[str]) -> None:
    raise FileNotFoundError("no model in workers/models")


def test_a_reader_that_falls_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = posts.CONTEXT.Pipe()
    monkeypatch.setattr(posts, "read_rounds", fall)
    posts.serve(there, posts.Shelf.make(1), [])
    with pytest.raises(posts.ReaderError, match="ended: FileNotFoundError: no model in"):
        posts.receive(here)


def test_a_reader_that_is_gone_is_an_error_at_once() -> None:
    here, there = posts.CONTEXT.Pipe()
    there.close()
    with pytest.raises(posts.ReaderError, match="without a word"):
        posts.receive(here)


def test_the_bench_hears_of_a_process_that_cannot_start() -> None:
    with pytest.raises(posts.ReaderError, match="a reader has ended: AttributeError"):
        posts.Readers([None], cores=1, most=1)  # type: ignore[list-item]
