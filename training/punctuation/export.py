"""The tagger as an ONNX graph whose weights are 8-bit integers.

Every row of a weight has a scale of its own; activations stay in float32, so a word's numbers
depend on its segment alone. ONNX Runtime multiplies the small weights out once, when it loads.
"""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from .model import Tagger

INPUTS = ("ids", "habits")
OUTPUTS = ("marks", "cases")


class Rows8(nn.Module):
    """A matrix in 8 bits: `values` int8 [rows, columns], `scale` [rows, 1]."""

    values: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scale = weight.detach().abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("values", (weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def whole(self) -> Tensor:
        return self.values.float() * self.scale


class Linear8(Rows8):
    """In place of nn.Linear."""

    bias: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.weight)
        self.register_buffer("bias", linear.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.whole(), self.bias)


class Embedding8(Rows8):
    """In place of nn.Embedding: only the rows that are asked for are multiplied out."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__(embedding.weight)

    def forward(self, ids: Tensor) -> Tensor:
        return self.values[ids].float() * self.scale[ids]


def quantise(tagger: Tagger) -> Tagger:
    """Changes the tagger in place."""
    for module in list(tagger.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, Linear8(child))
            elif isinstance(child, nn.Embedding):
                setattr(module, name, Embedding8(child))
    return tagger.eval()


def export(tagger: Tagger, path: Path) -> None:
    """Of a quantised tagger; any number of words, one segment or more."""
    segments, words = torch.export.Dim("segments"), torch.export.Dim("words", min=2)
    example = torch.ones(2, 12, dtype=torch.int64)
    program = torch.onnx.export(
        tagger,
        (example, example),
        dynamo=True,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes={"ids": {0: segments, 1: words}, "habits": {0: segments, 1: words}},
        opset_version=20,
        external_data=False,
        optimize=False,  # it would multiply the weights out
    )
    assert program is not None
    program.save(str(path))
    onnx.save(_bare(onnx.load(path)), path)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes on where each node came from."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    model.graph.ClearField("value_info")
    return model
