"""The joint vocabulary: SentencePiece unigrams of all four languages, with bytes to fall back on.

Ids: 0 blank (CTC) and padding, 1 begin, 2 end, 3 unknown, then a tag for each target language,
a mask, the 256 bytes and the pieces. Tags are control symbols: no text can write them.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

BLANK, BEGIN, END, UNKNOWN = range(4)
LANGUAGES = ("de", "fr", "es")
TAGS = {language: 4 + number for number, language in enumerate(LANGUAGES)}
MASK = 4 + len(LANGUAGES)
SIZE = 8000
Ids = list[int]


def train_pieces(lines: Iterable[str], path: Path, size: int = SIZE) -> None:
    """Writes the model to `path`. Case, punctuation and inner spaces stay as they are but for
    NFKC, the library's own rule."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=made,
        model_type="unigram",
        vocab_size=size,
        character_coverage=0.9998,
        byte_fallback=True,
        pad_id=BLANK,
        bos_id=BEGIN,
        eos_id=END,
        unk_id=UNKNOWN,
        pad_piece="<blank>",
        control_symbols=[*(f"<2{language}>" for language in LANGUAGES), "<mask>"],
        num_threads=1,
        minloglevel=1,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.getvalue())


class Pieces:
    """Text to ids and back. A source is [tag, pieces …, end]; a target is pieces alone."""

    def __init__(self, path: Path) -> None:
        self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.size: int = self._model.get_piece_size()
        found = [self._model.piece_to_id(f"<2{language}>") for language in LANGUAGES]
        assert found == list(TAGS.values()), found

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        ids: list[Ids] = self._model.encode(list(texts))
        return ids

    def starts_word(self, piece: int) -> bool:
        text: str = self._model.id_to_piece(piece)
        return text.startswith("\u2581")

    def source(self, text: str, language: str) -> Ids:
        return [TAGS[language], *self.encode([text])[0], END]

    def decode(self, rows: Sequence[Ids]) -> list[str]:
        """Texts; ids that stand for no text are left out, and what is outside the pieces is too."""
        kept = [[i for i in row if MASK < i < self.size] for row in rows]
        texts: list[str] = self._model.decode(kept)
        return texts


def collapse(frames: Iterable[int]) -> Ids:
    """CTC's frames to ids: repeats joined, blanks dropped."""
    ids: Ids = []
    last = BLANK
    for frame in frames:
        if frame not in {last, BLANK}:
            ids.append(frame)
        last = frame
    return ids
