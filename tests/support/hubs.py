"""Tiny CTC models of random weights, saved as their library saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LETTERS = "ETAOINSHRDLUCMWFGYPBVKJXQZ'"
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 0.5,
}
CONVOLUTIONAL: dict[str, Any] = {
    **SMALL,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 32,
    "pad_token_id": 0,
}


def save_wav2vec2(folder: Path, seed: int = 1) -> Path:
    """Letters, as facebook/wav2vec2-base-960h has them."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    return _save_letters(folder, Wav2Vec2ForCTC, Wav2Vec2Config(**CONVOLUTIONAL), seed)


def save_hubert(folder: Path, seed: int = 1) -> Path:
    from transformers import HubertConfig, HubertForCTC

    return _save_letters(folder, HubertForCTC, HubertConfig(**CONVOLUTIONAL), seed)


def save_parakeet(folder: Path, seed: int = 1) -> Path:
    """Pieces of words, features by log-mel, eight frames in one."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        ParakeetCTCConfig,
        ParakeetFeatureExtractor,
        ParakeetForCTC,
        ParakeetTokenizer,
    )

    torch.manual_seed(seed)
    pieces = ["<unk>", "▁the", "▁quick", "▁brown", "▁fox", "s", "ing", "ed", "er", "<pad>"]
    vocabulary = [(piece, 0.0) for piece in pieces]
    inner = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    tokenizer = ParakeetTokenizer(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>")
    encoder = {**SMALL, "num_key_value_heads": 2, "num_mel_bins": 80}
    encoder |= {"subsampling_conv_channels": 8, "conv_kernel_size": 3}
    config = ParakeetCTCConfig(
        vocab_size=len(pieces), pad_token_id=len(pieces) - 1, encoder_config=encoder
    )
    ParakeetForCTC(config).save_pretrained(folder)
    ParakeetFeatureExtractor(feature_size=80).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _save_letters(folder: Path, make: Any, config: Any, seed: int) -> Path:
    import torch
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

    torch.manual_seed(seed)
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    folder.mkdir(parents=True)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({name: place for place, name in enumerate(names)}))
    model = make(config)
    with torch.no_grad():  # blanks and spaces among the letters
        model.lm_head.bias[:5] = torch.tensor([5.0, -9.0, -9.0, -9.0, 6.0])
    model.save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(vocabulary)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder
