"""Models that an operator names: in a folder or in the Hugging Face cache, fetched on demand only.

An engine never reaches out: `find_model` looks at this machine alone. `fetch_model` is what
`--allow-download` calls, before any engine is started. Weights come as safetensors or as
CTranslate2's own format; pickled ones are neither fetched nor loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from stream.core.errors import EngineMissing

INSTALL = "pip install 'ontime[whisper]' or 'ontime[hub]'"
SHIPPED = "conformer"
SHIPPED_TRANSLATOR = "ctc"
"""The engines that can be used instead: nothing has to be fetched for them."""
SEQ2SEQ = "seq2seq"
CTRANSLATE = "ctranslate"
SENTENCEPIECE = "*.[ms]*[lm]"
"""Files in .spm or .model: recognisers have none."""


class Source(NamedTuple):
    """Where a model comes from: `repo` on the hub, or a folder.

    `patterns`   the files that are fetched
    `needed`     without one that matches each of these there is no model
    `megabytes`  about how much would be fetched; None: nobody knows before asking
    """

    repo: str
    patterns: tuple[str, ...]
    needed: tuple[str, ...]
    megabytes: int | None = None
    instead: str = SHIPPED
    sign: str = "*"


_SYSTRAN: Mapping[str, int] = {
    "tiny": 75,
    "tiny.en": 75,
    "base": 145,
    "base.en": 145,
    "small": 484,
    "small.en": 484,
    "medium": 1528,
    "medium.en": 1528,
    "large-v1": 3087,
    "large-v2": 3087,
    "large-v3": 3087,
}
_WHISPER: Mapping[str, tuple[str, int]] = {
    **{name: (f"Systran/faster-whisper-{name}", size) for name, size in _SYSTRAN.items()},
    "distil-small.en": ("Systran/faster-distil-whisper-small.en", 332),
    "distil-medium.en": ("Systran/faster-distil-whisper-medium.en", 789),
    "distil-large-v3": ("Systran/faster-distil-whisper-large-v3", 1513),
    "turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1618),
}
_TRANSLATION: Mapping[str, int] = {
    "Helsinki-NLP/opus-mt-en-de": 298,
    "Helsinki-NLP/opus-mt-en-es": 312,
    "Helsinki-NLP/opus-mt-en-fr": 301,
    "facebook/m2m100_418M": 1936,
    "facebook/nllb-200-distilled-600M": 2460,
    "OpenNMT/nllb-200-distilled-1.3B-ct2-int8": 1380,
}
_CTC: Mapping[str, int] = {
    "facebook/wav2vec2-base-960h": 378,
    "facebook/wav2vec2-large-960h-lv60-self": 1262,
    "facebook/hubert-large-ls960-ft": 1262,
    "nvidia/parakeet-ctc-0.6b": 2440,
    "nvidia/parakeet-ctc-1.1b": 4250,
}


def whisper_source(model: str) -> Source:
    """A size of Whisper (`small.en`), a repository with a CTranslate2 model, or a folder."""
    repo, megabytes = _WHISPER.get(model, (model, None))
    needed = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*")
    return Source(repo, (*needed, "preprocessor_config.json"), needed, megabytes)


def ctc_source(model: str) -> Source:
    """A repository with a CTC model of transformers, or a folder."""
    needed = ("*.safetensors", "config.json", "*token*.json")
    patterns = ("*.json", "*.txt", "*.model", "*.safetensors")
    return Source(model, patterns, needed, _CTC.get(model))


def seq2seq_source(model: str) -> Source:
    """A repository with a translation model of transformers, or a folder."""
    needed = ("*.safetensors", "config.json", "*token*.json")
    patterns = ("*.json", "*.model", "*.spm", "*.txt", "*.safetensors")
    size = _TRANSLATION.get(model)
    return Source(model, patterns, needed, size, SHIPPED_TRANSLATOR, SENTENCEPIECE)


def ctranslate_source(model: str) -> Source:
    """A repository with a translation model of CTranslate2, or a folder."""
    needed = ("model.bin", "*vocabulary*")
    patterns = ("model.bin", "*.json", "*.txt", "*.spm", "*.model")
    size = _TRANSLATION.get(model)
    return Source(model, patterns, needed, size, SHIPPED_TRANSLATOR, SENTENCEPIECE)


SOURCES: Mapping[str, Callable[[str], Source]] = {
    "whisper": whisper_source,
    "hub": ctc_source,
    SEQ2SEQ: seq2seq_source,
    CTRANSLATE: ctranslate_source,
}
"""By engine."""


def can_fetch() -> bool:
    """Whether the library that knows the cache is installed."""
    return find_spec("huggingface_hub") is not None


def find_model(source: Source) -> Path:
    """The model's folder on this machine. Raises EngineMissing that says what would be fetched."""
    folder = Path(source.repo)
    if folder.is_dir():
        return _complete(folder, source)
    cached = _snapshot(source, offline=True) if can_fetch() else None
    if cached is None:
        raise EngineMissing(told_missing(source))
    return _complete(cached, source)


