import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch
from torch import Tensor
from torch.nn import functional

from training.translation import losses
from training.translation.layers import look_up
from training.translation.losses import (
    agreement_loss,
    ctc_loss,
    ctc_picks,
    first_places,
    picked_log_probs,
    plain_loss,
    smoothed_loss,
)

PIECES, WIDTH, SPLIT = 30, 8, 2
ROWS = st.lists(st.lists(st.integers(8, 12), max_size=5), min_size=1, max_size=4)


def padded(rows: list[list[int]]) -> Tensor:
    longest = max(1, *map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def states_and_table(rows: int, frames: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(rows * 100 + frames)
    states = torch.randn(rows, frames, WIDTH, requires_grad=True)
    return states, torch.randn(PIECES, WIDTH, requires_grad=True)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.integers(3, 9))
def test_ctc_of_picked_pieces_is_the_librarys_of_all(targets: list[list[int]], size: int) -> None:
    labels = padded(targets)
    counts = [len(t) for t in targets]
    frames = [max(1, size - i) for i in range(len(targets))]
    states, table = states_and_table(len(targets), size)
    scores = (states @ table.T).log_softmax(-1).transpose(0, 1)
    whole = torch.ctc_loss(scores, labels, frames, counts, reduction=2, zero_infinity=True)
    wanted = torch.autograd.grad(whole, (states, table))
    picked = picked_log_probs(states, table, ctc_picks(labels, size))
    loss = ctc_loss(picked, labels, torch.tensor(frames), frames, counts)
    found = torch.autograd.grad(loss, (states, table))
    torch.testing.assert_close(loss, whole, rtol=1e-4, atol=1e-4)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_a_target_that_its_frames_cannot_spell_teaches_nothing() -> None:
    labels = torch.tensor([[9, 9, 9]])
    states, table = states_and_table(1, 4)
    picked = picked_log_probs(states, table, ctc_picks(labels, 4))
    loss = ctc_loss(picked, labels, torch.tensor([4]), [4], [3])
    (gradient,) = torch.autograd.grad(loss, states)
    assert loss.item() == 0.0
    assert not gradient.any()


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    states, table = states_and_table(3, 7)
    picks = torch.randint(0, PIECES, (3, 7, 4))
    whole = torch.autograd.grad(picked_log_probs(states, table, picks).sum(), (states, table))
    monkeypatch.setattr(losses, "SLICE_ROWS", 5)
    parts = torch.autograd.grad(picked_log_probs(states, table, picks).sum(), (states, table))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


def test_equal_pieces_share_their_first_place() -> None:
    assert first_places(torch.tensor([[7, 9, 7, 7, 9]])).tolist() == [[1, 2, 1, 1, 2]]


def test_plain_and_smoothed_cross_entropy_agree_where_nothing_is_smoothed() -> None:
    states, table = states_and_table(2, 4)
    targets = torch.tensor([[9, 10, 2, 0], [8, 2, 0, 0]])
    torch.testing.assert_close(
        plain_loss(states, table, targets), smoothed_loss(states, table, targets, 0.0)
    )


def test_two_halves_that_say_the_same_agree() -> None:
    states, table = states_and_table(1, 4)
    targets = torch.tensor([[9, 10, 2, 0]] * 2)
    twice = torch.cat([states, states])
    assert agreement_loss(twice, table, targets).item() == 0.0
    apart = torch.cat([states, states * 0.5])
    assert agreement_loss(apart, table, targets).item() > 0.0


def test_looking_up_flows_back_like_the_librarys() -> None:
    _, table = states_and_table(1, 1)
    tokens = torch.tensor([[1, 5, 5], [0, 1, 29]])
    weight = torch.randn(2, 3, WIDTH)
    (wanted,) = torch.autograd.grad((functional.embedding(tokens, table) * weight).sum(), table)
    (found,) = torch.autograd.grad((look_up(table, tokens) * weight).sum(), table)
    torch.testing.assert_close(found, wanted)
