"""Trains the tagger on the CPU."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

from .measure import Quality, measure
from .model import Shape, Tagger
from .prepare import DOMAINS, load
from .progress import bar
from .windows import IGNORED, Batch, Windows


class Recipe(NamedTuple):
    """`words` are seen in all; the learning rate warms up, then falls to nothing as a cosine."""

    words: int = 6_000_000
    batch_words: int = 4096
    rate: float = 3e-3
    warm_steps: int = 200
    decay: float = 0.02
    seed: int = 0


SHARES = {"novels": 0.4, "tatoeba": 0.35, "modern": 0.25}
REPORT_STEPS = 100


def train(work: Path, shape: Shape, recipe: Recipe) -> Tagger:
    """Writes `tagger.pt` (weights only), and prints what is lost on the way."""
    torch.manual_seed(recipe.seed)
    windows = Windows({d: load(work, d, "train") for d in DOMAINS}, SHARES, recipe.seed)
    tagger = Tagger(shape)
    optimiser = torch.optim.AdamW(
        tagger.parameters(), recipe.rate, (0.9, 0.98), weight_decay=recipe.decay
    )
    steps = recipe.words // recipe.batch_words
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        recipe.rate,
        total_steps=steps,
        pct_start=min(0.3, recipe.warm_steps / steps),
        cycle_momentum=False,
    )
    losses: list[float] = []
    with bar() as progress:
        for step, batch in zip(
            progress.track(range(1, steps + 1), description="train"),
            windows.batches(recipe.batch_words),
            strict=False,
        ):
            optimiser.zero_grad()
            loss = loss_of(tagger, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tagger.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if step % REPORT_STEPS == 0:
                print(f"step {step} of {steps}: loss {sum(losses) / len(losses):.4f}", flush=True)
                losses.clear()
    torch.save(tagger.state_dict(), work / "tagger.pt")
    return tagger


def loss_of(tagger: Tagger, batch: Batch) -> torch.Tensor:
    """Nats a word: of the mark and of the case."""
    ids, habits, marks, cases = map(torch.from_numpy, batch)
    mark_scores, case_scores = tagger(ids, habits)
    mark_loss = functional.nll_loss(
        mark_scores.flatten(0, 1), marks.flatten(), ignore_index=IGNORED
    )
    case_loss = functional.nll_loss(
        case_scores.flatten(0, 1), cases.flatten(), ignore_index=IGNORED
    )
    return mark_loss + case_loss


def held_quality(work: Path, tagger: Tagger, recipe: Recipe) -> dict[str, Quality]:
    """Of each domain's held-out text, in segments drawn as for training."""
    found = {}
    for domain in DOMAINS:
        windows = Windows({domain: load(work, domain, "held")}, {domain: 1.0}, recipe.seed)
        batches = [windows.batch(length, 16_384 // length) for length in (8, 16, 32, 64)]
        found[domain] = measure(tagger, batches)
    return found
