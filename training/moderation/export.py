"""The encoder for serving: weights in 8 bits, calibrated scores out.

Products run in 8 bits with the activations' scale taken from each run's own numbers. So the engine
runs one window at a time: then a text's scores never depend on who else is asked about.
"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from workers.engines.onnx import open_graph

from .calibrate import Calibration
from .model import Encoder


class EightBitRows(nn.Module):
    """An embedding whose rows are 8-bit integers with a scale each."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        scale = weights.abs().amax(1, keepdim=True).clamp_min(1e-9) / 127
        self.register_buffer("rows", (weights / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, numbers: Tensor) -> Tensor:
        rows, scale = self.get_buffer("rows"), self.get_buffer("scale")
        return rows[numbers].float() * scale[numbers]


class Scores(nn.Module):
    """Pieces -> scores, each 0 to 1."""

    def __init__(self, net: Encoder, calibration: Calibration) -> None:
        super().__init__()
        self.net = net
        net.pieces = EightBitRows(net.pieces.weight.detach())  # type: ignore[assignment]
        with torch.no_grad():
            scale, shift = map(torch.from_numpy, calibration)
            net.head.weight.mul_(scale[:, None])
            net.head.bias.mul_(scale).add_(shift)

    def forward(self, pieces: Tensor) -> Tensor:
        return self.net(pieces).sigmoid()


def export(net: Encoder, calibration: Calibration, path: Path) -> None:
    """Writes the graph, and beside it `*.fp32.onnx`; changes the network."""
    single = path.with_suffix(".fp32.onnx")
    length = torch.export.Dim("length", max=net.shape.positions)
    program = torch.onnx.export(
        Scores(net.eval(), calibration).eval(),
        (torch.ones(2, 16, dtype=torch.int64),),
        dynamo=True,
        input_names=["pieces"],
        output_names=["scores"],
        dynamic_shapes={"pieces": {0: torch.export.Dim("rows"), 1: length}},
        opset_version=21,
        external_data=False,
    )
    assert program is not None
    program.save(str(single))
    onnx.save(bare(onnx.load(single)), single)
    logging.disable(logging.WARNING)
    # 7 bits: without VNNI the sums of two products of 8 bits overflow
    quantize_dynamic(
        single,
        path,
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    logging.disable(logging.NOTSET)


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes on where each node came from."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    return model


def graph_scores(path: Path, texts: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
    """[texts, labels] of the graph at `path`, one text a run as in serving."""
    session = open_graph(path)
    runs = (session.run(["scores"], {"pieces": t[None].astype(np.int64)}) for t in texts)
    return np.concatenate([scores for (scores,) in runs])
