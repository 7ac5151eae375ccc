"""A small neural language model that rescores the finals' n-best lists.

A causal transformer over word pieces. A stream of novels is cut at random places and each cut
starts with the sentence mark, because captions' segments seldom start where sentences do.
"""

import json
import lzma
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

MARK = 0
PIECES = 4096


@dataclass(frozen=True)
class LmShape:
    width: int = 256
    layers: int = 4
    heads: int = 4
    feedforward: int = 1024
    pieces: int = PIECES


@dataclass(frozen=True)
class LmRecipe:
    peak_rate: float = 2e-3
    warm_steps: int = 200
    rows: int = 256
    length: int = 192
    dropout: float = 0.0
    weight_decay: float = 0.05
    seed: int = 0


class LmBlock(nn.Module):
    def __init__(self, shape: LmShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm = nn.LayerNorm(shape.width)
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.inner_norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.feedforward)
        self.down = nn.Linear(shape.feedforward, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in self.project(self.norm(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.down(F.gelu(self.up(self.inner_norm(x))))
        return out


class NeuralLm(nn.Module):
    """Piece ids [B, T] to next-piece logits [B, T, pieces]; input and output share a table."""

    def __init__(self, shape: LmShape, longest: int = 192) -> None:
        super().__init__()
        self.shape = shape
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.places = nn.Embedding(longest, shape.width)
        self.blocks = nn.ModuleList(LmBlock(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        nn.init.normal_(self.pieces.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.pieces(ids) + self.places(places)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.pieces.weight)


def train_pieces(text: Path, model: Path, sentences: int = 300_000) -> None:
    """A unigram SentencePiece model; MARK is the sentence mark and stands for unknown too."""
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(model.with_suffix("")),
        vocab_size=PIECES,
        model_type="unigram",
        character_coverage=1.0,
        input_sentence_size=sentences,
        shuffle_input_sentence=True,
        unk_id=MARK,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        normalization_rule_name="identity",
        num_threads=2,
        minloglevel=1,
    )


def encode_text(text: Path, model: Path, out: Path) -> int:
    """All sentences as uint16 pieces, each closed by MARK, compressed; returns how many."""
    encoder = sentencepiece.SentencePieceProcessor(model_file=str(model))
    total = 0
    with lzma.open(out, "wb", preset=1) as file, text.open(encoding="ascii") as lines:
        batch: list[str] = []
        for line in lines:
            batch.append(line.rstrip("\n"))
            if len(batch) == 20000:
                total += _write_pieces(file, encoder, batch)
                batch = []
        total += _write_pieces(file, encoder, batch)
    return total


def _write_pieces(
    file: lzma.LZMAFile, encoder: sentencepiece.SentencePieceProcessor, batch: list[str]
) -> int:
    pieces = [piece for ids in encoder.encode(batch) for piece in (*ids, MARK)]
    file.write(np.asarray(pieces, dtype="<u2").tobytes())
    return len(pieces)


def train_lm(
    encoded: Path, out: Path, device: torch.device, seconds: float, recipe: LmRecipe
) -> None:
    """Trains for `seconds`, then writes weights in half precision and a report."""
    torch.manual_seed(recipe.seed)
    began = time.monotonic()
    with lzma.open(encoded) as file:
        stream = torch.from_numpy(np.frombuffer(file.read(), dtype="<u2").astype(np.int32))
    stream = stream.to(device)
    held, stream = stream[:200_000], stream[200_000:]
    net = NeuralLm(LmShape(), recipe.length).to(device)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=0.0, betas=(0.9, 0.95), weight_decay=recipe.weight_decay
    )
    first = time.monotonic()
    step, losses = 0, []
    while (share := (time.monotonic() - first) / max(seconds - (first - began), 1)) < 1:
        step += 1
        rate = recipe.peak_rate * min(step / recipe.warm_steps, 1) * (1 - share * 0.98)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = _lm_loss(net, _cuts(stream, recipe, device), device)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.detach())
        if step % 200 == 0:
            mean = torch.stack(losses[-200:]).mean().item()
            print(
                json.dumps(
                    {
                        "lm_step": step,
                        "seconds": round(time.monotonic() - began, 1),
                        "loss": round(mean, 4),
                    }
                ),
                flush=True,
            )
    _report(net, held, out, recipe, step, device)


def _report(
    net: NeuralLm, held: Tensor, out: Path, recipe: LmRecipe, step: int, device: torch.device
) -> None:
    rows = len(held) // recipe.length
    cuts = held[: rows * recipe.length].view(rows, recipe.length).long()
    with torch.no_grad():
        losses = [_lm_loss(net, part, device).item() for part in cuts.split(64)]
    entry = {"lm_step": step, "held_nats_a_piece": round(float(np.mean(losses)), 4)}
    print(json.dumps(entry), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "lm.json").write_text(json.dumps(asdict(recipe) | entry, indent=1) + "\n")
    from safetensors.torch import save_file

    small = {k: v.detach().half().cpu().contiguous() for k, v in net.state_dict().items()}
    save_file(small, out / "lm.safetensors")


def _cuts(stream: Tensor, recipe: LmRecipe, device: torch.device) -> Tensor:
    start = torch.randint(0, len(stream) - recipe.length, (recipe.rows, 1), device=device)
    cuts = stream[start + torch.arange(recipe.length, device=device)].long()
    cuts[:, 0] = MARK
    return cuts


def _lm_loss(net: NeuralLm, cuts: Tensor, device: torch.device) -> Tensor:
    with torch.autocast(device.type, torch.bfloat16):
        logits = net(cuts[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1).float(), cuts[:, 1:].flatten())


class Rescorer:
    """Natural-log probabilities of word sequences."""

    def __init__(self, net: NeuralLm, model: Path) -> None:
        self._net = net.eval()
        self._encoder = sentencepiece.SentencePieceProcessor(model_file=str(model))

    def score(self, texts: list[str], closed: bool = False) -> npt.NDArray[np.float64]:
        """One number a text; `closed` adds the sentence mark at the end."""
        rows = [[MARK, *ids, *([MARK] if closed else [])] for ids in self._encoder.encode(texts)]
        rows = [r[: self._net.places.num_embeddings] for r in rows]
        batch = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for i, row in enumerate(rows):
            batch[i, : len(row)] = torch.tensor(row)
        with torch.no_grad():
            logs = self._net(batch[:, :-1]).log_softmax(-1)
        picked = logs.gather(2, batch[:, 1:, None])[..., 0]
        real = torch.arange(picked.shape[1])[None] < torch.tensor([[len(r) - 1] for r in rows])
        return torch.where(real, picked, 0.0).sum(1).double().numpy()

    def perplexity(self, texts: list[str]) -> float:
        """A word's, open ends."""
        words = sum(len(t.split()) for t in texts)
        return math.exp(-sum(float(self.score([t])[0]) for t in texts) / words)
