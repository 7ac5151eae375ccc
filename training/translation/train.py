"""The training loop: steps captured as CUDA graphs, data on the device, nothing waits for the
host but CTC, and before that the next batch is queued."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import nn

from training.captions.checkpoint import State, load_checkpoint, save_checkpoint
from training.captions.parallel import Group, share_of_environment
from training.captions.progress import Clock, Curve

from .batches import Bank, Batch, Epochs, draw, make_buckets
from .capture import Narrow, Step, capture_steps
from .examples import Examples
from .model import Shaped
from .packed import Array, Packed, Ragged
from .recipe import Job, Recipe
from .tasks import Task

HELD_TOKENS = 8000
#: A machine that is taken away costs the steps since the last checkpoint.
FIRST_SAVE, SAVE_EVERY = 500, 1000


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is held out; texts and targets of each."""

    packed: Packed
    examples: Examples
    held: Packed
    held_examples: Examples


class Trainer:
    """Holds the network, its average, the data on the device and the draw of batches."""

    def __init__(self, net: Shaped, task: Task, recipe: Recipe, job: Job, data: Data) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.job, self.device = recipe, job, job.device
        self.share = share_of_environment()
        self.net, self.task = net.to(self.device), task
        self.buckets = make_buckets(recipe.tokens)
        self._data = data
        self._packed = data.packed
        self.bank = Bank(sources_of(data.packed), data.packed.targets, self.device)
        self.step, self.start, self._epoch = 0, 0.0, 0
        if job.resume is not None:
            self._resume(job)
        self.epochs = self._epochs(data.packed, data.examples, recipe.seed + self.step)
        self.epochs.epoch = self._epoch
        self._learned = [p for p in self.net.parameters() if p.requires_grad]
        self._live = [p.detach() for p in self._learned]
        self.average = [p.clone() for p in self._live]
        self.curve = Curve(job.out / "curve.jsonl", unit="pieces")

    def _epochs(self, packed: Packed, examples: Examples, seed: int) -> Epochs:
        texts = (packed.texts, packed.bare)
        return Epochs(examples, texts, self.buckets, seed, self.recipe.bare, self.share)

    def _resume(self, job: Job) -> None:
        assert job.resume is not None
        weights, state = load_checkpoint(job.resume)
        self.net.load_state_dict(weights)
        # what was seen before must not come again in the same order: the step is in the seed
        self.step, self._epoch = state.step, state.epoch
        self.start = 0.0 if job.restart else state.progress

    def run(self, steps: list[Step] | None = None) -> None:
        """Trains until the job's end and leaves a checkpoint of the averaged weights. Who has
        captured the task's steps before gives them."""
        began = time.monotonic()
        self.net.train()
        steps = steps or capture_steps(self.task.step, self.buckets, self.job)
        self.group = Group(self.share, self._learned)
        torch.manual_seed(self.recipe.seed + self.step + self.share.rank)
        clock = Clock(self.job, began, self.start, self.group)
        optimiser = torch.optim.AdamW(
            self._learned,
            lr=0.0,
            betas=(0.9, 0.98),
            weight_decay=self.recipe.weight_decay,
            fused=self.device.type == "cuda",
        )
        self._loop(steps, optimiser, clock)
        if self.share.rank == 0:
            self.save(min(clock.progress, 1.0))
            self.curve.write_held(self.step, self.measure())
        self.group.close()

    def _loop(self, steps: list[Step], optimiser: torch.optim.Optimizer, clock: Clock) -> None:
        first = self.step
        with ThreadPoolExecutor(1) as ahead:
            batches = self._batches(ahead)
            batch = next(batches)
            while not clock.over(self.step):
                self.step += 1
                # a fresh optimiser needs a warm-up of its own
                warm = min(self.step, 4 * (self.step - first))
                rate = self.recipe.rate(warm, clock.progress)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                outputs = steps[batch.bucket](
                    batch.source, batch.length, batch.shifted, batch.target
                )
                # CTC makes the host wait for the device, so the next batch is queued before it
                upcoming = next(batches)
                parts = self.task.parts(outputs, batch)
                optimiser.zero_grad(set_to_none=True)
                parts["total"].backward()
                self.group.average_gradients()
                nn.utils.clip_grad_norm_(self._learned, self.recipe.clip)
                optimiser.step()
                self._follow()
                if self.share.rank == 0:
                    self.curve.add(parts, sum(batch.target_lengths) * self.share.world)
                    self._note(rate, clock.progress)
                batch = upcoming

    def _note(self, rate: float, progress: float) -> None:
        if self.step % self.job.every == 0:
            self.curve.write(self.step, self.epochs.epoch, rate, progress)
        if self.step == FIRST_SAVE or self.step % SAVE_EVERY == 0:
            self.save(progress)
        if self.step % self.job.measure_every == 0:
            self.curve.write_held(self.step, self.measure())

    def _batches(self, ahead: ThreadPoolExecutor) -> Iterator[Batch]:
        """The next epoch is laid out while this one is learned."""
        waiting = ahead.submit(self._plan)
        while True:
            plan = waiting.result()
            waiting = ahead.submit(self._plan)
            for bucket, table in plan:
                yield draw(self.bank, self.buckets, bucket, table)

    def _plan(self) -> Sequence[tuple[int, Array]]:
        return list(self.epochs.next_epoch())

    def _follow(self) -> None:
        share = max(1 - self.recipe.average, 1 / (1 + self.step / 10))
        torch._foreach_lerp_(self.average, self._live, share)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the network holds the averaged weights, in place: graphs keep addresses."""
        own = [p.clone() for p in self._live]
        torch._foreach_copy_(self._live, self.average)
        try:
            yield
        finally:
            torch._foreach_copy_(self._live, own)

    def save(self, progress: float) -> None:
        with self.averaged():
            weights = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        recipe = {k: float(v) for k, v in asdict(self.recipe).items()}
        state = State(self.net.shape.as_dict(), self.step, self.epochs.epoch, progress, recipe)
        save_checkpoint(self.job.out, weights, state)

    def measure(self) -> dict[str, float]:
        """Losses on the held-out pairs, averaged weights, no dropout; whole pairs as written."""
        held = self._data.held
        bank = Bank(sources_of(held), held.targets, self.device)
        buckets = make_buckets(HELD_TOKENS)
        alone = Epochs(self._data.held_examples, (held.texts, held.bare), buckets, 0, 0.0)
        step = Narrow(self.task.step, self.device)
        sums: dict[str, float] = {}
        pieces = 0
        self.net.eval()
        with self.averaged(), torch.no_grad():
            for bucket, table in alone.next_epoch():
                batch = draw(bank, buckets, bucket, table)
                inputs = (batch.source, batch.length, batch.shifted, batch.target)
                weight = sum(batch.target_lengths) + len(batch.target_lengths)
                for name, part in self.task.parts(step(*inputs), batch).items():
                    sums[name] = sums.get(name, 0.0) + float(part) * weight
                pieces += weight
        self.net.train()
        return {name: total / max(pieces, 1) for name, total in sums.items()}


def sources_of(packed: Packed) -> Ragged:
    """Texts as written, then the same as a recogniser writes them."""
    return packed.texts.joined(packed.bare)
