"""Drafts and greedy decoding as CUDA graphs of fixed shapes; on a CPU the same steps, plainly."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .beam import ASK_EVERY
from .model import Translator
from .packed import Array
from .pieces import BEGIN, BLANK, END, Ids, collapse
from .voice import FORBIDDEN


def captured(steps: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Something that does `steps` again on the same tensors."""
    if device.type != "cuda":
        return steps
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            steps()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        steps()
    return graph.replay


class Sources:
    """Tensors of fixed shape that sources are laid into: `rows` of at most `size` pieces."""

    def __init__(self, net: Translator, rows: int, size: int) -> None:
        self.net, self.rows, self.size = net, rows, size
        self.device = net.table.device
        self.tokens = torch.full((rows, size), END, device=self.device)
        self.length = torch.full((rows,), size, device=self.device)

    def lay(self, sources: Sequence[Ids]) -> None:
        """[tag, pieces …, end] each; rows beyond them are left as short as can be."""
        tokens = np.full((self.rows, self.size), BLANK, np.int64)
        tokens[:, 0] = END
        for row, ids in enumerate(sources):
            tokens[row, : len(ids)] = ids
        lengths = [len(ids) for ids in sources]
        self.tokens.copy_(torch.from_numpy(tokens))
        self.length.copy_(torch.tensor(lengths + [1] * (self.rows - len(lengths))))


class Drafting(Sources):
    """Greedy CTC."""

    def __init__(self, net: Translator, rows: int, size: int) -> None:
        super().__init__(net, rows, size)
        self.best = torch.zeros(rows, size * net.shape.split, dtype=torch.long, device=self.device)
        with torch.inference_mode():
            self._run = captured(self._draft, self.device)

    def _draft(self) -> None:
        states = self.net.draft(self.net.encode(self.tokens, self.length), self.length).final
        best = (states @ self.net.table.T).argmax(-1)
        place = torch.arange(best.shape[1], device=self.device)
        seen = place < (self.length * self.net.shape.split)[:, None]
        self.best.copy_(torch.where(seen, best, BLANK))

    def __call__(self, sources: Sequence[Ids]) -> list[Ids]:
        with torch.inference_mode():
            self.lay(sources)
            self._run()
            frames = self.best[: len(sources)].cpu().numpy()
        return [collapse(row.tolist()) for row in _joined(frames)]


def _joined(frames: Array) -> list[Array]:
    """Rows without repeats and blanks but those that part two equal pieces."""
    new = np.ones(frames.shape, bool)
    new[:, 1:] = frames[:, 1:] != frames[:, :-1]
    return [row[kept] for row, kept in zip(frames, new, strict=True)]


class Greedy(Sources):
    """One piece a step with a cache of `limit` places; the host asks now and then for the end."""

    def __init__(self, net: Translator, rows: int, size: int, limit: int) -> None:
        super().__init__(net, rows, size)
        layers, width = net.shape.decoder_layers, net.shape.width
        self.limit = limit
        self.memory = net.table.new_zeros(layers, rows, size, 2 * width)
        self.past = net.table.new_zeros(layers, rows, limit, 2 * width)
        self.said = torch.zeros(rows, limit, dtype=torch.long, device=self.device)
        self.token = torch.full((rows, 1), BEGIN, device=self.device)
        self.at = torch.zeros(rows, dtype=torch.long, device=self.device)
        self.ended = torch.zeros(rows, dtype=torch.bool, device=self.device)
        self.forbidden = torch.tensor(FORBIDDEN, device=self.device)
        with torch.inference_mode():
            self._begin = captured(self._encode, self.device)
            self._go_on = captured(self._steps, self.device)

    def _encode(self) -> None:
        memory = self.net.encode(self.tokens, self.length)
        self.memory.copy_(self.net.decoder.remember(memory))
        self.token.fill_(BEGIN)
        for state in (self.at, self.said, self.ended):
            state.zero_()

    def _steps(self) -> None:
        for _ in range(ASK_EVERY):
            self._step()

    def _step(self) -> None:
        decoder, at = self.net.decoder, self.at[:1].clamp(max=self.limit - 1)
        x = self.net.embed(self.token)
        states, new = decoder.step(x, self.memory, self.length, self.past, self.at)
        self.past.index_copy_(2, at, new.to(self.past.dtype))
        logits = (states[:, 0] @ self.net.table.T).index_fill(1, self.forbidden, -torch.inf)
        best = logits.argmax(-1, keepdim=True)
        self.said.index_copy_(1, at, best)
        self.token.copy_(best)
        self.ended.logical_or_(best[:, 0] == END)
        self.at.add_(1)

    def __call__(self, sources: Sequence[Ids], steps: int | None = None) -> list[Ids]:
        """Decodes until all rows have ended, or for `steps` whatever comes."""
        most = self.limit if steps is None else min(steps, self.limit)
        with torch.inference_mode():
            self.lay(sources)
            self._begin()
            for _ in range(-(-most // ASK_EVERY)):
                self._go_on()
                if steps is None and bool(self.ended[: len(sources)].all()):
                    break
            return _until_end(self.said[: len(sources), :most])


def _until_end(said: Tensor) -> list[Ids]:
    return [row[: row.index(END)] if END in row else row for row in said.tolist()]
