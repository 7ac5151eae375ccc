"""Products in whole numbers whose scales belong to rows: no row's result depends on another's.

Activations are quantised row by row (8 bits around 128), weights column by column. Weights have 7
bits, because without VNNI the product of an unsigned and a signed byte is summed in 16 bits,
which two full ones overflow.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Products of fewer rows of weights stay in floating point.
LEAST_ROWS = 128
WEIGHT_MOST = 63
ACTIVATION_MOST = 127.0
_CENTRE, _ROWS, _AXIS, _MOST, _LEAST, _ONE = (
    f"rows/{name}" for name in ("centre", "flat", "axis", "most", "least", "one")
)


def quantise_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces every wide product by constant weights; changes and returns `model`."""
    weights = {i.name: i for i in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    quantised: dict[str, tuple[str, str]] = {}
    done: set[str] = set()
    widths: set[int] = set()
    for node in model.graph.node:
        weight = weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is None or len(weight.dims) != 2 or weight.dims[0] < LEAST_ROWS:
            nodes.append(node)
            continue
        source = node.input[0]
        if source not in quantised:
            made, quantised[source] = quantised_activations(source, weight.dims[0])
            nodes += made
            widths.add(weight.dims[0])
        if weight.name not in done:
            model.graph.initializer.extend(_quantised_weights(weight))
            done.add(weight.name)
        nodes += row_product(
            node, quantised[source], f"{weight.name}/whole", f"{weight.name}/scales"
        )
    kept = [i for i in model.graph.initializer if i.name not in done]
    model.graph.ClearField("initializer")
    model.graph.initializer.extend([*kept, *row_constants(widths)])
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def best_scale(column: npt.NDArray[np.float32]) -> np.float32:
    """The scale of least squared error: clipping a little is often better than the whole range."""
    most = max(float(np.abs(column).max()), 1e-12)
    scales = most / WEIGHT_MOST * np.linspace(0.6, 1.0, 21, dtype=np.float32)
    rounded = np.clip(np.round(column[None] / scales[:, None]), -WEIGHT_MOST, WEIGHT_MOST)
    errors = np.square(rounded * scales[:, None] - column[None]).sum(1)
    return np.float32(scales[errors.argmin()])


def _quantised_weights(weight: TensorProto) -> list[TensorProto]:
    values = numpy_helper.to_array(weight)
    scales = np.array([best_scale(column) for column in values.T], np.float32)
    whole = np.clip(np.round(values / scales), -WEIGHT_MOST, WEIGHT_MOST).astype(np.int8)
    named = ((whole, f"{weight.name}/whole"), (scales, f"{weight.name}/scales"))
    return [numpy_helper.from_array(*each) for each in named]


def quantised_activations(source: str, width: int) -> tuple[list[onnx.NodeProto], tuple[str, str]]:
    """Rows of `source` in bytes, and their scales [rows, 1]."""
    names = ("flat", "size", "largest", "scaled", "scale", "nothing", "centre", "bytes", "column")
    flat, size, largest, scaled, scale, nothing, centre, whole, column = (
        f"{source}/rows/{name}" for name in names
    )
    make = helper.make_node
    return [
        make("Reshape", [source, f"{_ROWS}/{width}"], [flat]),
        make("Abs", [flat], [size]),
        make("ReduceMax", [size, _AXIS], [largest], keepdims=0),
        make("Mul", [largest, _MOST], [scaled]),
        make("Max", [scaled, _LEAST], [scale]),
        make("Cast", [scale], [nothing], to=TensorProto.BOOL),
        make("Cast", [nothing], [f"{nothing}/one"], to=TensorProto.UINT8),
        make("Mul", [f"{nothing}/one", _CENTRE], [centre]),
        make("QuantizeLinear", [flat, scale, centre], [whole], axis=0),
        make("Unsqueeze", [scale, _AXIS], [column]),
    ], (whole, column)


def row_product(
    node: onnx.NodeProto, rows: tuple[str, str], whole: str, scales: str, scaled: bool = True
) -> list[onnx.NodeProto]:
    """`node`'s product, of quantised rows by whole numbers [inner, outer] and their scales.

    Unless it is to be `scaled`, each row is the product but for a positive factor.
    """
    source, out = node.input[0], node.output[0]
    make = helper.make_node
    inputs = [rows[0], whole, _ONE, scales, _CENTRE]
    by_row = [make("Mul", [f"{out}/flat", rows[1]], [f"{out}/scaled"])] if scaled else []
    return [
        make("MatMulIntegerToFloat", inputs, [f"{out}/flat"], domain="com.microsoft"),
        *by_row,
        make("Shape", [source], [f"{out}/shape"], end=-1),
        make("Concat", [f"{out}/shape", f"{_ROWS}/out"], [f"{out}/whole"], axis=0),
        make("Reshape", [f"{out}/{'scaled' if scaled else 'flat'}", f"{out}/whole"], [out]),
    ]


def row_constants(widths: set[int]) -> list[TensorProto]:
    values: dict[str, npt.NDArray[np.generic]] = {
        _CENTRE: np.array(128, np.uint8),
        _AXIS: np.array([1], np.int64),
        _MOST: np.array(1 / ACTIVATION_MOST, np.float32),
        _LEAST: np.array(1e-8, np.float32),
        _ONE: np.array(1.0, np.float32),
        f"{_ROWS}/out": np.array([-1], np.int64),
    }
    flat = {f"{_ROWS}/{width}": np.array([-1, width]) for width in sorted(widths)}
    return [numpy_helper.from_array(v, n) for n, v in {**values, **flat}.items()]
