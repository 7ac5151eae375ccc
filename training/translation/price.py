"""What a shape costs: bytes as shipped and milliseconds on one core, with random weights."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from .export import quantise_graphs
from .graphs import write_graphs
from .model import Translator, parameter_count
from .session import Graphs
from .shape import Shape

SOURCE_TOKENS = 20
TARGET_TOKENS = 20


def price(shape: Shape, folder: Path, rounds: int = 40) -> dict[str, float]:
    """MiB of the graphs, millions of parameters, and medians in ms of one text's passes."""
    torch.manual_seed(0)
    net = Translator(shape)
    bytes_ = quantise_graphs(write_graphs(net, folder / "float32"), folder)
    return {
        "parameters_m": round(parameter_count(net) / 1e6, 2),
        "mib": round(bytes_ / 2**20, 2),
        **passes_ms(Graphs(folder), shape, rounds),
    }


def passes_ms(graphs: Graphs, shape: Shape, rounds: int) -> dict[str, float]:
    chance = np.random.default_rng(0)
    source = chance.integers(8, shape.pieces, SOURCE_TOKENS).tolist()
    target = chance.integers(8, shape.pieces, (1, TARGET_TOKENS))
    memory = graphs.encode([source])
    empty = graphs.empty_past(memory)
    whole = graphs.decode(target, memory, *empty)
    past = whole.keys_values[:, :, : TARGET_TOKENS // 2]
    length = np.array([TARGET_TOKENS // 2])
    timed: Sequence[tuple[str, Callable[[], object]]] = (
        ("encode_ms", lambda: graphs.encode([source])),
        ("sketch_ms", lambda: graphs.sketch(memory)),
        ("draft_ms", lambda: graphs.draft(memory)),
        ("verify_ms", lambda: graphs.decode(target, memory, *empty)),
        ("step_ms", lambda: graphs.decode(target[:, :1], memory, past, length)),
    )
    return {name: round(_median_ms(call, rounds), 2) for name, call in timed}


def _median_ms(call: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
