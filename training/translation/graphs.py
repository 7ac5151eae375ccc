"""The graphs for serving, in float32: encoder, sketcher, drafter, decoder (contract: README.md)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from .layers import exporting, likeliest, look_up
from .model import Drafter, Listed, Translator
from .shortlist import Shortlist

#: Candidates that the decoder names at each position: twice a beam of four.
CANDIDATES = 8
BLANK = 0
OPSET = 21


class EncoderGraph(nn.Module):
    """tokens [B, S], length [B] -> memory [B, S, width], its keys and values [L, B, S, 2*width]."""

    def __init__(self, net: Translator) -> None:
        super().__init__()
        self.net = net

    def forward(self, tokens: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.net.encode(tokens, length)
        return memory, self.net.decoder.remember(memory)


class _Frames(nn.Module):
    """What both halves of the CTC head share."""

    def __init__(self, net: Translator, shortlist: Shortlist | None) -> None:
        super().__init__()
        self.net, self.shortlist = net, shortlist

    @property
    def drafter(self) -> Drafter:
        assert self.net.drafter is not None
        return self.net.drafter

    def best(self, states: Tensor, memory: Tensor, length: Tensor) -> Tensor:
        """The best piece of each CTC frame [B, F], F = split*S; blanks beyond a row's own."""
        if self.shortlist is None:
            ids = likeliest(states @ self.net.table.T)
        else:
            listed = self.shortlist.ids(memory, length)
            ids = Listed(listed, look_up(self.net.table, listed)).best(states)[0]
        frames = torch.arange(ids.shape[1])[None]
        return torch.where(frames < length[:, None] * self.net.shape.split, ids, BLANK)


class SketcherGraph(_Frames):
    """memory, length -> the first half's best pieces [B, F], and its frames [B, F, width]."""

    def forward(self, memory: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.drafter.begin(memory, length)
        return self.best(self.drafter.inner_norm(frames), memory, length), frames


class DrafterGraph(_Frames):
    """What the sketcher made, and memory and length -> the whole head's best pieces [B, F]."""

    def forward(self, sketch_ids: Tensor, frames: Tensor, memory: Tensor, length: Tensor) -> Tensor:
        fed_back = self.drafter.feedback(look_up(self.net.table, sketch_ids))
        return self.best(self.drafter.finish(frames + fed_back, length), memory, length)


class DecoderGraph(nn.Module):
    """T positions of each row -> the best `CANDIDATES` pieces of each, and keys and values."""

    def __init__(self, net: Translator) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        tokens: Tensor,
        memory_keys_values: Tensor,
        memory_length: Tensor,
        past_keys_values: Tensor,
        past_length: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        net = self.net
        states, news = net.decoder.step(
            net.embed(tokens), memory_keys_values, memory_length, past_keys_values, past_length
        )
        logits = states @ net.table.T
        scores, ids = logits.log_softmax(-1).topk(CANDIDATES)
        return ids, scores, news


INPUTS = {
    "encoder": ("tokens", "length"),
    "sketcher": ("memory", "length"),
    "drafter": ("sketch_ids", "frames", "memory", "length"),
    "decoder": (
        "tokens",
        "memory_keys_values",
        "memory_length",
        "past_keys_values",
        "past_length",
    ),
}
OUTPUTS = {
    "encoder": ("memory", "memory_keys_values"),
    "sketcher": ("sketch_ids", "frames"),
    "drafter": ("draft_ids",),
    "decoder": ("top_ids", "top_scores", "keys_values"),
}


def write_graphs(net: Translator, folder: Path, shortlist: Shortlist | None = None) -> list[Path]:
    """Writes NAME.onnx of each graph in float32; all sizes but the widths stay free."""
    net = net.eval()
    folder.mkdir(parents=True, exist_ok=True)
    with exporting():
        return [_write(name, net, folder / f"{name}.onnx", shortlist) for name in INPUTS]


def _write(name: str, net: Translator, path: Path, shortlist: Shortlist | None) -> Path:
    graph, example, shapes = _parts(name, net, shortlist)
    program = torch.onnx.export(
        graph.eval(),
        example,
        dynamo=True,
        input_names=list(INPUTS[name]),
        output_names=list(OUTPUTS[name]),
        dynamic_shapes=dict(zip(INPUTS[name], shapes, strict=True)),
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    program.save(str(path))
    return path


Dims = dict[int, object]


def _parts(
    name: str, net: Translator, shortlist: Shortlist | None
) -> tuple[nn.Module, tuple[Tensor, ...], list[Dims]]:
    """A graph, an example of its inputs, and which of their sizes are free."""
    dim = torch.export.Dim
    rows, source = dim("rows"), dim("source")
    width, layers = net.shape.width, net.shape.decoder_layers
    lengths = torch.tensor([5, 3])
    if name == "encoder":
        example: tuple[Tensor, ...] = (torch.ones(2, 5, dtype=torch.long), lengths)
        return EncoderGraph(net), example, [{0: rows, 1: source}, {0: rows}]
    memory = torch.randn(2, 5, width)
    if name == "sketcher":
        return SketcherGraph(net, shortlist), (memory, lengths), [{0: rows, 1: source}, {0: rows}]
    if name == "drafter":
        split = net.shape.split
        places = split * source
        made = (torch.ones(2, split * 5, dtype=torch.long), torch.randn(2, split * 5, width))
        return (
            DrafterGraph(net, shortlist),
            (*made, memory, lengths),
            [{0: rows, 1: places}, {0: rows, 1: places}, {0: rows, 1: source}, {0: rows}],
        )
    new, past = dim("new"), dim("past")
    example = (
        torch.ones(2, 3, dtype=torch.long),
        torch.randn(layers, 2, 5, 2 * width),
        lengths,
        torch.randn(layers, 2, 7, 2 * width),
        torch.tensor([7, 4]),
    )
    shapes: list[Dims] = [
        {0: rows, 1: new},
        {1: rows, 2: source},
        {0: rows},
        {1: rows, 2: past},
        {0: rows},
    ]
    return DecoderGraph(net), example, shapes
