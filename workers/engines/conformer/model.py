"""What ships in workers/models/captions, read once: classes, lexicon, language model, search."""

from __future__ import annotations

import lzma
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from stream.core.errors import EngineMissing

FOLDER = Path(__file__).parents[2] / "models" / "captions"
MOST_UNPACKED_BYTES = 64 * 1024 * 1024


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the beam; `lm_weight` multiplies log10 probabilities of words."""

    beam: int
    threshold: float
    lm_weight: float
    word_score: float
    log_add: bool


class Rescoring(Struct, frozen=True, forbid_unknown_fields=True):
    """How finals are judged again: by which files, how many texts of the beam (`candidates`), and
    with which weights beside their sound: `ngram` multiplies log10 probabilities, `neural` nats.
    """

    graph: str
    pieces: str
    candidates: int
    ngram: float
    neural: float


class Settings(Struct, frozen=True):
    """captions.json, as far as serving needs it."""

    recogniser: str
    language_model: str
    lexicon: str
    pronunciations: str
    phones: tuple[str, ...]
    characters: tuple[str, ...]
    boundary: str
    search: Search
    rescoring: Rescoring | None = None


class Model:
    """The files of a folder. Raises EngineMissing where one is absent or cannot be read."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        try:
            settings = (folder / "captions.json").read_bytes()
            self.settings = msgspec.json.decode(settings, type=Settings)
        except (OSError, msgspec.DecodeError) as error:
            raise EngineMissing(f"no captions model in {folder}: {error}") from error

    @property
    def graph(self) -> Path:
        return self._folder / self.settings.recogniser

    def find(self, name: str) -> Path:
        """A file's path; raises EngineMissing where it is absent."""
        path = self._folder / name
        if not path.is_file():
            raise EngineMissing(f"captions model: {name} is missing")
        return path

    @cached_property
    def lexicon(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Words with their phones, in capitals; a word may come more than once."""
        lines = self.unpack(self.settings.lexicon).decode("ascii").splitlines()
        pairs = (line.split("\t") for line in lines)
        return tuple((word, tuple(phones.split())) for word, phones in pairs)

    def unpack(self, name: str) -> bytes:
        """A file's bytes, unpacked where it is packed."""
        try:
            unpacker = lzma.LZMADecompressor()
            content = unpacker.decompress((self._folder / name).read_bytes(), MOST_UNPACKED_BYTES)
        except (OSError, lzma.LZMAError) as error:
            raise EngineMissing(f"captions model: {name} cannot be read: {error}") from error
        if not unpacker.eof:
            raise EngineMissing(f"captions model: {name} cannot be read: it ends too soon")
        return content

    @contextmanager
    def language_model(self) -> Iterator[str]:
        """A path under which KenLM finds the language model, as long as the block lasts.

        KenLM reads files only, and maps them: the file may go while its content is in use.
        """
        content = self.unpack(self.settings.language_model)
        with tempfile.NamedTemporaryFile(prefix="ontime-") as file:
            file.write(content)
            file.flush()
            yield file.name
