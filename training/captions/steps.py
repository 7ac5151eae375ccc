"""What every step of the training's command line has."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Steps = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_WORK = Path(".work/captions")
SHIPPED = Path("workers/models/captions")


def add_step(steps: "Steps", name: str, summary: str) -> argparse.ArgumentParser:
    step = steps.add_parser(name, help=summary, description=summary)
    step.add_argument("--work", type=Path, default=DEFAULT_WORK, help="folder for what is made")
    return step
