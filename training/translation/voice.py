"""One network's part in a search: what it remembers of the sources and of the hypotheses."""

import torch
from torch import Tensor

from .layers import length_bias
from .model import Translator
from .past import Past
from .pieces import BEGIN, BLANK, END, MASK, UNKNOWN

#: Pieces that no translation holds.
FORBIDDEN = [BLANK, BEGIN, UNKNOWN, *range(END + 2, MASK + 1)]


class Voice:
    """Of B sources, K hypotheses each, at most `limit` pieces long."""

    def __init__(
        self, net: Translator, source: Tensor, length: Tensor, beam: int, limit: int
    ) -> None:
        self.net = net
        self.keys_values = net.decoder.remember(net.encode(source, length))
        self.memory_bias = length_bias(length, source.shape[1])
        self.past = Past(net.shape, len(length), beam, limit, self.keys_values)
        self.forbidden = torch.tensor(FORBIDDEN, device=source.device)

    def log_probs(self, tokens: Tensor, at: int) -> Tensor:
        """Of the piece after place `at`, whose `tokens` are [B, K]; [B, K, pieces]."""
        net = self.net
        x = net.embed(tokens)
        states = net.decoder.search(x, at, self.keys_values, self.memory_bias, self.past)
        logits = (states @ net.table.T).float()
        logits.index_fill_(2, self.forbidden, -torch.inf)
        return logits.log_softmax(-1)

    def follow(self, parent: Tensor) -> None:
        """Hypothesis k of row b goes on from its `parent[b, k]`."""
        self.past.follow(parent)

    def keep(self, rows: Tensor) -> None:
        """Goes on with these rows alone."""
        self.past.keep(rows)
        self.keys_values = self.keys_values[:, rows]
        self.memory_bias = self.memory_bias[rows]
