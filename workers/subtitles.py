"""Captions that grow, into the languages that their publisher wants.

Each revision of a segment's caption asks for its translation anew; a newer one takes the place of
one that waits. A final caption is always translated, and finished (committed) once the final
translations of all its languages stand; in each language they come in the captions' order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stream.core import wire
from stream.core.fence import Fence
from stream.core.messages import Caption, Rung, Translation
from stream.core.offers import base, chosen
from stream.core.records import Claim, Log, Origin, Position, Record, Topic
from stream.core.sequence import Sequence
from workers.core.growing import Growth
from workers.core.jobs import Job
from workers.core.ladder import above, is_below
from workers.ports import Card, Render, Rendered
from workers.rendition import Heard, Key, Rendition, publication, to_be_corrected
from workers.role import Catalogue, Outcome, Publication, Timing, Told

NOTHING = Outcome()
GUARD_S = 0.005
PATIENCE_S = 60.0
"""A final whose time is up is translated all the same; partials are not."""
PAST_S = 170.0
"""Older finals are left: whether they were translated is no longer known (takeover.py)."""
CHANNELS = 10_000
PARTIAL_LINES = 64
TOLD = 100_000


@dataclass(slots=True)
class _Channel:
    """`order`: by language, the lines whose final caption has come, in the captions' order."""

    sequence: Sequence = field(default_factory=Sequence)
    lines: dict[Key, Rendition] = field(default_factory=dict)
    order: dict[str, deque[Rendition]] = field(default_factory=dict)


