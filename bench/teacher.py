"""The teacher through CTranslate2, 8 bits, greedy: what stands beside our rungs in the table.

Its weights are put into a CTranslate2 model as they are (layers that normalise first, rotary
positions, one table). Before anything is timed, its greedy texts in 32 bits must be those of our
own search. Times are CPU time of one thread, for 20 tokens, as in bench/translation.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from torch import Tensor, nn

from bench.figures import last_line, row
from bench.prices import TOKENS
from bench.translation import spread, tested, timed
from training.translation.decode import decode_all
from training.translation.model import Translator
from training.translation.packed import Ragged
from training.translation.pieces import TAGS, Pieces
from training.translation.steps import load_translator
from workers.engines.ctc_translation.engine import SOURCE_PIECES, limit_of
from workers.engines.ctc_translation.graphs import Vocabulary

CHECKED = 50
"""Texts a language whose greedy translations are compared."""
BATCH = 16


def specification(net: Translator, names: Sequence[str]) -> transformer_spec.TransformerSpec:
    """`names` are the pieces, by id."""
    shape = net.shape
    options: dict[str, Any] = {
        "pre_norm": True,
        "activation": common_spec.Activation.RELU,
        "rotary_dim": shape.width // shape.heads,
        "rotary_interleave": False,
    }
    spec = transformer_spec.TransformerSpec(
        transformer_spec.TransformerEncoderSpec(shape.encoder_layers, shape.heads, **options),
        transformer_spec.TransformerDecoderSpec(shape.decoder_layers, shape.heads, **options),
    )
    table, scale = numbers(net.table), np.dtype("float32").type(shape.width**0.5)
    spec.encoder.embeddings[0].weight = spec.decoder.embeddings.weight = table
    spec.decoder.projection.weight = table
    spec.encoder.scale_embeddings = spec.decoder.scale_embeddings = scale
    put_norm(spec.encoder.layer_norm, net.encoder.norm)
    put_norm(spec.decoder.layer_norm, net.decoder.norm)
    for layer, block in zip(spec.encoder.layer, net.encoder.blocks, strict=True):
        put_attention(layer.self_attention, block.attention)
        put_feedforward(layer.ffn, block.feedforward)
    for layer, block in zip(spec.decoder.layer, net.decoder.blocks, strict=True):
        put_attention(layer.self_attention, block.attention)
        put_cross(layer.attention, block.cross)
        put_feedforward(layer.ffn, block.feedforward)
    spec.register_source_vocabulary(list(names))
    spec.register_target_vocabulary(list(names))
    spec.config.add_source_bos = spec.config.add_source_eos = False
    spec.config.decoder_start_token = spec.config.bos_token
    return spec


def numbers(weights: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A copy, for the library quantises in place."""
    found: np.ndarray[Any, np.dtype[np.float32]] = weights.detach().float().numpy().copy()
    return found


def put_norm(spec: Any, norm: Any) -> None:
    spec.gamma, spec.beta = numbers(norm.weight), numbers(norm.bias)


def put_linear(spec: Any, linear: nn.Linear) -> None:
    spec.weight, spec.bias = numbers(linear.weight), numbers(linear.bias)


def put_attention(spec: Any, attention: Any) -> None:
    put_norm(spec.layer_norm, attention.norm)
    put_linear(spec.linear[0], attention.project)
    put_linear(spec.linear[1], attention.out)


def put_cross(spec: Any, attention: Any) -> None:
    put_norm(spec.layer_norm, attention.norm)
    for place, linear in enumerate((attention.query, attention.remember, attention.out)):
        put_linear(spec.linear[place], linear)


def put_feedforward(spec: Any, feedforward: Any) -> None:
    put_norm(spec.layer_norm, feedforward.norm)
    put_linear(spec.linear_0, feedforward.up)
    put_linear(spec.linear_1, feedforward.down)


