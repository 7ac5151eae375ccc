"""The step graph for serving: one chunk of all streams in, log-probs and caches out.

Weights are 8-bit integers in blocks of 128 with a scale each (MatMulNBits); activations are
quantised by rows, so that a stream's numbers never depend on who shares its batch.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from torch import Tensor, nn

from .model import Caches, Recogniser

BLOCK = 128
INPUTS = ("mels", "mel_cache", "keys_values", "convolution", "length")
OUTPUTS = (
    "phones",
    "characters",
    "mel_cache_after",
    "keys_values_after",
    "convolution_after",
    "length_after",
)


class StepGraph(nn.Module):
    """`Recogniser.step` with its caches spread out."""

    def __init__(self, net: Recogniser) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        mels: Tensor,
        mel_cache: Tensor,
        keys_values: Tensor,
        convolution: Tensor,
        length: Tensor,
    ) -> tuple[Tensor, ...]:
        caches = Caches(mel_cache, keys_values, convolution, length)
        phones, characters, after = self.net.step(mels, caches)
        return phones, characters, *after


def discount_priors(net: Recogniser, priors: npt.NDArray[np.float64], share: float) -> None:
    """Divides phone probabilities by their `priors` to the power `share`, in the head's bias.

    CTC's posteriors already hold a small language model's opinion; the beam adds a better one.
    """
    with torch.no_grad():
        net.phones.bias.sub_(share * torch.from_numpy(priors).log().float())


def export_step(net: Recogniser, path: Path, left: int) -> None:
    """Writes the graph in float32; batch and chunk length stay free, `left` is fixed."""
    batch, frames = torch.export.Dim("batch"), torch.export.Dim("chunk")
    caches = net.empty_caches(2, left)
    shapes = {
        "mels": {0: batch, 1: 4 * frames},
        "mel_cache": {0: batch},
        "keys_values": {1: batch},
        "convolution": {1: batch},
        "length": {0: batch},
    }
    program = torch.onnx.export(
        StepGraph(net).eval(),
        (torch.zeros(2, 32, 80), *caches),
        dynamo=True,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes=shapes,
        opset_version=21,
        external_data=False,
    )
    assert program is not None
    program.save(str(path))


def quantise_step(source: Path, path: Path, bits: int = 8) -> None:
    """Weights of every wide product to `bits`; feedback from the heads stays as it is."""
    model = onnx.load(source)
    narrow = _narrow_products(model)
    quantiser = MatMulNBitsQuantizer(
        model,
        bits=bits,
        block_size=BLOCK,
        is_symmetric=True,
        accuracy_level=4,
        nodes_to_exclude=narrow,
    )
    quantiser.process()
    onnx.save(_bare(quantiser.model.model), path)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes on where each node came from: a tenth of the file."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    model.graph.ClearField("value_info")
    return model


def _narrow_products(model: onnx.ModelProto) -> list[str]:
    """Products of fewer than a block of rows: nothing is saved there."""
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    products = (n for n in model.graph.node if n.op_type in ("MatMul", "Gemm"))
    return [n.name for n in products if min(shapes.get(n.input[1], (BLOCK,))[:1]) < BLOCK]
