"""A text's features are its spans, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.cascade_draft import MOST_BYTES, ROW_BITS, Draft, read_draft, rows_of

TABLE = np.random.default_rng(0).integers(-127, 128, (2**ROW_BITS, 2), dtype=np.int8)
DRAFT = Draft(TABLE, np.full(2, 0.01, np.float32), np.zeros(2, np.float32))


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_text_has_the_features_of_its_parts(first: str, second: str) -> None:
    whole = set(rows_of(f"{first} {second}").tolist())
    assert set(rows_of(first).tolist()) | set(rows_of(second).tolist()) <= whole


@given(st.text(max_size=5_000))
def test_rows_are_in_the_table_and_no_more_than_the_bytes_allow(text: str) -> None:
    rows = rows_of(text)
    assert 1 <= len(rows) <= 5 * (MOST_BYTES + 2)
    assert 0 <= rows.min() <= rows.max() < 2**ROW_BITS


def test_words_and_pairs_count_whatever_their_length() -> None:
    shared = set(rows_of("extraordinarily beautiful").tolist())
    assert len(shared & set(rows_of("so extraordinarily beautiful it is").tolist())) == len(shared)


def test_scores_lie_between_0_and_1_and_neighbours_do_not_matter() -> None:
    both = DRAFT.score(["one text", "another text"])
    assert both.shape == (2, 2)
    assert ((both >= 0) & (both <= 1)).all()
    assert (DRAFT.score(["another text"])[0] == both[1]).all()


def test_a_draft_is_read_as_it_was_written(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "draft.npz", **DRAFT._asdict())
    read = read_draft(tmp_path / "draft.npz")
    assert (read.score(["a text"]) == DRAFT.score(["a text"])).all()
