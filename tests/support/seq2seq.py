"""Tiny translation models of random weights, saved as their library saves them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from tests.support.translations import SENTENCES

PIECES = 76
MOST_TOKENS = 40
SIZES: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 256,
    "init_std": 1.0,
    "scale_embedding": False,
    "activation_function": "swish",
}


def save_marian(folder: Path, seed: int = 1, fillers: int = 0, **sizes: Any) -> Path:
    """English to German, as Helsinki-NLP/opus-mt-en-de has its files; `fillers` make its vocabulary
    as large as a real one's.
    """
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    pieces = _train(folder / "source.spm")
    _train(folder / "target.spm")
    vocabulary = {each: place for place, each in enumerate(["</s>", "<unk>", *pieces])}
    vocabulary |= {f"<filler {n}>": len(vocabulary) + n for n in range(fillers)}
    vocabulary["<pad>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    pad = vocabulary["<pad>"]
    fields: dict[str, Any] = {"bad_words_ids": [[pad]], **SIZES, **sizes}
    config = MarianConfig(
        vocab_size=pad + 1,
        decoder_vocab_size=pad + 1,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        bos_token_id=0,
        eos_token_id=0,
        forced_eos_token_id=0,
        **fields,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends a package
        files = {name: str(folder / f"{name}.spm") for name in ("source", "target")}
        tokenizer = MarianTokenizer(
            source_spm=files["source"],
            target_spm=files["target"],
            vocab=str(folder / "vocab.json"),
            source_lang="en",
            target_lang="de",
        )
    return _save(folder, MarianMTModel, config, tokenizer, seed)


def save_m2m(folder: Path, seed: int = 1) -> Path:
    """Many languages, each with a tag, as facebook/m2m100_418M has its files."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    pieces = _train(folder / "sentencepiece.bpe.model")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {each: place for place, each in enumerate([*special, *pieces])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(
        str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"), src_lang="en"
    )
    config = M2M100Config(
        vocab_size=len(tokenizer) + len(tokenizer.lang_code_to_token) + 8,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        **SIZES,
    )
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer, seed)


def save_nllb(folder: Path, seed: int = 1) -> Path:
    """As facebook/nllb-200 has its files: byte pairs, the source's language before the text, the
    target's forced as the first token said.
    """
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    _train(folder / "sentencepiece.bpe.model", model_type="bpe")
    tokenizer = NllbTokenizer.from_pretrained(
        str(folder), src_lang="eng_Latn", extra_special_tokens=FAIRSEQ_LANGUAGE_CODES
    )
    config = M2M100Config(
        vocab_size=len(tokenizer),
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        **SIZES,
    )
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer, seed)


def convert(folder: Path, there: Path) -> Path:
    """To CTranslate2's format, with the SentencePiece files beside it."""
    from ctranslate2.converters import TransformersConverter
    from transformers import M2M100Tokenizer

    # the converter looks for the languages under a name that transformers has given up
    kind: Any = M2M100Tokenizer
    known = kind.special_tokens_map
    kind.special_tokens_map = property(
        lambda each: {
            **known.fget(each),
            "additional_special_tokens": list(each.lang_code_to_token.values()),
        }
    )
    files = [path.name for path in folder.iterdir() if path.suffix in {".spm", ".model"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        TransformersConverter(str(folder), copy_files=files).convert(str(there), force=True)
    return there


def _train(path: Path, model_type: str = "unigram") -> list[str]:
    """A SentencePiece model; its pieces but for the special ones."""
    import sentencepiece

    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(f"{line} {n}" for line in SENTENCES for n in range(100)),
            model_writer=file,
            vocab_size=PIECES,
            model_type=model_type,
            num_threads=1,
            minloglevel=2,
        )
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(place) for place in range(3, model.get_piece_size())]


def _save(folder: Path, kind: Any, config: Any, tokenizer: Any, seed: int) -> Path:
    import torch

    torch.manual_seed(seed)
    network = kind(config).eval()
    decoder = network.get_decoder()
    last = getattr(decoder, "layer_norm", None) or decoder.layers[-1].final_layer_norm
    with torch.no_grad():  # sure of itself: a token can be likelier than all others together
        last.weight.mul_(4)
    network.generation_config.max_length = MOST_TOKENS
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
