"""Weights read back out of shipped graphs, to train on from where the checkpoint is lost.

Exporting keeps vectors under their names and matrices in the order in which a graph first uses
them. What comes back differs by the rounding to 7 bits.
"""

from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from training.captions.checkpoint import State, save_checkpoint

from .export import Array, dequantise_rows
from .graphs import INPUTS
from .model import Translator
from .shape import Shape

_PREFIX = "net."
_WHOLE, _SCALES = ".whole", ".scales"
_BLOCK = ("attention.project", "attention.out", "feedforward.up", "feedforward.down")
_CROSSED = (*_BLOCK[:2], "cross.query", "cross.out", *_BLOCK[2:])


def recover(folder: Path) -> Translator:
    """The network whose 8-bit graphs lie in `folder`; without a shortlist."""
    constants = {name: _constants(folder / f"{name}.onnx") for name in INPUTS}
    shape = _shape(constants)
    weights: dict[str, Tensor] = {}
    for name, found in constants.items():
        matrices = [key for key in found if key.endswith(_WHOLE)]
        for place, key in zip(_matrices(name, shape), matrices, strict=True):
            scales = found[f"{key.removesuffix(_WHOLE)}{_SCALES}"]
            weights[place] = torch.from_numpy(dequantise_rows(found[key], scales))
        weights |= {
            key.removeprefix(_PREFIX): torch.from_numpy(value.copy())
            for key, value in found.items()
            if key.startswith(_PREFIX) and not key.endswith((_WHOLE, _SCALES))
        }
    net = Translator(shape)
    net.load_state_dict(weights)
    return net.eval()


def save_recovered(out: Path, net: Translator, step: int) -> None:
    """A checkpoint after `step` steps, to be resumed with a new cosine."""
    save_checkpoint(out, net.state_dict(), State(net.shape.as_dict(), step, 0, 1.0, {}))


def _constants(path: Path) -> dict[str, Array]:
    """A graph's constants by name, in the order in which they were written."""
    graph = onnx.load(path).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def _matrices(graph: str, shape: Shape) -> Iterator[str]:
    """A graph's matrices in the order in which it first uses them."""
    if graph != "drafter":
        yield "table"
    else:
        yield "drafter.split.weight"
    layers = shape.as_dict()[f"{graph}_layers"]
    for layer in range(layers):
        if graph == "drafter" and layer == layers // 2:
            yield from ("table", "drafter.feedback.weight")
        inside = _CROSSED if graph == "decoder" else _BLOCK
        yield from (f"{graph}.blocks.{layer}.{each}.weight" for each in inside)
    if graph == "encoder":
        for layer in range(shape.decoder_layers):
            yield f"decoder.blocks.{layer}.cross.remember.weight"


def _shape(constants: dict[str, dict[str, Array]]) -> Shape:
    encoder = constants["encoder"]
    pieces, width = encoder[f"{_PREFIX}table{_WHOLE}"].shape
    inner, layers = {}, {}
    for name, found in constants.items():
        ups = [
            key
            for key in found
            if key.startswith(f"{_PREFIX}{name}.") and key.endswith("feedforward.up.bias")
        ]
        layers[f"{name}_layers"] = len(ups)
        inner[f"{name}_inner"] = len(found[ups[0]])
    # the only constant of one frequency for each pair of a head's places
    half_head = len(encoder["pow_1"])
    split = len(constants["drafter"][f"{_PREFIX}drafter.split.bias"]) // width
    return Shape(
        pieces=pieces, width=width, heads=width // 2 // half_head, split=split, **inner, **layers
    )
