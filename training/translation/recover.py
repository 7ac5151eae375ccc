"""Weights read back out of shipped graphs, to train on from where the checkpoint is lost.

Exporting keeps vectors under their names and matrices in the order in which a graph first uses
them. What comes back differs by the rounding to 7 bits.
"""

from collections.abc import Iterable, Iterator
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
    half = shape.drafter_layers // 2
    if graph == "encoder":
        yield "table"
        yield from _of_blocks("encoder", range(shape.encoder_layers), _BLOCK)
        for layer in range(shape.decoder_layers):
            yield f"decoder.blocks.{layer}.cross.remember.weight"
    elif graph == "sketcher":
        yield "drafter.split.weight"
        yield from _of_blocks("drafter", range(half), _BLOCK)
        yield "table"
    elif graph == "drafter":
        yield from ("table", "drafter.feedback.weight")
        yield from _of_blocks("drafter", range(half, shape.drafter_layers), _BLOCK)
    else:
        yield "table"
        yield from _of_blocks("decoder", range(shape.decoder_layers), _CROSSED)


def _of_blocks(part: str, layers: Iterable[int], inside: Iterable[str]) -> Iterator[str]:
    return (f"{part}.blocks.{layer}.{each}.weight" for layer in layers for each in inside)


def _shape(constants: dict[str, dict[str, Array]]) -> Shape:
    encoder = constants["encoder"]
    pieces, width = encoder[f"{_PREFIX}table{_WHOLE}"].shape
    every = {name: array for found in constants.values() for name, array in found.items()}
    inner, layers = {}, {}
    for part in ("encoder", "drafter", "decoder"):
        ups = [
            key
            for key in every
            if key.startswith(f"{_PREFIX}{part}.") and key.endswith("feedforward.up.bias")
        ]
        layers[f"{part}_layers"] = len(ups)
        inner[f"{part}_inner"] = len(every[ups[0]])
    # the only constant of one frequency for each pair of a head's places
    half_head = len(encoder["pow_1"])
    split = len(every[f"{_PREFIX}drafter.split.bias"]) // width
    return Shape(
        pieces=pieces, width=width, heads=width // 2 // half_head, split=split, **inner, **layers
    )
