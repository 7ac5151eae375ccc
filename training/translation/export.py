"""Graphs with 8-bit weights that lie once in one file, whichever graphs use them.

Weights are 8-bit integers in blocks of at most `BLOCK` with a scale each (MatMulNBits);
activations are quantised by rows, so that a text's numbers never depend on who shares its batch.
The table is looked up in the same bytes that the products with it read.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

BLOCK = 128
#: Smaller tensors stay inside their graph.
EXTERNAL_BYTES = 1024
ALIGNMENT_BYTES = 64
WEIGHTS = "weights.bin"
Array = npt.NDArray[Any]


def block_of(inner: int) -> int:
    """The largest block size that divides `inner`; MatMulNBits knows powers of two from 16 on."""
    for block in (BLOCK, 64, 32, 16):
        if inner % block == 0:
            return block
    raise ValueError(f"a product over {inner} values, expected a multiple of 16")


def quantise_rows(rows: npt.NDArray[np.float32], block: int) -> tuple[Array, Array]:
    """[N, K] -> bytes [N, K/block, block], zero at 128, and scales [N, K/block]."""
    blocks = rows.reshape(len(rows), -1, block)
    scales = np.abs(blocks).max(-1) / 127
    safe = np.where(scales == 0, 1, scales)
    whole = np.rint(blocks / safe[..., None]).clip(-127, 127) + 128
    return whole.astype(np.uint8), scales.astype(np.float32)


def dequantise_rows(whole: Array, scales: Array) -> npt.NDArray[np.float32]:
    values = (whole.astype(np.float32) - 128) * scales[..., None]
    return values.reshape(len(whole), -1).astype(np.float32)


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
    """One graph on its way from float32 to 8 bits."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self._tensors = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self._makers = {out: node for node in self.graph.node for out in node.output}
        self._added: dict[str, Array] = {}
        self._quantised: dict[str, tuple[str, str, int, int]] = {}

    def quantise(self) -> None:
        """Every product with a weight, and every look-up in a table that is also multiplied."""
        nodes: list[onnx.NodeProto] = []
        for node in list(self.graph.node):
            nodes += self._changed(node)
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        self._drop_unused()
        opsets = {o.domain for o in self.model.opset_import}
        if "com.microsoft" not in opsets:
            self.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    def _changed(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        if node.op_type == "MatMul":
            rows = self._weight_rows(node.input[1])
            return [node] if rows is None else [self._product(node, *rows)]
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

    def _stored(self, name: str, rows: Array) -> tuple[str, str, int, int]:
        """Names of bytes and scales; how many values a row has, and the block."""
        if name not in self._quantised:
            block = block_of(rows.shape[1])
            contiguous = np.ascontiguousarray(rows, np.float32)
            whole, scales = quantise_rows(contiguous, block)
            self._added[f"{name}.bytes"], self._added[f"{name}.scales"] = whole, scales
            self._quantised[name] = (f"{name}.bytes", f"{name}.scales", rows.shape[1], block)
        return self._quantised[name]

    def _product(self, node: onnx.NodeProto, name: str, rows: Array) -> onnx.NodeProto:
        whole, scales, inner, block = self._stored(name, rows)
        return helper.make_node(
            "MatMulNBits",
            [node.input[0], whole, scales],
            list(node.output),
            name=node.name,
            domain="com.microsoft",
            K=inner,
            N=rows.shape[0],
            bits=8,
            block_size=block,
            accuracy_level=4,
        )

    def _look_up(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        table, out = node.input[0], node.output[0]
        whole, scales, inner, _ = self._stored(table, self._tensors[table])
        self._added["look_up.zero"] = np.array(128, np.float32)
        self._added["look_up.last"] = np.array([-1], np.int64)
        self._added["look_up.shape"] = np.array([0, 0, inner], np.int64)

        def make(kind: str, inputs: list[str], name: str, **more: Any) -> onnx.NodeProto:
            return helper.make_node(kind, inputs, [name], name=f"{out}.{kind}.{name}", **more)

        return [
            make("Gather", [whole, node.input[1]], f"{out}.bytes"),
            make("Cast", [f"{out}.bytes"], f"{out}.float", to=onnx.TensorProto.FLOAT),
            make("Sub", [f"{out}.float", "look_up.zero"], f"{out}.centred"),
            make("Gather", [scales, node.input[1]], f"{out}.scale"),
            make("Unsqueeze", [f"{out}.scale", "look_up.last"], f"{out}.wide"),
            make("Mul", [f"{out}.centred", f"{out}.wide"], f"{out}.blocks"),
            make("Reshape", [f"{out}.blocks", "look_up.shape"], out),
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
