"""Words from log-probs: a lexicon beam with an n-gram language model (flashlight-text, KenLM).

Every spelling ends in the boundary token, which is also the silence token, and one free frame
closes an utterance: else a word that ends in one frame, or in a doubled letter, is lost.
"""

import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from flashlight.lib.text.decoder import (
    CriterionType,
    LexiconDecoder,
    LexiconDecoderOptions,
    SmearingMode,
    Trie,
    ZeroLM,
)
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

Scores = npt.NDArray[np.float32]

#: Words of one spelling that a node of the trie can hold.
MOST_HOMOPHONES = 6
_LOWEST = -60.0


@dataclass(frozen=True)
class Search:
    """`lm_weight` multiplies log10 probabilities of words: 2.3 times the usual weight.
    `add` sums the paths of one text: the consistency loss makes probabilities smooth, and a wider
    beam than peaky CTC needs pays (chosen on the held-out fold)."""

    beam: int = 100
    threshold: float = 25.0
    lm_weight: float = 2.0
    word_score: float = 0.0
    add: bool = True


class WordDecoder:
    """Built once for a lexicon and a language model; searches with any settings."""

    def __init__(
        self,
        tokens: Sequence[str],
        boundary: str,
        lexicon: Iterable[tuple[str, Sequence[str]]],
        model: Path | None,
    ) -> None:
        ids = {token: i for i, token in enumerate(tokens)}
        self._tokens, self._boundary = len(tokens), ids[boundary]
        spellings: dict[str, list[list[int]]] = {}
        for word, spelling in lexicon:
            spellings.setdefault(word, []).append([ids[s] for s in spelling])
        self.words = Dictionary()
        for word in spellings:
            self.words.add_entry(word)
        self._unknown = self.words.index_size()
        self.words.add_entry("<unk>")
        self._model = KenLM(str(model), self.words) if model else ZeroLM()
        self._trie = self._make_trie(spellings)

    def _make_trie(self, spellings: dict[str, list[list[int]]]) -> Trie:
        start = self._model.start(False)
        likely = {w: self._model.score(start, self.words.get_index(w))[1] for w in spellings}
        trie = Trie(self._tokens, self._boundary)
        held: dict[tuple[int, ...], int] = {}
        for word in sorted(spellings, key=lambda w: -likely[w]):
            for spelling in spellings[word]:
                place = tuple(spelling)
                held[place] = held.get(place, 0) + 1
                if held[place] <= MOST_HOMOPHONES:
                    index = self.words.get_index(word)
                    trie.insert([*spelling, self._boundary], index, likely[word])
        trie.smear(SmearingMode.MAX)
        return trie

    def decode(
        self, scores: Scores, search: Search, most: int = 1
    ) -> list[tuple[str, float, float]]:
        """The best `most` texts with their total and acoustic scores, best first."""
        decoder = self._decoder(search)
        frames = self._closed(scores)
        results = decoder.decode(frames.ctypes.data, len(frames), self._tokens)
        return [(self._text(r.words), r.score, r.emittingModelScore) for r in results[:most]]

    def stream(self, scores: Scores, search: Search, chunk: int) -> str:
        """As `decode`, but frames come in chunks; the words must be the same."""
        decoder = self._decoder(search)
        decoder.decode_begin()
        frames = self._closed(scores)
        for start in range(0, len(frames), chunk):
            part = np.ascontiguousarray(frames[start : start + chunk])
            decoder.decode_step(part.ctypes.data, len(part), self._tokens)
        decoder.decode_end()
        results = decoder.get_all_final_hypothesis()
        return self._text(results[0].words) if results else ""

    def _decoder(self, search: Search) -> LexiconDecoder:
        options = LexiconDecoderOptions(
            beam_size=search.beam,
            beam_size_token=self._tokens,
            beam_threshold=search.threshold,
            lm_weight=search.lm_weight,
            word_score=search.word_score,
            unk_score=-float("inf"),
            sil_score=0.0,
            log_add=search.add,
            criterion_type=CriterionType.CTC,
        )
        return LexiconDecoder(
            options, self._trie, self._model, self._boundary, 0, self._unknown, [], False
        )

    def _closed(self, scores: Scores) -> Scores:
        end = np.full((1, self._tokens), -1e4, np.float32)
        end[0, [0, self._boundary]] = 0.0
        kept = np.maximum(scores.astype(np.float32), _LOWEST)
        return np.ascontiguousarray(np.concatenate([kept, end]))

    def _text(self, indices: Iterable[int]) -> str:
        known = (i for i in indices if i >= 0 and i != self._unknown)
        return " ".join(self.words.get_entry(i) for i in known)


def unpacked(path: Path, folder: Path) -> Path:
    """`path`, or where only its .xz is there, what that holds, written to `folder`/shipped."""
    packed = path.with_name(f"{path.name}.xz")
    if path.exists() or not packed.exists():
        return path
    target = folder / "shipped" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(lzma.decompress(packed.read_bytes()))
    return target


def read_lexicon(path: Path) -> list[tuple[str, list[str]]]:
    """Lines of a word, a tab and its phones."""
    pairs = (line.split("\t") for line in path.read_text("ascii").splitlines())
    return [(word, phones.split()) for word, phones in pairs]
