"""Pairs of a longest common subsequence, against one found by the book."""

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.translation.alignment import common_places, packed_left

ROWS = st.lists(st.integers(1, 4), max_size=7)


def longest(a: list[int], b: list[int]) -> int:
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + longest(a[1:], b[1:])
    return max(longest(a[1:], b), longest(a, b[1:]))


def padded(row: list[int]) -> torch.Tensor:
    return torch.tensor([row + [0] * (8 - len(row))])


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_pairs_rise_agree_and_are_as_many_as_can_be(draft: list[int], target: list[int]) -> None:
    places = common_places(padded(draft), padded(target))[0].tolist()
    pairs = [(i, place - 1) for i, place in enumerate(places) if place]
    assert [j for _, j in pairs] == sorted({j for _, j in pairs})
    assert all(target[i] == draft[j] for i, j in pairs)
    assert len(pairs) == longest(draft, target)


def test_what_is_kept_moves_left() -> None:
    values = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 8]])
    kept = torch.tensor([[False, True, False, True], [False] * 4])
    found, count = packed_left(values, kept)
    assert found.tolist() == [[6, 8, 0, 0], [0, 0, 0, 0]]
    assert count.tolist() == [2, 0]
