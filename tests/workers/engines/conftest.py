"""Models made once for all tests of the engines that read other people's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hubs import save_hubert, save_parakeet, save_wav2vec2
from tests.support.whispers import save_whisper


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """CTC models by family."""
    folder = tmp_path_factory.mktemp("hub")
    return {
        "wav2vec2": save_wav2vec2(folder / "wav2vec2"),
        "hubert": save_hubert(folder / "hubert"),
        "parakeet": save_parakeet(folder / "parakeet"),
    }
