"""The training loop: one GPU, steps captured as CUDA graphs, nothing waits for the host.

Each batch holds every recording twice, varied differently and heard in other chunks; both must
be recognised and must agree (losses.py). Short and clean speech comes first, else CTC stays on
the plateau where it says blank only.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .audio import Samples
from .augment import WaveBank, mask_mels, tone_mels, vary_waves, warp_mels
from .batches import Batch, Epochs, frames_at, make_buckets
from .blocks import Shape
from .capture import Step, capture_steps
from .checkpoint import State, load_checkpoint, save_checkpoint
from .corpus import Utterance
from .editions import Stock, bind
from .features import HOP, LogMel
from .greedy import best_phones, edit_distance
from .losses import Labels, Parts, total_loss
from .model import FRAME_MELS, Logits, Recogniser, chunk_bias
from .parallel import Group, share_of_environment
from .progress import Clock, Curve
from .recipe import Job, Recipe
from .splice import Spliced

#: A chunk that holds any recording: attention sees everything.
WHOLE = 100_000
CHUNKS = (WHOLE, WHOLE, 4, 8, 8, 16)
LEFTS = (64, 96, 96, 128)


@dataclass(frozen=True)
class Drawn:
    """A batch on the device. Rows b and b + B/2 are two views of one recording.

    features [B, mel frames, MELS] normalised, bias [B, 1, frames, frames], frames [B] on the
    device and `lengths`, the same, on the host; labels are those of phones and of characters.
    """

    batch: Batch
    features: Tensor
    bias: Tensor
    frames: Tensor
    lengths: list[int]
    labels: tuple[Labels, Labels]


class Trainer:
    """Holds the network, its average, the data on the device and the draw of batches."""

    def __init__(
        self,
        shape: Shape,
        recipe: Recipe,
        job: Job,
        utterances: Sequence[Utterance],
        waves: Sequence[Samples],
        noise: Sequence[Samples],
        *,
        editions: Sequence[Path] = (),
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.job, self.device = recipe, job, job.device
        self.share = share_of_environment()
        self._random = random.Random(recipe.seed)
        train = [i for i, u in enumerate(utterances) if u.fold == "train" and u.phones]
        own = bind(
            [Spliced(waves[i], utterances[i].phones or [], utterances[i].words) for i in train]
        )
        held = [i for i, u in enumerate(utterances) if u.fold == "held" and u.phones]
        self.stock = Stock(own, editions, self.device)
        self.noise = WaveBank(noise, self.device)
        self.held = [(waves[i], utterances[i]) for i in held]
        self.buckets = make_buckets(recipe.batch_s / 2)
        self.epochs = Epochs(self.stock.samples, self.buckets, recipe.seed, self.share)
        self.mels = LogMel().to(self.device)
        self.net = Recogniser(shape, recipe.dropout, recipe.skip).to(self.device)
        self._normalise_features()
        self.step, self.start, self.fewest = 0, 0.0, math.inf
        if job.resume is not None:
            self._resume(job.resume, job.restart)
        self._live = [p.detach() for p in self.net.parameters()]
        self.average = [p.clone() for p in self._live]
        self.curve = Curve(job.out / "curve.jsonl")

    def _normalise_features(self) -> None:
        lengths = self.stock.samples
        chosen = self._random.sample(range(len(lengths)), min(400, len(lengths)))
        ones = torch.ones(1, device=self.device)
        frames = []
        for row in chosen:
            index = torch.tensor([row], device=self.device)
            frames.append(self.mels(self.stock.bank.read(index, ones, lengths[row]))[0])
        joined = torch.cat(frames)
        self.net.mean.copy_(joined.mean(0))
        self.net.scale.copy_(1 / joined.std(0))

    def _resume(self, folder: Path, restart: bool) -> None:
        weights, state = load_checkpoint(folder)
        self.net.load_state_dict(weights)
        self.step, self.start = state.step, 0.0 if restart else state.progress
        # what was seen before must not come again in the same order
        seed = self.recipe.seed + state.step
        self.epochs = Epochs(self.stock.samples, self.buckets, seed, self.share)
        self.epochs.epoch = state.epoch

    def draw(self, batch: Batch) -> Drawn:
        """The batch twice over, each view varied in its own way."""
        bucket = self.buckets[batch.bucket]
        rows = self._moved(batch.rows * 2)
        speeds = self._moved(batch.speeds * 2)
        plain = self.step <= self.recipe.plain_steps
        waves = self.stock.bank.read(rows, speeds, bucket.frames * HOP)
        if not plain:
            waves = vary_waves(waves, self.noise, self.stock.bank)
        mels = self.mels(waves)
        if not plain:
            mels = tone_mels(warp_mels(mels))
        features = self.net.normalise(mels)
        if not plain:
            features = mask_mels(features, self.recipe.mask_strength)
        lengths = [
            -(-frames_at(self.stock.samples[r], s) // FRAME_MELS)
            for r, s in zip(batch.rows, batch.speeds, strict=True)
        ] * 2
        frames = self._moved(lengths)
        horizons = self._horizons(len(lengths), plain)
        bias = chunk_bias(frames, bucket.frames // FRAME_MELS, *horizons).to(torch.bfloat16)
        numbers = list(batch.rows) * 2
        labels = self.stock.phones.of(numbers, rows), self.stock.characters.of(numbers, rows)
        return Drawn(batch, features, bias, frames, lengths, labels)

    def _moved(self, values: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
        """On the device; from pinned memory, so that the host need not wait for the device."""
        tensor = torch.tensor(values)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)

    def _horizons(self, rows: int, plain: bool) -> tuple[Tensor, Tensor]:
        """Chunk and past of each row; each view of a batch has its own."""
        half = rows // 2
        chunks, lefts = [], []
        for _ in range(2):
            chunks += [WHOLE if plain else self._random.choice(CHUNKS)] * half
            lefts += [self._random.choice(LEFTS)] * half
        tensors = self._moved([chunks, lefts])
        return tensors[0], tensors[1]

    def loss(self, logits: Logits, drawn: Drawn) -> Parts:
        ready = (self.step - self.recipe.plain_steps) / self.recipe.agree_steps
        return total_loss(
            logits,
            *drawn.labels,
            (drawn.frames, drawn.lengths),
            min(max(ready, 0.0), 1.0),
        )

    def run(self) -> None:
        """Trains until the job's end and leaves a checkpoint of the averaged weights."""
        began = time.monotonic()
        self.net.train()
        captured = [replace(b, rows=b.rows * 2) for b in self.buckets]
        steps = capture_steps(self.net, captured, self.device, self.job.fuse)
        self.group = Group(self.share, list(self.net.parameters()))
        torch.manual_seed(self.recipe.seed + self.step + self.share.rank)
        clock = Clock(self.job, began, self.start, self.group)
        optimiser = torch.optim.AdamW(
            self.net.parameters(),
            lr=0.0,
            betas=(0.9, 0.98),
            weight_decay=self.recipe.weight_decay,
            fused=self.device.type == "cuda",
        )
        self._loop(steps, optimiser, clock)
        if self.share.rank == 0:
            self._keep_best(min(clock.progress, 1.0))
            for chunk in (4, 16, WHOLE):
                self.curve.write_held(self.step, {"phone_error": self.measure(chunk)}, chunk=chunk)
        self.group.close()

    def _loop(self, steps: list[Step], optimiser: torch.optim.Optimizer, clock: Clock) -> None:
        first = self.step
        batches = self._batches()
        drawn = self.draw(next(batches))
        while not clock.over(self.step):
            self.step += 1
            # a fresh optimiser needs a warm-up of its own
            warm = min(self.step, 4 * (self.step - first))
            rate = self.recipe.rate(warm, clock.progress)
            for group in optimiser.param_groups:
                group["lr"] = rate
            logits = Logits(*steps[drawn.batch.bucket](drawn.features, drawn.bias))
            # CTC makes the host wait for the device, so the next batch is queued before it
            upcoming = self.draw(next(batches))
            parts = self.loss(logits, drawn)
            optimiser.zero_grad(set_to_none=True)
            parts.total.backward()
            self.group.average_gradients()
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
            optimiser.step()
            self._follow()
            drawn = upcoming
            if self.share.rank == 0:
                self._note(parts, rate, clock.progress)

    def _note(self, parts: Parts, rate: float, progress: float) -> None:
        self.curve.add(parts._asdict())
        if self.step % self.job.every == 0:
            self.curve.write(self.step, self.epochs.epoch, rate, progress)
        if self.step % self.job.measure_every == 0:
            self._keep_best(progress)

    def _keep_best(self, progress: float) -> None:
        """The newest weights, and those that err least on the held-out fold."""
        self.save(self.job.out, progress)
        errors = self.measure(8)
        if errors < self.fewest:
            self.fewest = errors
            self.save(self.job.best, progress)
        means = {"phone_error": errors, "fewest": self.fewest}
        self.curve.write_held(self.step, means, chunk=8)

    def _batches(self) -> Iterator[Batch]:
        while True:
            early = self.step < self.recipe.short_steps
            yield from self.epochs.next_epoch(576 if early else None)
            self.stock.turn(self.epochs.epoch)
            self.epochs.replace(self.stock.samples)

    def _follow(self) -> None:
        share = max(1 - self.recipe.average, 1 / (1 + self.step / 10))
        torch._foreach_lerp_(self.average, self._live, share)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the network holds the averaged weights, in place: graphs keep addresses."""
        own = [p.detach().clone() for p in self.net.parameters()]
        with torch.no_grad():
            torch._foreach_copy_(list(self.net.parameters()), self.average)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(self.net.parameters()), own)

    def save(self, folder: Path, progress: float) -> None:
        with self.averaged():
            weights = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        recipe = {k: float(v) for k, v in asdict(self.recipe).items()}
        state = State(self.net.shape.as_dict(), self.step, self.epochs.epoch, progress, recipe)
        save_checkpoint(folder, weights, state)

    def measure(self, chunk: int, left: int = 96) -> float:
        """Greedy phone error rate on the held-out recordings, averaged weights."""
        self.net.eval()
        wrong = total = 0
        order = sorted(range(len(self.held)), key=lambda i: len(self.held[i][0]))
        with self.averaged(), torch.no_grad():
            for at in range(0, len(order), 32):
                part = [self.held[i] for i in order[at : at + 32]]
                found = best_phones(self.net, self.mels, [w for w, _ in part], chunk, left)
                for ids, (_, utterance) in zip(found, part, strict=True):
                    reference = list(utterance.phones or ())
                    wrong += edit_distance(reference, ids)
                    total += len(reference)
        self.net.train()
        return wrong / max(total, 1)
