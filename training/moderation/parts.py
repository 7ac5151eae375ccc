"""Trained weights in half precision, in files small enough to be sent by most ways."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .model import Encoder, Shape

LIMIT_BYTES = 15 * 2**20
"""Of a part; a tensor is never cut."""


def write_parts(folder: Path, shape: Shape, weights: Mapping[str, Tensor]) -> list[Path]:
    """`average-0.safetensors` and so on; each names the shape."""
    told = {name: str(value) for name, value in shape.as_dict().items()}
    paths = []
    for number, part in enumerate(_parts(weights)):
        paths.append(folder / f"average-{number}.safetensors")
        save_file(part, paths[-1], told)
    return paths


def _parts(weights: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    size = 0
    for name, tensor in weights.items():
        half = tensor.to("cpu", torch.float16).contiguous()
        if size + half.nbytes > LIMIT_BYTES and part:
            yield part
            part, size = {}, 0
        part[name], size = half, size + half.nbytes
    yield part


def load_encoder(folder: Path) -> Encoder:
    """From a folder's parts, in single precision and evaluation mode."""
    weights: dict[str, Tensor] = {}
    told: dict[str, str] = {}
    for path in sorted(folder.glob("average-*.safetensors")):
        with safe_open(path, "pt") as part:
            told = part.metadata()
            weights |= {name: part.get_tensor(name).float() for name in part.keys()}  # noqa: SIM118
    net = Encoder(_shape(told))
    net.load_state_dict(weights)
    return net.eval()


def _shape(told: Mapping[str, str]) -> Shape:
    numbers = {name: float(value) for name, value in told.items()}
    dropout = numbers.pop("dropout")
    return Shape(**{name: int(value) for name, value in numbers.items()}, dropout=dropout)
