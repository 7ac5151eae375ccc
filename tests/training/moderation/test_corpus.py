"""What is unknown stays unknown, and sources don't teach what only they have."""

from __future__ import annotations

import json
import lzma
import math
from pathlib import Path

from training.moderation.corpus import (
    LABELS,
    Example,
    read_dev,
    read_test,
    read_train,
    stable_number,
    tidied,
    values,
)


def write(path: Path, *lines: dict[str, object]) -> None:
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def known(example: Example) -> dict[str, float]:
    return {n: v for n, v in zip(LABELS, example.labels, strict=True) if not math.isnan(v)}


def test_an_absent_label_is_unknown() -> None:
    labels = values({"hate": 1})
    assert labels[LABELS.index("hate")] == 1.0
    assert sum(map(math.isnan, labels)) == len(LABELS) - 1


def test_clean_means_known_to_be_and_nothing_known_against() -> None:
    assert Example("a", values({"hate": 0}), "edos").is_clean()
    assert not Example("a", values({}), "edos").is_clean()
    assert not Example("a", values({"hate": 0, "toxic": 1}), "edos").is_clean()


def test_training_texts(tmp_path: Path) -> None:
    held = next(t for t in map(str, range(1000)) if stable_number(t) % 20 == 0)
    kept = next(t for t in map(str, range(1000)) if stable_number(t) % 20)
    write(
        tmp_path / "train.jsonl.xz",
        {"text": "x", "labels": {"toxic": 1, "sexist": 1}, "source": "edos"},
        {"text": held, "labels": {"hate": 1, "toxic": 1}, "source": "stormfront"},
        {"text": kept, "labels": {"hate": 0}, "source": "stormfront"},
        {"text": "y", "labels": {"toxic": 1, "insult": 1}, "source": "jigsaw_scraps"},
    )
    for source in ("davidson", "edos", "convabuse", "sms_spam"):
        write(tmp_path / f"dev.{source}.jsonl.xz")
    train = read_train(tmp_path)
    assert [e.text for e in train] == ["x", kept]
    assert known(train[0]) == {"sexist": 1.0}
    assert [e.text for e in read_dev(tmp_path)["stormfront"]] == [held]


def test_abuse_is_what_we_call_toxic_and_harassment(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl.xz"
    write(path, {"text": "x", "labels": {"abuse": 1, "racist": 0}, "source": "convabuse"})
    assert known(read_test(path, "convabuse")[0]) == {"toxic": 1.0, "harassment": 1.0}


def test_accounts_have_no_names() -> None:
    assert tidied("RT @joe: @ann_1 [USER] see [URL]") == "@user: @user @user see https://a"
