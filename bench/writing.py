"""What writing a final costs: a segment of 20 seconds through numbers, punctuation and case.

python -m bench.writing
"""

from __future__ import annotations

import argparse
import json
import time

from bench.figures import quantile
from stream.core.messages import Word
from workers.engines.formatting.formatter import make_formatter

WORDS = 60
"""In 20 s at 180 words a minute."""

SPOKEN = (
    "this little work was finished in the year eighteen o three and intended for immediate "
    "publication it was disposed of to a bookseller it was even advertised and why the business "
    "proceeded no farther the author has never been able to learn that any bookseller should think "
    "it worth while to purchase what he did not think it worth while to publish seems extraordinary"
).split()


def segment(offset: int) -> list[Word]:
    """Another beginning each time."""
    spoken = [SPOKEN[(offset + at) % len(SPOKEN)] for at in range(WORDS)]
    return [
        Word(word=word, start=at / 3, end=at / 3 + 0.25, confidence=0.9)
        for at, word in enumerate(spoken)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.writing", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    runs = parser.parse_args().runs
    write = make_formatter()
    wall, processor = [], []
    for run in range(runs + 20):
        words = segment(run)
        began, busy = time.perf_counter(), time.process_time()
        write(words)
        wall.append((time.perf_counter() - began) * 1000)
        processor.append((time.process_time() - busy) * 1000)
    told = {
        f"{name}_p{share}_ms": round(quantile(values[20:], share / 100), 2)
        for name, values in (("wall", wall), ("processor", processor))
        for share in (50, 99)
    }
    print(json.dumps({"bench": "writing", "words": WORDS, "runs": runs, **told}))


if __name__ == "__main__":
    main()
