"""CTC models of transformers (Wav2Vec2, HuBERT, Parakeet and their kind), read as the audio comes.

These models look at a whole recording at once, so a segment is read in chunks with overlap: each
chunk is seen with audio before and behind it, and of the output only the chunk's own frames are
kept. Weights come from safetensors alone, from this machine alone, and no code comes with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stream.core.errors import EngineMissing
from stream.core.messages import Rung, Word
from stream.core.records import SAMPLE_RATE
from workers.core.endpoint import EndpointRules
from workers.engines.formatting.formatter import make_formatter
from workers.engines.hubs import ctc_source, find_model
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import Samples, SpeechDetector
from workers.ports import Card

LEAST_SAMPLES = SAMPLE_RATE // 5
"""Shorter audio is filled up with silence: convolutions need some."""
WORD_BEGINS = ("▁", "Ġ")
FAMILY = "Wav2Vec2, HuBERT, Parakeet or another CTC model"


def make_engine(
    *,
    model: str = "facebook/wav2vec2-base-960h",
    language: str = "en",
    device: str = "cpu",
    threads: int = 1,
    chunk_s: float = 2.0,
    before_s: float = 2.0,
    behind_s: float = 0.64,
    verbatim: bool = False,
) -> SegmentingRecogniser[Utterance]:
    """`model`: a repository or a folder; each chunk is seen with `before_s` and `behind_s`.

    A model that knows one case only gives lower case, and finals in English are written by
    engines/formatting unless they are wanted `verbatim`; others write by themselves.
    """
    torch.set_num_threads(threads)
    network = load_network(find_model(ctc_source(model)), model, device)
    card = Card(name="hub", task="captions", rungs=(Rung.DRAFT,), languages=(language,))
    window = Window.of(network.stride, chunk_s, before_s, behind_s)
    write = make_formatter(verbatim=verbatim or network.writes or language != "en")
    decoder = CtcDecoder(network, window)
    return SegmentingRecogniser(card, SpeechDetector(), EndpointRules(), decoder, write=write)


class Window(NamedTuple):
    """Samples, all of them multiples of the model's stride."""

    chunk: int
    before: int
    behind: int

    @classmethod
    def of(cls, stride: int, *seconds: float) -> Window:
        chunk, before, behind = (round(each * SAMPLE_RATE / stride) * stride for each in seconds)
        return cls(max(stride, chunk), before, behind)


class Frames(NamedTuple):
    """The best token of each frame, and its probability."""

    tokens: NDArray[np.int64]
    chances: NDArray[np.float32]


