"""Forward and backward as CUDA graphs, one for each shape of a batch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from .batches import Bucket
from .layers import DecoderBlock, EncoderBlock
from .pieces import END
from .recipe import Job

Step = Callable[..., tuple[Tensor, ...]]


class Narrow(nn.Module):
    """A step in bfloat16 where there is a GPU; a module of its own for each captured shape."""

    def __init__(self, step: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.step = step
        self._kind = device.type

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        on = self._kind == "cuda"
        with torch.autocast(self._kind, torch.bfloat16, enabled=on, cache_enabled=False):
            return tuple(self.step(*inputs))


@contextmanager
def compiled(step: nn.Module, on: bool) -> Iterator[None]:
    """Within, the network's blocks run fused by torch.compile, one code for all shapes."""
    blocks = [m for m in step.modules() if isinstance(m, EncoderBlock | DecoderBlock)]
    if on:
        torch._dynamo.config.recompile_limit = 64
        torch._dynamo.config.suppress_errors = True
        for block in blocks:
            block.compile(dynamic=True)
    try:
        yield
    finally:
        for block in blocks:
            block._compiled_call_impl = None


def capture_steps(step: nn.Module, buckets: Sequence[Bucket], job: Job) -> list[Step]:
    """A function for each bucket of source, length, shifted and target; on a GPU a captured
    graph."""
    device = job.device
    if device.type != "cuda" or not job.capture:
        return [Narrow(step, device) for _ in buckets]
    began = time.monotonic()
    pool = torch.cuda.graph_pool_handle()
    steps: dict[int, Step] = {}
    # the longest first: the later ones find room in its memory
    for number in reversed(range(len(buckets))):
        try:
            with compiled(step, job.fuse):
                steps[number] = _capture(step, buckets[number], device, pool)
        except Exception as error:  # a compiler's errors have no common type
            if not job.fuse:
                raise
            print(f"not fused: {type(error).__name__}: {str(error)[:500]}", flush=True)
            return capture_steps(step, buckets, replace(job, fuse=False))
        took = time.monotonic() - began
        print(f"bucket {number} {buckets[number]} captured, {took:.1f} s", flush=True)
    return [steps[i] for i in range(len(buckets))]


def _capture(step: nn.Module, bucket: Bucket, device: torch.device, pool: tuple[int, int]) -> Step:
    tokens = torch.full((bucket.rows, bucket.size), END, device=device)
    length = torch.full((bucket.rows,), bucket.size, device=device)
    graphed: Step = torch.cuda.make_graphed_callables(  # type: ignore[call-overload]
        Narrow(step, device),
        (tokens, length, tokens.clone(), tokens.clone()),
        num_warmup_iters=3,
        allow_unused_input=True,
        pool=pool,
    )
    return graphed
