"""Annotated texts: reading them, and what their labels mean to us.

A label that a source does not annotate is unknown (`nan`) and masked in the loss. Where a source
has a label's positives only, it says nothing of the label: learning it would mean to learn the
source. So EDOS and Stormfront say nothing of `toxic`.
"""

import hashlib
import json
import lzma
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LABELS = ("toxic", "offensive", "hate", "sexist", "harassment", "threat", "spam")
SOURCES = ("davidson", "edos", "stormfront", "convabuse", "sms_spam")
POSITIVES_ONLY = {("edos", "toxic"), ("stormfront", "toxic")}
TEST_NAMES = {"abuse": ("toxic", "harassment")}
"""ConvAbuse's development and test files name its main label `abuse`."""

HELD_OUT = 20
"""Stormfront has no development file: each 20th of its training texts is one."""

UNKNOWN = math.nan
_HANDLE = re.compile(r"(?<!\w)@\w+")
_RETWEET = re.compile(r"^\s*(?:RT\s+)+@", re.IGNORECASE)


class Example(NamedTuple):
    """A text, a value for each of LABELS (0, 1 or nan) and the source."""

    text: str
    labels: tuple[float, ...]
    source: str

    def is_positive(self, label: str) -> bool:
        return self.labels[LABELS.index(label)] == 1.0

    def is_clean(self) -> bool:
        """Whether no label is known to hold, and one at least is known not to."""
        return 1.0 not in self.labels and 0.0 in self.labels


def values(known: Mapping[str, float]) -> tuple[float, ...]:
    """Of every label; nan for what is not `known`."""
    return tuple(float(known.get(label, UNKNOWN)) for label in LABELS)


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_train(folder: Path) -> list[Example]:
    """Training texts without Stormfront's held-out part, and without sources of unclear licence."""
    return [e for e in _read_all(folder) if not _is_held_out(e)]


def read_dev(folder: Path) -> dict[str, list[Example]]:
    """By source."""
    dev = {name: read_test(folder / f"dev.{name}.jsonl.xz", name) for name in _with_dev()}
    return dev | {"stormfront": [e for e in _read_all(folder) if _is_held_out(e)]}


def read_test(path: Path, source: str) -> list[Example]:
    lines = read_lines(path)
    return [Example(tidied(str(line["text"])), _test_labels(line), source) for line in lines]


def tidied(text: str) -> str:
    """Names of accounts say who was annotated, not what: they become `@user`."""
    text = _RETWEET.sub("@", text).replace("[USER]", "@user").replace("[URL]", "https://a")
    return _HANDLE.sub("@user", text)


def _with_dev() -> list[str]:
    return [source for source in SOURCES if source != "stormfront"]


def _read_all(folder: Path) -> Iterator[Example]:
    for line in read_lines(folder / "train.jsonl.xz"):
        source = str(line["source"])
        if source in SOURCES:
            known = {
                label: value
                for label, value in _labels_of(line)
                if (source, label) not in POSITIVES_ONLY
            }
            yield Example(tidied(str(line["text"])), values(known), source)


def _test_labels(line: Mapping[str, object]) -> tuple[float, ...]:
    known: dict[str, float] = {}
    for label, value in _labels_of(line):
        known |= dict.fromkeys(TEST_NAMES.get(label, (label,)), value)
    return values(known)


def _labels_of(line: Mapping[str, object]) -> Iterable[tuple[str, float]]:
    labels = line["labels"]
    assert isinstance(labels, dict)
    return labels.items()


def _is_held_out(example: Example) -> bool:
    return example.source == "stormfront" and stable_number(example.text) % HELD_OUT == 0


def stable_number(text: str) -> int:
    """The same for the same text on every machine."""
    return int.from_bytes(hashlib.blake2s(text.encode(), digest_size=4).digest(), "big")
