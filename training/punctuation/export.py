"""The tagger as an ONNX graph whose weights are 8-bit integers.

Every row of a weight has a scale of its own; activations stay in float32, so a word's numbers
depend on its segment alone. ONNX Runtime multiplies the small weights out once, when it loads.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from workers.core.marks import Case, Mark
from workers.engines.formatting.vocabulary import PAD

from .model import Block, Tagger

OPSET = 17
IR_VERSION = 8
END_OF_AXIS = np.iinfo(np.int64).max


def export(tagger: Tagger, path: Path) -> None:
    """Inputs `ids`, `habits` int64 [segments, words]; outputs `marks`, `cases`: log-probs."""
    graph = _Graph()
    pad = graph.constant("pad", np.array(PAD, np.int64))
    absent = graph.add("Equal", "ids", pad)
    there = graph.add("Cast", graph.add("Not", absent), to=TensorProto.FLOAT)
    there = graph.add("Unsqueeze", there, graph.constant("last", np.array([-1], np.int64)))
    words = graph.embedding("words", tagger.words, "ids")
    habits = graph.embedding("habit", tagger.habits, "habits")
    x = graph.add("Mul", graph.add("Add", words, habits), there)
    around = _neighbours(graph, x, tagger.shape.around)
    x = graph.add("Relu", graph.linear("first", tagger.first, around))
    for index, block in enumerate(tagger.blocks):
        assert isinstance(block, Block)
        x = _block(graph, f"block{index}", block, x, there)
    x = graph.norm("norm", tagger.norm, x)
    for name, head in (("marks", tagger.marks), ("cases", tagger.cases)):
        graph.add("LogSoftmax", graph.linear(f"{name}_head", head, x), output=name, axis=-1)
    graph.save(path)


def _neighbours(graph: "_Graph", x: str, around: int) -> str:
    """Each word with those around it, as model.neighbours."""
    pads = graph.constant("pads", np.array([0, around, 0, 0, around, 0], np.int64))
    padded = graph.add("Pad", x, pads)
    axis = graph.constant("axis", np.array([1], np.int64))
    shifted = []
    for start in range(2 * around + 1):
        end = start - 2 * around or END_OF_AXIS
        limits = [
            graph.constant(f"{name}{start}", np.array([at], np.int64))
            for name, at in (("from", start), ("to", end))
        ]
        shifted.append(graph.add("Slice", padded, *limits, axis))
    return graph.add("Concat", *shifted, axis=-1)


def _block(graph: "_Graph", name: str, block: Block, x: str, there: str) -> str:
    channels_first = graph.add("Transpose", graph.add("Mul", x, there), perm=[0, 2, 1])
    kernel = block.across.kernel_size[0]
    assert block.across.bias is not None
    mixed = graph.add(
        "Conv",
        channels_first,
        graph.constant(f"{name}_across", _array(block.across.weight)),
        graph.constant(f"{name}_across_bias", _array(block.across.bias)),
        group=block.across.groups,
        kernel_shape=[kernel],
        pads=[kernel // 2, kernel // 2],
    )
    mixed = graph.norm(f"{name}_norm", block.norm, graph.add("Transpose", mixed, perm=[0, 2, 1]))
    up = graph.add("Relu", graph.linear(f"{name}_up", block.up, mixed))
    return graph.add("Add", x, graph.linear(f"{name}_down", block.down, up))


class _Graph:
    """Nodes and constants as they are added; names of results come back."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def linear(self, name: str, layer: nn.Linear, x: str) -> str:
        values, scale = in_8_bits(_array(layer.weight))
        weight = self._whole(name, values.T.copy(), scale.T.copy())
        product = self.add("MatMul", x, weight)
        return self.add("Add", product, self.constant(f"{name}_bias", _array(layer.bias)))

    def embedding(self, name: str, layer: nn.Embedding, rows: str) -> str:
        """Only the rows that are asked for are multiplied out."""
        values, scale = in_8_bits(_array(layer.weight))
        chosen = self.add("Gather", self.constant(f"{name}_values", values), rows)
        scales = self.add("Gather", self.constant(f"{name}_scale", scale), rows)
        return self.add("Mul", self.add("Cast", chosen, to=TensorProto.FLOAT), scales)

    def norm(self, name: str, layer: nn.LayerNorm, x: str) -> str:
        weight = self.constant(f"{name}_weight", _array(layer.weight))
        bias = self.constant(f"{name}_bias", _array(layer.bias))
        return self.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=layer.eps)

    def save(self, path: Path) -> None:
        graph = helper.make_graph(
            self._nodes,
            "punctuation",
            [_value(name, TensorProto.INT64, ()) for name in ("ids", "habits")],
            [
                _value("marks", TensorProto.FLOAT, (len(Mark),)),
                _value("cases", TensorProto.FLOAT, (len(Case),)),
            ],
            self._constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)

    def _whole(self, name: str, values: NDArray[np.int8], scale: NDArray[np.float32]) -> str:
        integers = self.constant(f"{name}_values", values)
        numbers = self.add("Cast", integers, to=TensorProto.FLOAT)
        return self.add("Mul", numbers, self.constant(f"{name}_scale", scale))


def in_8_bits(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers [rows, columns] and a scale for each row [rows, 1]."""
    scale = np.maximum(np.abs(weight).max(1, keepdims=True), 1e-8) / 127
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _array(weight: Tensor) -> NDArray[np.float32]:
    return np.asarray(weight.detach().numpy(), np.float32)


def _value(name: str, kind: int, more: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["segments", "words", *more])
