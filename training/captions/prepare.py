"""From the data folder to what training reads: a list of utterances and archives of recordings.

The archives hold training recordings, held-out recordings and noise; no test recording is in
them. Each is small enough to be carried alone.
"""

import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

from .audio import Samples, read_many, unpack_archives, write_archives
from .corpus import Utterance, load_corpus, read_corpus, within_hours, write_corpus
from .g2p import train_g2p
from .phones import Phones, Pronouncer, read_cmudict
from .text import Secret, normalise, sentences

ARCHIVE_BYTES = 52 * 2**20
REPEATS = {"everyday": 2, "spoken": 2}
"""How often a text counts in the n-gram model. Five times took `held` from 19.5 to 19.9 %."""

NOVELS = ("english-novels-100.txt.xz", "eltec-eng.txt.xz")


def make_pronouncer(data: Path) -> Pronouncer:
    """Looks up, derives, and asks a model learned from the same dictionary for the rest."""
    dictionary = read_cmudict(data / "text" / "cmudict.dict")
    model = train_g2p(dictionary)
    known: dict[str, list[Phones]] = {}

    def guess(word: str) -> list[Phones]:
        if word not in known:
            known[word] = model.pronounce(word)
        return known[word]

    return Pronouncer(dictionary, guess)


def prepare_speech(data: Path, work: Path, pronounce: Pronouncer) -> list[Utterance]:
    utterances = read_corpus(data, pronounce)
    write_corpus(work / "utterances.jsonl", utterances)
    files = [(u.audio, data / "speech" / u.audio) for u in utterances if u.fold != "test"]
    noises = sorted((data / "noise").glob("*.opus"))
    files += [(f"noise/{path.name}", path) for path in noises]
    write_archives(files, work / "archives", ARCHIVE_BYTES)
    return utterances


def read_novels(data: Path) -> Iterator[str]:
    """Normalised sentences of the novels; headings are left out."""
    for name in NOVELS:
        with lzma.open(data / "text" / name, "rt", encoding="utf-8") as file:
            for line in file:
                if not (line.strip().isupper() and len(line) < 60):
                    yield from sentences(line)


def read_everyday(data: Path) -> Iterator[str]:
    """The English side of what translation learns from: chat, news and everyday sentences."""
    for path in sorted((data / "translation").glob("train.en-*.tsv.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield normalise(line.split("\t")[0])


def prepare_texts(data: Path, work: Path) -> list[Path]:
    """The language models' texts, a sentence a line: novels, everyday sentences once each, and
    the training fold's transcripts. No sentence of another fold is among them.
    """
    utterances = load_corpus(work / "utterances.jsonl")
    secret = Secret(u.words for u in utterances if u.fold != "train")
    texts: dict[str, Iterable[str]] = {
        "novels": read_novels(data),
        "everyday": dict.fromkeys(read_everyday(data)),
        "spoken": sorted({u.words for u in utterances if u.fold == "train"}),
    }
    folder = work / "texts"
    folder.mkdir(exist_ok=True)
    for name, lines in texts.items():
        with (folder / f"{name}.txt").open("w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines if line and not secret.holds(line))
    return [folder / f"{name}.txt" for name in texts]


def mix_texts(work: Path) -> Path:
    """The n-gram model's text: the novels once, what is nearer to speech more often."""
    path = work / "text.txt"
    with path.open("wb") as file:
        for text in sorted((work / "texts").glob("*.txt")):
            for _ in range(REPEATS.get(text.stem, 1)):
                file.write(text.read_bytes())
    return path


def load_speech(
    work: Path, threads: int, hours: float | None = None
) -> tuple[list[Utterance], list[Samples], list[Samples]]:
    """Training and held-out utterances, their waves, and the noises, out of the archives."""
    audio = work / "audio"
    if not audio.exists():
        unpack_archives(work / "archives", audio)
    utterances = [u for u in load_corpus(work / "utterances.jsonl") if u.fold != "test"]
    if hours is not None:
        utterances = within_hours(utterances, hours)
    waves = read_many([audio / u.audio for u in utterances], threads)
    noise = read_many(sorted((audio / "noise").glob("*.opus")), threads)
    return utterances, waves, noise
