"""A tiny Whisper of random weights in CTranslate2's format: the real files, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

SPOKEN = "the quick brown fox jumps over one lazy sleeping dog while nobody looks".split()
SPECIALS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in ("en", "de")),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{place * 0.02:.2f}|>" for place in range(1_501)),
]
FEATURES = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
    "sampling_rate": 16_000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
}


def save_whisper(folder: Path, seed: int = 3) -> Path:
    """Saved by transformers, converted by CTranslate2; returns the converted model's folder."""
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    original, converted = folder / "original", folder / "converted"
    original.mkdir(parents=True)
    vocabulary = save_tokenizer(original / "tokenizer.json")
    end = vocabulary.index("<|endoftext|>")
    begin = vocabulary.index("<|startoftranscript|>")
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=len(vocabulary),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        init_std=1.0,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=begin,
        suppress_tokens=list(range(begin, len(vocabulary))),
        begin_suppress_tokens=[end],
    )
    WhisperForConditionalGeneration(config).save_pretrained(original)
    (original / "tokenizer_config.json").write_text('{"tokenizer_class": "WhisperTokenizer"}')
    (original / "preprocessor_config.json").write_text(json.dumps(FEATURES))
    files = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(original), copy_files=files).convert(
        str(converted), quantization="int8"
    )
    return converted


def save_tokenizer(path: Path) -> list[str]:
    """A byte-level tokenizer with a token for each of the words above; its vocabulary in order."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    plain = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"Ġ{word}" for word in SPOKEN)]
    model = models.BPE(vocab={token: place for place, token in enumerate(plain)}, merges=[])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIALS])
    tokenizer.save(str(path))
    return [*plain, *SPECIALS]
