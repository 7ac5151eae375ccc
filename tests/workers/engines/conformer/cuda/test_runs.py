"""Many streams in a pool give what the trained net gives, whoever else is in it."""

from __future__ import annotations

import pytest
import torch

from training.captions.blocks import Shape
from training.captions.model import Recogniser
from training.captions.phones import CHARACTER_TOKENS, PHONE_TOKENS
from workers.engines.conformer.cuda import plain
from workers.engines.conformer.cuda.network import LogProbs, Network, sizes_of
from workers.engines.conformer.cuda.pool import Pool
from workers.engines.conformer.cuda.runs import Runs

SHAPE = Shape(width=32, layers=6, heads=2, feedforward=48, kernel=15, channels=4)
LEFT = 12
CLASSES = len(PHONE_TOKENS), len(CHARACTER_TOKENS)
CHUNKS = (8, 4, 3, 8, 12, 8)


@pytest.fixture(scope="module")
def net() -> Recogniser:
    torch.manual_seed(0)
    net = Recogniser(SHAPE).eval()
    for feedback in (net.phone_feedback, net.character_feedback):
        torch.nn.init.normal_(feedback.weight)
    net.mean.fill_(0.3)
    net.scale.fill_(0.7)
    return net


def runs_of(net: Recogniser, rows: int, batch: int) -> Runs:
    weights = {name: each.detach() for name, each in net.state_dict().items()}
    network = Network(
        weights, sizes_of(weights, SHAPE.heads, LEFT), plain, torch.float32, device="cpu"
    )
    return Runs(network, Pool.make(network.sizes, rows, torch.float32, "cpu"), batch)


def step(runs: Runs, rows: list[int], mels: torch.Tensor) -> LogProbs:
    frames = mels.shape[1] // 4
    found = LogProbs(*(torch.full((len(rows), frames, n), torch.nan) for n in CLASSES))
    runs.step(torch.tensor(rows), mels, found)
    runs.wait()
    return found


@torch.inference_mode()
def test_chunks_of_all_lengths_are_the_trained_nets(net: Recogniser) -> None:
    runs, rows = runs_of(net, rows=5, batch=2), [4, 0, 2]
    caches = net.empty_caches(len(rows), LEFT)
    for frames in CHUNKS:
        mels = torch.randn(len(rows), 4 * frames, 80)
        phones, characters, caches = net.step(mels, caches)
        found = step(runs, rows, mels)
        torch.testing.assert_close(found.phones, phones, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.characters, characters, atol=1e-5, rtol=1e-5)


def test_a_cleared_row_has_heard_nothing(net: Recogniser) -> None:
    runs, mels = runs_of(net, rows=2, batch=2), torch.randn(1, 32, 80)
    first = step(runs, [1], mels)
    second = step(runs, [1], mels)
    runs.pool.clear(1)
    again = step(runs, [1], mels)
    assert torch.equal(again.phones, first.phones)
    assert not torch.equal(second.phones, first.phones)