class Teacher:
    """`compute` is CTranslate2's word for the precision."""

    def __init__(self, net: Translator, pieces: Path, compute: str) -> None:
        self.words = Vocabulary(pieces)
        self._names = [self.words._model.id_to_piece(each) for each in range(net.shape.pieces)]
        self._ids = {name: place for place, name in enumerate(self._names)}
        with TemporaryDirectory() as folder:
            spec = specification(net, self._names)
            spec.validate()
            spec.optimize(quantization="int8" if compute == "int8" else None)
            spec.save(folder)
            self._translator = ctranslate2.Translator(
                folder, device="cpu", compute_type=compute, intra_threads=1, inter_threads=1
            )

    def say(self, sources: Sequence[Sequence[int]], **limits: int) -> list[list[int]]:
        """Pieces of each source's greedy translation."""
        if not limits:
            limits = {"max_decoding_length": max(limit_of(len(each)) for each in sources)}
        tokens = [[self._names[each] for each in source] for source in sources]
        found = self._translator.translate_batch(tokens, beam_size=1, max_input_length=0, **limits)
        return [[self._ids[name] for name in each.hypotheses[0]] for each in found]

    def translate(self, texts: Sequence[str], language: str) -> list[str]:
        sources = [self.words.source(text, language, SOURCE_PIECES) for text in texts]
        said: list[str] = []
        for at in range(0, len(sources), BATCH):
            said += map(self.words.text, self.say(sources[at : at + BATCH]))
        return said

    def milliseconds(self, rows: int, runs: int) -> float:
        """For so many sentences of TOKENS tokens together, as many out as in."""
        sources = [[4, *range(300, 300 + TOKENS - 2), 2]] * rows
        exact = {"max_decoding_length": TOKENS + 1, "min_decoding_length": TOKENS + 1}
        return timed(lambda: self.say(sources, **exact), runs)


def agreement(net: Translator, teacher: Teacher, pieces: Path, texts: Sequence[str]) -> float:
    """The share of texts that our own greedy search translates alike."""
    ids = Pieces(pieces).encode(texts)
    same = []
    for language, tag in TAGS.items():
        asked = np.array([[place, tag] for place in range(len(ids))])
        ours = decode_all(net, Ragged.of(ids), asked, "greedy")
        theirs = teacher.translate(texts, language)
        same += [teacher.words.text(one) == other for one, other in zip(ours, theirs, strict=True)]
    return sum(same) / len(same)


def bleu(teacher: Teacher, data: Path, most: int) -> dict[str, float]:
    import sacrebleu

    found = {}
    for language in TAGS:
        pairs = spread(tested(data, "tatoeba", language), most)
        said = teacher.translate([source for source, _ in pairs], language)
        score = sacrebleu.corpus_bleu(said, [[target for _, target in pairs]]).score
        found[f"bleu_{language}"] = round(score, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".work/translation"), help="training's")
    parser.add_argument("--checkpoint", default="teacher", help="a folder of it")
    parser.add_argument("--data", type=Path, required=True, help="with translation/test.*")
    parser.add_argument("--most", type=int, default=500, help="test sentences a language")
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    net, pieces = load_translator(options.work / options.checkpoint), options.work / "pieces.model"
    texts = [source for source, _ in spread(tested(options.data, "tatoeba", "de"), CHECKED)]
    same = agreement(net, Teacher(net, pieces, "float32"), pieces, texts)
    if same < 0.99:
        raise SystemExit(f"only {same:.0%} of the texts are those of our own greedy search")
    teacher = Teacher(net, pieces, "int8")
    figures: dict[str, Any] = {"same_in_32_bits": round(same, 4)}
    figures["same_in_8_bits"] = round(agreement(net, teacher, pieces, texts), 4)
    for rows in (1, 8):
        figures[f"ms_{rows}"] = round(teacher.milliseconds(rows, options.runs), 2)
    figures |= bleu(teacher, options.data, options.most)
    print(row("teacher, CTranslate2", figures))
    print(last_line("teacher", figures))


if __name__ == "__main__":
    main()
