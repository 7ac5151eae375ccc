"""Silero's speech detector in two graphs: what frames sound like, and what a stream remembers.

In the published graph the first axis is time, so that streams cannot share a run, and its short
convolutions cost four times as much as the same sums as products of matrices.

    python -m training.captions.detector silero_vad_v6.onnx workers/models/silero
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

WINDOW, HOP, WINDOWS = 256, 128, 4
HEARD = 576
"""Samples of a frame and the 64 before it; 64 more are mirrored behind."""

BINS, WIDTH = 129, 128
STRIDES, TAPS = (1, 2, 2, 1), 3
GATES = ("input", "output", "forget", "fresh")


def weights_of(path: Path) -> dict[str, Array]:
    graph = onnx.load(path).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def features_graph(weights: Mapping[str, Array]) -> onnx.ModelProto:
    """`audio` [frames, 576] -> `features` [frames, 128]."""
    mirrored = np.r_[np.arange(HEARD), HEARD - 2 - np.arange(64)]
    places = np.stack([mirrored[at * HOP : at * HOP + WINDOW] for at in range(WINDOWS)])
    basis = weights["encoder.feature_extractor.forward_basis_buffer"][:, 0].T
    held: dict[str, Array] = {"places": places, "basis": basis, "halves": np.array([BINS, BINS])}
    nodes = [
        helper.make_node("Gather", ["audio", "places"], ["windows"], axis=1),
        helper.make_node("MatMul", ["windows", "basis"], ["spectrum"]),
        helper.make_node("Split", ["spectrum", "halves"], ["real", "imaginary"], axis=2),
        helper.make_node("Mul", ["real", "real"], ["real_power"]),
        helper.make_node("Mul", ["imaginary", "imaginary"], ["imaginary_power"]),
        helper.make_node("Add", ["real_power", "imaginary_power"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["heard_0"]),
    ]
    length = WINDOWS
    held |= {"pads": np.array([0, 1, 0, 0, 1, 0])}
    for layer, stride in enumerate(STRIDES):
        kernel, bias = (weights[f"encoder.conv_layers.{layer}.{k}"] for k in ("weight", "bias"))
        starts = np.arange(0, length, stride)
        length = len(starts)
        held |= {f"taps_{layer}": starts[:, np.newaxis] + np.arange(TAPS)}
        held |= {f"shape_{layer}": np.array([-1, length, TAPS * kernel.shape[1]])}
        held |= {f"kernel_{layer}": kernel.transpose(2, 1, 0).reshape(-1, len(bias))}
        held |= {f"bias_{layer}": bias}
        here = [
            f"{name}_{layer}" for name in ("heard", "padded", "tapped", "rows", "sum", "biased")
        ]
        nodes += [
            helper.make_node("Pad", [here[0], "pads"], [here[1]]),
            helper.make_node("Gather", [here[1], f"taps_{layer}"], [here[2]], axis=1),
            helper.make_node("Reshape", [here[2], f"shape_{layer}"], [here[3]]),
            helper.make_node("MatMul", [here[3], f"kernel_{layer}"], [here[4]]),
            helper.make_node("Add", [here[4], f"bias_{layer}"], [here[5]]),
            helper.make_node("Relu", [here[5]], [f"heard_{layer + 1}"]),
        ]
    held |= {"last": np.array([-1, WIDTH])}
    nodes.append(helper.make_node("Reshape", [f"heard_{len(STRIDES)}", "last"], ["features"]))
    return model_of(nodes, {"audio": HEARD}, {"features": WIDTH}, held)


def memory_graph(weights: Mapping[str, Array]) -> onnx.ModelProto:
    """A step of the LSTM for n streams: `features`, `hidden`, `cell` [n, 128] -> `score` [n, 1]
    (log-odds of speech), `hidden_after`, `cell_after`.
    """
    inner, outer, biases = (weights[f"onnx::LSTM_{name}"][0] for name in (209, 210, 211))
    held: dict[str, Array] = {
        "kernel": np.concatenate((inner.T, outer.T)),
        "bias": biases[: 4 * WIDTH] + biases[4 * WIDTH :],
        "quarters": np.array([WIDTH] * 4),
        "head": weights["decoder.conv1d.weight"][0],
        "head_bias": weights["decoder.conv1d.bias"],
    }
    sums = [f"{gate}_sum" for gate in GATES]
    nodes = [
        helper.make_node("Concat", ["features", "hidden"], ["heard"], axis=1),
        helper.make_node("MatMul", ["heard", "kernel"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["biased"]),
        helper.make_node("Split", ["biased", "quarters"], sums, axis=1),
        *(helper.make_node("Sigmoid", [f"{gate}_sum"], [gate]) for gate in GATES[:3]),
        helper.make_node("Tanh", ["fresh_sum"], ["fresh"]),
        helper.make_node("Mul", ["forget", "cell"], ["kept"]),
        helper.make_node("Mul", ["input", "fresh"], ["taken"]),
        helper.make_node("Add", ["kept", "taken"], ["cell_after"]),
        helper.make_node("Tanh", ["cell_after"], ["told"]),
        helper.make_node("Mul", ["output", "told"], ["hidden_after"]),
        helper.make_node("Relu", ["hidden_after"], ["shown"]),
        helper.make_node("MatMul", ["shown", "head"], ["product"]),
        helper.make_node("Add", ["product", "head_bias"], ["score"]),
    ]
    given = dict.fromkeys(("features", "hidden", "cell"), WIDTH)
    return model_of(nodes, given, {"score": 1, "hidden_after": WIDTH, "cell_after": WIDTH}, held)


def model_of(
    nodes: Sequence[NodeProto],
    given: Mapping[str, int],
    found: Mapping[str, int],
    held: Mapping[str, Array],
) -> onnx.ModelProto:
    """A graph whose inputs and outputs are rows [n, width] of floats."""
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", of]) for name, of in each]
        for each in (given.items(), found.items())
    )
    initial = [numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in held.items()]
    graph = helper.make_graph(list(nodes), "silero", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("published", type=Path, help="silero_vad_v6.onnx")
    parser.add_argument("out", type=Path, help="a folder")
    arguments = parser.parse_args()
    weights = weights_of(arguments.published)
    onnx.save(features_graph(weights), arguments.out / "features.onnx")
    onnx.save(memory_graph(weights), arguments.out / "memory.onnx")


if __name__ == "__main__":
    main()
