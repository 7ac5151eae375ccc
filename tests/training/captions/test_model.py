"""The network heard in chunks must say what it says when it sees the whole through a mask."""

import pytest

torch = pytest.importorskip("torch")

from training.captions.blocks import Shape  # noqa: E402
from training.captions.features import MELS  # noqa: E402
from training.captions.model import Recogniser, chunk_bias  # noqa: E402

SHAPE = Shape(width=32, layers=3, heads=2, feedforward=64, kernel=5, channels=8)


def small_net() -> Recogniser:
    torch.manual_seed(1)
    net = Recogniser(SHAPE).eval()
    torch.nn.init.normal_(net.phone_feedback.weight, std=0.3)
    torch.nn.init.normal_(net.character_feedback.weight, std=0.3)
    net.mean.fill_(0.5)
    return net


@pytest.mark.parametrize("chunk", [4, 8])
def test_chunks_with_caches_equal_the_masked_whole(chunk: int) -> None:
    net, frames, left = small_net(), 24, 8
    mels = torch.randn(2, 4 * frames, MELS)
    one = torch.tensor([frames, frames])
    bias = chunk_bias(one, frames, torch.full_like(one, chunk), torch.full_like(one, left))
    with torch.no_grad():
        whole = net(net.normalise(mels), bias).phones.log_softmax(-1)
        caches, pieces = net.empty_caches(2, left), []
        for start in range(0, 4 * frames, 4 * chunk):
            phones, _, caches = net.step(mels[:, start : start + 4 * chunk], caches)
            pieces.append(phones)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-4, rtol=1e-4)


def test_a_stream_never_hears_its_neighbours() -> None:
    net = small_net()
    mels = torch.randn(3, 32, MELS)
    with torch.no_grad():
        together, _, _ = net.step(mels, net.empty_caches(3, 8))
        alone, _, _ = net.step(mels[1:2], net.empty_caches(1, 8))
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_a_chunk_does_not_change_when_more_is_heard() -> None:
    net = small_net()
    mels = torch.randn(1, 64, MELS)
    changed = mels.clone()
    changed[:, 32:] += 1.0
    n = torch.tensor([16])
    bias = chunk_bias(n, 16, torch.tensor([8]), torch.tensor([8]))
    with torch.no_grad():
        before, after = (net(x, bias).phones[:, :8] for x in (mels, changed))
    torch.testing.assert_close(before, after)


def test_bias_lets_a_frame_see_its_chunk_and_its_past() -> None:
    bias = chunk_bias(torch.tensor([6]), 8, torch.tensor([2]), torch.tensor([2]))[0, 0]
    assert (bias[4] == 0).tolist() == [False, False, True, True, True, True, False, False]
    assert bias[7, 7] == 0, "padding sees itself, or its softmax has nothing to share"
