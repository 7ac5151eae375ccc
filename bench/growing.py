"""How translations of growing captions change on screen, and what that costs their last word.

`--data DIR`: on subtitles on which no setting was chosen. `--heard N`: on what the shipped
recogniser makes of N recordings of each test set, as it comes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench.captions import heard_in
from bench.figures import last_line, row
from bench.heard import chosen
from stream.core.messages import Rung, Translation
from tests.support.speech import read_recording
from training.translation.corpus import Pair, as_recognised, read_pairs
from workers.core.growing import HELD_BACK, Growth, erased
from workers.engines.ctc_translation.engine import Drafting, open_drafting
from workers.engines.registry import find_engine, make_engine
from workers.engines.sentences import Sentence

WORD_S = 0.4
"""A word of ordinary speech."""
HEARD = ("librispeech-test", "commonvoice-test")
CHUNK_MS = 320
CHOSEN = 60
"""Subtitles a language on which settings are chosen; others are reported."""


def growing(
    model: Drafting,
    pairs: Sequence[tuple[str, str]],
    language: str,
    held_back: int = HELD_BACK,
) -> dict[str, float]:
    """Captions word by word, bare until they are final: erased words of the shown text and BLEU of
    the final, how long after the first word something is shown, and how long after its share of
    the source a word stood for good.
    """
    import sacrebleu

    taken_back = 0
    late_s: list[float] = []
    first_s: list[float] = []
    said = []
    for source, _ in pairs:
        shown = grown(model, source, language, held_back)
        taken_back += sum(map(erased, shown, shown[1:]))
        late_s += lateness(shown)
        first_s.append(next((at for at, each in enumerate(shown) if each), len(shown)) * WORD_S)
        said.append(shown[-1])
    return {
        "normalised_erasure": round(taken_back / max(sum(len(s.split()) for s in said), 1), 4),
        "late_s": round(fmean(late_s), 2),
        "first_s": round(median(first_s), 2),
        "bleu": round(sacrebleu.corpus_bleu(said, [[target for _, target in pairs]]).score, 2),
    }


def grown(model: Drafting, source: str, language: str, held_back: int = HELD_BACK) -> list[str]:
    """What is shown after each word, and the final."""
    bare = as_recognised(source).split()
    partials = [" ".join(bare[:count]) for count in range(1, len(bare) + 1)]
    return followed(model, [*partials, source], language, held_back)


def followed(
    model: Drafting, captions: Sequence[str], language: str, held_back: int = HELD_BACK
) -> list[str]:
    """What is shown after each caption of a segment, the last of which is final."""
    growth, shown = Growth(language, held_back), list[str]()
    *partials, final = captions
    for heard in partials:
        told = _told(model, heard, growth, growth.shown.stable, language)
        shown.append(growth.revise(told, heard).text)
    return [*shown, _told(model, final, growth, growth.kept(final), language, final=True)]


def segments(data: Path, count: int) -> list[list[str]]:
    """The captions of each segment that the shipped recogniser hears in so many recordings of each
    test set, in chunks of 320 ms; finals with case and punctuation.
    """
    engine = make_engine(find_engine("conformer", "captions").factory, {})
    found: list[list[str]] = []
    for name in HEARD:
        for path in chosen(data / "speech" / name, count):
            captions: list[str] = []
            for said in heard_in(engine, read_recording(path), CHUNK_MS):
                captions.append(said.text)
                if said.final:
                    found.append(captions)
                    captions = []
    return [each for each in found if each[-1]]


def erasure(model: Drafting, heard: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """Words of translations that were taken back, as a part of those of the finals."""
    shown = [followed(model, captions, language) for captions in heard]
    taken_back = sum(sum(map(erased, texts, texts[1:])) for texts in shown)
    words = sum(len(texts[-1].split()) for texts in shown)
    return {"segments": len(heard), "normalised_erasure": round(taken_back / max(words, 1), 4)}


def _told(
    model: Drafting, text: str, growth: Growth, stable: int, language: str, *, final: bool = False
) -> str:
    draft, prefix = growth.whole, growth.whole[:stable]
    sentence = Sentence(text, "en", language, draft, prefix, growing=not final)
    (said,) = model.translate(Rung.VERIFIED, [sentence])
    return said.text


def lateness(shown: Sequence[str]) -> list[float]:
    """Of each word of the final; the source has a word more at each text, and ends with them."""
    words, final = [text.split() for text in shown], shown[-1].split()
    late_s = []
    for place in range(len(final)):
        wrong = [at for at, each in enumerate(words) if each[: place + 1] != final[: place + 1]]
        heard = ceil((place + 1) * (len(words) - 1) / len(final)) - 1
        late_s.append((max(wrong, default=-1) + 1 - heard) * WORD_S)
    return late_s


def events(translations: Sequence[Translation]) -> dict[str, float]:
    """Of translations as a subscriber met them: normalised erasure, and the share that was late."""
    shown: dict[tuple[str, str], str] = {}
    taken_back = words = 0
    for each in translations:
        key = (each.segment, each.language)
        taken_back += erased(shown.get(key, ""), each.text)
        shown[key] = each.text
        words += len(each.text.split()) if each.final else 0
    late = sum(each.late for each in translations)
    return {
        "translations": len(translations),
        "normalised_erasure": round(taken_back / max(words, 1), 4),
        "late": round(late / max(len(translations), 1), 4),
    }


def unseen(pairs: Sequence[Pair], language: str, most: int) -> list[tuple[str, str]]:
    """Evenly so many of those whose source no setting was chosen on, in German or this language."""
    ours = [each for each in pairs if each.language == language]
    theirs = [each for each in pairs if each.language == "de"]
    chosen = {each.source for some in (ours, theirs) for each in _spread(some, CHOSEN)}
    rest = [each for each in ours if each.source not in chosen]
    return [(each.source, each.target) for each in _spread(rest, most)]


def _spread(pairs: list[Pair], most: int) -> list[Pair]:
    return pairs[:: max(1, len(pairs) // most)][:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="has translation/test.captions.*")
    parser.add_argument("--model", default="", help="a folder; default: the shipped model")
    parser.add_argument("--most", type=int, default=100, help="subtitles a language")
    parser.add_argument("--held-back", type=int, default=HELD_BACK)
    parser.add_argument("--heard", type=int, default=0, help="recordings of each set, to hear")
    options = parser.parse_args()
    model, pairs = open_drafting(options.model), read_pairs(options.data, "test.captions")
    figures: dict[str, Any] = {"held_back": options.held_back}
    for language in model.card.languages:
        some = unseen(pairs, language, options.most)
        figures[language] = growing(model, some, language, options.held_back)
        print(row(f"growing {language}", figures[language]), flush=True)
    heard = segments(options.data, options.heard) if options.heard else []
    for language in model.card.languages if heard else ():
        figures[f"heard {language}"] = erasure(model, heard, language)
        print(row(f"heard {language}", figures[f"heard {language}"]), flush=True)
    print(last_line("growing", figures))


if __name__ == "__main__":
    main()