class Network:
    """A model with its own features and its own tokenizer.

    `stride` is samples a frame; `writes`: it knows upper case from lower.
    """

    def __init__(self, model: Any, features: Any, tokenizer: Any, device: str) -> None:
        self._model = model.to(device).eval()
        self._features = features
        self._device = device
        self.tokenizer = tokenizer
        self.blank: int = tokenizer.pad_token_id
        letters = "".join(set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens))
        self.writes = not (letters.isupper() or letters.islower())
        self.stride = self._measure_stride()

    @torch.inference_mode()
    def hear(self, samples: Samples) -> Frames:
        """One recording alone: models of this family are not neutral to padding."""
        missing = max(0, LEAST_SAMPLES - len(samples))
        audio = np.pad(samples, (0, missing)) / np.float32(32768)
        given = self._features(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        logits = self._model(**given.to(self._device)).logits[0].float()
        chances, tokens = torch.softmax(logits, -1).max(-1)
        frames = Frames(tokens.cpu().numpy(), chances.cpu().numpy())
        whole = -(-len(samples) // self.stride) if missing else len(frames.tokens)
        return Frames(frames.tokens[:whole], frames.chances[:whole])

    def _measure_stride(self) -> int:
        """From the model itself, for each family has another name for it."""
        self.stride = 1
        short, long = (len(self.hear(np.zeros(s * SAMPLE_RATE, np.int16)).tokens) for s in (2, 4))
        return 2 * SAMPLE_RATE // (long - short)


def load_network(folder: Path, name: str, device: str) -> Network:
    """Raises EngineMissing for a folder that holds something else."""
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **safe)
        if type(config) not in AutoModelForCTC._model_mapping:
            raise EngineMissing(f"model {name!r} is of type {config.model_type}, expected {FAMILY}")
        model = AutoModelForCTC.from_pretrained(folder, use_safetensors=True, **safe)
        features = AutoFeatureExtractor.from_pretrained(folder, **safe)
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except (OSError, ValueError, KeyError) as error:
        raise EngineMissing(f"model {name!r} cannot be loaded: {_first_line(error)}") from error
    if features.sampling_rate != SAMPLE_RATE:
        raise EngineMissing(f"model {name!r} hears {features.sampling_rate} Hz, expected 16000")
    return Network(model, features, tokenizer, device)


@dataclass(slots=True)
class Utterance:
    """A segment's audio, and the frames of those chunks that are complete."""

    start: int
    audio: Samples = field(default_factory=lambda: np.empty(0, np.int16))
    read: list[Frames] = field(default_factory=list)


class CtcDecoder:
    """Greedy CTC, collapsed by the model's own tokenizer."""

    def __init__(self, network: Network, window: Window) -> None:
        self._network = network
        self._window = window

    def begin(self, start: int) -> Utterance:
        return Utterance(start)

    def step(self, states: Sequence[Utterance], audio: Sequence[Samples]) -> None:
        """Chunks lie on a grid of the segment, so pieces don't matter."""
        chunk, _, behind = self._window
        for state, samples in zip(states, audio, strict=True):
            state.audio = np.concatenate((state.audio, samples))
            while len(state.audio) >= (len(state.read) + 1) * chunk + behind:
                done = len(state.read) * chunk
                state.read.append(self._hear(state, done, done + chunk, done + chunk + behind))

    def read(self, state: Utterance) -> Sequence[Word]:
        done, upto = len(state.read) * self._window.chunk, len(state.audio)
        return self._words(state, [*state.read, self._hear(state, done, upto, upto)])

    def end(self, state: Utterance) -> Sequence[Word]:
        return self.read(state)

    def drop(self, state: Utterance) -> None:
        state.read.clear()

    def _hear(self, state: Utterance, begin: int, end: int, upto: int) -> Frames:
        """The frames of [begin, end), seen with what lies before, and behind up to `upto`."""
        stride, floor = self._network.stride, max(0, begin - self._window.before)
        frames = self._network.hear(state.audio[floor:upto])
        kept = slice((begin - floor) // stride, -(-(end - floor) // stride))
        return Frames(frames.tokens[kept], frames.chances[kept])

    def _words(self, state: Utterance, parts: Sequence[Frames]) -> list[Word]:
        tokens = np.concatenate([part.tokens for part in parts])
        chances = np.concatenate([part.chances for part in parts])
        words = []
        for first, after in self._spans(tokens):
            text = self._network.tokenizer.decode(tokens[first:after], skip_special_tokens=True)
            text = "".join(str(text).split())
            if text:
                words.append(
                    Word(
                        word=text if self._network.writes else text.lower(),
                        start=self._seconds(state, first),
                        end=self._seconds(state, after),
                        confidence=round(float(chances[first:after].mean()), 3),
                    )
                )
        return words

    def _spans(self, tokens: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Frames of each word: a new one begins behind a delimiter or at a piece that says so."""
        tokenizer, blank = self._network.tokenizer, self._network.blank
        delimiter = getattr(tokenizer, "word_delimiter_token_id", None)
        spans: list[tuple[int, int]] = []
        before, apart = blank, True
        for at, token in enumerate(tokens.tolist()):
            if token not in (blank, delimiter):
                repeated = token == before
                piece = tokenizer.convert_ids_to_tokens(token)
                if apart or (piece.startswith(WORD_BEGINS) and not repeated):
                    spans.append((at, at + 1))
                else:
                    spans[-1] = (spans[-1][0], at + 1)
                apart = False
            apart = apart or token == delimiter
            before = token
        return spans

    def _seconds(self, state: Utterance, frame: int) -> float:
        samples = min(frame * self._network.stride, len(state.audio))
        return round((state.start + samples) / SAMPLE_RATE, 3)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].lower()
