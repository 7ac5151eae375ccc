"""The benchmark of the gate's encoder on a GPU runs to its end on a processor, with a tiny net."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TEXTS = ["what a lovely evening", "h e l l o there", "see you tomorrow " * 40]
ARGUMENTS = ("--small", "--device", "cpu", "--cores", "2", "--rates", "40", "--seconds", "1")


@pytest.mark.slow
def test_every_part_runs_with_two_readers(tmp_path: Path) -> None:
    texts = tmp_path / "posts.json"
    texts.write_text(json.dumps(TEXTS))
    ended = subprocess.run(
        [sys.executable, "-m", "bench.gpu_moderation", "--texts", str(texts), *ARGUMENTS],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["failed_parts"] == 0
    assert figures["40 posts/s offered"]["cores_reading"] > 0
    assert figures["the encoder alone"]["length 64"]["windows_s"] > 0
