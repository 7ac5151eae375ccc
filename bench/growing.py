"""How translations of growing captions change on screen, and what that costs their last word."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import fmean

from stream.core.messages import Rung, Translation
from training.translation.corpus import as_recognised
from workers.core.growing import Growth, erased
from workers.engines.ctc_translation.engine import Drafting
from workers.engines.texts import Sentence

WORD_S = 0.4
"""A word of ordinary speech."""


def growing(model: Drafting, pairs: Sequence[tuple[str, str]], language: str) -> dict[str, float]:
    """Captions word by word, bare until they are final: erased words of the shown text and BLEU of
    the final, and how long after its share of the source a word stood for good.
    """
    import sacrebleu

    taken_back = 0
    late_s: list[float] = []
    said = []
    for source, _ in pairs:
        shown = grown(model, source, language)
        taken_back += sum(map(erased, shown, shown[1:]))
        late_s += lateness(shown)
        said.append(shown[-1])
    return {
        "normalised_erasure": round(taken_back / max(sum(len(s.split()) for s in said), 1), 4),
        "late_s": round(fmean(late_s), 2),
        "bleu": round(sacrebleu.corpus_bleu(said, [[target for _, target in pairs]]).score, 2),
    }


def grown(model: Drafting, source: str, language: str) -> list[str]:
    """What is shown after each word, and the final."""
    growth, bare = Growth(language), as_recognised(source).split()
    shown: list[str] = []
    for count in range(1, len(bare) + 1):
        heard, stable = " ".join(bare[:count]), growth.shown.stable
        shown.append(growth.revise(_told(model, heard, growth, stable, language), heard).text)
    return [*shown, _told(model, source, growth, growth.kept(source), language, final=True)]


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
