"""The moderation cascade: milliseconds by length, posts a second on one core, and two rivals.

Times are CPU time of one thread, so that a busy machine changes them little (two threads that share
a core still slow each other down). Rivals, in the same run: `alt-profanity-check` (a linear model;
not installed with Ontime: it loads a pickle, so only this benchmark may import it) and a plain
`transformers` pipeline around an encoder of the same shape and vocabulary, in float32.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.figures import last_line, row
from stream.core.messages import Rung
from workers.engines.cascade import Cascade, make_engine
from workers.engines.cascade_drafter import MODEL
from workers.ports import Judge

SENTENCE = "well I have never seen such a thing in my life and what do you think of it "
LENGTHS = (20, 60, 150, 300, 1_000, 4_000, 16_000)
CHAT = 0.9
"""Of the mixed traffic, the share of ordinary sentences; the rest is annotated hate and abuse."""

Judging = Callable[[Sequence[str]], object]


def cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def judging(engine: Cascade, rung: Rung) -> Judging:
    return lambda texts: engine.run(rung, [Judge(text=text) for text in texts])


def by_length(runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds a text, alone; the encoder reads every one."""
    engine = make_engine(early_exit=False)
    found: dict[str, dict[str, float]] = {}
    for length in LENGTHS:
        text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
        found[f"{length} characters"] = {
            f"{rung} ms": round(alone_ms(judging(engine, rung), text, runs), 3)
            for rung in (Rung.DRAFT, Rung.VERIFIED)
        }
    return found


def alone_ms(judge: Judging, text: str, runs: int) -> float:
    judge([text])
    return 1000 * cpu_s(lambda: [judge([text]) for _ in range(runs)]) / runs


def posts_a_second(judge: Judging, texts: Sequence[str], batch: int = 16) -> float:
    judge(texts[:batch])
    taken = cpu_s(
        lambda: [judge(texts[begin : begin + batch]) for begin in range(0, len(texts), batch)]
    )
    return round(len(texts) / taken, 1)


def cascade_rate(texts: Sequence[str], early_exit: bool) -> dict[str, float]:
    engine = make_engine(early_exit=early_exit)
    rate = posts_a_second(judging(engine, Rung.VERIFIED), texts)
    asked = len(texts) + min(16, len(texts))
    return {"posts/s": rate, "read by the encoder": round(engine.verified / asked, 3)}


def rivals(texts: Sequence[str]) -> dict[str, dict[str, float | str]]:
    found: dict[str, dict[str, float | str]] = {}
    makers: dict[str, Callable[[], Judging]] = {
        "alt-profanity-check": profanity_check,
        "transformers pipeline": pipeline,
    }
    for name, make in makers.items():
        try:
            found[name] = {"posts/s": posts_a_second(make(), texts)}
        except ImportError as error:
            found[name] = {"missing": f"pip install {error.name}"}
    return found


def profanity_check() -> Judging:
    from profanity_check import predict_prob

    return lambda texts: predict_prob(list(texts))


def pipeline() -> Judging:
    """Random weights: the time is the same."""
    import torch
    import transformers

    torch.set_num_threads(1)
    tokenizer = transformers.BertTokenizer(str(MODEL / "vocab.txt"))
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "num_labels": 7,
        "problem_type": "multi_label_classification",
    }
    model: Any = transformers.BertForSequenceClassification(transformers.BertConfig(**shape))
    make: Any = transformers.pipeline
    classify = make("text-classification", model=model.eval(), tokenizer=tokenizer, top_k=None)
    return lambda texts: classify(list(texts), batch_size=16, truncation=True, max_length=64)


def read_posts(data: Path | None, count: int) -> dict[str, list[str]]:
    """Ordinary sentences mixed with annotated abuse, and the abuse alone."""
    if data is None:
        return {"one sentence": [SENTENCE.strip()] * count}
    abuse = [
        str(json.loads(line)["text"])
        for name in ("davidson", "edos", "stormfront")
        for line in lines_of(data / "moderation" / f"test.{name}.jsonl.xz")[:: 4000 // count + 1]
    ]
    ordinary = [
        line.split("\t")[0]
        for line in lines_of(data / "translation" / "test.captions.en-de.tsv.xz")
    ]
    mixed = [
        ordinary[n % len(ordinary)] if n % 10 < CHAT * 10 else abuse[n % len(abuse)]
        for n in range(count)
    ]
    return {"nine ordinary to one abusive": mixed, "annotated tests": abuse[:count]}


def lines_of(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return list(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.moderation_engine --data DIR"
    )
    parser.add_argument("--data", type=Path, help="data folder, for real posts")
    parser.add_argument("--posts", type=int, default=400)
    parser.add_argument("--runs", type=int, default=20, help="runs of each length")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    for name, times in by_length(arguments.runs).items():
        print(row(name, times), flush=True)
        figures[name] = times
    for name, texts in read_posts(arguments.data, arguments.posts).items():
        ways: dict[str, dict[str, float | str]] = {
            "cascade": {**cascade_rate(texts, early_exit=True)},
            "every post by the encoder": {**cascade_rate(texts, early_exit=False)},
            **rivals(texts),
        }
        for way, rate in ways.items():
            print(row(f"{name}: {way}", rate), flush=True)
        figures[name] = ways
    print(last_line("moderation_engine", figures))


if __name__ == "__main__":
    main()
