"""Finals -> WebVTT, SRT, plain text and JSON.

WebVTT: W3C Candidate Recommendation 2019-04-04. SRT as SubRip writes it, where markup has no
escape: what players would take for a tag is written with other brackets. Cues: core/cues.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
import orjson

from stream.core.cues import Cue, cues_of, in_turn
from stream.core.messages import Caption, Translation, Word

Final = Caption | Translation
Format = Literal["text", "srt", "vtt", "json"]
"""In which captions can be written."""
BRACKETS = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})


def cues(finals: Iterable[Final]) -> list[Cue]:
    """The finals as cues that don't overlap, in order of time."""
    in_order = sorted(finals, key=lambda final: final.start)
    return in_turn([cue for final in in_order for cue in cues_of(words_of(final))])


def words_of(final: Final) -> tuple[Word, ...]:
    """The words of the text, with times of their own or with shares of the final's."""
    words = final.words if isinstance(final, Caption) else ()
    cleaned = [msgspec.structs.replace(word, word=_clean(word.word)) for word in words]
    spoken = tuple(word for word in cleaned if word.word)
    # A text that was changed after recognition (masked, say) is what may be shown.
    if " ".join(word.word for word in spoken) == _clean(final.text):
        return spoken
    return _spread(final)


def to_webvtt(finals: Iterable[Final]) -> str:
    """A WebVTT file; markup characters are escaped."""
    return "".join(["WEBVTT\n\n", *_blocks(finals, ".", _escape)])


def to_srt(finals: Iterable[Final]) -> str:
    """A SubRip file."""
    return "".join(_blocks(finals, ",", _without_markup))


def to_text(finals: Iterable[Final]) -> str:
    """A line for each final."""
    return "".join(f"{_clean(final.text)}\n" for final in finals if final.text.strip())


def to_json(finals: Iterable[Final]) -> bytes:
    """A JSON array of the protocol's objects."""
    return orjson.dumps([msgspec.to_builtins(final) for final in finals])


def _blocks(finals: Iterable[Final], point: str, write: Callable[[str], str]) -> Iterable[str]:
    for number, cue in enumerate(cues(finals), 1):
        text = "\n".join(map(write, cue.lines))
        yield f"{number}\n{_clock(cue.start, point)} --> {_clock(cue.end, point)}\n{text}\n\n"


def _spread(final: Final) -> tuple[Word, ...]:
    """Words without times of their own share the final's time by their length."""
    words = _clean(final.text).split()
    total = sum(len(word) + 1 for word in words)
    seconds, at, spread = max(0.0, final.end - final.start), final.start, []
    for word in words:
        end = at + seconds * (len(word) + 1) / total
        spread.append(Word(word=word, start=at, end=end, confidence=1.0))
        at = end
    return tuple(spread)


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_markup(text: str) -> str:
    return text.replace("-->", "→").translate(BRACKETS)


def _clock(seconds: float, point: str) -> str:
    millis = round(seconds * 1000)
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}{point}{millis % 1000:03}"
