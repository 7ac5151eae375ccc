import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch

from training.captions.batches import Share
from training.translation.batches import Bank, Epochs, draw, make_buckets
from training.translation.examples import Examples, bare_rows, prefix_examples, whole_examples
from training.translation.packed import Packed, Pairs, Ragged
from training.translation.pieces import BEGIN, END, TAGS

ROWS = st.lists(st.lists(st.integers(8, 99), min_size=1, max_size=30), min_size=1, max_size=40)
BUCKETS = make_buckets(64, (8, 16, 40))


def packed_of(rows: list[list[int]]) -> Packed:
    """Each text is its own translation, backwards; bare texts lack the last piece."""
    count = len(rows)
    pairs = Pairs(
        np.arange(count), np.arange(count), np.arange(count) % 3, np.zeros(count, np.int64)
    )
    bare = Ragged.of([r[:-1] for r in rows])
    return Packed(Ragged.of(rows), bare, Ragged.of([r[::-1] for r in rows]), pairs)


def epochs_of(packed: Packed, share: Share = Share(), bare: float = 0.0) -> Epochs:  # noqa: B008
    examples = whole_examples(packed, packed.pairs, 0.0)
    return Epochs(examples, (packed.texts, packed.bare), BUCKETS, 3, bare, share)


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_every_pair_comes_once_an_epoch_and_is_read_whole(rows: list[list[int]]) -> None:
    packed = packed_of(rows)
    bank = Bank(packed.texts.joined(packed.bare), packed.targets, torch.device("cpu"))
    seen = set()
    for bucket, table in epochs_of(packed).next_epoch():
        batch = draw(bank, BUCKETS, bucket, table)
        assert batch.source.shape == (BUCKETS[bucket].rows, BUCKETS[bucket].size)
        for i, row in enumerate(table[:, 0]):
            text = rows[row]
            tag = list(TAGS.values())[row % 3]
            source = batch.source[i, : batch.source_lengths[i]].tolist()
            assert source == [tag, *text, END]
            assert not batch.source[i, batch.source_lengths[i] :].any()
            said = [*text[::-1], END]
            assert batch.target[i, : len(said)].tolist() == said
            assert not batch.target[i, len(said) :].any()
            assert batch.shifted[i, : len(said)].tolist() == [BEGIN, *said[:-1]]
            assert batch.target_lengths[i] == len(text)
        seen |= set(table[:, 0].tolist())
    assert seen == set(range(len(rows)))


@settings(max_examples=20, deadline=None)
@given(ROWS, st.integers(2, 4))
def test_processes_take_the_same_buckets_and_all_pairs(rows: list[list[int]], world: int) -> None:
    packed = packed_of(rows)
    drawn = [list(epochs_of(packed, Share(r, world)).next_epoch()) for r in range(world)]
    assert len({tuple(bucket for bucket, _ in plan) for plan in drawn}) == 1
    assert {r for plan in drawn for _, t in plan for r in t[:, 0].tolist()} == set(range(len(rows)))


def test_weights_say_how_often_a_pair_comes() -> None:
    packed = packed_of([[8 + i] for i in range(9)])
    counts = np.bincount(packed.pairs.language)
    assert counts.tolist() == [3, 3, 3]
    pairs = packed.pairs.chosen(np.array([0, 3, 6, 1]))
    examples = whole_examples(packed, pairs, 0.5)
    np.testing.assert_allclose(examples.weight, [1, 1, 1, 3**0.5])


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 9))
def test_prefixes_end_before_a_word(rows: list[list[int]], seed: int) -> None:
    packed = packed_of(rows)
    starts = np.arange(100) % 3 == 0
    whole = whole_examples(packed, packed.pairs, 0.0)
    cut = prefix_examples(whole, packed.texts, packed.targets, starts, 1.0, seed)
    for i in range(len(cut)):
        text, end = packed.texts[cut.source[i]], cut.source_end[i]
        assert 0 < end <= len(text)
        assert end == len(text) or starts[text[end]]


def test_bare_sources_are_rows_of_their_own() -> None:
    packed = packed_of([[9, 10, 11, 12], [13, 14]])
    examples: Examples = whole_examples(packed, packed.pairs, 0.0)
    rows, ends = bare_rows(examples, packed.texts, packed.bare, 1.0, (0,))
    assert rows.tolist() == [2, 3]
    assert ends.tolist() == [3, 1]
    rows, ends = bare_rows(examples, packed.texts, packed.bare, 0.0, (0,))
    assert rows.tolist() == [0, 1]
    assert ends.tolist() == [4, 2]