class Subtitles:
    """A job's `supersedes` names its line; its id says which of the line's jobs it is."""

    def __init__(self, card: Card, owner: str, catalogue: Catalogue, counts: Counter[str]) -> None:
        self._rungs = card.rungs
        self._sources = card.sources or card.languages[:1]
        self._targets = card.languages
        self._owner = owner
        self._catalogue = catalogue
        self._counts = counts
        self._fence = Fence()
        self._channels: dict[str, _Channel] = {}
        self._keys: dict[str, Key] = {}
        self._open: dict[Position, int] = {}
        self._told: dict[Key, None] = {}
        self._jobs = 0

    def receive(self, record: Record, now: float) -> Outcome:
        """A record of the captions' logs. Raises Malformed."""
        result, origin = wire.decode_result(record)
        here = Position(record.log, record.offset)
        if isinstance(result, Claim):
            self._fence.claim(record.log, result.owner, now, result.voice)
        if not isinstance(result, Caption) or not self._is_news(result, origin, record):
            return Outcome(closed=(here,))
        heard = Heard(result, origin, now)
        lines = [self._line(key, record, heard) for key in self._wanted(heard)]
        if result.final and lines:
            return self._receive_final(record, lines)
        return Outcome(jobs=tuple(self._job(line) for line in lines), closed=(here,))

    def ask(self, job: Job, now: float) -> Render | None:
        line = self._line_of(job)
        if line is None or line.is_done or (line.final is not None and not job.final):
            return None
        heard, growth = line.heard, line.growth
        line.asked[job.id] = heard
        hurried = job.deadline <= heard.deadline
        return Render(
            text=heard.caption.text,
            source=base(heard.caption.language),
            target=line.key.language,
            draft=growth.whole,
            stable=growth.kept(heard.caption.text) if job.final else growth.shown.stable,
            answered=job.done is not None,
            growing=not job.final,
            glossary=self._catalogue.of(line.key.channel).glossary,
            left_s=max(0.0, job.deadline - now - GUARD_S) if hurried else None,
        )

    def answer(self, job: Job, answer: Rendered | None, rung: Rung, timing: Timing) -> Outcome:
        """None: the run was broken off before it brought anything new."""
        line = self._line_of(job)
        heard = line.asked.pop(job.id, None) if line else None
        if line is None or heard is None or line.is_done:
            return NOTHING
        if answer is None:
            return Outcome(jobs=(self._job(line, job.deadline, done=job.done),))
        top = self._rungs[-1]
        translation = line.translation(heard, answer, answer.rung or rung, top, timing)
        if not translation.final:
            return self._show(heard, translation)
        if line.ready and is_below(translation.rung, job.done):
            translation = line.ready
        line.ready, line.better = translation, self._can_climb(translation.rung, job, timing)
        if not line.better:
            return self._flush(line)
        climb = self._job(line, job.deadline, done=translation.rung)
        return Outcome(self._show(heard, to_be_corrected(translation)).publications, (climb,))

    def expire(self, job: Job, now: float) -> Outcome:
        """What is on screen stands; a final is translated all the same, if late."""
        line = self._line_of(job)
        if line is None or not job.final:
            self._counts["partials_stood"] += 1
            return NOTHING
        if line.better:
            return self._flush(line)
        if line.is_done or job.id in line.asked:
            return NOTHING
        return Outcome(jobs=(self._job(line, now + PATIENCE_S),))

    def retry(self, job: Job, now: float) -> Outcome:
        line = self._line_of(job)
        if line is None:
            return NOTHING
        line.asked.pop(job.id, None)
        if line.better:
            return self._flush(line)
        if not job.final or line.is_done:
            return NOTHING
        return Outcome(jobs=(self._job(line, now + PATIENCE_S),))

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        """The engine fails on this text: of a final, what is on screen becomes the last word."""
        line = self._line_of(job)
        if line is None or line.final is None or not job.final:
            return NOTHING
        line.asked.pop(job.id, None)
        if line.ready is None:
            said = Rendered(text=line.growth.shown.text)
            timing = Timing(now, 0.0)
            top = self._rungs[-1]
            line.ready = line.translation(line.heard, said, Rung.REPEAT, top, timing)
        letter = wire.dead_letter(line.final, error, attempts=2)
        buried = Publication(Topic.DEAD_LETTERS, line.key.channel, letter)
        flushed = self._flush(line)
        return Outcome((*flushed.publications, buried), closed=flushed.closed)

    def adopt(self, told: Iterable[Told]) -> None:
        """What earlier owners have finished is not said again."""
        for result, origin in told:
            if isinstance(result, Translation) and result.final and not origin.to:
                self._told[Key(result.channel, result.source_segment, result.language)] = None
        while len(self._told) > TOLD:
            del self._told[next(iter(self._told))]

    def drop(self, logs: Iterable[Log]) -> None:
        """These partitions belong to others now."""
        gone = {log.partition for log in logs}
        for name, channel in tuple(self._channels.items()):
            if any(line.log.partition in gone for line in channel.lines.values()):
                self._forget(name)
        self._open = {at: left for at, left in self._open.items() if at.log.partition not in gone}

    def statistics(self) -> Mapping[str, float]:
        return {
            "lines": len(self._keys),
            "finals_open": len(self._open),
        }

    def _is_news(self, caption: Caption, origin: Origin, record: Record) -> bool:
        if not self._fence.admits(record.log, origin.owner, record.timestamp):
            return False
        channel = self._channels.pop(caption.channel, None) or _Channel()
        self._channels[caption.channel] = channel  # the last is the one used last
        if len(self._channels) > CHANNELS:
            idle = (name for name, each in self._channels.items() if not any(each.order.values()))
            self._forget(next(idle, caption.channel))
        return channel.sequence.admits(caption)

    def _wanted(self, heard: Heard) -> list[Key]:
        """The languages that are offered, and not said yet; none before the first word."""
        caption, origin = heard.caption, heard.origin
        targets = chosen(caption.language, origin.translate, self._sources, self._targets)
        if not targets or not (caption.text or caption.final):
            return []
        if heard.read - origin.arrived > PAST_S:
            self._counts["finals_left"] += caption.final
            return []
        keys = [Key(caption.channel, caption.segment, target) for target in targets]
        return [key for key in keys if key not in self._told]

    def _receive_final(self, record: Record, lines: list[Rendition]) -> Outcome:
        self._open[Position(record.log, record.offset)] = len(lines)
        order = self._channels[lines[0].key.channel].order
        for line in lines:
            line.final = record
            order.setdefault(line.key.language, deque()).append(line)
        if lines[0].heard.caption.text.strip():
            return Outcome(jobs=tuple(self._job(line) for line in lines))
        said = [self._say_nothing(line) for line in lines]
        return Outcome(
            tuple(each for outcome in said for each in outcome.publications),
            closed=tuple(each for outcome in said for each in outcome.closed),
        )

    def _say_nothing(self, line: Rendition) -> Outcome:
        """The recogniser took its words back, and so do we."""
        heard, top = line.heard, self._rungs[-1]
        line.ready = line.translation(heard, Rendered(text=""), top, top, Timing(heard.read, 0.0))
        return self._flush(line)

    def _line(self, key: Key, record: Record, heard: Heard) -> Rendition:
        """The line, which now knows of this revision; the oldest partial ones are forgotten."""
        lines = self._channels[key.channel].lines
        line = lines.get(key)
        if line is None:
            line = lines[key] = Rendition(key, record.log, heard, Growth(key.language))
            self._keys[str(key)] = key
            partial = [each for each in lines.values() if each.final is None]
            for each in partial[:-PARTIAL_LINES]:
                self._remove(each)
        line.heard = heard
        return line

    def _line_of(self, job: Job) -> Rendition | None:
        key = self._keys.get(job.supersedes or "")
        return self._channels[key.channel].lines.get(key) if key else None

    def _job(self, line: Rendition, deadline: float | None = None, done: Rung | None = None) -> Job:
        self._jobs += 1
        caption = line.heard.caption
        return Job(
            id=f"{line.key}#{self._jobs}",
            channel=line.key.channel,
            deadline=line.heard.deadline if deadline is None else deadline,
            length=max(1, len(caption.text)),
            rungs=above(done, self._rungs) if done else self._rungs,
            supersedes=str(line.key),
            final=caption.final,
            done=done,
        )

    def _can_climb(self, reached: Rung, job: Job, timing: Timing) -> bool:
        """A better rung may come in time; whether it fits is the scheduler's to say."""
        left_s = job.deadline - timing.began - timing.took_s
        patient = job.deadline > timing.began + PATIENCE_S / 2
        stood_still = job.done is reached
        return left_s > 0 and not patient and not stood_still and bool(above(reached, self._rungs))

    def _show(self, heard: Heard, translation: Translation) -> Outcome:
        self._counts["partials"] += 1
        return Outcome((publication(self._owner, heard, translation),))

    def _flush(self, line: Rendition) -> Outcome:
        """This line is done: publish the finals whose turn it is."""
        line.better = False
        order = self._channels[line.key.channel].order[line.key.language]
        publications: list[Publication] = []
        closed: list[Position] = []
        while order and (ready := order[0].ready) is not None and order[0].is_done:
            done = order.popleft()
            publications.append(publication(self._owner, done.heard, ready))
            closed += self._close(done)
            self._remove(done)
        self._counts["finals"] += len(publications)
        return Outcome(tuple(publications), closed=tuple(closed))

    def _close(self, line: Rendition) -> list[Position]:
        """The caption's place, once it has been said in all its languages."""
        assert line.final is not None
        here = Position(line.final.log, line.final.offset)
        left = self._open.pop(here, 1) - 1
        if not left:
            return [here]
        self._open[here] = left
        return []

    def _remove(self, line: Rendition) -> None:
        self._channels[line.key.channel].lines.pop(line.key, None)
        self._keys.pop(str(line.key), None)

    def _forget(self, name: str) -> None:
        for line in tuple(self._channels[name].lines.values()):
            self._remove(line)
        del self._channels[name]
