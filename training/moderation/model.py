"""The encoder: BERT's layers (Devlin et al., 2018), fewer of them, and a head with several labels.

Layers and names of weights are MiniLM's, so that its lower layers can be the start. Pieces and
positions have one embedding each; the segment's is folded into the pieces'.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .corpus import LABELS


@dataclass(frozen=True)
class Shape:
    """`positions` is the longest window in pieces, begin and end included."""

    pieces: int = 8192
    width: int = 384
    layers: int = 4
    heads: int = 12
    inner: int = 1536
    positions: int = 128
    dropout: float = 0.1

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


class Layer(nn.Module):
    """Self-attention and a feedforward, each with its norm after the sum."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query_key_value = nn.Linear(shape.width, 3 * shape.width)
        self.attended = nn.Linear(shape.width, shape.width)
        self.attended_norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B, T, width]; bias [B, 1, 1, T], 0 or very negative."""
        batch, length, width = x.shape
        split = (batch, length, 3, self.heads, width // self.heads)
        query, key, value = self.query_key_value(x).view(split).permute(2, 0, 3, 1, 4).unbind(0)
        if torch.onnx.is_in_onnx_export():
            weights = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads) + bias
            heads = weights.softmax(-1) @ value
        else:
            heads = functional.scaled_dot_product_attention(query, key, value, bias.to(query.dtype))
        heads = heads.transpose(1, 2).reshape(batch, length, width)
        x = self.attended_norm(x + self.dropout(self.attended(heads)))
        return self.norm(x + self.dropout(self.down(functional.gelu(self.up(x)))))


class Encoder(nn.Module):
    """Pieces [B, T] int64, 0 where a text is over -> logits [B, labels].

    The embeddings and the lowest `frozen` layers are not trained, -1 for none.
    """

    def __init__(self, shape: Shape, frozen: int = -1) -> None:
        super().__init__()
        self.shape, self.frozen = shape, frozen
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.head = nn.Linear(2 * shape.width, len(LABELS))

    def forward(self, pieces: Tensor) -> Tensor:
        there = pieces != 0
        bias = torch.where(there, 0.0, -1e4)[:, None, None, :]
        places = self.positions.weight[: pieces.shape[1]]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen < 0):
            x = self.dropout(self.norm(self.pieces(pieces) + places))
        for number, layer in enumerate(self.layers):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen):
                x = layer(x, bias.to(x.dtype))
        return self.head(self.dropout(pooled(x, there)))


def pooled(x: Tensor, there: Tensor) -> Tensor:
    """Mean and maximum over what is there: [B, 2 width]."""
    kept = there[:, :, None].to(x.dtype)
    mean = (x * kept).sum(1) / kept.sum(1)
    return torch.cat([mean, (x - 1e4 * (1 - kept)).amax(1)], 1)


def adopt_minilm(net: Encoder, weights: Mapping[str, Tensor]) -> None:
    """Embeddings and the lower layers of MiniLM, whose vocabulary is ours already."""
    prefix = "embeddings."
    with torch.no_grad():
        segment = weights[f"{prefix}token_type_embeddings.weight"][0]
        net.pieces.weight.copy_(weights[f"{prefix}word_embeddings.weight"] + segment)
        net.positions.weight.copy_(
            weights[f"{prefix}position_embeddings.weight"][: net.shape.positions]
        )
        _copy(net.norm, weights, f"{prefix}LayerNorm")
        for number, layer in enumerate(net.layers):
            assert isinstance(layer, Layer)
            _adopt_layer(layer, weights, f"encoder.layer.{number}.")


def _adopt_layer(layer: Layer, weights: Mapping[str, Tensor], prefix: str) -> None:
    parts = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
    layer.query_key_value.weight.copy_(torch.cat([weights[f"{part}.weight"] for part in parts]))
    layer.query_key_value.bias.copy_(torch.cat([weights[f"{part}.bias"] for part in parts]))
    _copy(layer.attended, weights, f"{prefix}attention.output.dense")
    _copy(layer.attended_norm, weights, f"{prefix}attention.output.LayerNorm")
    _copy(layer.up, weights, f"{prefix}intermediate.dense")
    _copy(layer.down, weights, f"{prefix}output.dense")
    _copy(layer.norm, weights, f"{prefix}output.LayerNorm")


def _copy(part: nn.Linear | nn.LayerNorm, weights: Mapping[str, Tensor], name: str) -> None:
    part.weight.copy_(weights[f"{name}.weight"])
    part.bias.copy_(weights[f"{name}.bias"])


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy over what is known, labels [B, labels] with nan for unknown.

    Summed over a text's labels and averaged over texts: a text that knows more teaches more.
    """
    known = ~labels.isnan()
    losses = functional.binary_cross_entropy_with_logits(
        logits.float(), labels.nan_to_num(0.0), reduction="none"
    )
    return (losses * known).sum(1).mean()
