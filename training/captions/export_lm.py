"""The neural language model as a graph in whole numbers that scores a tree of pieces in one run."""

from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from .export import bare
from .neural_lm import LmBlock, NeuralLm
from .quantise import quantise_rows

INPUTS = ("ids", "places", "seen", "before", "after")
NEVER = -1e9


class TreeGraph(nn.Module):
    """Nodes of a tree to log-probs of pieces behind nodes.

    `ids` and `places` [N]; `seen` [N, N] is true where a node (row) may look; `before` [M] names
    nodes, `after` [M] pieces: returned is each one's log-prob [M] behind its node.
    """

    def __init__(self, net: NeuralLm) -> None:
        super().__init__()
        self.net = net
        self.table = nn.Parameter(net.pieces.weight.detach().T.contiguous())

    def forward(
        self, ids: Tensor, places: Tensor, seen: Tensor, before: Tensor, after: Tensor
    ) -> Tensor:
        x = (self.table.index_select(1, ids).T + self.net.places(places))[None]
        bias = torch.where(seen, 0.0, NEVER)
        for block in self.net.blocks:
            assert isinstance(block, LmBlock)
            x = look_back(block, x, bias)
        logs = (self.net.norm(x) @ self.table).log_softmax(-1)
        return logs.flatten()[before * self.table.shape[1] + after]


def look_back(block: LmBlock, x: Tensor, bias: Tensor) -> Tensor:
    """The block over nodes [1, N, width], each of which sees where `bias` [N, N] is 0."""
    query, key, value = (
        part.unflatten(-1, (block.heads, -1)).transpose(1, 2)
        for part in block.project(block.norm(x)).chunk(3, -1)
    )
    weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + bias
    mixed = weights.softmax(-1) @ value
    x = x + block.out(mixed.transpose(1, 2).flatten(2))
    inner = torch.nn.functional.gelu(block.up(block.inner_norm(x)))
    out: Tensor = x + block.down(inner)
    return out


def export_lm(net: NeuralLm, path: Path) -> None:
    nodes, asked = torch.export.Dim("nodes"), torch.export.Dim("asked")
    two, three = torch.zeros(2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    program = torch.onnx.export(
        TreeGraph(net).eval(),
        (two, two.clone(), torch.eye(2).bool(), three, three.clone()),
        dynamo=True,
        input_names=list(INPUTS),
        output_names=["log_probs"],
        dynamic_shapes=({0: nodes}, {0: nodes}, {0: nodes, 1: nodes}, {0: asked}, {0: asked}),
        opset_version=21,
        external_data=False,
    )
    assert program is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(str(path))
    onnx.save(bare(whole_table(quantise_rows(onnx.load(path)))), path)


def whole_table(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rows of the table are read from the whole numbers that the last product has anyway."""
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes += _read_whole(node) if node.op_type == "Gather" and _is_table(node) else [node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return model


def _is_table(node: onnx.NodeProto) -> bool:
    return str(node.input[0]) == "table"


def _read_whole(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    table, ids = node.input
    make = helper.make_node
    return [
        make("Gather", [f"{table}/whole", ids], [f"{table}/columns"], axis=1),
        make("Gather", [f"{table}/scales", ids], [f"{table}/sizes"]),
        make("Cast", [f"{table}/columns"], [f"{table}/floats"], to=TensorProto.FLOAT),
        make("Mul", [f"{table}/floats", f"{table}/sizes"], [node.output[0]]),
    ]
