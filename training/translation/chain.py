"""All steps in order, each in a process of its own; what is done already is not done again."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_device, add_preparing, add_real, add_step

if TYPE_CHECKING:
    from .options import Steps

#: A network to try the way with.
TINY = (
    "--width 64 --heads 2 --encoder-layers 2 --encoder-inner 128 --drafter-layers 2 "
    "--drafter-inner 128 --decoder-layers 2 --decoder-inner 128"
)


#: A second teacher, which is the better one (README.md).
WIDE = (
    "--width 512 --heads 8 --encoder-inner 2048 --decoder-inner 2048 --dropout 0.3 --peak-rate 8e-4"
)
LEARNING = ("teacher", "student")


def add_all(steps: "Steps") -> None:
    made = add_step(steps, "all", "every step in order; what is done already is not done again")
    made.add_argument("--data", type=Path, required=True, help="the data folder")
    made.add_argument("--tiny", action="store_true", help="a small network, to try the way")
    made.add_argument("--teacher-seconds", type=float, default=420.0)
    made.add_argument("--wide-seconds", type=float, default=0.0, help="of a second, wider teacher")
    made.add_argument("--student-seconds", type=float, default=420.0)
    made.add_argument("--distil-seconds", type=float, default=300.0, help="at most")
    add_real(made)
    made.add_argument("--texts", type=int, default=300, help="measured of each set and language")
    made.add_argument("--until", default="measure", help="the last step to run")
    made.add_argument("--pieces", type=int, default=8000, help="size of the vocabulary")
    made.add_argument("--tokens", type=int, help="places of a batch")
    made.add_argument("--peak-rate", type=float)
    add_preparing(made)
    add_device(made)
    made.set_defaults(run=_all)


def _all(arguments: argparse.Namespace) -> None:
    """Runs the other commands as they would be typed."""
    a = arguments
    steps = _typed(a)
    last = [name for name, _ in steps].index(a.until)
    for name, typed in steps[: last + 1]:
        done = a.work / f"{name}.done"
        if not done.exists():
            print(f"== {name}", flush=True)
            command = [typed[0], "--work", str(a.work), *typed[1:]]
            _insist(command, a.work / name, _processes(typed[0], a.device))
            done.touch()


def _typed(a: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Each step's name, and its command with options."""
    pieces = ["--pieces", str(a.pieces)]
    size = [*(TINY.split() if a.tiny else []), *pieces]
    device = ["--device", a.device]
    more = [
        *(["--tokens", str(a.tokens)] if a.tokens else []),
        *(["--peak-rate", str(a.peak_rate)] if a.peak_rate else []),
    ]
    limit = ["--limit", str(a.limit)] if a.limit else []
    real = [] if a.real is None else ["--real", str(a.real)]
    data = ["--data", str(a.data)]
    teachers = [str(a.work / name) for name in ("teacher", "teacher-wide")]
    wide: list[tuple[str, list[str]]] = []
    if a.wide_seconds:
        seconds = ["--seconds", str(a.wide_seconds)]
        size_wide = [*(TINY if a.tiny else WIDE).split(), *pieces]
        typed = ["teacher", "--out", teachers[1], *seconds, *size_wide, *device]
        wide = [("teacher-wide", typed)]
    together = [f"--teacher={teacher}" for teacher in teachers[: 1 + len(wide)]]
    return [
        ("prepare", ["prepare", *data, "--english", str(a.english), *pieces, *limit]),
        ("teacher", ["teacher", "--seconds", str(a.teacher_seconds), *size, *device, *more]),
        *wide,
        ("distil", ["distil", *together, "--seconds", str(a.distil_seconds), *device]),
        (
            "student",
            ["student", "--seconds", str(a.student_seconds), *size, *device, *more, *real],
        ),
        ("hypotheses", ["hypotheses", *device]),
        ("score", ["score"]),
        ("export", ["export"]),
        ("measure", ["measure", *data, "--texts", str(a.texts)]),
    ]


def _processes(name: str, device: str) -> int:
    """One for each GPU where a step can use them."""
    import torch

    shared = device == "cuda" and name in {"teacher", "distil", "student"}
    return torch.cuda.device_count() if shared else 1


def _insist(typed: list[str], out: Path, processes: int) -> None:
    """A training step that fails is tried once more in the plainest way, from the checkpoint it
    left, in the time it has left."""
    began, began_at = time.monotonic(), time.time()
    try:
        _run(typed, processes)
    except subprocess.CalledProcessError:
        if "--seconds" not in typed or typed[0] not in LEARNING:
            raise
        place = typed.index("--seconds") + 1
        seconds = float(typed[place])
        left = max(seconds - (time.monotonic() - began), seconds / 3)
        state = out / "state.json"
        resume = state.exists() and state.stat().st_mtime > began_at
        plain = ["--plain", *(["--resume", str(out)] if resume else [])]
        print(f"{typed[0]} failed; again, plainly, {left:.0f} s", flush=True)
        _run([*typed[:place], f"{left:.0f}", *typed[place + 1 :], *plain], processes)


def _run(typed: list[str], processes: int) -> None:
    """A step in a process of its own: what one leaves on the GPU is gone for the next."""
    several = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    how = several if processes > 1 else []
    command = [sys.executable, "-m", *how, "training.translation", *typed]
    subprocess.run(command, check=True)
