from pathlib import Path

import pytest

pytest.importorskip("sentencepiece")

from training.translation.pieces import END, TAGS, Pieces, collapse, train_pieces

LINES = [f"the {a} {b} sees the {a}." for a in ("cat", "dog", "king") for b in "abcdefgh"]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    path: Path = tmp_path_factory.mktemp("pieces") / "pieces.model"
    train_pieces(LINES * 4, path, 280)
    return Pieces(path)


def test_text_comes_back(pieces: Pieces) -> None:
    for text in ("the cat sees the dog.", "Ünseen: 漢字, 😀 and 12,5 %!"):
        assert pieces.decode(pieces.encode([text])) == [text]


def test_a_source_has_a_tag_and_an_end(pieces: Pieces) -> None:
    ids = pieces.source("the cat", "fr")
    assert ids[0] == TAGS["fr"]
    assert ids[-1] == END
    assert pieces.decode([ids]) == ["the cat"]


def test_no_text_can_write_a_tag(pieces: Pieces) -> None:
    ids = pieces.encode(["<2de> <2fr> <mask> </s> <blank>"])[0]
    assert min(ids) >= 8


def test_words_are_known_by_their_first_piece(pieces: Pieces) -> None:
    ids = pieces.encode(["the cat sees"])[0]
    assert sum(pieces.starts_word(i) for i in ids) == 3


def test_collapse_joins_repeats_and_drops_blanks() -> None:
    assert collapse([0, 9, 9, 0, 9, 10, 0, 0, 10]) == [9, 9, 10, 10]
