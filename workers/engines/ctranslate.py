"""Marian, NLLB and M2M through CTranslate2: a draft is scored in one pass, and gone on from.

A token whose probability is at least a half is the best one. So the draft stands up to the first
token below that, and from there the library's greedy search goes on. With M2M and NLLB it reads
what stands in one pass (`return_alternatives`). With Marian that way gave other texts than greedy
search (4.8.5; its decoder begins with an empty embedding), so what stands is read step by step, and
only a draft that stands as a whole saves time. Models are in CTranslate2's format, with their
SentencePiece files beside them.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece

from stream.core.errors import EngineMissing
from workers.core.speculative import Steps
from workers.engines.hubs import ctranslate_source, find_model
from workers.engines.sentences import Sentence
from workers.engines.texts import TextEngine
from workers.engines.tongues import NLLB, short
from workers.engines.verifying import Left, Verified, Verifying, drafter_for

PROVEN = math.log(0.5)
MOST_TOKENS = 200
END = "</s>"


def make_engine(
    *,
    model: str = "OpenNMT/nllb-200-distilled-1.3B-ct2-int8",
    device: str = "cpu",
    threads: int = 1,
    compute: str = "int8",
    beam: int = 4,
    draft: bool = True,
) -> TextEngine:
    """`model`: a repository or a folder; `compute`: CTranslate2's word for the precision; `draft`:
    let the shipped model draft, where it can. Raises EngineMissing.
    """
    folder = find_model(ctranslate_source(model))
    loaded = CTranslate(folder, model, device=device, threads=threads, compute=compute, beam=beam)
    drafter = drafter_for(loaded.sources, loaded.targets) if draft else None
    return TextEngine(Verifying(loaded, drafter))


class CTranslate:
    """verifying.Autoregressive; tokens are pieces of text.

    Raises EngineMissing for a folder without SentencePiece files, or of unknown languages.
    """

    name = "ctranslate"

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        device: str = "cpu",
        threads: int = 1,
        compute: str = "int8",
        beam: int = 4,
    ) -> None:
        self._beam = beam
        self._longest_s = 0.0
        self._source, self._target = _pieces(folder, name)
        vocabulary = _vocabulary(folder)
        self._tags = _tags(vocabulary)
        if self._tags:
            self.sources = self.targets = tuple(self._tags)
        else:
            source, target = _pair(folder, name)
            self.sources, self.targets = (source,), (target,)
        try:
            self._translator = ctranslate2.Translator(
                str(folder), device=device, compute_type=compute, intra_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            raise EngineMissing(f"{name} cannot be loaded: {error}") from error

    def tokens(self, text: str, target: str) -> list[str]:
        found: list[str] = self._target.encode(text, out_type=str)
        return found

    def text(self, tokens: Sequence[str]) -> str:
        text: str = self._target.decode(list(tokens))
        return text.strip()

    def verify(
        self, sentence: Sentence, draft: Sequence[str], prefix: Sequence[str], left: Left
    ) -> Verified:
        source, forced = self._encode(sentence)
        draft = draft[:MOST_TOKENS]
        began = time.monotonic()
        proven, passes, ended = list(prefix), 0, False
        if len(draft) > len(prefix):
            scores = self._scores(source, [*forced, *draft])[len(forced) :]
            passes += 1
            stood = _leading(scores, len(prefix))
            ended = stood > len(draft) or stood >= MOST_TOKENS
            proven = list(draft[:stood])
        if ended:
            return Verified(proven, True, len(draft), passes)
        steps = Steps()
        steps.took(time.monotonic() - began)
        accepted = len(proven) if passes else 0
        if not steps.fit(left()):
            return Verified([*proven, *draft[len(proven) :]], False, accepted, passes)
        found, done, steps_done = self._resume(source, [*forced, *proven], left)
        tokens = found[len(forced) :]
        rest = [] if done else list(draft[len(tokens) :])
        return Verified([*tokens, *rest], done, accepted, passes + steps_done)

    def refine(self, sentence: Sentence, left: Left) -> list[str] | None:
        """The library has no way to stop a beam: it begins only where there is plenty of time."""
        left_s = left()
        if left_s is not None and left_s <= self._beam_s(sentence):
            return None
        source, forced = self._encode(sentence)
        began = time.monotonic()
        found = self._translator.translate_batch(
            [source],
            target_prefix=[forced] if forced else None,
            beam_size=self._beam,
            max_decoding_length=MOST_TOKENS,
        )
        self._longest_s = max(self._longest_s, (time.monotonic() - began) / len(source))
        tokens: list[str] = found[0].hypotheses[0][len(forced) :]
        return tokens

    def _beam_s(self, sentence: Sentence) -> float:
        """By the slowest beam so far, a token."""
        return self._longest_s * (len(self._source.encode(sentence.text)) + 2)

    def _encode(self, sentence: Sentence) -> tuple[list[str], list[str]]:
        """Source tokens, and those that the target must begin with."""
        pieces = self._source.encode(sentence.text, out_type=str)
        if not self._tags:
            return [*pieces, END], []
        source, target = self._tags[sentence.source], self._tags[sentence.target]
        return [source, *pieces, END], [target]

    def _scores(self, source: list[str], target: list[str]) -> list[float]:
        (found,) = self._translator.score_batch([source], [target])
        scores: list[float] = found.log_probs
        return scores

    def _resume(
        self, source: list[str], prefix: list[str], left: Left
    ) -> tuple[list[str], bool, int]:
        """Greedy search behind a prefix: tokens, whether they are all, and the steps."""
        steps, stopped, last = Steps(), False, time.monotonic()
        taken = 0

        def stop(_: Any) -> bool:
            nonlocal last, stopped, taken
            now = time.monotonic()
            steps.took(now - last)
            last, taken = now, taken + 1
            stopped = not steps.fit(left())
            return stopped

        (found,) = self._translator.translate_batch(
            [source],
            target_prefix=[prefix] if prefix else None,
            beam_size=1,
            num_hypotheses=1,
            return_alternatives=bool(prefix and self._tags),
            max_decoding_length=MOST_TOKENS,
            callback=stop,
        )
        return found.hypotheses[0], not stopped, taken


def _leading(scores: Sequence[float], known: int) -> int:
    """How many tokens from the first on stand; those of the prefix do anyway."""
    for place, score in enumerate(scores):
        if place >= known and score < PROVEN:
            return place
    return len(scores)


def _pieces(folder: Path, name: str) -> tuple[Any, Any]:
    """SentencePiece models for source and target."""
    both = (folder / "source.spm", folder / "target.spm")
    shared = [*folder.glob("sentencepiece*.model"), *folder.glob("*.spm")]
    if all(path.is_file() for path in both):
        found = both
    elif shared:
        found = (shared[0], shared[0])
    else:
        raise EngineMissing(
            f"{name} has no SentencePiece file, expected source.spm and target.spm or "
            "sentencepiece.bpe.model beside model.bin"
        )
    source, target = (sentencepiece.SentencePieceProcessor(model_file=str(path)) for path in found)
    return source, target


def _vocabulary(folder: Path) -> list[str]:
    """The pieces that the model knows."""
    for path in sorted(folder.glob("*vocabulary*")):
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else text.splitlines()
        return [str(each) for each in found]
    return []


def _tags(vocabulary: Sequence[str]) -> dict[str, str]:
    """Language tokens of NLLB (`deu_Latn`) or M2M (`__de__`), by our names."""
    there = set(vocabulary)
    nllb = {language: code for language, code in NLLB.items() if code in there}
    m2m = {
        found.group(1): each
        for each in vocabulary
        if (found := re.fullmatch(r"__([a-z]{2,3})__", each))
    }
    return nllb or m2m


def _pair(folder: Path, name: str) -> tuple[str, str]:
    """The languages of a model that has one of each, by its name or its folder's."""
    for told in (name, folder.name):
        words = [short(word) for word in re.split(r"[^A-Za-z]+", told.casefold())]
        for source, target in itertools.pairwise(words):
            if source in NLLB and target in NLLB:
                return source, target
    raise EngineMissing(f"{name} does not say its languages, expected a name such as opus-mt-en-de")
