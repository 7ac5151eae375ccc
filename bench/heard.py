"""What the shipped recogniser hears in recordings, chunk by chunk: log-probs for bench/beams.py,
written here and read where only the cores are measured.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from bench.beams import FRAME_MS
from bench.figures import last_line
from tests.support.speech import read_recording
from workers.engines.conformer.encoder import Encoder
from workers.engines.conformer.features import FRAME_SAMPLES, Floats, LogMel, Samples
from workers.engines.conformer.model import Model


def hear(encoder: Encoder, mel: LogMel, samples: Samples, frames: int) -> Floats:
    """Phone log-probs [n, classes] of whole chunks of `frames` frames."""
    state, tail, found = encoder.begin(), mel.START, []
    size = frames * FRAME_SAMPLES
    for begin in range(0, len(samples) - size + 1, size):
        mels, tail = mel.step(tail, samples[begin : begin + size])
        found.append(encoder.step([state], [mels])[0].phones)
    return np.concatenate(found)


def chosen(folder: Path, count: int) -> list[Path]:
    """Of a test set's recordings so many, evenly spread."""
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    places = np.linspace(0, len(lines) - 1, min(count, len(lines))).astype(int)
    return [folder / json.loads(lines[place])["audio"] for place in places]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.heard --data DIR --out scores.npz"
    )
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--count", type=int, default=40, help="recordings of librispeech-test")
    parser.add_argument("--chunk-ms", type=int, default=320)
    options = parser.parse_args()
    encoder, mel = Encoder(Model().graph), LogMel()
    frames = options.chunk_ms // FRAME_MS
    paths = chosen(options.data / "speech" / "librispeech-test", options.count)
    scores = [hear(encoder, mel, read_recording(path), frames) for path in paths]
    np.savez_compressed(options.out, *(each.astype(np.float16) for each in scores))
    seconds = FRAME_MS / 1000 * sum(map(len, scores))
    print(last_line("heard", {"recordings": len(scores), "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
