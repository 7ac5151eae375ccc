"""Weights read back out of a shipped step graph, for when the checkpoint they came from is lost.

Exporting (export.py, quantise.py) keeps the order of the network's products, so the graph's
constant matrices are the network's in the order in which it uses them. What comes back differs by
the rounding to 7 bits. The class priors that were divided out of the phone head are found again.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .blocks import Shape
from .checkpoint import State, save_checkpoint
from .model import Recogniser

Array = npt.NDArray[np.float32]
_PREFIX = "net."
_PRODUCTS = ("MatMul", "MatMulIntegerToFloat")


def recover_weights(path: Path) -> tuple[Shape, dict[str, Tensor]]:
    """The state dict of the exported network; its phone head still lacks the priors."""
    graph = onnx.load(path).graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    shape = _shape(graph, constants)
    net = Recogniser(shape)
    weights = {
        name.removeprefix(_PREFIX): torch.tensor(value)
        for name, value in constants.items()
        if name.startswith(_PREFIX) and not name.endswith(("/whole", "/scales"))
    }
    names = product_names(shape)
    for name, matrix in zip(names, _matrices(graph, constants), strict=True):
        weights[name] = torch.tensor(matrix.T)
    taps = _taps(graph, constants, shape)
    for layer in range(shape.layers):
        chosen = taps[layer * shape.kernel : (layer + 1) * shape.kernel]
        weights[f"blocks.{layer}.convolution.taps"] = torch.tensor(np.stack(chosen))
    net.load_state_dict(weights)
    return shape, {name: t.detach().clone() for name, t in net.state_dict().items()}


def product_names(shape: Shape) -> list[str]:
    """The network's matrices in the order in which a step first uses them."""
    inside = (
        "before.up", "before.down", "attention.project", "attention.out", "convolution.gate",
        "convolution.out", "after.up", "after.down",
    )  # fmt: skip
    names = ["enter"]
    for layer in range(shape.layers):
        names += [f"blocks.{layer}.{each}" for each in inside]
        if layer + 1 == shape.layers // 3:
            names += ["inner_phones", "phone_feedback"]
        elif layer + 1 == 2 * shape.layers // 3:
            names += ["characters", "character_feedback"]
    # the character head is used inside and at the end, each time by a constant of its own
    return [f"{name}.weight" for name in (*names, "phones", "characters")]


def restore_priors(logits: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float64]:
    """What `discount_priors` took from the head's bias, of its `logits` [frames, classes].

    The priors were the mean of the posteriors that they are needed to compute: a fixed point,
    to which each round comes nearer by about `share`.
    """
    scores = logits.astype(np.float64)
    taken = np.zeros(scores.shape[1])
    for _ in range(60):
        whole = scores + taken
        chances = np.exp(whole - whole.max(1, keepdims=True))
        prior = (chances / chances.sum(1, keepdims=True)).mean(0) + 1e-9
        taken = share * np.log(prior)
    return taken


def save_recovered(folder: Path, shape: Shape, weights: dict[str, Tensor], step: int) -> None:
    """A checkpoint whose place on the learning rate's curve is the start."""
    save_checkpoint(folder, weights, State(shape.as_dict(), step, 0, 0.0, {}))


def _shape(graph: onnx.GraphProto, constants: dict[str, Array]) -> Shape:
    rings = [i for i in graph.input if i.name.startswith("keys_")]
    history = next(i for i in graph.input if i.name == "convolution")
    sizes = {name: constants[f"{_PREFIX}{name}.bias"].shape[0] for name in ("enter", "first")}
    return Shape(
        width=sizes["enter"],
        layers=len(rings),
        heads=rings[0].type.tensor_type.shape.dim[1].dim_value,
        feedforward=constants[f"{_PREFIX}blocks.0.before.up.bias"].shape[0],
        kernel=history.type.tensor_type.shape.dim[2].dim_value + 1,
        channels=sizes["first"],
    )


def _matrices(graph: onnx.GraphProto, constants: dict[str, Array]) -> list[Array]:
    """Every constant matrix [in, out], once, in the order of its first product."""
    found: dict[str, Array] = {}
    for node in graph.node:
        if node.op_type not in _PRODUCTS or node.input[1] not in constants:
            continue
        name = node.input[1].removesuffix("/whole")
        scales = constants.get(f"{name}/scales")
        values = constants[node.input[1]].astype(np.float32)
        found.setdefault(name, values if scales is None else values * scales)
    return list(found.values())


def _taps(graph: onnx.GraphProto, constants: dict[str, Array], shape: Shape) -> list[Array]:
    """The depthwise convolutions' taps [width], layer by layer, oldest frame first."""
    return [
        constants[name]
        for node in graph.node
        if node.op_type == "Mul"
        for name in node.input
        if name in constants and constants[name].shape == (shape.width,) and _unnamed(name)
    ]


def _unnamed(name: str) -> bool:
    return not name.startswith(_PREFIX)
