"""Joules of a GPU: the driver's own counter, or where there is none, its power added up."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

READING = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits", "--id"]


@dataclass(slots=True)
class Spent:
    """Filled when the block ends."""

    joules: float | None = None


@contextlib.contextmanager
def metered(joules: Callable[[], float] | None) -> Iterator[Spent]:
    """What a block takes by a counter."""
    spent = Spent()
    began = joules() if joules else 0.0
    yield spent
    if joules:
        spent.joules = joules() - began


def joule_counter() -> Callable[[], float] | None:
    """Joules used since some moment in the past, for the first GPU that this process may use; None
    where nothing tells."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    number = int(first) if first.isdigit() else 0
    return _driver_counter(number) or (_added_up(number) if shutil.which(READING[0]) else None)


def _driver_counter(number: int) -> Callable[[], float] | None:
    try:
        driver = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    card, energy_mj = ctypes.c_void_p(), ctypes.c_ulonglong()
    if driver.nvmlInit_v2() or driver.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(card)):
        return None

    def read() -> float:
        failed = driver.nvmlDeviceGetTotalEnergyConsumption(card, ctypes.byref(energy_mj))
        if failed:
            raise OSError(f"no energy reading: NVML error {failed}")
        return energy_mj.value / 1000

    try:
        read()
    except OSError:
        return None
    return read


def _added_up(number: int) -> Callable[[], float]:
    total, ask = [0.0], [*READING, str(number)]

    def follow() -> None:
        last = time.monotonic()
        while True:
            found = subprocess.run(ask, capture_output=True, text=True, check=False)
            now = time.monotonic()
            try:
                total[0] += float(found.stdout) * (now - last)
            except ValueError:
                return
            last = now
            time.sleep(0.1)

    threading.Thread(target=follow, daemon=True).start()
    return lambda: total[0]
