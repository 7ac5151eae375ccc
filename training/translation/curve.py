"""The picture of a learning curve."""

import json
from pathlib import Path


def draw_curve(curve: Path, picture: Path) -> None:
    """Losses of training and of the held-out pairs, nats a piece."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    entries = [json.loads(line) for line in curve.read_text().splitlines()]
    names = [n for n in ("ctc", "inner_ctc", "cross_entropy") if any(n in e for e in entries)]
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in names:
        for kind, style in ((name, "-"), (f"held_{name}", ".--")):
            points = [(e["step"], e[kind]) for e in entries if kind in e]
            axis.plot(*zip(*points, strict=True), style, label=kind.replace("_", " "))
    axis.set_xlabel("step")
    axis.set_ylabel("nats a piece")
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(picture, dpi=100)
    plt.close(figure)
