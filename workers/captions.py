"""The captions' ladder: audio in, partials and finals out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream.core import wire
from stream.core.messages import Caption, Rung
from stream.core.records import SAMPLE_RATE, AudioChunk, Log, Position, Record, Topic
from workers.core.channel import Channel
from workers.core.endpoint import GRID_SAMPLES
from workers.core.jobs import Job
from workers.core.pace import Pace, doubled
from workers.core.track import BYTES_PER_SAMPLE, Track
from workers.filtering import CaptionFilter
from workers.ports import Answer, Audio, Card, Heard
from workers.report import Report
from workers.role import Catalogue, Outcome, Publication, Timing, Told

NOTHING = Outcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionLimits:
    """`chunk_ms`: least audio worth a run, and under load its double and its fourfold up to
    `chunk_most_ms`; `steady`: partials come 0.4 s later and are seldom taken back, while the
    machine has time for it; `run_ms`: most audio in one run without partials, and with them two
    chunks; `lag_s`: audio older than this is skipped, with a gap; `behind_s`: waiting audio above
    which partials are left out; `patience_s`: the deadline of audio that has none any more, which
    is to be decoded all the same; `progress_s`: audio between two progress records.
    """

    chunk_ms: int = 160
    chunk_most_ms: int = 640
    steady: bool = False
    run_ms: int = 2_000
    lag_s: float = 60.0
    behind_s: float = 1.0
    patience_s: float = 3_600.0
    progress_s: float = 1.0


class Captions:
    """Captions audio with a streaming engine that keeps a state for each track."""

    name = "captions"
    inputs: tuple[Topic, ...] = (Topic.AUDIO,)
    claims: tuple[Topic, ...] = (Topic.CAPTIONS, Topic.PARTIALS)

    def __init__(self, card: Card, owner: str, limits: CaptionLimits | None = None) -> None:
        self.catalogue = Catalogue()
        self._card = card
        self.owner = owner
        screen = CaptionFilter(self.catalogue).apply
        self._report = Report(owner, card.rungs[-1], screen)
        self._limits = limits or CaptionLimits()
        self._pace = Pace(doubled(self._limits.chunk_ms, self._limits.chunk_most_ms))
        self._channels: dict[str, Channel] = {}
        self._resume: dict[str, tuple[Log, str, int]] = {}
        self._jobs = 0

    def receive(self, record: Record, now: float) -> Outcome:
        chunk = wire.decode_audio(record)
        position = Position(record.log, record.offset)
        channel = self._channels.get(chunk.channel)
        if channel is None:
            channel = self._channels[chunk.channel] = Channel(record.log, chunk)
        if self._is_behind(channel, chunk, now):
            return Outcome(closed=(position,))
        gaps = self._track_for(channel, chunk)
        self._append(channel.tracks[-1], chunk, position, now)
        channel.chunk = chunk
        return Outcome(gaps, self._next_job(channel))

    def ask(self, job: Job, now: float) -> Audio | None:
        channel = self._channels.get(job.channel)
        if channel is None or channel.running:
            return None
        track = channel.tracks[0]
        if not (track.pending or track.complete):
            return None
        channel.running, channel.queued = job.id, ""
        start, fresh = track.sent, track.fresh
        most_ms = self._limits.run_ms if channel.quiet else 2 * self._pace.chunk_ms
        due = channel.due(self._pace.chunk_ms)
        pcm = track.take(min(due, most_ms * SAMPLE_RATE // 1000))
        return Audio(
            stream=channel.stream,
            start=start,
            pcm=pcm,
            fresh=fresh,
            last=track.finishing,
            quiet=channel.quiet,
            calm=self._limits.steady and self._pace.is_calm and not channel.quiet,
            chunk_ms=self._limits.chunk_most_ms if channel.quiet else self._pace.chunk_ms,
            language=channel.chunk.language,
            hotwords=self.catalogue.of(job.channel).hotwords,
        )

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        assert isinstance(answer, Heard)
        channel = self._channels.get(job.channel)
        if channel is None or channel.running != job.id:
            return NOTHING
        channel.running = ""
        channel.foreseen = answer.foreseen
        self._pace.tell(timing.began, timing.took_s)
        track = channel.tracks[0]
        said = tuple(
            self._report.caption(channel.chunk, track, hypothesis, answer.upto, rung, timing)
            for hypothesis in answer.hypotheses
        )
        progress = self._progress(channel, answer.upto)
        if track.finishing:
            return self._finish(channel, said + progress)
        closed = track.settle(answer.settled)
        channel.quiet = channel.quiet and channel.is_late(self._limits.behind_s)
        return Outcome(said + progress, self._next_job(channel), closed)

    def expire(self, job: Job, now: float) -> Outcome:
        """Too late for this partial. The audio is decoded all the same: what is a little behind
        with a late partial, what is far behind in larger pieces, finals only, until caught up.
        """
        channel = self._channels.get(job.channel)
        if channel is None or channel.running:
            return NOTHING
        channel.quiet = channel.is_late(self._limits.behind_s)
        return Outcome(jobs=(self._job(channel, now + self._limits.patience_s, final=True),))

    def lost(self, now: float) -> Outcome:
        """Every stream is told again from its settled point, also those that run now."""
        jobs: list[Job] = []
        for channel in self._channels.values():
            channel.running = ""
            if channel.tracks:
                channel.tracks[0].rewind()
                jobs += self._next_job(channel)
        return Outcome(jobs=tuple(jobs))

    def retry(self, job: Job, now: float) -> Outcome:
        """`lost` has scheduled this channel already."""
        return NOTHING

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        """This audio ends the engine: skip what it would be told again, and say so."""
        channel = self._channels.get(job.channel)
        if channel is None or not channel.tracks:
            return NOTHING
        track = channel.tracks[0]
        gap = self._gap(channel, track.settled, track.received, "the engine failed on this audio")
        closed = track.skip()
        if not track.complete:
            return Outcome((gap,), closed=closed)
        finished = self._finish(channel, (gap,))
        return Outcome(finished.publications, finished.jobs, closed + finished.closed)

    def adopt(self, log: Log, told: Iterable[Told]) -> None:
        """Go on after the last final that stands in the log of results."""
        for result, origin in told:
            if isinstance(result, Caption) and result.final and origin.settled >= 0:
                epoch = result.segment.rpartition("-")[0]
                self._resume[result.channel] = (log, epoch, origin.settled)

    def drop(self, logs: Iterable[Log]) -> Outcome:
        gone = frozenset(logs)
        lost = [channel for channel in self._channels.values() if channel.log in gone]
        for channel in lost:
            del self._channels[channel.name]
        self._resume = {n: kept for n, kept in self._resume.items() if kept[0] not in gone}
        return Outcome(forget=tuple(channel.stream for channel in lost if channel.tracks))

    def statistics(self) -> Mapping[str, float]:
        return {"live_channels": len(self._channels)}

    def _is_behind(self, channel: Channel, chunk: AudioChunk, now: float) -> bool:
        """Audio that is not worth decoding any more; the chunk after it finds the gap."""
        old = now - chunk.arrived > self._limits.lag_s
        return (old or channel.waiting_s > self._limits.lag_s) and not chunk.last

    def _track_for(self, channel: Channel, chunk: AudioChunk) -> tuple[Publication, ...]:
        """See to it that the last track is the one that this chunk goes on."""
        track = channel.tracks[-1] if channel.tracks else None
        if track is None or track.epoch != chunk.epoch:
            if track is not None:
                track.complete_with(over=True)
            channel.tracks.append(Track(chunk.epoch, self._start_of(chunk)))
            return ()
        if chunk.start <= track.received and not track.complete:
            return ()
        track.complete_with(over=False)
        channel.tracks.append(Track(chunk.epoch, chunk.start))
        return (self._gap(channel, track.received, chunk.start, "audio is missing"),)

    def _start_of(self, chunk: AudioChunk) -> int:
        """Where decoding of an epoch that we do not know begins.

        After the last final that stands, else at the first grid point: before it lies only what
        an earlier owner has settled (workers/core/endpoint.py).
        """
        _, epoch, settled = self._resume.pop(chunk.channel, (None, "", 0))
        if epoch == chunk.epoch and settled >= chunk.start:
            return settled
        return -(-chunk.start // GRID_SAMPLES) * GRID_SAMPLES

    def _append(self, track: Track, chunk: AudioChunk, position: Position, now: float) -> None:
        """What lies before `received` is known: a repeat, or settled by an earlier owner."""
        known = max(0, track.received - chunk.start) * BYTES_PER_SAMPLE
        track.append(chunk.pcm[known:], chunk.arrived, now, position)
        if chunk.last:
            track.complete_with(over=True)

    def _next_job(self, channel: Channel) -> tuple[Job, ...]:
        track = channel.tracks[0]
        enough = channel.due(self._pace.chunk_ms) or track.complete
        newest = track.newest
        if channel.running or channel.queued or not enough or newest is None:
            return ()
        if channel.quiet:
            return (self._job(channel, newest.read + self._limits.patience_s, final=True),)
        deadline = newest.arrived + channel.chunk.budget_ms / 1000
        return (self._job(channel, deadline, final=track.complete),)

    def _job(self, channel: Channel, deadline: float, *, final: bool) -> Job:
        self._jobs += 1
        job_id = f"{channel.name}#{self._jobs}"
        channel.queued = job_id if final else ""
        return Job(
            id=job_id,
            channel=channel.name,
            deadline=deadline,
            length=channel.length(self._pace.chunk_ms),
            rungs=self._card.rungs if self._pace.is_spare else self._card.rungs[:1],
            supersedes=channel.name,
            final=final,
        )

    def _finish(self, channel: Channel, publications: tuple[Publication, ...]) -> Outcome:
        """The first track is done: go on with the next, or forget the channel."""
        stream = channel.stream
        closed = channel.tracks[0].skip()
        channel.tracks.popleft()
        channel.quiet = False
        channel.foreseen = 0
        if not channel.tracks:
            del self._channels[channel.name]
            return Outcome(publications, closed=closed, forget=(stream,))
        channel.progressed = channel.tracks[0].start
        return Outcome(publications, self._next_job(channel), closed, (stream,))

    def _progress(self, channel: Channel, upto: int) -> tuple[Publication, ...]:
        track = channel.tracks[0]
        over = track.finishing and track.over
        if not over and upto - channel.progressed < self._limits.progress_s * SAMPLE_RATE:
            return ()
        channel.progressed = upto
        return (self._report.progress(channel.chunk, track, upto, over=over),)

    def _gap(self, channel: Channel, start: int, end: int, reason: str) -> Publication:
        return self._report.gap(channel.chunk, channel.tracks[0], start, end, reason)
