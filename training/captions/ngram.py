"""The n-gram language model that ships: KenLM's lmplz, entropy pruning, 8-bit trie."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .pruning import Pruner, read_arpa

#: About 477 thousand pairs and 452 thousand triples; 3.8 MiB packed.
THRESHOLD = 2.5e-7


def build_ngram(kenlm: Path, text: Path, vocabulary: Path, work: Path) -> Path:
    """`kenlm` is the folder of lmplz and build_binary, built from the kenlm package's source."""
    full, pruned, binary = (work / name for name in ("full.arpa", "pruned.arpa", "words.bin"))
    estimate = [
        str(kenlm / "lmplz"),
        "-o",
        "3",
        "-S",
        "2G",
        "-T",
        str(work),
        "--prune",
        "0",
        "0",
        "1",
    ]
    with text.open("rb") as source, full.open("wb") as target:
        _run([*estimate, "--limit_vocab_file", str(vocabulary)], source.fileno(), target.fileno())
    Pruner(read_arpa(full), text).write(THRESHOLD, pruned)
    pack = [str(kenlm / "build_binary"), "-q", "8", "-b", "8", "-a", "22", "trie"]
    _run([*pack, str(pruned), str(binary)])
    return binary


def _run(command: Sequence[str], source: int | None = None, target: int | None = None) -> None:
    subprocess.run(command, check=True, stdin=source, stdout=target)
