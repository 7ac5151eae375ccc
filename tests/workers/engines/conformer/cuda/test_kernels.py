"""The kernels say what plain torch says; without a GPU, by Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")


def compare() -> None:
    """In a process of its own: the interpreter is chosen when Triton is imported."""
    import torch

    from workers.engines.conformer.cuda import kernels, plain
    from workers.engines.conformer.cuda.pool import Pool, Sizes

    torch.manual_seed(0)
    sizes = Sizes(width=64, layers=1, heads=2, kernel=15, left=24)
    weights = tuple(torch.randn(shape) for shape in ((15, 64), (64,), (64,), (64,)))
    rows = torch.tensor([3, 0])
    for heard, frames in ((0, 8), (21, 3), (200, 16), (7, 1)):
        pools = []
        x, gates = torch.randn(2, frames, 192), torch.randn(2, frames, 64)
        state = torch.Generator().manual_seed(heard)
        for operations in (plain, kernels):
            pool = Pool.make(sizes, 4, torch.float32, "cpu")
            for cache in (pool.keys, pool.values, pool.taps):
                cache.copy_(torch.randn(cache.shape, generator=state.manual_seed(1)))
            pool.position[rows] = torch.tensor([heard, 2 * heard])
            caches = pool.position, pool.keys[0], pool.values[0]
            out = torch.full((2, 2, frames, 64), torch.nan)
            operations.attend(x, rows, *caches, out[0])
            operations.convolve(gates, rows, pool.taps[0], weights, out[1])
            pools.append((out, pool.keys, pool.values, pool.taps))
        for mine, wanted in zip(*pools, strict=True):
            torch.testing.assert_close(mine, wanted, atol=1e-4, rtol=1e-4)


def test_kernels_and_plain_torch_agree() -> None:
    code = f"from {compare.__module__} import compare; compare()"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
