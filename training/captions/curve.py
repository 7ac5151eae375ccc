"""The learning curve as a picture: losses of training, phone errors of the held-out fold."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw_curve(curve: Path, picture: Path) -> None:
    """`curve` is what training appends to, a JSON object a line."""
    entries = [json.loads(line) for line in curve.read_text().splitlines()]
    losses = [e for e in entries if "phones" in e]
    errors = [e for e in entries if "held_phone_error" in e and e["chunk"] == 8]
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in ("phones", "characters", "agree"):
        axis.plot([e["step"] for e in losses], [e[name] for e in losses], label=f"{name}, training")
    axis.set_xlabel("step")
    axis.set_ylabel("nats a label")
    axis.set_ylim(0, 2)
    other = axis.twinx()
    points = [100 * e["held_phone_error"] for e in errors]
    other.plot([e["step"] for e in errors], points, "k.-", label="phone errors, held out, 320 ms")
    other.set_ylabel("per cent")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(picture, dpi=100)
    plt.close(figure)