def fetch_model(source: Source) -> Path:
    """The model's folder, after a download where it is not here yet. Raises EngineMissing."""
    try:
        return find_model(source)
    except EngineMissing:
        if Path(source.repo).is_dir():
            raise
    fetched = _snapshot(source, offline=False)
    assert fetched is not None
    return _complete(fetched, source)


def told_missing(source: Source) -> str:
    """What a download would be, and what can be done instead."""
    if not can_fetch():
        return f"model {source.repo!r} is no folder, and no cache can be read: {INSTALL}"
    from huggingface_hub import constants

    size = f"about {source.megabytes} MB" if source.megabytes else "of a size not known here"
    return (
        f"model {source.repo!r} is neither a folder nor in the cache ({constants.HF_HUB_CACHE}); "
        f"it would be fetched from {constants.ENDPOINT}/{source.repo}, {size}: "
        f"say --allow-download, name a folder{_instead(source)}"
    )


def _instead(source: Source) -> str:
    return f", or use the engine {source.instead}, which is shipped" if source.instead else ""


def cached_models() -> list[tuple[str, str]]:
    """What is in the cache, as (engine, repository)."""
    from huggingface_hub import constants, scan_cache_dir

    if not Path(constants.HF_HUB_CACHE).is_dir():
        return []
    found = []
    for repo in scan_cache_dir(constants.HF_HUB_CACHE).repos:
        names = [file.file_name for revision in repo.revisions for file in revision.files]
        for engine, source_of in SOURCES.items():
            source = source_of(repo.repo_id)
            if not _missing(names, source) and any(fnmatch(each, source.sign) for each in names):
                found.append((engine, repo.repo_id))
    return sorted(found)


def _snapshot(source: Source, *, offline: bool) -> Path | None:
    """The repository's files; None where it is not in the cache and must not be fetched."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        found = snapshot_download(
            source.repo,
            allow_patterns=list(source.patterns),
            local_files_only=offline,
            endpoint=constants.ENDPOINT,
            cache_dir=constants.HF_HUB_CACHE,
        )
    except HFValidationError:
        raise EngineMissing(
            f"model is {source.repo!r}, expected a folder or OWNER/NAME on the hub"
        ) from None
    except RepositoryNotFoundError:
        told = f"there is no {source.repo} on {constants.ENDPOINT}, or it is not public"
        raise EngineMissing(told) from None
    except (LocalEntryNotFoundError, OSError) as error:
        if offline:
            return None
        told = f"{source.repo} cannot be fetched from {constants.ENDPOINT}: {type(error).__name__}"
        raise EngineMissing(told) from error
    return Path(found)


def _complete(folder: Path, source: Source) -> Path:
    missing = _missing([path.name for path in folder.iterdir()], source)
    if missing:
        found = " (pickled weights are never loaded)" if "*.safetensors" in missing else ""
        raise EngineMissing(f"model {source.repo!r} has no {', '.join(missing)}{found}")
    return folder


def _missing(names: list[str], source: Source) -> list[str]:
    return [
        pattern for pattern in source.needed if not any(fnmatch(name, pattern) for name in names)
    ]
