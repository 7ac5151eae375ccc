"""Several processes, one GPU each, that train one network; started by torchrun, or just one."""

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from .batches import Share


def share_of_environment() -> Share:
    """As torchrun sets it; alone without it."""
    return Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


class Group:
    """What the processes tell each other. Create it after graphs are captured: a communicator
    that polls its work breaks a capture in its process."""

    def __init__(self, share: Share, parameters: Sequence[Tensor]) -> None:
        self.share = share
        self._parameters = list(parameters)
        if share.world == 1:
            return
        device = self._parameters[0].device
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self._talk = dist.new_group(backend="gloo")
        for parameter in self._parameters:
            dist.broadcast(parameter.data, 0)
        self._flat = torch.zeros(sum(p.numel() for p in self._parameters), device=device)
        self._views: list[Tensor] = []
        start = 0
        for parameter in self._parameters:
            self._views.append(self._flat[start : start + parameter.numel()].view_as(parameter))
            start += parameter.numel()

    def average_gradients(self) -> None:
        """Afterwards every process has the mean of all gradients."""
        if self.share.world == 1:
            return
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        torch._foreach_copy_(self._views, gradients)
        dist.all_reduce(self._flat)
        self._flat /= self.share.world
        for parameter, view in zip(self._parameters, self._views, strict=True):
            parameter.grad = view

    def agreed(self, value: float) -> float:
        """The first process's value."""
        if self.share.world == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(told, 0, group=self._talk)
        return float(told)

    def close(self) -> None:
        if self.share.world > 1:
            dist.destroy_process_group()
