"""Data -> WORK/packed: all that training reads, so that the machine that trains needs no data.

It holds a few epochs made ahead (training repeats them in turn), sentences that nobody annotated
(for the teachers to label), the development texts, and what the encoders start from.
"""

from pathlib import Path

from safetensors.torch import load_file, save_file

from .corpus import Example, read_dev
from .mixture import Mixture
from .scoring import encode_all
from .table import table_of, write_table
from .vocabulary import find_start, load_vocabulary, make_vocabulary, trimmed

PIECES = 8192
UNLABELLED = 100_000


def prepare(
    mixture: Mixture, data: Path, work: Path, epochs: int, unlabelled: int, longest: int
) -> None:
    """What lies there already is not made again."""
    (work / "packed").mkdir(exist_ok=True)
    if not (work / "vocab.json").exists():
        make_vocabulary(mixture.texts(), find_start(), PIECES, work / "vocab.txt")
    if not (work / "packed" / "start.safetensors").exists():
        _pack_start(work)
    for number in range(epochs):
        _pack(mixture.epoch(number), work, f"epoch-{number}", longest)
    _pack(mixture.unlabelled(unlabelled), work, "unlabelled", longest)
    for source, examples in read_dev(data / "moderation").items():
        _pack(examples, work, f"dev-{source}", longest)


def unlabelled_count(epoch_share: float) -> int:
    return round(epoch_share * UNLABELLED)


def _pack_start(work: Path) -> None:
    rows = load_vocabulary(work / "vocab.txt")[1]
    weights = trimmed(load_file(find_start() / "model.safetensors"), rows)
    part = work / "packed" / "start.part"
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, part)
    part.replace(work / "packed" / "start.safetensors")


def _pack(examples: list[Example], work: Path, name: str, longest: int) -> None:
    path = work / "packed" / f"{name}.npz"
    if path.exists():
        return
    encoded = encode_all(examples, work / "vocab.txt", longest)
    write_table(path, table_of(encoded.pieces, encoded.labels))
    print(f"packed: {name}, {len(examples)} texts, {path.stat().st_size} bytes", flush=True)
