"""Whisper: finals by the audio alone, partials behind a draft that is verified."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel

from stream.core.errors import EngineMissing
from stream.core.messages import Rung, Word
from tests.support.speech import read_speech
from tests.support.whispers import SPECIALS
from workers.engines import whisper
from workers.engines.segmenting import Attentive, SegmentingRecogniser
from workers.engines.silero import Samples
from workers.engines.whisper import Spoken, WhisperDecoder, make_engine
from workers.ports import Audio, Hypothesis

SPEECH = np.frombuffer(read_speech(), "<i2")


@pytest.fixture(scope="module")
def engine(tiny_whisper: Path) -> SegmentingRecogniser[Spoken]:
    return make_engine(model=str(tiny_whisper))


@pytest.fixture
def decoder(engine: SegmentingRecogniser[Spoken]) -> WhisperDecoder:
    decoder = engine._decoder
    assert isinstance(decoder, WhisperDecoder)
    return decoder


def hear(engine: SegmentingRecogniser[Spoken], chunk: int, seconds: int = 10) -> list[Hypothesis]:
    said: list[Hypothesis] = []
    for begin in range(0, seconds * 16_000, chunk):
        end = min(begin + chunk, seconds * 16_000)
        pcm = SPEECH[begin:end].tobytes()
        last = end == seconds * 16_000
        audio = Audio(stream="s", start=begin, pcm=pcm, fresh=not begin, last=last)
        said += engine.run(Rung.REFINED, [audio])[0].hypotheses
    return said


def spoken(*pieces: Samples) -> Spoken:
    return Spoken(0, list(pieces))


def finals(said: list[Hypothesis]) -> list[Hypothesis]:
    return [each for each in said if each.final]


def test_finals_do_not_depend_on_chunks_nor_on_partials(
    engine: SegmentingRecogniser[Spoken],
) -> None:
    assert finals(hear(engine, 16_000)) == finals(hear(engine, 61_111)) != []


def test_partials_grow_and_keep_what_is_settled(engine: SegmentingRecogniser[Spoken]) -> None:
    partials = [each for each in hear(engine, 8_000, 6) if not each.final]
    assert len(partials) > 5
    for before, after in pairwise(partials):
        if before.start == after.start:
            assert after.text.startswith(before.text[: before.stable])


def test_words_lie_in_their_audio_in_order(engine: SegmentingRecogniser[Spoken]) -> None:
    for each in finals(hear(engine, 32_000)):
        times = [word.start for word in each.words]
        assert times == sorted(times)
        for word in each.words:
            assert each.start / 16_000 <= word.start <= word.end <= each.ended / 16_000 + 0.1
            assert 0.0 <= word.confidence <= 1.0


def test_a_draft_that_is_verified_changes_nothing(decoder: WhisperDecoder) -> None:
    state = spoken()
    for begin in range(16_000, 96_000, 16_000):
        state.audio.append(SPEECH[begin : begin + 16_000])
        fresh = spoken(*state.audio)
        assert decoder.read(state) == decoder.read(fresh)


def test_a_draft_leads_as_far_as_it_is_likely(
    decoder: WhisperDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisper, "LIKELY", 0.0)
    state = spoken(SPEECH[20_000:68_000])
    before = decoder.read(state)
    settled = len([word for word in before if word.end <= 3.0 - whisper.HOLD_S])
    assert state.draft
    state.audio.append(SPEECH[68_000:84_000])
    after = decoder.read(state)
    assert texts(after[: settled - 1]) == texts(before[: settled - 1])


def texts(words: Sequence[Word]) -> list[str]:
    return [word.word for word in words]


def test_too_little_audio_says_nothing(decoder: WhisperDecoder) -> None:
    assert decoder.read(spoken()) == decoder.end(spoken(SPEECH[:1_000])) == []


def test_silence_that_the_model_is_sure_of_says_nothing(
    decoder: WhisperDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisper, "SILENT", -1.0)
    monkeypatch.setattr(whisper, "UNSURE", 1.0)
    assert decoder.end(spoken(SPEECH[20_000:68_000])) == []


def told(language: str, *hotwords: str) -> Audio:
    return Audio(stream="s", start=0, pcm=b"", language=language, hotwords=hotwords)


def test_a_channels_language_and_hotwords_are_heeded(decoder: WhisperDecoder) -> None:
    """English is all that this model knows, so German is heard as what it sounds like."""
    assert isinstance(decoder, Attentive)
    state, plain = spoken(SPEECH[20_000:68_000]), spoken(SPEECH[20_000:68_000])
    decoder.heed(state, told("de", "Ahornallee", "Neckar"), Rung.REFINED)
    decoder.rest([state])
    assert decoder.read(state) != decoder.read(plain)


class Polyglot:
    """The model, as one of many languages that hears German: tiny ones never count as such."""

    is_multilingual = True

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def detect_language(self, encoded: object) -> list[list[tuple[str, float]]]:
        return [[("<|de|>", 0.9), ("<|en|>", 0.1)]]


@pytest.mark.parametrize(
    ("language", "heard_as"), [("en", "en"), ("de", "de"), ("de-AT", "de"), ("tlh", "de")]
)
def test_a_model_of_many_languages_follows_the_channel(
    tiny_whisper: Path, language: str, heard_as: str
) -> None:
    """Where it does not know the channel's language, it hears which one it is."""
    inner = WhisperModel(str(tiny_whisper), device="cpu", compute_type="int8", cpu_threads=1)
    inner.model = Polyglot(inner.model)
    decoder, state = WhisperDecoder(inner, "", 1), spoken(SPEECH[20_000:68_000])
    decoder.heed(state, told(language), Rung.REFINED)
    window = decoder._hear(state)
    assert window is not None
    assert window.words.language_code == heard_as
    assert decoder.read(state)


def test_verbatim_words_have_no_marks_and_no_case() -> None:
    heard = [
        Word(word=text, start=0, end=1, confidence=1) for text in ("“Well,", "--", "I", "O'Neill.")
    ]
    assert texts(whisper.plain(heard)) == ["well", "i", "o'neill"]


def test_a_language_that_no_whisper_knows_is_refused(tiny_whisper: Path) -> None:
    with pytest.raises(EngineMissing, match=r"language is 'xx', model .* knows"):
        make_engine(model=str(tiny_whisper), language="xx")


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.bin").write_bytes(b"nonsense")
    with pytest.raises(EngineMissing, match="cannot be loaded"):
        make_engine(model=str(tmp_path))


def test_the_specials_are_those_of_whisper() -> None:
    assert SPECIALS[0] == "<|endoftext|>"
    assert SPECIALS[-1] == "<|30.00|>"
