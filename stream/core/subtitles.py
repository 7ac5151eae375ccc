"""Finals -> WebVTT, SRT, plain text and JSON.

WebVTT: W3C Candidate Recommendation 2019-04-04. SRT as SubRip writes it. Cues hold two lines of at
most 42 characters (Netflix Timed Text Style Guide, EBU-TT-D practice); long finals are split at
words, with the recogniser's word times where there are any.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import orjson

from stream.core.messages import Caption, Word

LINE_CHARACTERS = 42
LINES = 2
LONGEST_S = 7.0
SHORTEST_S = 1.0


class Cue(NamedTuple):
    """Text on the screen from `start` to `end`, in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]


def cues(finals: Iterable[Caption]) -> list[Cue]:
    """The finals as cues that don't overlap, in order of time."""
    in_order = sorted(finals, key=lambda final: final.start)
    found = [cue for final in in_order for cue in _cues_of(final)]
    return [
        _clip(cue, found[i + 1].start if i + 1 < len(found) else None)
        for i, cue in enumerate(found)
    ]


def to_webvtt(finals: Iterable[Caption]) -> str:
    """A WebVTT file; markup characters are escaped."""
    blocks = ["WEBVTT\n"]
    for number, cue in enumerate(cues(finals), 1):
        text = "\n".join(_escape(line) for line in cue.lines)
        blocks.append(f"{number}\n{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def to_srt(finals: Iterable[Caption]) -> str:
    """A SubRip file."""
    blocks = []
    for number, cue in enumerate(cues(finals), 1):
        text = "\n".join(cue.lines)
        blocks.append(f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def to_text(finals: Iterable[Caption]) -> str:
    """A line for each final."""
    return "".join(f"{_clean(final.text)}\n" for final in finals if final.text.strip())


def to_json(finals: Iterable[Caption]) -> bytes:
    """A JSON array of the protocol's caption objects."""
    return orjson.dumps([msgspec.to_builtins(final) for final in finals])


def _cues_of(final: Caption) -> Iterator[Cue]:
    group: list[Word] = []
    for word in _breakable(final.words or _spread(final)):
        if group and not _fits([*group, word]):
            yield _cue(group)
            group = []
        group.append(word)
    if group:
        yield _cue(group)


def _breakable(words: Iterable[Word]) -> Iterator[Word]:
    """No word is longer than a line."""
    for word in words:
        for at in range(0, len(word.word), LINE_CHARACTERS):
            part = word.word[at : at + LINE_CHARACTERS]
            yield msgspec.structs.replace(word, word=part)


def _fits(group: list[Word]) -> bool:
    return len(_wrap(group)) <= LINES and group[-1].end - group[0].start <= LONGEST_S


def _cue(group: list[Word]) -> Cue:
    end = max(group[-1].end, group[0].start + SHORTEST_S)
    return Cue(group[0].start, end, tuple(_wrap(group)))


def _wrap(group: list[Word]) -> list[str]:
    text = _clean(" ".join(word.word for word in group))
    return textwrap.wrap(text, LINE_CHARACTERS, break_on_hyphens=False)


def _spread(final: Caption) -> tuple[Word, ...]:
    """Words without times of their own share the final's time by their length."""
    words = _clean(final.text).split()
    total = sum(len(word) + 1 for word in words)
    seconds, at, spread = max(0.0, final.end - final.start), final.start, []
    for word in words:
        end = at + seconds * (len(word) + 1) / total
        spread.append(Word(word=word, start=at, end=end, confidence=1.0))
        at = end
    return tuple(spread)


def _clip(cue: Cue, next_start: float | None) -> Cue:
    if next_start is None or cue.end <= next_start:
        return cue
    return cue._replace(end=max(next_start, cue.start + 0.001))


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    millis = round(seconds * 1000)
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}{point}{millis % 1000:03}"
