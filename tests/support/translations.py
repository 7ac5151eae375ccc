"""A translation model of random weights, as small as its graphs allow, made as the real one is."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

TINY = Path(__file__).parents[1] / "data" / "translation"
"""What `write_tiny` has written: to export the graphs takes a minute."""
PIECES = 352
SENTENCES = (
    "the quick brown fox jumps over one lazy sleeping dog",
    "der schnelle braune Fuchs springt über einen faulen schlafenden Hund",
    "le rapide renard brun saute par dessus un chien paresseux qui dort",
    "el rápido zorro marrón salta sobre un perro perezoso que duerme",
)


def write_tiny(folder: Path, *, seed: int = 2, eight_bits: bool = True) -> Path:
    """Graphs, weights and pieces; texts vary, and end."""
    import torch

    from training.translation.export import quantise_graphs
    from training.translation.graphs import write_graphs
    from training.translation.model import Translator
    from training.translation.pieces import train_pieces
    from training.translation.shape import Shape

    train_pieces(
        (f"{line} {n}" for line in SENTENCES for n in range(200)), folder / "pieces.model", PIECES
    )
    torch.manual_seed(seed)
    net = Translator(Shape(PIECES, 32, 2, 1, 32, 2, 32, 1, 32)).eval()
    with torch.no_grad():
        net.table.mul_(4)
        net.table[2].mul_(2.5)  # the end
        for parameter in net.parameters():
            if parameter.ndim == 2 and parameter is not net.table:
                parameter.mul_(8)
    with warnings.catch_warnings(), TemporaryDirectory() as whole:
        warnings.simplefilter("ignore")  # the exporter's own
        quantise_graphs(write_graphs(net, Path(whole)), folder, eight_bits=eight_bits)
    return folder


if __name__ == "__main__":
    write_tiny(TINY)
