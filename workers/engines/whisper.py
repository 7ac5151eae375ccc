"""Whisper on CTranslate2, by faster-whisper: partials by re-decoding, finals by a full decode.

Each partial is a decode of the whole open segment, so the recogniser's agreement of successive
hypotheses settles words as LocalAgreement does (Macháček et al. 2023). The previous hypothesis is
the draft: words aligned well before the end of the audio they were heard in, as AlignAtt takes them
(Papi et al. 2023), are verified in one pass of the decoder and kept up to the first unlikely one.

A window is always 30 s to the encoder, so a partial costs as much as a final: on a processor give
it chunks of a second or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from msgspec.structs import replace

from stream.core.errors import EngineMissing
from stream.core.messages import Rung, Word
from stream.core.records import SAMPLE_RATE
from workers.core.endpoint import FRAME_SAMPLES, EndpointRules
from workers.engines.hubs import find_model, whisper_source
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import Samples, SpeechDetector
from workers.ports import Audio, Card

FRAME_MS = 1000 * FRAME_SAMPLES // SAMPLE_RATE
WINDOW_S = 30
HOLD_S = 0.5
"""Words that end so close to the end of the audio are heard anew next time (AlignAtt's frames)."""
LIKELY = 0.5
TOKENS_PER_S = 12
"""Nobody speaks more; a model that repeats itself is cut there."""
LEAST_TOKENS = 12
LEAST_SAMPLES = SAMPLE_RATE // 5
MOST_HOTWORDS = 200
"""Tokens; half of the model's text is for the prompt."""
MARKS = '.,;:!?"()[]…–—-¿¡“”„«»'
SILENT = 0.6
UNSURE = -1.0


def make_engine(
    *,
    model: str = "base.en",
    language: str = "",
    compute_type: str = "int8",
    device: str = "cpu",
    threads: int = 1,
    beam: int = 5,
    silence_ms: int = 800,
    verbatim: bool = False,
) -> SegmentingRecogniser[Spoken]:
    """`model`: a size, a repository or a folder (engines/hubs); `language`: instead of what each
    channel says; `beam` is for finals; `verbatim`: finals without case and punctuation.
    """
    folder = find_model(whisper_source(model))
    try:
        whisper = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads
        )
    except (ValueError, RuntimeError) as error:
        raise EngineMissing(f"model {model!r} cannot be loaded: {error}") from error
    known = tuple(whisper.supported_languages)
    if language and language not in known:
        raise EngineMissing(f"language is {language!r}, model {model!r} knows {', '.join(known)}")
    card = Card(name="whisper", task="captions", rungs=(Rung.REFINED,), languages=known)
    longest = (WINDOW_S - 5) * 1000 // FRAME_MS
    rules = EndpointRules(silence=silence_ms // FRAME_MS, longest=longest)
    decoder = WhisperDecoder(whisper, language, beam)
    write = plain if verbatim else tuple
    return SegmentingRecogniser(card, SpeechDetector(), rules, decoder, write=write)


def plain(words: Sequence[Word]) -> Sequence[Word]:
    """As near as it comes to words as they were spoken: the model writes figures by itself."""
    bare = (replace(word, word=word.word.lower().strip(MARKS)) for word in words)
    return [word for word in bare if word.word]


@dataclass(slots=True)
class Spoken:
    """A segment's audio, how it is to be heard, and the tokens that the next decode begins with."""

    start: int
    audio: list[Samples] = field(default_factory=list)
    draft: list[int] = field(default_factory=list)
    language: str = "en"
    hotwords: tuple[str, ...] = ()


class Heard(NamedTuple):
    """Tokens of the text and how sure the model was of them."""

    tokens: list[int]
    score: float
    silence: float


class Window(NamedTuple):
    """A segment as the encoder has heard it: its output, its frames of 10 ms, and its tokens."""

    encoded: ctranslate2.StorageView
    frames: int
    words: Tokenizer


class WhisperDecoder:
    """One window of one segment at a time. Times are Whisper's own, by dynamic time warping of its
    attention: about 0.1 s off. Languages without spaces come as words of one character.
    """

    def __init__(self, whisper: WhisperModel, language: str, beam: int) -> None:
        self._whisper = whisper
        self._language = language
        self._beam = beam

    def begin(self, start: int) -> Spoken:
        return Spoken(start)

    def step(self, states: Sequence[Spoken], audio: Sequence[Samples]) -> None:
        for state, samples in zip(states, audio, strict=True):
            state.audio.append(samples)

    def heed(self, state: Spoken, audio: Audio, rung: Rung) -> None:
        """The channel's language and hotwords; they become the prompt."""
        state.language, state.hotwords = self._language or audio.language, audio.hotwords

    def rest(self, states: Sequence[Spoken]) -> None:
        """Nothing is made ready: that would cost as much as the final itself."""

    def read(self, state: Spoken) -> Sequence[Word]:
        """A greedy decode behind what stands of the last one."""
        window = self._hear(state)
        if window is None:
            return []
        accepted = self._verify(window, state.draft)
        found = self._align(window, self._decode(window, state.hotwords, accepted, beam=1))
        settled_s = window.frames / self._whisper.frames_per_second - HOLD_S
        state.draft = [
            token for part in found if part["end"] <= settled_s for token in part["tokens"]
        ]
        return self._told(state, found)

    def end(self, state: Spoken) -> Sequence[Word]:
        """A beam over the whole segment: it depends on the audio alone, not on the partials."""
        window = self._hear(state)
        if window is None:
            return []
        heard = self._decode(window, state.hotwords, [], beam=self._beam)
        return self._told(state, self._align(window, heard))

    def drop(self, state: Spoken) -> None:
        state.audio.clear()

    def _hear(self, state: Spoken) -> Window | None:
        """None where there is too little to hear anything."""
        samples = np.concatenate(state.audio or [np.empty(0, np.int16)])
        if len(samples) < LEAST_SAMPLES:
            return None
        assert len(samples) <= WINDOW_S * SAMPLE_RATE, "segments end before their window does"
        extractor = self._whisper.feature_extractor
        frames = len(samples) // extractor.hop_length
        features = extractor(samples / np.float32(32768))[:, :frames]
        encoded = self._whisper.encode(pad_or_trim(features))
        return Window(encoded, frames, self._tokenizer(state, encoded))

    def _tokenizer(self, state: Spoken, encoded: ctranslate2.StorageView) -> Tokenizer:
        """For the channel's language where the model knows it, else for the one that it hears."""
        model, language = self._whisper.model, state.language.partition("-")[0]
        if model.is_multilingual and language not in self._whisper.supported_languages:
            (likely, _), *_ = model.detect_language(encoded)[0]
            language = likely.strip("<|>")
        return Tokenizer(
            self._whisper.hf_tokenizer, model.is_multilingual, task="transcribe", language=language
        )

    def _verify(self, window: Window, draft: list[int]) -> list[int]:
        """The part of the draft that the model would say again, in one pass."""
        if not draft:
            return []
        start = window.words.sot_sequence
        (found,) = self._whisper.model.align(window.encoded, start, [draft], window.frames)
        unlikely = [at for at, chance in enumerate(found.text_token_probs) if chance < LIKELY]
        return draft[: min(unlikely, default=len(draft))]

    def _decode(
        self, window: Window, hotwords: Sequence[str], accepted: list[int], *, beam: int
    ) -> Heard:
        words = window.words
        before = [words.sot_prev, *words.encode(" " + ", ".join(hotwords))] if hotwords else []
        prompt = [*before[:MOST_HOTWORDS], *words.sot_sequence, words.no_timestamps]
        most = LEAST_TOKENS + window.frames * TOKENS_PER_S // self._whisper.frames_per_second
        (found,) = self._whisper.model.generate(
            window.encoded,
            [[*prompt, *accepted]],
            beam_size=beam,
            # of which CTranslate2 gives half to the text, and the prompt counts
            max_length=min(self._whisper.max_length, max(2 * most, len(prompt) + most)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        # what was accepted leads the answer
        tokens = [token for token in found.sequences_ids[0] if token < words.eot]
        return Heard(tokens, found.scores[0], found.no_speech_prob)

    def _align(self, window: Window, heard: Heard) -> list[dict[str, Any]]:
        """Words with their tokens, times and probabilities; none where nothing was said."""
        nothing = heard.silence > SILENT and heard.score < UNSURE
        if nothing or not heard.tokens:
            return []
        encoded, frames, words = window
        return list(self._whisper.find_alignment(words, [heard.tokens], encoded, frames)[0])

    def _told(self, state: Spoken, found: Sequence[dict[str, Any]]) -> list[Word]:
        """Punctuation goes with the word before it."""
        words: list[Word] = []
        for part in found:
            word = self._word(state, part)
            if words and not part["word"].startswith(" "):
                before = words.pop()
                word = Word(
                    word=before.word + word.word,
                    start=before.start,
                    end=word.end,
                    confidence=min(before.confidence, word.confidence),
                )
            if word.word:
                words.append(word)
        return words

    def _word(self, state: Spoken, part: dict[str, Any]) -> Word:
        offset = state.start / SAMPLE_RATE
        return Word(
            word=part["word"].strip(),
            start=round(offset + float(part["start"]), 3),
            end=round(offset + float(part["end"]), 3),
            confidence=round(float(part["probability"]), 3),
        )
