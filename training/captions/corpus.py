"""The recordings: what is said in each, who says it, and which are kept from training.

Three folds. `train` is trained on. `held` is a part of the training folders that is kept out to
choose settings on (the language model's weight, when to stop). `test` is only measured on.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .phones import BOUNDARY, PHONE_TOKENS, Pronouncer
from .text import normalise

#: Speakers kept out of training: two of LibriSpeech, a child and two adults of speechocean762.
HELD_SPEAKERS = {
    "librispeech-train": {"1737", "7312"},
    "speechocean-train": {"0001", "1027", "2022"},
}
#: One in so many sentences of Common Voice is kept out, with all who read it.
HELD_SENTENCES = {"commonvoice-train": 30}
#: Transcripts that another recogniser contradicts more than this are dropped from training.
MOST_DISAGREEMENT = 0.6
SHORTEST_S, LONGEST_S = 0.7, 17.5

_PHONE_IDS = {phone: i for i, phone in enumerate(PHONE_TOKENS)}


@dataclass(frozen=True)
class Utterance:
    """One recording. `phones` are class indices with boundaries between words, or None where a
    word has no known pronunciation."""

    audio: str
    fold: str
    words: str
    phones: list[int] | None
    seconds: float


def read_corpus(data: Path, pronounce: Pronouncer) -> list[Utterance]:
    """Every usable recording below `data`/speech, in a fixed order."""
    folders = sorted(p.parent for p in (data / "speech").glob("*/manifest.jsonl"))
    found = [u for folder in folders for u in _read_folder(folder, pronounce)]
    if not found:
        raise FileNotFoundError(f"no manifest.jsonl with recordings below {data / 'speech'}")
    return found


def write_corpus(path: Path, utterances: Iterable[Utterance]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(asdict(u), separators=(",", ":")) + "\n" for u in utterances)
    path.write_text("".join(lines), encoding="utf-8")


def load_corpus(path: Path) -> list[Utterance]:
    with path.open(encoding="utf-8") as file:
        return [Utterance(**json.loads(line)) for line in file]


def within_hours(utterances: Sequence[Utterance], hours: float) -> list[Utterance]:
    """So many hours of the training fold, every folder's share as it was; other folds stay.

    Recordings are chosen by a hash of their names, so fewer hours are part of more.
    """
    folders: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        if utterance.fold == "train":
            folders[utterance.audio.split("/")[0]].append(utterance)
    total_s = sum(u.seconds for part in folders.values() for u in part)
    kept: set[str] = set()
    for part in folders.values():
        left_s = sum(u.seconds for u in part) * min(hours * 3600 / total_s, 1.0) + 1e-6
        for utterance in sorted(part, key=lambda u: hashlib.sha256(u.audio.encode()).digest()):
            left_s -= utterance.seconds
            if left_s < 0:
                break
            kept.add(utterance.audio)
    return [u for u in utterances if u.fold != "train" or u.audio in kept]


def phone_ids(words: str, pronounce: Pronouncer) -> list[int] | None:
    """The first pronunciation of each word, with boundaries between words."""
    ids: list[int] = []
    for word in words.split():
        spellings = pronounce(word)
        if not spellings:
            return None
        if ids:
            ids.append(_PHONE_IDS[BOUNDARY])
        ids += [_PHONE_IDS[p] for p in spellings[0]]
    return ids


def _read_folder(folder: Path, pronounce: Pronouncer) -> Iterator[Utterance]:
    testing = folder.name.endswith("-test")
    for line in (folder / "manifest.jsonl").open(encoding="utf-8"):
        entry = json.loads(line)
        words = normalise(entry["text"])
        if not words or (not testing and _unfit(entry)):
            continue
        fold = "test" if testing else "held" if _held(folder.name, entry, words) else "train"
        yield Utterance(
            audio=f"{folder.name}/{entry['audio']}",
            fold=fold,
            words=words,
            phones=phone_ids(words, pronounce),
            seconds=entry["seconds"],
        )


def _unfit(entry: dict[str, object]) -> bool:
    """Digits are read in too many ways; long and contradicted recordings teach little."""
    seconds, disagreement = entry["seconds"], entry.get("check_wer") or 0.0
    assert isinstance(seconds, float | int)
    assert isinstance(disagreement, float | int)
    return (
        re.search(r"\d", str(entry["text"])) is not None
        or disagreement > MOST_DISAGREEMENT
        or not SHORTEST_S <= seconds <= LONGEST_S
    )


def _held(folder: str, entry: dict[str, object], words: str) -> bool:
    if entry["speaker"] in HELD_SPEAKERS.get(folder, ()):
        return True
    every = HELD_SENTENCES.get(folder)
    return every is not None and hashlib.sha256(words.encode()).digest()[0] % every == 0
