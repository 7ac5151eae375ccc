"""Marian, NLLB, M2M and their kind through transformers, with a verify loop of our own.

The encoder runs once; the decoder reads a whole draft in one pass, and its cache is cut at the
first token that it would not have said. Weights come from safetensors alone, from this machine
alone, and no code comes with them.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from stream.core.errors import EngineMissing
from workers.core.speculative import STRICT, Best, Speculation, Steps
from workers.engines.hubs import find_model, seq2seq_source
from workers.engines.sentences import Sentence
from workers.engines.texts import TextEngine
from workers.engines.tongues import NLLB, short
from workers.engines.verifying import Left, Verified, Verifying, drafter_for

CANDIDATES = 3
MOST_TOKENS = 200


def make_engine(
    *,
    model: str = "Helsinki-NLP/opus-mt-en-de",
    device: str = "cpu",
    threads: int = 1,
    beam: int = 4,
    draft: bool = True,
) -> TextEngine:
    """`model`: a repository or a folder; `draft`: let the shipped model draft, where it can.

    Raises EngineMissing.
    """
    torch.set_num_threads(threads)
    loaded = load(find_model(seq2seq_source(model)), model, device, beam)
    drafter = drafter_for(loaded.sources, loaded.targets) if draft else None
    return TextEngine(Verifying(loaded, drafter))


def load(folder: Path, name: str, device: str = "cpu", beam: int = 4) -> Seq2Seq:
    """Raises EngineMissing for a folder that holds no translation model of a known family."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **here)
        network = AutoModelForSeq2SeqLM.from_pretrained(str(folder), use_safetensors=True, **here)
    except (OSError, ValueError, KeyError, ImportError) as error:
        told = str(error).strip().partition("\n")[0]
        raise EngineMissing(f"{name} is no translation model that can be loaded: {told}") from error
    return Seq2Seq(network.eval().to(device), tokenizer, _tongues(tokenizer, name), beam)


class Tongues(NamedTuple):
    """Languages as we name them, to what the tokenizer calls them."""

    sources: dict[str, str]
    targets: dict[str, str]


