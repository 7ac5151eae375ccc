"""The step graph for serving: one chunk of all streams in, log-probs and new keys and values out.

The caches are rings: a chunk's keys (already turned to their absolute positions, which rotary
attention allows) and values go to slots `position % left` and following, so nothing is shifted
and no run copies what it only reads. Weights are 8-bit files of 7-bit integers with a scale for
each output; activations are 8-bit with a scale for each row, so that a stream's numbers never
depend on who shares its batch.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from .blocks import Attention, Block
from .model import MEL_HISTORY, Recogniser
from .quantise import quantise_rows

CACHES = ("mel_cache", "convolution")
OUTPUTS = ("phones", "characters", "mel_cache_after", "convolution_after", "keys", "values")


class StepGraph(nn.Module):
    """`Recogniser.step` with ring caches.

    In: mels [B, 4n, 80], mel_cache [B, 3, 80], convolution [layers, B, kernel-1, width],
    position [B] (frames heard so far), then for each layer keys and values [B, heads, left, width
    of a head]. Out: OUTPUTS, keys and values [layers, B, heads, n, width of a head].
    """

    def __init__(self, net: Recogniser, left: int) -> None:
        super().__init__()
        self.net = net
        self.left = left

    def forward(
        self,
        mels: Tensor,
        mel_cache: Tensor,
        convolution: Tensor,
        position: Tensor,
        rings: list[Tensor],
    ) -> tuple[Tensor, ...]:
        net = self.net
        heard = torch.cat([mel_cache, net.normalise(mels)], 1)
        x = net._subsample(heard)
        turn = self._turn(position, x.shape[1])
        unused = torch.arange(self.left, device=x.device)[None] >= position[:, None]
        bias = torch.where(unused, -1e4, 0.0)[:, None, None, :]
        inner: list[Tensor] = []
        tails, keys, values = [], [], []
        for depth, block in enumerate(net.blocks, 1):
            assert isinstance(block, Block)
            ring = rings[2 * depth - 2], rings[2 * depth - 1]
            x = x + 0.5 * block.before(x)
            attended, key, value = attend(block.attention, x, turn, ring, bias)
            x = x + attended
            convolved, tail = block.convolution(x, convolution[depth - 1])
            x = x + convolved
            x = block.norm(x + 0.5 * block.after(x))
            tails.append(tail[:, mels.shape[1] // 4 :])
            keys.append(key)
            values.append(value)
            x = net._feed_back(x, depth, inner)
        phones, characters = net.phones(x).log_softmax(-1), net.characters(x).log_softmax(-1)
        after = heard[:, -MEL_HISTORY:], torch.stack(tails)
        return phones, characters, *after, torch.stack(keys), torch.stack(values)

    def _turn(self, position: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines [B, 1, frames, half a head] of each stream's own positions."""
        shape = self.net.shape
        half = shape.width // shape.heads // 2
        rates = 10000.0 ** (-torch.arange(half) / half)
        places = position[:, None] + torch.arange(frames, device=position.device)
        angles = places[:, None, :, None].float() * rates
        return angles.cos(), angles.sin()


def attend(
    attention: Attention,
    x: Tensor,
    turn: tuple[Tensor, Tensor],
    ring: tuple[Tensor, Tensor],
    bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and this chunk's keys and values; the ring is read where it lies."""
    query, key, value = attention.project(attention.norm(x)).chunk(3, -1)
    query, key, value = (attention._split(each) for each in (query, key, value))
    query = _turned(query, turn) * query.shape[-1] ** -0.5
    key = _turned(key, turn)
    past = query @ ring[0].transpose(-1, -2) + bias
    weights = torch.cat([past, query @ key.transpose(-1, -2)], -1).softmax(-1)
    seen = bias.shape[-1]
    mixed = weights[..., :seen] @ ring[1] + weights[..., seen:] @ value
    return attention.out(mixed.transpose(1, 2).flatten(2)), key, value


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions; `turn` is [B, 1, frames, half a head]."""
    cos, sin = turn
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def discount_priors(net: Recogniser, priors: npt.NDArray[np.float64], share: float) -> None:
    """Divides phone probabilities by their `priors` to the power `share`, in the head's bias.

    CTC's posteriors already hold a small language model's opinion; the beam adds a better one.
    """
    with torch.no_grad():
        net.phones.bias.sub_(share * torch.from_numpy(priors).log().float())


def ring_names(layers: int) -> list[str]:
    """Inputs that hold each layer's keys and values."""
    return [f"{kind}_{layer}" for layer in range(layers) for kind in ("keys", "values")]


def export_step(net: Recogniser, path: Path, left: int) -> None:
    """Writes the graph in float32; batch and chunk length stay free, `left` is fixed."""
    shape = net.shape
    batch, frames = torch.export.Dim("batch"), torch.export.Dim("chunk")
    names = ring_names(shape.layers)
    head = torch.zeros(2, shape.heads, left, shape.width // shape.heads)
    caches = net.empty_caches(2, left)
    program = torch.onnx.export(
        StepGraph(net, left).eval(),
        (
            torch.zeros(2, 32, 80),
            caches.mels,
            caches.convolution,
            caches.length,
            [head.clone() for _ in names],
        ),
        dynamo=True,
        input_names=["mels", *CACHES, "position", *names],
        output_names=list(OUTPUTS),
        dynamic_shapes={
            "mels": {0: batch, 1: 4 * frames},
            "mel_cache": {0: batch},
            "convolution": {1: batch},
            "position": {0: batch},
            "rings": [{0: batch} for _ in names],
        },
        opset_version=21,
        external_data=False,
    )
    assert program is not None
    program.save(str(path))


def quantise_step(source: Path, path: Path) -> None:
    """Every wide product in whole numbers; feedback from the heads stays as it is."""
    onnx.save(bare(quantise_rows(onnx.load(source))), path)


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes on where each node came from: a tenth of the file."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    model.graph.ClearField("value_info")
    return model
