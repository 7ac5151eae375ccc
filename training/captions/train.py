"""The training loop: one GPU, steps captured as CUDA graphs, nothing waits for the host.

Each batch holds every recording twice, varied differently and heard in other chunks; both must
be recognised and must agree (losses.py). Short and clean speech comes first, else CTC stays on
the plateau where it says blank only.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .audio import Samples
from .augment import WaveBank, mask_mels, tone_mels, vary_waves, warp_mels
from .batches import Batch, Bucket, Epochs, frames_at, make_buckets
from .checkpoint import State, load_checkpoint, save_checkpoint
from .corpus import Utterance
from .features import HOP, RATE_HZ, LogMel
from .losses import Parts, Targets, total_loss
from .model import FRAME_MELS, Logits, Recogniser, Shape, chunk_bias
from .parallel import Group, share_of_environment
from .phones import CHARACTER_TOKENS

#: A chunk that holds any recording: attention sees everything.
WHOLE = 100_000
CHUNKS = (WHOLE, WHOLE, 4, 8, 8, 16)
LEFTS = (64, 96, 96, 128)
_CHARACTER_IDS = {c: i for i, c in enumerate(CHARACTER_TOKENS)}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights but the data; `batch_s` counts both views."""

    peak_rate: float = 8e-4
    floor: float = 0.01
    warm_steps: int = 2000
    short_steps: int = 800
    plain_steps: int = 1000
    agree_steps: int = 2000
    weight_decay: float = 0.03
    dropout: float = 0.15
    batch_s: float = 400.0
    mask_strength: float = 2.5
    clip: float = 1.0
    average: float = 0.9995
    seed: int = 0

    def rate(self, step: int, progress: float) -> float:
        """Linear warm-up, then a cosine over the whole of training down to `floor`."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return (
            self.peak_rate
            * min(step / self.warm_steps, 1.0)
            * (cosine * (1 - self.floor) + self.floor)
        )


@dataclass(frozen=True)
class Job:
    """One run on one machine. It ends after `steps` of the whole training, or when `seconds` of
    this run are over, whichever is given; `resume` is a checkpoint to go on from."""

    out: Path
    device: torch.device
    seconds: float | None = None
    steps: int | None = None
    resume: Path | None = None
    fuse: bool = True
    every: int = 500
    measure_every: int = 4000


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


@dataclass(frozen=True)
class Drawn:
    """A batch on the device. Rows b and b + B/2 are two views of one recording.

    features [B, mel frames, MELS] normalised, bias [B, 1, frames, frames], frames [B] on the
    device and `lengths`, the same, on the host; rows [B] index the training recordings.
    """

    batch: Batch
    features: Tensor
    bias: Tensor
    frames: Tensor
    lengths: list[int]
    rows: Tensor


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
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.job, self.device = recipe, job, job.device
        self.share = share_of_environment()
        self._random = random.Random(recipe.seed)
        train = [i for i, u in enumerate(utterances) if u.fold == "train" and u.phones]
        held = [i for i, u in enumerate(utterances) if u.fold == "held" and u.phones]
        self.bank = WaveBank([waves[i] for i in train], self.device)
        self.noise = WaveBank(noise, self.device)
        self.held = [(waves[i], utterances[i]) for i in held]
        self.phones = Targets([list(utterances[i].phones or ()) for i in train], self.device)
        spelt = [[_CHARACTER_IDS[c] for c in utterances[i].words] for i in train]
        self.characters = Targets(spelt, self.device)
        self.buckets = make_buckets(recipe.batch_s / 2)
        self._samples = [len(waves[i]) for i in train]
        self.epochs = Epochs(self._samples, self.buckets, recipe.seed, self.share)
        self.mels = LogMel().to(self.device)
        self.net = Recogniser(shape, recipe.dropout).to(self.device)
        self._normalise_features()
        self.step, self.start = 0, 0.0
        if job.resume is not None:
            self._resume(job.resume)
        self._live = [p.detach() for p in self.net.parameters()]
        self.average = [p.clone() for p in self._live]
        self.curve = Curve(job.out / "curve.jsonl")

    def _normalise_features(self) -> None:
        chosen = self._random.sample(range(len(self._samples)), min(400, len(self._samples)))
        ones = torch.ones(1, device=self.device)
        frames = []
        for row in chosen:
            index = torch.tensor([row], device=self.device)
            frames.append(self.mels(self.bank.read(index, ones, self._samples[row]))[0])
        joined = torch.cat(frames)
        self.net.mean.copy_(joined.mean(0))
        self.net.scale.copy_(1 / joined.std(0))

    def _resume(self, folder: Path) -> None:
        weights, state = load_checkpoint(folder)
        self.net.load_state_dict(weights)
        self.step, self.start = state.step, state.progress
        # what was seen before must not come again in the same order
        seed = self.recipe.seed + state.step
        self.epochs = Epochs(self._samples, self.buckets, seed, self.share)
        self.epochs.epoch = state.epoch

    def draw(self, batch: Batch) -> Drawn:
        """The batch twice over, each view varied in its own way."""
        bucket = self.buckets[batch.bucket]
        rows = self._moved(batch.rows * 2)
        speeds = self._moved(batch.speeds * 2)
        plain = self.step <= self.recipe.plain_steps
        waves = self.bank.read(rows, speeds, bucket.frames * HOP)
        if not plain:
            waves = vary_waves(waves, self.noise, self.bank)
        mels = self.mels(waves)
        if not plain:
            mels = tone_mels(warp_mels(mels))
        features = self.net.normalise(mels)
        if not plain:
            features = mask_mels(features, self.recipe.mask_strength)
        lengths = [
            -(-frames_at(self._samples[r], s) // FRAME_MELS)
            for r, s in zip(batch.rows, batch.speeds, strict=True)
        ] * 2
        frames = self._moved(lengths)
        horizons = self._horizons(len(lengths), plain)
        bias = chunk_bias(frames, bucket.frames // FRAME_MELS, *horizons).to(torch.bfloat16)
        return Drawn(batch, features, bias, frames, lengths, rows)

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
        rows = list(drawn.batch.rows) * 2
        ready = (self.step - self.recipe.plain_steps) / self.recipe.agree_steps
        return total_loss(
            logits,
            self.phones.of(rows, drawn.rows),
            self.characters.of(rows, drawn.rows),
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
            self.save(min(clock.progress, 1.0))
            for chunk in (4, 8, 16, WHOLE):
                self.curve.write_error(self.step, self.measure(chunk), chunk)
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
        self.curve.add(parts)
        if self.step % self.job.every == 0:
            self.curve.write(self.step, self.epochs.epoch, rate, progress)
        if self.step % self.job.measure_every == 0:
            self.save(progress)
            self.curve.write_error(self.step, self.measure(8))

    def _batches(self) -> Iterator[Batch]:
        while True:
            early = self.step < self.recipe.short_steps
            yield from self.epochs.next_epoch(576 if early else None)

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

    def save(self, progress: float) -> None:
        with self.averaged():
            weights = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        recipe = {k: float(v) for k, v in asdict(self.recipe).items()}
        state = State(self.net.shape.as_dict(), self.step, self.epochs.epoch, progress, recipe)
        save_checkpoint(self.job.out, weights, state)

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


class Clock:
    """How far this job has come on the whole training's curve; the same in all processes.

    `progress` is looked at every `LOOK` steps, since processes have to agree on it.
    """

    LOOK = 25

    def __init__(self, job: Job, began: float, start: float, group: Group) -> None:
        self._job, self._start, self._group = job, start, group
        self._left_s = None if job.seconds is None else job.seconds - (time.monotonic() - began)
        self._began = time.monotonic()
        self._looks = 0
        self.progress = start

    def over(self, step: int) -> bool:
        """To be called once a step."""
        if self._job.steps is not None:
            self.progress = step / self._job.steps
        elif self._looks % self.LOOK == 0:
            self.progress = self._group.agreed(self._share())
        self._looks += 1
        return self.progress >= 1.0

    def _share(self) -> float:
        assert self._left_s is not None
        share = (time.monotonic() - self._began) / max(self._left_s, 1e-9)
        return self._start + (1 - self._start) * share


class Curve:
    """The learning curve, a line of JSON each time; sums stay on the device until then."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._sums: list[Tensor] = []
        self._began = self._since = time.monotonic()

    def add(self, parts: Parts) -> None:
        self._sums.append(torch.stack([p.detach() for p in parts]))

    def write(self, step: int, epoch: int, rate: float, progress: float) -> None:
        means = torch.stack(self._sums).mean(0).tolist()
        now = time.monotonic()
        self._append(
            step=step,
            epoch=epoch,
            seconds=round(now - self._began, 1),
            rate=round(rate, 7),
            progress=round(progress, 4),
            step_ms=round((now - self._since) / len(self._sums) * 1000, 1),
            **{name: round(v, 4) for name, v in zip(Parts._fields, means, strict=True)},
        )
        self._sums, self._since = [], now

    def write_error(self, step: int, phone_error: float, chunk: int = 8) -> None:
        self._append(step=step, chunk=chunk, held_phone_error=round(phone_error, 4))
        self._since = time.monotonic()

    def _append(self, **entry: float) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")


