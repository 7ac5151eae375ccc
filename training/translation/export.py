"""Graphs with weights of a byte that lie once in one file, whichever graphs use them.

Products are of whole numbers as the captions model's (training/captions/quantise.py): weights of 7
bits with a scale for each output, activations of 8 with a scale for each row, so that a text's
numbers never depend on who shares its batch. The table is looked up in the same bytes that the
products with it read; what stands the wrong way round there is turned once, when the graph is
opened.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from training.captions.quantise import (
    WEIGHT_MOST,
    best_scale,
    quantised_activations,
    row_constants,
    row_product,
)

#: Smaller tensors stay inside their graph.
EXTERNAL_BYTES = 1024
ALIGNMENT_BYTES = 64
WEIGHTS = "weights.bin"
#: What leaves each row's numbers as they are, or some of them.
_CHOOSING = ("Reshape", "ReduceMax", "GatherND")
Array = npt.NDArray[Any]


def quantise_rows(rows: npt.NDArray[np.float32]) -> tuple[Array, Array]:
    """[N, K] -> whole numbers [N, K] and scales [N]."""
    scales = np.array([best_scale(row) for row in rows], np.float32)
    whole = np.rint(rows / scales[:, None]).clip(-WEIGHT_MOST, WEIGHT_MOST)
    return whole.astype(np.int8), scales


def dequantise_rows(whole: Array, scales: Array) -> npt.NDArray[np.float32]:
    return (whole * scales[:, None]).astype(np.float32)


@dataclass
class WeightsFile:
    """Tensors by content: what two graphs share is written once."""

    data: bytearray = field(default_factory=bytearray)
    _places: dict[bytes, int] = field(default_factory=dict)

    def place(self, content: bytes) -> int:
        """The offset of `content`, added if it is new."""
        digest = hashlib.sha256(content).digest()
        if digest not in self._places:
            self.data += bytes(-len(self.data) % ALIGNMENT_BYTES)
            self._places[digest] = len(self.data)
            self.data += content
        return self._places[digest]


class Graph:
    """One graph on its way from float32 to bytes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self._tensors = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self._makers = {out: node for node in self.graph.node for out in node.output}
        self._added: dict[str, Array] = {}
        self._stored: set[str] = set()
        self._rows: dict[str, tuple[str, str]] = {}
        self._widths: set[int] = set()

    def quantise(self) -> None:
        """Every product with a weight, and every look-up in a table that is also multiplied."""
        nodes: list[onnx.NodeProto] = []
        for node in list(self.graph.node):
            nodes += self._changed(node)
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        for constant in row_constants(self._widths):
            self._added[constant.name] = numpy_helper.to_array(constant)
        self._drop_unused()
        opsets = {o.domain for o in self.model.opset_import}
        if "com.microsoft" not in opsets:
            self.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    def _changed(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        if node.op_type == "MatMul":
            rows = self._weight_rows(node.input[1])
            return [node] if rows is None else self._product(node, *rows)
        if node.op_type == "Gather" and self._is_table(node.input[0]):
            return self._look_up(node)
        return [node]

    def _weight_rows(self, name: str) -> tuple[str, Array] | None:
        """A product's right side as rows of what comes out; None if it is no weight."""
        if name in self._tensors and self._tensors[name].ndim == 2:
            return name, self._tensors[name].T
        maker = self._makers.get(name)
        if maker is not None and maker.op_type == "Transpose" and maker.input[0] in self._tensors:
            return maker.input[0], self._tensors[maker.input[0]]
        return None

    def _is_table(self, name: str) -> bool:
        tensor = self._tensors.get(name)
        return tensor is not None and tensor.ndim == 2 and tensor.dtype == np.float32

    def _store(self, name: str, rows: Array) -> tuple[str, str]:
        """Names of a weight's whole numbers [N, K] and of their scales [N]."""
        whole, scales = f"{name}.whole", f"{name}.scales"
        if name not in self._stored:
            self._stored.add(name)
            self._added[whole], self._added[scales] = quantise_rows(rows.astype(np.float32))
        return whole, scales

    def _product(self, node: onnx.NodeProto, name: str, rows: Array) -> list[onnx.NodeProto]:
        nodes: list[onnx.NodeProto] = []
        source, inner = node.input[0], rows.shape[1]
        whole, scales = self._store(name, rows)
        if source not in self._rows:
            made, self._rows[source] = quantised_activations(source, inner)
            nodes += made
            self._widths.add(inner)
        turned = f"{node.output[0]}.turned"
        nodes.append(helper.make_node("Transpose", [whole], [turned], perm=[1, 0]))
        scaled = not self._is_only_compared(node.output[0])
        return nodes + row_product(node, self._rows[source], turned, scales, scaled)

    def _is_only_compared(self, name: str) -> bool:
        """Whether nothing is asked of a product but where each row's largest is: what scales whole
        rows is no matter then."""
        readers = [node for node in self.graph.node if name in node.input]
        return bool(readers) and all(
            node.op_type == "ArgMax"
            or (node.op_type in _CHOOSING and self._is_only_compared(node.output[0]))
            for node in readers
        )

    def _look_up(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        table, out = node.input[0], node.output[0]
        whole, scales = self._store(table, self._tensors[table])
        self._added["look_up.last"] = np.array([-1], np.int64)

        def make(kind: str, inputs: list[str], name: str, **more: Any) -> onnx.NodeProto:
            return helper.make_node(kind, inputs, [name], name=f"{out}.{kind}.{name}", **more)

        return [
            make("Gather", [whole, node.input[1]], f"{out}.whole"),
            make("Cast", [f"{out}.whole"], f"{out}.float", to=onnx.TensorProto.FLOAT),
            make("Gather", [scales, node.input[1]], f"{out}.scale"),
            make("Unsqueeze", [f"{out}.scale", "look_up.last"], f"{out}.wide"),
            make("Mul", [f"{out}.float", f"{out}.wide"], out),
        ]

    def _drop_unused(self) -> None:
        used = {name for node in self.graph.node for name in node.input}
        outputs = {o.name for o in self.graph.output}
        kept = [
            n
            for n in self.graph.node
            if any(o in used or o in outputs for o in n.output) or not n.output
        ]
        del self.graph.node[:]
        self.graph.node.extend(kept)
        used = {name for node in kept for name in node.input}
        tensors = {n: a for n, a in {**self._tensors, **self._added}.items() if n in used}
        del self.graph.initializer[:]
        for name, array in tensors.items():
            self.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))

    def bare(self) -> None:
        """Without the exporter's notes on where each node came from."""
        for holder in (self.model, self.graph, *self.graph.node, *self.graph.value_info):
            holder.ClearField("metadata_props")
            holder.ClearField("doc_string")
        self.graph.ClearField("value_info")

    def move_weights(self, file: WeightsFile) -> None:
        for tensor in self.graph.initializer:
            content = numpy_helper.to_array(tensor).tobytes()
            if len(content) < EXTERNAL_BYTES:
                continue
            offset = file.place(content)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            entries = (("location", WEIGHTS), ("offset", offset), ("length", len(content)))
            for key, value in entries:
                tensor.external_data.add(key=key, value=str(value))


def quantise_graphs(sources: list[Path], folder: Path, eight_bits: bool = True) -> int:
    """Writes each graph and `weights.bin` to `folder`; returns the bytes of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = WeightsFile()
    total = 0
    for source in sources:
        graph = Graph(onnx.load(source))
        if eight_bits:
            graph.quantise()
        graph.bare()
        graph.move_weights(file)
        content = graph.model.SerializeToString(deterministic=True)
        (folder / source.name).write_bytes(content)
        total += len(content)
    (folder / WEIGHTS).write_bytes(bytes(file.data))
    return total + len(file.data)
