"""A segment's caption in one language: what was asked of it, what is shown, what is ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from stream.core import wire
from stream.core.messages import Caption, Latency, Rung, Translation
from stream.core.records import Log, Origin, Record, Topic
from workers.core.growing import Growth
from workers.ports import Rendered
from workers.role import Publication, Timing

MORE_MS = 100
"""A translation has the caption's budget and this: 300 ms where captions have 200."""


class Heard(NamedTuple):
    """A caption as it was read."""

    caption: Caption
    origin: Origin
    read: float

    @property
    def budget_ms(self) -> int:
        return self.origin.budget_ms + MORE_MS

    @property
    def deadline(self) -> float:
        return self.origin.arrived + self.budget_ms / 1000


class Key(NamedTuple):
    """What a line is known by."""

    channel: str
    segment: str
    language: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(slots=True)
class Rendition:
    """`heard` is the newest revision of the caption.

    `asked`   what each job in the engine's hands is about
    `final`   the record of the final caption, once that has come
    `ready`   the final translation, which may have to wait for that of an earlier segment
    `better`  a job for a better rung waits or runs; `ready` is what stands if it brings nothing
    """

    key: Key
    log: Log
    heard: Heard
    growth: Growth
    asked: dict[str, Heard] = field(default_factory=dict)
    final: Record | None = None
    ready: Translation | None = None
    better: bool = False

    @property
    def is_done(self) -> bool:
        return self.ready is not None and not self.better

    def translation(
        self, heard: Heard, said: Rendered, rung: Rung, top: Rung, timing: Timing
    ) -> Translation:
        """What to publish of an engine's answer; below rung `top` it is degraded.

        Its revision is made from the caption's, so that a replay numbers it alike.
        """
        caption, growth = heard.caption, self.growth
        text = said.text
        shown = growth.finish(text) if caption.final else growth.revise(text, caption.text)
        return Translation(
            channel=caption.channel,
            segment=caption.segment,
            revision=2 * caption.revision,
            source_segment=caption.segment,
            source_revision=caption.revision,
            text=shown.text,
            stable=shown.stable,
            final=caption.final,
            start=caption.start,
            end=caption.end,
            audio_end=caption.audio_end,
            language=self.key.language,
            rung=rung,
            latency=_latency(heard, timing),
            budget_ms=heard.budget_ms,
            degraded=rung is not top,
        )


def to_be_corrected(final: Translation) -> Translation:
    """The same for now: a better one may come before the deadline."""
    return replace(final, final=False, stable=0, revision=final.revision + 1)


def publication(owner: str, heard: Heard, translation: Translation) -> Publication:
    origin = Origin(owner=owner, arrived=heard.origin.arrived, budget_ms=heard.budget_ms)
    topic = Topic.TRANSLATIONS if translation.final else Topic.PARTIALS
    payload = wire.encode_result(translation, origin)
    return Publication(topic, translation.channel, payload, durable=translation.final)


def _latency(heard: Heard, timing: Timing) -> Latency:
    return Latency(
        ingress_ms=round(max(0.0, heard.read - heard.origin.arrived) * 1000, 3),
        queue_ms=round(max(0.0, timing.began - heard.read) * 1000, 3),
        decode_ms=round(timing.took_s * 1000, 3),
    )
