"""The files that ship are read once, and a clear error says what is wrong with them."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from stream.core.errors import EngineMissing
from tests.support.captions import model
from workers.engines.conformer.model import FOLDER, Model


def test_the_lexicon_holds_words_with_their_phones() -> None:
    assert ("MORNING", ("M", "AO", "R", "N", "IH", "NG")) in model().lexicon
    known = set(model().settings.phones)
    assert all(set(phones) <= known for _, phones in model().lexicon)


def test_what_ships_is_within_its_size() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 30 * 2**20
    assert model().graph.stat().st_size < 20 * 2**20


def test_the_language_model_has_no_place_on_disk_that_outlives_it() -> None:
    with model().language_model() as path:
        packed = (FOLDER / "words.bin.xz").read_bytes()
        assert Path(path).read_bytes() == lzma.decompress(packed)
    assert not Path(path).exists()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="no captions model"):
        Model(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"not packed"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "captions.json").write_bytes((FOLDER / "captions.json").read_bytes())
    (tmp_path / "lexicon.txt.xz").write_bytes(damage)
    with pytest.raises(EngineMissing, match=r"lexicon\.txt\.xz cannot be read"):
        _ = Model(tmp_path).lexicon
