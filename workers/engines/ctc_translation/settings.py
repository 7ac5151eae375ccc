"""What belongs to a folder's weights beside the graphs: what an answer at each rung is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stream.core.errors import EngineMissing
from stream.core.messages import Rung

FILE = "translation.json"
MOST_BYTES = 65_536
Worth = Annotated[float, Meta(gt=0.0, le=2.0)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """`worth` of an answer at a rung beside one that is verified (BLEU, as measured); without it
    under load the scheduler seeks most answers, whatever they are worth.
    """

    worth: dict[Rung, Worth] = {}


def read_settings(folder: Path) -> Settings:
    """Of a model's folder, which need not say any. Raises EngineMissing for what makes no sense."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise EngineMissing(f"{path} cannot be read: {error}") from error
    try:
        return msgspec.json.decode(text, type=Settings)
    except msgspec.DecodeError as error:
        raise EngineMissing(f"{path} makes no sense: {error}") from error
