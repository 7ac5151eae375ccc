"""Weights on disk: safetensors in small parts, so that they pass where files are limited.

A folder holds weights-0.safetensors and so on, half precision, and state.json.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .blocks import Shape
from .model import Recogniser

PART_BYTES = 14 * 2**20


@dataclass(frozen=True)
class State:
    """How far training has come. `progress` in 0..1 is the place on the learning rate's curve."""

    shape: dict[str, int]
    step: int
    epoch: int
    progress: float
    recipe: dict[str, float]


def save_checkpoint(folder: Path, weights: dict[str, Tensor], state: State) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in weights.items():
        small = tensor.detach().to("cpu", torch.float16 if tensor.ndim > 1 else torch.float32)
        if parts[-1] and size + small.nbytes > PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][name] = small.contiguous()
        size += small.nbytes
    # all renamed at once in the end: who copies the folder meanwhile gets one state's files
    made = []
    for number, part in enumerate(parts):
        made.append(folder / f"weights-{number}.safetensors")
        save_file(part, _unfinished(made[-1]))
    made.append(folder / "state.json")
    _unfinished(made[-1]).write_text(json.dumps(asdict(state), indent=1) + "\n")
    for path in made:
        _unfinished(path).replace(path)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], State]:
    state = State(**json.loads((folder / "state.json").read_text()))
    weights: dict[str, Tensor] = {}
    for path in sorted(folder.glob("weights-*.safetensors")):
        weights |= load_file(path)
    return {name: tensor.float() for name, tensor in weights.items()}, state


def load_recogniser(folder: Path) -> Recogniser:
    """The network of a checkpoint, in evaluation mode."""
    weights, state = load_checkpoint(folder)
    net = Recogniser(Shape(**state.shape))
    net.load_state_dict(weights)
    return net.eval()
