"""Trained parts -> the folder that the engine reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream.core.policies import Policy
from workers.engines.cascade_draft import sigmoid

from .calibrate import Calibration, calibrate
from .corpus import LABELS, read_dev
from .draft import Linear, to_eight_bits, write_draft
from .export import export
from .metrics import balanced_accuracy, best_threshold
from .model import Encoder
from .scoring import Logits, concatenated, encode_all, logits_of

FLAGGED = np.array([Policy().band(label).review for label in LABELS], np.float32)
"""The scores from which the policy's default asks for a person."""

LOST_MOST = 0.005
"""Of the texts that the encoder flags, the share that the early exit may let through."""

Array = npt.NDArray[np.float32]


def assemble(
    encoder: Encoder, draft: Linear, work: Path, data: Path, longest: int, most: int | None = None
) -> None:
    """Calibrates on the development texts, sets the thresholds there, writes WORK/model."""
    model = work / "model"
    model.mkdir(exist_ok=True)
    dev = concatenated(
        [
            logits_of(encode_all(examples[:most], work / "vocab.txt", longest), encoder, draft)
            for examples in read_dev(data / "moderation").values()
        ]
    )
    of_encoder, of_draft = calibrate(dev.encoder, dev.labels), calibrate(dev.draft, dev.labels)
    scores = sigmoid(of_encoder.apply(dev.encoder))
    drafted = sigmoid(of_draft.apply(dev.draft))
    settings = {"labels": list(LABELS), "sure_below": sure_below(scores, drafted)}
    (model / "moderation.json").write_text(json.dumps(settings) + "\n")
    shutil.copyfile(work / "vocab.txt", model / "vocab.txt")
    _write_draft(draft, of_draft, model / "draft.npz")
    export(encoder, of_encoder, work / "encoder.onnx")
    shutil.copyfile(work / "encoder.onnx", model / "encoder.onnx")
    told = {
        "scale": of_encoder.scale.tolist(),
        "shift": of_encoder.shift.tolist(),
        "sure_below": settings["sure_below"],
        "exit_share_dev": float((drafted.max(1) < settings["sure_below"]).mean()),
        "hate_threshold": hate_threshold(scores, dev),
    }
    (work / "assembled.json").write_text(json.dumps(told, indent=1) + "\n")
    print(told, flush=True)


def sure_below(scores: Array, drafted: Array) -> float:
    """The draft's highest score under which at most LOST_MOST of what is flagged would be lost."""
    flagged = np.sort(drafted.max(1)[(scores >= FLAGGED).any(1)])
    return round(float(flagged[int(LOST_MOST * len(flagged))]), 4) if len(flagged) else 0.0


def hate_threshold(scores: Array, dev: Logits) -> float:
    """For `hateful or not`, where both kinds of mistakes weigh the same."""
    hate, sexist = LABELS.index("hate"), LABELS.index("sexist")
    known = ~np.isnan(dev.labels[:, hate])
    highest = scores[known][:, [hate, sexist]].max(1).astype(np.float64)
    truth = dev.labels[known, hate].astype(np.float64)
    return best_threshold(highest, truth, balanced_accuracy)


def _write_draft(draft: Linear, calibration: Calibration, path: Path) -> None:
    import torch

    with torch.no_grad():
        draft.table.weight.mul_(torch.from_numpy(calibration.scale))
        draft.bias.mul_(torch.from_numpy(calibration.scale)).add_(
            torch.from_numpy(calibration.shift)
        )
    write_draft(path, to_eight_bits(draft))