def best_phones(
    net: Recogniser, mels: LogMel, waves: Sequence[Samples], chunk: int, left: int
) -> list[list[int]]:
    """Greedy phones of some recordings, heard in chunks of `chunk` frames."""
    found = whole_logits(net, mels, waves, chunk, left)
    return [collapse(logits.phones.argmax(-1).cpu().numpy()) for logits in found]


def whole_logits(
    net: Recogniser, mels: LogMel, waves: Sequence[Samples], chunk: int, left: int
) -> list[Logits]:
    """Logits [frames, classes] of each recording; the mask stands for streaming in chunks."""
    device = net.mean.device
    unit = HOP * FRAME_MELS
    longest = -(-max(len(w) for w in waves) // (8 * unit)) * 8
    batch = torch.zeros(len(waves), longest * unit, device=device)
    for row, wave in enumerate(waves):
        batch[row, : len(wave)] = torch.from_numpy(wave).to(device).float() / 32768
    frames = [-(-(len(w) // HOP) // FRAME_MELS) for w in waves]
    lengths = torch.tensor(frames, device=device)
    bias = chunk_bias(
        lengths, longest, torch.full_like(lengths, chunk), torch.full_like(lengths, left)
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        kind = torch.bfloat16 if device.type == "cuda" else torch.float32
        logits = net(net.normalise(mels(batch)), bias.to(kind))
    return [Logits(*(x[row, :n] for x in logits)) for row, n in enumerate(frames)]


def collapse(classes: npt.NDArray[np.int64]) -> list[int]:
    """CTC: repeats merged, blanks dropped."""
    if not len(classes):
        return []
    fresh = np.concatenate([[True], classes[1:] != classes[:-1]])
    return [int(c) for c in classes[fresh] if c != 0]


def edit_distance(reference: Sequence[int], found: Sequence[int]) -> int:
    """Levenshtein distance, a row of the table at a time."""
    hypothesis = np.asarray(found, dtype=np.int64)
    place = np.arange(len(hypothesis) + 1)
    row = place.copy()
    for i, label in enumerate(reference, 1):
        change = np.minimum(row[:-1] + (hypothesis != label), row[1:] + 1)
        best = np.concatenate([[i], change])
        row = np.minimum.accumulate(best - place) + place
    return int(row[-1])


def seconds_of(waves: Sequence[Samples]) -> float:
    return sum(len(w) for w in waves) / RATE_HZ
