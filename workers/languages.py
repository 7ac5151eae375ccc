"""The language detector that is shipped (workers/models/languages)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from workers.core.languages import Detector

TABLES = Path(__file__).parent / "models" / "languages" / "runs.json"


@lru_cache(maxsize=1)
def load_detector() -> Detector:
    found = json.loads(TABLES.read_text(encoding="utf-8"))
    return Detector(found["tables"], found["rare"])
