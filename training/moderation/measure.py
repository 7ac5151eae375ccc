"""What the assembled cascade is worth on texts that nothing was trained or tuned on."""

import json
import lzma
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream.core.messages import Rung
from stream.core.policies import Policy
from workers.engines.cascade import make_engine
from workers.ports import Judge

from .corpus import LABELS, Example, read_lines, read_test, tidied
from .metrics import auroc, calibration_error, f1, interval
from .obfuscate import LOSSY, TRICKS, Trick, disguise

TESTS = ("davidson", "edos", "stormfront", "convabuse", "sms_spam")
DISGUISED = (("davidson", "offensive"), ("edos", "sexist"), ("stormfront", "hate"))
DISGUISED_TEXTS = 120
ORDINARY_TEXTS = 300
LEAST_POSITIVES = 20

Array = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.str_]


class Ways(NamedTuple):
    """Scores [texts, labels] of the same texts, word lists included, as served.

    `cascade` is the encoder's where the draft isn't `sure`, else the draft's.
    """

    draft: Array
    verified: Array
    cascade: Array
    sure: Array


class Judges:
    """Asks the assembled engine; `most` texts of each split, to try the way."""

    def __init__(self, model: Path, most: int | None) -> None:
        self._all = make_engine(str(model), early_exit=False)
        self._cascade = make_engine(str(model))
        self.most = most

    def scores(self, texts: Sequence[str], rung: Rung = Rung.VERIFIED, chunk: int = 64) -> Array:
        rows: list[list[float]] = []
        for begin in range(0, len(texts), chunk):
            questions = [Judge(text=text) for text in texts[begin : begin + chunk]]
            answers = self._all.run(rung, questions)
            rows += [[scored.labels[label] for label in LABELS] for scored in answers]
        return np.array(rows)

    def ways(self, texts: Sequence[str]) -> Ways:
        draft, verified = self.scores(texts, Rung.DRAFT), self.scores(texts)
        sure = np.array([self._cascade.is_sure(self._cascade.draft(text)) for text in texts])
        return Ways(draft, verified, np.where(sure[:, None], draft, verified), sure)


