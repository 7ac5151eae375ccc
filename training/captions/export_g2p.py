"""The pronouncing model in a file that ships: counts of graphone n-grams, pruned.

Line 1 is a JSON array of graphones, each letters and phones; then, for each context and behind its
graphone numbers, pairs of a graphone's number and its count. Serving: engines/conformer/pronounce.
"""

import json
import lzma
from pathlib import Path

from .g2p import GraphoneModel

#: n-grams of these lengths that came less often are left out.
LEAST_COUNTS = (1, 1, 2, 3, 4)


def write_g2p(model: GraphoneModel, path: Path) -> int:
    """Writes the model, packed; returns its size in bytes."""
    levels = [
        {context: {g: n for g, n in seen.items() if n >= least} for context, seen in counts.items()}
        for counts, least in zip(model.counts, LEAST_COUNTS, strict=False)
    ]
    kept = {g for seen in levels[0].values() for g in seen} | {g for c in levels[1] for g in c}
    graphones = sorted(kept)
    numbers = {graphone: number for number, graphone in enumerate(graphones)}
    lines = [json.dumps([[letters, list(phones)] for letters, phones in graphones])]
    for level in levels:
        for context, seen in sorted(level.items()):
            if seen:
                pairs = " ".join(f"{numbers[g]}:{n}" for g, n in sorted(seen.items()))
                lines.append(" ".join([*(str(numbers[g]) for g in context), "|", pairs]))
    packed = lzma.compress("\n".join(lines).encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    path.write_bytes(packed)
    return len(packed)
