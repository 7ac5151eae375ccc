"""The captions role: audio in, partials and finals out, nothing lost when an engine or owner is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core import wire
from stream.core.errors import EngineLost
from stream.core.messages import Caption, Gap, Rung
from stream.core.policies import PolicyChange
from stream.core.records import (
    AudioChunk,
    Log,
    Origin,
    Position,
    Progress,
    Record,
    Result,
    Settings,
    Topic,
)
from workers.captions import CaptionLimits, Captions
from workers.core.endpoint import GRID_SAMPLES
from workers.core.jobs import Job
from workers.ports import Audio, Card, Heard, Hypothesis
from workers.role import Outcome, Timing, Told

LOG = Log(Topic.AUDIO, 3)
CARD = Card(name="test", task="captions", rungs=(Rung.DRAFT,))
CHUNK = 2560  # 160 ms
SEGMENT = 4 * CHUNK


class Reader:
    """Feeds a role and answers for an engine that ends a segment every `SEGMENT` samples."""

    def __init__(self, limits: CaptionLimits | None = None, card: Card = CARD) -> None:
        self.role = Captions(card, "owner-1", limits)
        self.offset = 0
        self.jobs: list[Job] = []
        self.closed: list[Position] = []
        self.said: list[tuple[Result, Origin]] = []
        self.asked: list[Audio] = []

    def hear(
        self, start: int, samples: int, *, epoch: str = "e1", now: float = 0.0, last: bool = False
    ) -> None:
        chunk = AudioChunk(
            channel="c",
            epoch=epoch,
            start=start,
            pcm=bytes(samples * 2),
            arrived=start / 16_000,
            budget_ms=200,
            last=last,
        )
        payload = wire.encode_audio(chunk)
        record = Record(LOG, self.offset, "c", payload.value, payload.headers, 0.0)
        self.offset += 1
        self.take(self.role.receive(record, now))

    def take(self, outcome: Outcome) -> None:
        for publication in outcome.publications:
            record = Record(Log(publication.topic, 3), 0, "c", *publication.payload, timestamp=0.0)
            self.said.append(wire.decode_result(record))
        for job in outcome.jobs:
            self.jobs = [old for old in self.jobs if old.final or old.supersedes != job.supersedes]
            self.jobs.append(job)
        self.closed += outcome.closed

    def run(self, *, most: int = 100, began: float = 1.0, took_s: float = 0.01) -> None:
        """Run whatever is queued, and what follows from it."""
        while self.jobs and most:
            most -= 1
            job = self.jobs.pop(0)
            question = self.role.ask(job, 0.0)
            if question is not None:
                self.asked.append(question)
                timing = Timing(began, took_s)
                self.take(self.role.answer(job, answer(question), Rung.DRAFT, timing))

    def results(self, kind: type[Result]) -> list[Result]:
        return [result for result, _ in self.said if isinstance(result, kind)]

    @property
    def finals(self) -> list[str]:
        return [c.segment for c in self.results(Caption) if isinstance(c, Caption) and c.final]


def answer(question: Audio) -> Heard:
    """Segments are the absolute stretches of `SEGMENT` samples; a fresh state begins anywhere."""
    end = question.start + len(question.pcm) // 2
    finals = []
    begin = question.start // SEGMENT * SEGMENT
    while begin + SEGMENT <= end or (question.last and begin < end):
        close = min(begin + SEGMENT, end)
        finals.append(Hypothesis(start=begin, end=close, text="word", final=True, ended=close))
        begin += SEGMENT
    partial = [] if question.last or begin >= end else [Hypothesis(start=begin, end=end, text="w")]
    settled = end if question.last else min(begin, end)
    return Heard(hypotheses=(*finals, *partial), upto=end, settled=settled)


def test_audio_below_a_chunk_waits() -> None:
    reader = Reader()
    reader.hear(0, CHUNK - 1)
    assert reader.jobs == []
    reader.hear(CHUNK - 1, 1)
    assert len(reader.jobs) == 1


def test_audio_is_asked_for_in_whole_chunks_and_where_a_segment_may_end() -> None:
    reader = Reader()
    reader.hear(0, CHUNK + 900)
    reader.run()
    (first,) = reader.asked
    assert (len(first.pcm) // 2, first.chunk_ms) == (CHUNK, 160)
    reader.hear(CHUNK + 900, 900)
    assert reader.jobs == []


def test_newer_audio_takes_the_place_of_the_queued_partial() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    reader.hear(CHUNK, CHUNK)
    (job,) = reader.jobs
    assert job.deadline == pytest.approx(CHUNK / 16_000 + 0.2)
    reader.run()
    assert len(reader.asked) == 1
    assert len(reader.asked[0].pcm) == 4 * CHUNK


def test_a_job_is_priced_by_one_chunk_however_long_it_waits() -> None:
    """The price of all that waits grows as it waits, and cheaper jobs would always go first; nor
    does its run hold others up.
    """
    reader = Reader()
    for chunk in range(5):
        reader.hear(chunk * CHUNK, CHUNK)
    assert [job.length for job in reader.jobs] == [CHUNK]
    reader.run()
    assert [len(question.pcm) // 2 for question in reader.asked] == [2 * CHUNK, 2 * CHUNK, CHUNK]


def test_an_engine_that_is_busy_all_the_time_is_asked_for_no_more_than_a_draft() -> None:
    """Whatever a batch is thought to cost, and until there is time again."""
    reader = Reader(card=Card(name="test", task="captions", rungs=(Rung.DRAFT, Rung.VERIFIED)))
    offered = []
    for number in range(60):
        reader.hear(number * CHUNK, CHUNK)
        offered += [job.rungs[-1] for job in reader.jobs]
        reader.run(began=number * 0.16, took_s=0.15 if number < 30 else 0.01)
    assert list(dict.fromkeys(offered[:40])) == [Rung.VERIFIED, Rung.DRAFT]
    assert offered[-1] is Rung.VERIFIED


@pytest.mark.parametrize("steady", [True, False])
def test_who_wants_steady_partials_has_them_while_it_is_calm(steady: bool) -> None:
    reader = Reader(CaptionLimits(steady=steady))
    for number in range(60):
        reader.hear(number * CHUNK, CHUNK)
        reader.run(began=number * 0.16, took_s=0.12 if number < 30 else 0.01)
    calm = [question.calm for question in reader.asked]
    assert (calm[0], calm[29], calm[-1]) == (steady, False, steady)


def test_partials_and_finals_carry_what_the_protocol_says() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    reader.run()
    reader.hear(CHUNK, 3 * CHUNK, now=0.7)
    reader.run()
    partial, *_, final = reader.results(Caption)
    assert isinstance(partial, Caption)
    assert isinstance(final, Caption)
    assert (partial.segment, final.segment) == ("e1-0", "e1-0")
    assert partial.revision < final.revision
    assert (final.start, final.end, final.audio_end) == (0.0, 0.64, 0.64)
    assert final.stable == len(final.text)
    origin = reader.said[-1][1]
    assert origin.settled == SEGMENT
    assert origin.arrived == pytest.approx(CHUNK / 16_000)


def test_input_is_finished_only_when_its_segment_is() -> None:
    reader = Reader()
    for i in range(3):
        reader.hear(i * CHUNK, CHUNK)
    reader.run()
    assert reader.closed == []
    reader.hear(3 * CHUNK, CHUNK)
    reader.run()
    assert [position.offset for position in reader.closed] == [0, 1, 2, 3]


def test_the_end_of_audio_finishes_the_open_segment_and_says_so() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    reader.hear(CHUNK, 0, last=True)
    reader.run()
    assert reader.finals == ["e1-0"]
    (progress,) = reader.results(Progress)
    assert isinstance(progress, Progress)
    assert progress.over
    assert [position.offset for position in reader.closed] == [0, 1]


def test_an_end_that_comes_while_the_engine_runs_is_not_forgotten() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    job = reader.jobs.pop()
    question = reader.role.ask(job, 0.0)
    assert question is not None
    reader.hear(CHUNK, 0, last=True)
    reader.take(reader.role.answer(job, answer(question), Rung.DRAFT, Timing(0, 0.1)))
    reader.run()
    assert reader.asked[-1].last
    assert reader.finals == ["e1-0"]


def test_a_new_epoch_finishes_the_old_one_first() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    reader.hear(0, CHUNK, epoch="e2")
    reader.run()
    assert reader.finals == ["e1-0"]
    assert [question.stream for question in reader.asked] == ["c/e1/0", "c/e2/0"]


def test_missing_audio_is_told_and_what_was_open_is_finished() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    reader.hear(SEGMENT * 2, CHUNK)
    reader.run()
    (gap,) = reader.results(Gap)
    assert isinstance(gap, Gap)
    assert (gap.start, gap.end) == (0.16, 1.28)
    assert reader.finals == ["e1-0"]
    assert reader.asked[-1].fresh
    assert reader.asked[-1].start == SEGMENT * 2


def test_a_lost_engine_is_told_again_from_the_settled_point() -> None:
    reader = Reader()
    reader.hear(0, SEGMENT + CHUNK)
    reader.run()
    reader.hear(SEGMENT + CHUNK, CHUNK)
    assert reader.role.ask(reader.jobs.pop(), 0.0) is not None
    reader.take(reader.role.lost(0.0))
    reader.run()
    again = reader.asked[-1]
    assert (again.start, again.fresh, len(again.pcm)) == (SEGMENT, True, 4 * CHUNK)


def test_audio_that_ends_the_engine_is_skipped_with_a_gap() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    job = reader.jobs.pop()
    reader.role.ask(job, 0.0)
    reader.take(reader.role.abandon(job, EngineLost("hung"), 0.0))
    reader.take(reader.role.lost(0.0))
    (gap,) = reader.results(Gap)
    assert isinstance(gap, Gap)
    assert (gap.start, gap.end) == (0.0, 0.16)
    assert [position.offset for position in reader.closed] == [0]
    reader.hear(CHUNK, CHUNK)
    reader.run()
    assert reader.asked[-1].start == CHUNK


def test_a_late_job_brings_its_partial_late() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    (again,) = reader.role.expire(reader.jobs.pop(), 1.0).jobs
    assert again.deadline > 1_000
    reader.jobs.append(again)
    reader.run()
    assert not reader.asked[-1].quiet
    assert len(reader.results(Caption)) == 1


def test_audio_far_behind_is_decoded_without_partials_until_it_has_caught_up() -> None:
    reader = Reader()
    reader.hear(0, 8 * CHUNK)
    reader.take(reader.role.expire(reader.jobs.pop(), 3.0))
    reader.run()
    assert reader.asked[-1].quiet
    reader.hear(8 * CHUNK, CHUNK)
    reader.run()
    assert not reader.asked[-1].quiet


def test_audio_older_than_the_lag_is_skipped_with_one_gap() -> None:
    reader = Reader(CaptionLimits(lag_s=10.0))
    reader.hear(0, CHUNK, now=0.2)
    for i in range(1, 4):
        reader.hear(i * CHUNK, CHUNK, now=60.0)
    reader.hear(4 * CHUNK, CHUNK, now=1.0)
    reader.run()
    (gap,) = reader.results(Gap)
    assert isinstance(gap, Gap)
    assert (gap.start, gap.end) == (0.16, 0.64)


def test_a_new_owner_goes_on_after_the_last_final_that_stands() -> None:
    first = Reader()
    first.hear(0, SEGMENT + CHUNK)
    first.run()
    second = Reader()
    second.role.adopt(LOG, [Told(*said) for said in first.said])
    second.hear(CHUNK, SEGMENT)
    second.hear(SEGMENT + CHUNK, 3 * CHUNK)
    second.run()
    assert second.asked[0].start == SEGMENT
    assert first.finals + second.finals == ["e1-0", f"e1-{SEGMENT}"]


def test_a_new_owner_without_a_final_begins_at_the_grid() -> None:
    reader = Reader()
    reader.hear(GRID_SAMPLES - CHUNK, 2 * CHUNK)
    reader.run()
    assert reader.asked[0].start == GRID_SAMPLES


def test_lost_logs_are_forgotten() -> None:
    reader = Reader()
    reader.hear(0, CHUNK)
    assert reader.role.drop([LOG]).forget == ("c/e1/0",)
    reader.run()
    assert reader.asked == []


cuts = st.lists(st.integers(1, 3 * CHUNK), min_size=1, max_size=20)


@given(cuts, st.data())
def test_any_cuts_repeats_and_crashes_give_each_final_once_in_order(
    sizes: list[int], data: st.DataObject
) -> None:
    reader, at = Reader(), 0
    for size in sizes:
        reader.hear(at, size)
        at += size
        if data.draw(st.booleans()):
            reader.run()
        if data.draw(st.integers(0, 4)) == 0:
            reader.take(reader.role.lost(0.0))
        if data.draw(st.integers(0, 4)) == 0:
            reader.hear(max(0, at - size), size)
    reader.hear(at, 0, last=True)
    reader.run()
    assert reader.finals == [f"e1-{begin}" for begin in range(0, at, SEGMENT)]
    assert sorted(p.offset for p in reader.closed) == list(range(reader.offset))


def test_a_caption_passes_the_channels_filter_before_anybody_sees_it() -> None:
    reader = Reader()
    policy = PolicyChange(words=("word",))
    reader.role.catalogue.put(Settings(channel="c", filter="mask", policy=policy))
    reader.hear(0, SEGMENT)
    reader.run()
    *_, final = (each for each in reader.results(Caption) if isinstance(each, Caption))
    assert (final.text, final.flags) == ("****", ("words",))