class Seq2Seq:
    """verifying.Autoregressive; tokens are ids."""

    name = "seq2seq"

    def __init__(self, network: Any, tokenizer: Any, tongues: Tongues, beam: int) -> None:
        self.sources = tuple(tongues.sources)
        self.targets = tuple(tongues.targets)
        self._network = network
        self._tokenizer = tokenizer
        self._tongues = tongues
        self._beam = beam
        settings = network.generation_config
        self._start: int = settings.decoder_start_token_id
        end = settings.eos_token_id
        self._end: int = end[0] if isinstance(end, list) else end
        ends_by_force = settings.forced_eos_token_id is not None
        self._limit = min(settings.max_length or MOST_TOKENS, MOST_TOKENS) - 1 - ends_by_force
        banned = [words[0] for words in settings.bad_words_ids or [] if len(words) == 1]
        self._banned = torch.tensor(
            [*banned, *(settings.suppress_tokens or [])], dtype=torch.long, device=network.device
        )

    def tokens(self, text: str, target: str) -> list[int]:
        if hasattr(self._tokenizer, "tgt_lang"):
            self._tokenizer.tgt_lang = self._tongues.targets[target]
        ids: list[int] = self._tokenizer(text_target=text, add_special_tokens=False)["input_ids"]
        return [each for each in ids if each not in self._tokenizer.all_special_ids]

    def text(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text.strip()

    @torch.inference_mode()
    def verify(
        self, sentence: Sentence, draft: Sequence[int], prefix: Sequence[int], left: Left
    ) -> Verified:
        forced = self._forced(sentence.target)
        told = Speculation(
            [*forced, *draft],
            start=self._start,
            end=self._end,
            limit=self._limit,
            prefix=[*forced, *prefix],
            acceptance=STRICT,
        )
        reader = _Reader(self._network, self._encode(sentence), self._banned)
        steps = Steps()
        while not told.done and steps.fit(left()):
            began = time.monotonic()
            reader.keep(told.take(reader.read(told.feed())))
            steps.took(time.monotonic() - began)
        return Verified(told.spliced()[len(forced) :], told.done, told.first, told.passes)

    @torch.inference_mode()
    def refine(self, sentence: Sentence, left: Left) -> list[int] | None:
        from transformers import StoppingCriteriaList

        stops = StoppingCriteriaList([_Stop(left)])
        forced = self._forced(sentence.target)
        found = self._network.generate(
            **self._inputs(sentence),
            num_beams=self._beam,
            do_sample=False,
            stopping_criteria=stops,
            **({"forced_bos_token_id": forced[0]} if forced else {}),
        )
        if stops[0].stopped:
            return None
        ids: list[int] = found[0].tolist()
        return [each for each in ids[1 + len(forced) :] if each != self._end]

    def _inputs(self, sentence: Sentence) -> Any:
        source = self._tongues.sources[sentence.source]
        if hasattr(self._tokenizer, "src_lang"):
            self._tokenizer.src_lang = source
        target = self._tongues.targets[sentence.target]
        marked = f"{target} {sentence.text}" if target.startswith(">>") else sentence.text
        found = self._tokenizer(marked, return_tensors="pt", truncation=True)
        return found.to(self._network.device)

    def _encode(self, sentence: Sentence) -> Any:
        inputs = self._inputs(sentence)
        encoded = self._network.get_encoder()(**inputs)
        return {"encoder_outputs": encoded, "attention_mask": inputs["attention_mask"]}

    def _forced(self, target: str) -> list[int]:
        """The token of the target language, where the decoder begins with one."""
        if not hasattr(self._tokenizer, "src_lang"):
            return []
        name = self._tongues.targets[target]
        as_m2m = getattr(self._tokenizer, "lang_code_to_token", {}).get(name, name)
        return [int(self._tokenizer.convert_tokens_to_ids(as_m2m))]


class _Stop:
    """transformers' StoppingCriteria: no step begins when no time is left."""

    def __init__(self, left: Left) -> None:
        self._left = left
        self.stopped = False

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        left_s = self._left()
        self.stopped = left_s is not None and left_s <= 0
        return torch.full((len(ids),), self.stopped, device=ids.device)


class _Reader:
    """speculative.Decoder: a decoder's cache over one encoded sentence."""

    def __init__(self, network: Any, encoded: Any, banned: torch.Tensor) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self._network = network
        self._encoded = encoded
        self._banned = banned
        self._cache: Any = EncoderDecoderCache(DynamicCache(), DynamicCache())
        known = inspect.signature(network.forward).parameters
        self._cache_name = "cache" if "cache" in known else "past_key_values"
        self._kept = 0

    def read(self, tokens: Sequence[int]) -> Best:
        output = self._network(
            **self._encoded,
            decoder_input_ids=torch.tensor([list(tokens)], device=self._network.device),
            use_cache=True,
            **{self._cache_name: self._cache},
        )
        logits = output.logits[0].float()
        logits[:, self._banned] = -torch.inf
        scores, ids = logits.topk(min(CANDIDATES, logits.shape[-1]))
        return Best(ids.cpu().numpy().astype(np.int64), scores.cpu().numpy())

    def keep(self, count: int) -> None:
        self._kept += count
        for layer in self._cache.self_attention_cache.layers:
            layer.keys = layer.keys[..., : self._kept, :]
            layer.values = layer.values[..., : self._kept, :]


def _tongues(tokenizer: Any, name: str) -> Tongues:
    """Raises EngineMissing where nothing says which languages a model knows."""
    kind = type(tokenizer).__name__
    if kind.startswith("M2M100"):
        known = {code: code for code in tokenizer.lang_code_to_token}
        return Tongues(known, known)
    if kind.startswith("Nllb"):
        vocabulary = tokenizer.get_vocab()
        there = {each: code for each, code in NLLB.items() if code in vocabulary}
        return Tongues(there, there)
    if kind.startswith("Marian"):
        pair = re.search(r"opus-mt(?:-tc-\w+)?-([a-z]{2,3})-([a-z]{2,3})\b", name)
        source, target = pair.groups() if pair else (tokenizer.source_lang, tokenizer.target_lang)
        if source and target:
            return Tongues({short(source): source}, _marian_targets(tokenizer, target))
    raise EngineMissing(
        f"{name} does not say its languages: {kind}, expected one of Marian, M2M100 or NLLB"
    )


def _marian_targets(tokenizer: Any, target: str) -> dict[str, str]:
    """Of a model with several targets, each is asked for by a token before the text."""
    codes = [each for each in tokenizer.get_vocab() if re.fullmatch(r">>[a-z]{2,3}<<", each)]
    return {short(code[2:-2]): code for code in codes} or {short(target): target}
