import pytest

pytest.importorskip("torch")

import torch

from training.translation.model import Translator
from training.translation.shape import Shape

SHAPE = Shape(
    pieces=50,
    width=32,
    heads=2,
    encoder_layers=2,
    encoder_inner=32,
    drafter_layers=2,
    drafter_inner=32,
    decoder_layers=2,
    decoder_inner=32,
)
SOURCE = torch.tensor([[4, 9, 10, 11, 2, 0, 0], [5, 20, 21, 22, 23, 24, 2]])
LENGTH = torch.tensor([5, 7])


@pytest.fixture(scope="module")
def net() -> Translator:
    torch.manual_seed(0)
    return Translator(SHAPE).eval()


@torch.no_grad()
def test_neighbours_and_padding_do_not_matter(net: Translator) -> None:
    together = net.encode(SOURCE, LENGTH)
    alone = net.encode(SOURCE[:1, :5], LENGTH[:1])
    torch.testing.assert_close(together[:1, :5], alone)
    drafts = net.draft(together, LENGTH).final
    torch.testing.assert_close(drafts[:1, :10], net.draft(alone, LENGTH[:1]).final)


@torch.no_grad()
def test_steps_over_a_ragged_past_say_what_one_pass_says(net: Translator) -> None:
    memory = net.encode(SOURCE, LENGTH)
    target = torch.randint(8, 50, (2, 6))
    whole = net.decode(target, memory, LENGTH)
    kept = net.decoder.remember(memory)
    empty = kept.new_zeros(2, 2, 0, 64)
    _, past = net.decoder.step(net.embed(target), kept, LENGTH, empty, torch.zeros_like(LENGTH))
    counts = torch.tensor([4, 2])
    # what lies beyond a row's own past is never looked at
    past[:, 1, 2:] = 1e3
    new = torch.stack([target[0, 4:6], target[1, 2:4]])
    found, _ = net.decoder.step(net.embed(new), kept, LENGTH, past, counts)
    wanted = torch.stack([whole[0, 4:6], whole[1, 2:4]])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_decoder_sees_no_later_piece(net: Translator) -> None:
    memory = net.encode(SOURCE, LENGTH)
    target = torch.randint(8, 50, (2, 6))
    changed = target.clone()
    changed[:, 4:] = 8
    one, other = (net.decode(t, memory, LENGTH)[:, :4] for t in (target, changed))
    torch.testing.assert_close(one, other)


def test_a_fresh_drafter_feeds_nothing_back(net: Translator) -> None:
    memory = net.encode(SOURCE, LENGTH)
    with_guess, without = (net.draft(memory, LENGTH, feed).final for feed in (True, False))
    torch.testing.assert_close(with_guess, without)