def measure(model: Path, work: Path, data: Path, most: int | None = None) -> None:
    """Prints and writes WORK/measured.json."""
    judges, folder = Judges(model, most), data / "moderation"
    threshold = Policy().band("hate").review
    measured = {"hatecheck": _told("hatecheck", hatecheck(folder, judges, threshold))}
    for name in TESTS:
        examples = read_test(folder / f"test.{name}.jsonl.xz", name)[:most]
        measured[name] = _told(name, split(examples, judges))
    measured["ordinary"] = _told("ordinary", ordinary(data / "translation", judges))
    measured["disguised"] = _told("disguised", disguised(folder, judges))
    (work / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")


def _told(key: str, found: dict[str, object]) -> dict[str, object]:
    print(key, json.dumps(found), flush=True)
    return found


def split(examples: Sequence[Example], judges: Judges) -> dict[str, object]:
    """AUROC, calibration error and F1 at 0.5 of each label that the split knows."""
    truth = np.array([e.labels for e in examples])
    ways = judges.ways([e.text for e in examples])
    found: dict[str, object] = {"exit": round(float(ways.sure.mean()), 4)}
    for number, label in enumerate(LABELS):
        known = ~np.isnan(truth[:, number])
        if truth[known, number].sum() >= LEAST_POSITIVES:
            for way in ("verified", "draft", "cascade"):
                scores = getattr(ways, way)[known, number]
                found[f"{label} {way}"] = figures(scores, truth[known, number])
    return found


def figures(scores: Array, truth: Array) -> dict[str, object]:
    low, high = interval(auroc, scores, truth)
    return {
        "n": len(truth),
        "positive": int(truth.sum()),
        "auroc": round(auroc(scores, truth), 4),
        "interval": [round(low, 4), round(high, 4)],
        "ece": round(calibration_error(scores, truth), 4),
        "f1": round(f1(scores, truth, 0.5), 4),
    }


def hatecheck(folder: Path, judges: Judges, threshold: float) -> dict[str, object]:
    """Is it hate: whether `hate` or `sexist` reaches the threshold (Röttger et al., 2021)."""
    lines = list(read_lines(folder / "test.hatecheck.jsonl.xz"))
    random.Random(5).shuffle(lines)
    lines = lines[: judges.most]
    ways = judges.ways([tidied(str(line["text"])) for line in lines])
    truth = np.array([line["labels"]["hate"] for line in lines])  # type: ignore[index]
    kinds = np.array([line["meta"]["functionality"] for line in lines])  # type: ignore[index]
    found: dict[str, object] = {"threshold": threshold, "exit": round(float(ways.sure.mean()), 4)}
    for way in ("verified", "draft", "cascade"):
        highest = getattr(ways, way)[:, [LABELS.index("hate"), LABELS.index("sexist")]].max(1)
        found[way] = answers(highest, truth, threshold)
        right = (highest >= threshold) == truth
        found[f"{way} by functionality"] = by_kind(right, truth, kinds)
    return found


def by_kind(right: Array, truth: Array, kinds: Kinds) -> dict[str, tuple[int, int, float]]:
    """Of each functionality: whether it is hateful, how many cases, the share answered rightly."""
    found = {}
    for kind in sorted(set(kinds)):
        cases = kinds == kind
        share = round(float(right[cases].mean()), 3)
        found[str(kind)] = (int(truth[cases][0]), int(cases.sum()), share)
    return found


def answers(scores: Array, truth: Array, threshold: float) -> dict[str, object]:
    """Accuracy with its interval, by truth, and without any threshold."""
    right = ((scores >= threshold) == truth).astype(float)
    low, high = interval(lambda r, _: float(r.mean()), right, truth)
    return {
        "accuracy": round(float(right.mean()), 4),
        "interval": [round(low, 4), round(high, 4)],
        "hateful": round(float(right[truth == 1].mean()), 4),
        "not hateful": round(float(right[truth == 0].mean()), 4),
        "auroc": round(auroc(scores, truth), 4),
        "accuracy at 0.5": round(float(((scores >= 0.5) == truth).mean()), 4),
    }


def ordinary(folder: Path, judges: Judges) -> dict[str, object]:
    """The share of sentences from lectures and everyday life that get a score of 0.5 or more."""
    texts: list[str] = []
    for name in ("test.captions.en-de", "dev.tatoeba.en-fr"):
        with lzma.open(folder / f"{name}.tsv.xz", "rt", encoding="utf-8") as lines:
            texts += [line.split("\t")[0] for line in lines][: judges.most or ORDINARY_TEXTS]
    ways = judges.ways(texts)
    found: dict[str, object] = {"n": len(texts), "exit": round(float(ways.sure.mean()), 4)}
    for way in ("verified", "draft", "cascade"):
        found[f"flagged, {way}"] = round(float((getattr(ways, way) >= 0.5).any(1).mean()), 4)
    return found


def disguised(folder: Path, judges: Judges) -> dict[str, object]:
    """AUROC of texts as written and disguised by each trick (half of their longer words)."""
    sets = []
    for name, label in DISGUISED:
        examples = read_test(folder / f"test.{name}.jsonl.xz", name)
        random.Random(7).shuffle(examples)
        sets.append((examples[: judges.most or DISGUISED_TEXTS], LABELS.index(label)))
    plain = _areas(sets, judges, lambda text, _: text)
    found: dict[str, object] = {"plain": [round(a, 4) for a in plain]}
    drops = {}
    for trick_name, trick in {**TRICKS, **LOSSY}.items():
        areas = _areas(sets, judges, partial(_disguised, trick))
        drops[trick_name] = float(np.mean(plain) - np.mean(areas))
        found[trick_name] = [round(a, 4) for a in areas]
    found["drop by trick"] = {name: round(drop, 4) for name, drop in drops.items()}
    found["mean drop"] = round(float(np.mean([drops[name] for name in TRICKS])), 4)
    found["mean drop where letters are lost"] = round(
        float(np.mean([drops[name] for name in LOSSY])), 4
    )
    return found


def _disguised(trick: Trick, text: str, rng: random.Random) -> str:
    return disguise(text, trick, rng)


def _areas(
    sets: Sequence[tuple[Sequence[Example], int]],
    judges: Judges,
    change: Callable[[str, random.Random], str],
) -> list[float]:
    areas = []
    for examples, number in sets:
        rng = random.Random(11)
        scores = judges.scores([change(e.text, rng) for e in examples])[:, number]
        areas.append(auroc(scores, np.array([e.labels[number] for e in examples])))
    return areas
