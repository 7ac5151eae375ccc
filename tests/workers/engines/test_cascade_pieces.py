"""Words in pieces, as BERT's own tokeniser cuts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.cascade_drafter import MODEL
from workers.engines.cascade_pieces import (
    SPECIAL,
    UNKNOWN,
    Pieces,
    read_pieces,
    write_vocabulary,
)

TOY = Pieces([*SPECIAL, "un", "##known", "known", "##s", "a", "!", "##a"])


def test_the_longest_piece_comes_first() -> None:
    assert TOY.encode("unknowns known!") == [4, 5, 7, 6, 9]


def test_a_word_that_cannot_be_cut_is_unknown_and_several_in_a_row_are_one() -> None:
    assert TOY.encode("xyz a") == [UNKNOWN, 8]
    assert TOY.encode("😀" * 10_000 + " 你好") == [UNKNOWN]


def test_a_very_long_word_is_still_read() -> None:
    assert len(TOY.encode("a" * 100)) == 100


def test_words_are_pieces_of_more_than_a_letter() -> None:
    assert TOY.words() == ["un", "known"]


def test_a_vocabulary_begins_with_the_special_pieces(tmp_path: Path) -> None:
    write_vocabulary(tmp_path / "vocab.txt", [*SPECIAL, "a"])
    assert len(read_pieces(tmp_path / "vocab.txt")) == 5
    with pytest.raises(ValueError, match="expected"):
        Pieces(["a", "b"])


SHIPPED = read_pieces(MODEL / "vocab.txt")


@given(st.lists(st.sampled_from(sorted(SHIPPED.words())), min_size=1, max_size=20))
def test_known_words_are_one_piece_each(words: list[str]) -> None:
    assert len(SHIPPED.encode(" ".join(words))) == len(words)


def test_pieces_are_those_of_the_reference() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordPiece(dict(SHIPPED._ids), unk_token="[UNK]")
    reference = tokenizers.Tokenizer(model)

    @given(st.text(alphabet="abcdeghilmnorstuy0123", min_size=1, max_size=32))
    def check(word: str) -> None:
        assert SHIPPED.encode(word) == reference.encode(word).ids

    check()
