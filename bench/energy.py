"""Joules that a GPU takes, by its driver's counter (NVML), or None where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Spent:
    """Filled when the block ends."""

    joules: float | None = None


@contextlib.contextmanager
def metered(counter_mj: Callable[[], float] | None) -> Iterator[Spent]:
    spent = Spent()
    began = counter_mj() if counter_mj else None
    yield spent
    if counter_mj and began is not None:
        spent.joules = (counter_mj() - began) / 1000


def energy_counter() -> Callable[[], float] | None:
    """Millijoules since the driver was loaded, of the first GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(0)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
