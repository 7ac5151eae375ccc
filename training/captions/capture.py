"""The network's forward and backward as CUDA graphs, one for each shape of a batch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .batches import Bucket
from .model import FRAME_MELS, Recogniser


@contextmanager
def compiled(net: Recogniser, on: bool) -> Iterator[None]:
    """Within, the network's blocks run fused by torch.compile, one code for all shapes."""
    if on:
        torch._dynamo.config.recompile_limit = 64
        for block in net.blocks:
            block.compile(dynamic=True)
    try:
        yield
    finally:
        for block in net.blocks:
            block._compiled_call_impl = None


class Forward(nn.Module):
    """The network in bfloat16; a module of its own for each captured shape."""

    def __init__(self, net: Recogniser, device: torch.device) -> None:
        super().__init__()
        self.net = net
        self._kind = device.type

    def forward(self, features: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(self._kind, torch.bfloat16, cache_enabled=False):
            return tuple(self.net(features, bias))


Step = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def capture_steps(
    net: Recogniser, buckets: Sequence[Bucket], device: torch.device, fuse: bool
) -> list[Step]:
    """A function for each bucket; on a GPU a captured graph."""
    if device.type != "cuda":
        return [Forward(net, device) for _ in buckets]
    began = time.monotonic()
    pool = torch.cuda.graph_pool_handle()
    steps: dict[int, Step] = {}
    # the longest first: the later ones find room in its memory
    for number in reversed(range(len(buckets))):
        try:
            with compiled(net, fuse):
                steps[number] = _capture(net, buckets[number], device, pool)
        except Exception as error:  # a compiler's errors have no common type
            if not fuse:
                raise
            print(f"not fused: {type(error).__name__}: {str(error)[:500]}", flush=True)
            return capture_steps(net, buckets, device, fuse=False)
        took = time.monotonic() - began
        print(f"bucket {number} {buckets[number]} captured, {took:.1f} s", flush=True)
    return [steps[i] for i in range(len(buckets))]


def _capture(net: Recogniser, bucket: Bucket, device: torch.device, pool: tuple[int, int]) -> Step:
    frames = bucket.frames // FRAME_MELS
    features = torch.randn(bucket.rows, bucket.frames, 80, device=device)
    bias = torch.zeros(bucket.rows, 1, frames, frames, dtype=torch.bfloat16, device=device)
    graphed: Step = torch.cuda.make_graphed_callables(  # type: ignore[call-overload]
        Forward(net, device), (features, bias), num_warmup_iters=3, pool=pool
    )
    return graphed
