from __future__ import annotations

import pytest
from msgspec import UNSET

from stream.core.channels import ChannelLimits
from stream.core.cursor import Cursor, Offsets, decode_cursor, encode_cursor, shorten_identity
from stream.core.errors import Malformed, Unavailable
from stream.core.history import Delivery, HistoryLimits
from stream.core.hub import Filter
from stream.core.messages import Action, Caption, Message, Post, Rung, Verdict
from stream.core.positions import result_logs
from stream.core.records import Claim, Failure, Log, Origin, Progress, Result, Topic, Truncation
from stream.core.requests import Subscribe
from stream.core.results import Answer, Event, Heard, ResultLimits, Results
from tests.support.facts import CHANNEL, caption, origin, post, raw_record, record, translation

AGE_S = 60.0
START = 1000.0
EVERYTHING = Filter.of(Subscribe(channel=CHANNEL), moderator=True)
CAPTIONS, EVENTS = Log(Topic.CAPTIONS, 0), Log(Topic.EVENTS, 0)
PARTIALS, VERDICTS = Log(Topic.PARTIALS, 0), Log(Topic.VERDICTS, 0)


class Reading:
    """A gateway's results, with the offsets counted."""

    def __init__(self, **ends: int) -> None:
        limits = ResultLimits(channels=ChannelLimits(history=HistoryLimits(age_s=AGE_S)))
        self.results = Results("bus", "here", lambda _: 0, limits)
        self.ends = {log: ends.get(log.topic, 0) for log in result_logs(1)}
        self.results.open(self.ends, START)
        self._next = dict(self.ends)

    def hear(
        self, result: Result, log: Log, said_by: Origin | None = None, *, at: float = START
    ) -> list[Event]:
        offset = self._next[log]
        self._next[log] += 1
        return self.results.receive(record(result, log, offset, said_by, timestamp=at), at)

    def read_back(self, result: Result, log: Log, offset: int, at: float) -> list[Event]:
        """What lay in the log before."""
        return self.results.receive(record(result, log, offset, timestamp=at), START)

    def since(self, offsets: Offsets) -> list[Message] | None:
        cursor = encode_cursor(Cursor(shorten_identity("bus"), 0, offsets))
        resumed = self.results.resume(CHANNEL, EVERYTHING, cursor)
        return [each.message for each in resumed.replay] if resumed.recovered else None


def delivered(events: list[Event]) -> list[Delivery]:
    return [event for event in events if isinstance(event, Delivery)]


def test_a_final_carries_the_place_after_it_and_a_partial_none() -> None:
    reading = Reading(captions=5, events=3)
    reading.hear(post("a"), EVENTS)
    [final] = delivered(reading.hear(caption(final=True), CAPTIONS))
    assert isinstance(final.message, Caption)
    assert isinstance(final.message.cursor, str)
    assert decode_cursor(final.message.cursor).offsets == Offsets(6, 0, 4)
    [partial] = delivered(reading.hear(caption("e-9"), PARTIALS))
    assert isinstance(partial.message, Caption)
    assert partial.message.cursor is UNSET


def test_latency_and_lateness_are_filled_in() -> None:
    reading = Reading()
    said_by = origin(arrived=START)
    in_time = record(caption("e-0"), PARTIALS, 0, said_by, timestamp=START + 0.15)
    too_late = record(caption("e-1"), PARTIALS, 1, said_by, timestamp=START + 0.15)
    [first] = delivered(reading.results.receive(in_time, START + 0.2))
    [second] = delivered(reading.results.receive(too_late, START + 0.21))
    assert isinstance(first.message, Caption)
    assert isinstance(second.message, Caption)
    assert first.message.latency.total_ms == pytest.approx(200)
    assert first.message.latency.fanout_ms == pytest.approx(50)
    assert (first.message.late, second.message.late) == (False, True)


def test_a_claim_shuts_out_former_owners_of_its_log() -> None:
    reading = Reading()
    reading.hear(Claim(owner="old"), CAPTIONS, origin("old"))
    reading.hear(Claim(owner="new"), CAPTIONS, origin("new"))
    assert reading.hear(caption("e-0", final=True), CAPTIONS, origin("old")) == []
    assert delivered(reading.hear(caption("e-1", final=True), CAPTIONS, origin("new")))
    assert reading.results.statistics()["fenced"] == 1


def test_what_is_addressed_here_is_an_answer_and_nobody_elses() -> None:
    reading = Reading()
    verdict = Verdict(id="1", channel=CHANNEL, action=Action.ALLOW, rung=Rung.DRAFT)
    here = origin("worker", to="here")
    assert reading.hear(verdict, VERDICTS, here) == [Answer(verdict, here)]
    assert reading.hear(verdict, VERDICTS, origin(to="elsewhere")) == []
    assert reading.hear(verdict, VERDICTS) == []
    failure = Failure(id="2", code="unavailable", message="no engine")
    log = Log(Topic.TRANSLATIONS, 0)
    assert reading.hear(failure, log, here) == [Answer(failure, here)]


def test_answers_pass_the_fence() -> None:
    reading = Reading()
    log = Log(Topic.TRANSLATIONS, 0)
    reading.hear(Claim(owner="owner"), log)
    failure = Failure(id="2", code="unavailable", message="no engine")
    assert reading.hear(failure, log, origin("other", to="here"))


def test_progress_is_heard() -> None:
    progress = Progress(channel=CHANNEL, epoch="e", audio_end=1.0)
    assert Reading().hear(progress, PARTIALS) == [Heard(progress, START)]


def test_a_record_that_cannot_be_read_counts_as_read() -> None:
    reading = Reading(captions=5)
    with pytest.raises(Malformed):
        reading.results.receive(raw_record(b"\xff", {}, CAPTIONS, 5), START)
    assert reading.results.where()[CAPTIONS] == 6


def test_a_fact_under_anothers_key_is_malformed() -> None:
    with pytest.raises(Malformed, match="channel is 'news', expected the record's key"):
        Reading().results.receive(record(post(), EVENTS, 0, key="other"), START)


def test_what_lay_in_the_log_before_is_replayed_but_its_partials_are_not_told() -> None:
    reading = Reading(captions=2, partials=1)
    assert reading.read_back(caption("e-5"), PARTIALS, 0, START - 1) == []
    [kept] = delivered(reading.read_back(caption("e-1", final=True), CAPTIONS, 1, START - 1))
    assert not kept.live
    assert reading.since(Offsets(1, 0, 0)) == [kept.message]
    assert reading.since(Offsets(0, 0, 0)) is None


def test_the_older_half_of_what_is_read_back_only_tells_what_was_said() -> None:
    reading = Reading(captions=2)
    old, new = START - 1.5 * AGE_S, START - 0.9 * AGE_S
    assert reading.results.limits.back_s == 2 * AGE_S
    assert reading.read_back(caption("e-1", final=True), CAPTIONS, 0, old) == []
    assert reading.read_back(caption("e-1", final=True), CAPTIONS, 1, new) == []
    assert reading.since(Offsets(1, 0, 0)) == []


def test_a_cursor_before_what_the_ring_still_holds_is_not_recovered() -> None:
    reading = Reading()
    reading.hear(caption("e-0", final=True), CAPTIONS, at=START)
    reading.hear(caption("e-1", final=True), CAPTIONS, at=START + 1)
    reading.results.expire(START + AGE_S + 0.5)
    assert reading.since(Offsets(0, 0, 0)) is None
    assert len(reading.since(Offsets(1, 0, 0)) or ()) == 1


def test_a_channel_that_was_forgotten_is_not_recovered_from_before() -> None:
    reading = Reading()
    reading.hear(caption(final=True), CAPTIONS)
    reading.results.expire(START + 10_000)
    assert reading.since(Offsets(0, 0, 0)) is None
    assert reading.since(Offsets(1, 0, 0)) == []


def test_cursors_of_another_bus_or_far_ahead_are_not_recovered() -> None:
    reading = Reading()
    other = encode_cursor(Cursor(shorten_identity("other"), 0, Offsets()))
    assert not reading.results.resume(CHANNEL, EVERYTHING, other).recovered
    assert reading.since(Offsets(100_000, 0, 0)) == []
    assert reading.since(Offsets(100_001, 0, 0)) is None


def test_only_the_logs_that_are_wanted_must_be_complete() -> None:
    reading = Reading(captions=5)
    cursor = encode_cursor(Cursor(shorten_identity("bus"), 0, Offsets()))
    posts = Filter.of(Subscribe(channel=CHANNEL, kinds=("posts",)), moderator=False)
    assert reading.results.resume(CHANNEL, posts, cursor).recovered
    assert not reading.results.resume(CHANNEL, EVERYTHING, cursor).recovered


def test_a_replay_holds_what_is_wanted() -> None:
    reading = Reading()
    reading.hear(caption(final=True), CAPTIONS)
    reading.hear(translation(final=True), Log(Topic.TRANSLATIONS, 0))
    [said] = delivered(reading.hear(post("a"), EVENTS))
    cursor = encode_cursor(Cursor(shorten_identity("bus"), 0, Offsets()))
    posts = Filter.of(Subscribe(channel=CHANNEL, kinds=("posts",)), moderator=False)
    assert reading.results.resume(CHANNEL, posts, cursor).replay == [said]
    assert [type(fact) for fact in reading.results.recent(CHANNEL)][-1] is Post


def test_what_retention_took_is_not_recovered() -> None:
    reading = Reading()
    reading.results.skip(Truncation(CAPTIONS, 0, 4))
    assert reading.since(Offsets(3, 0, 0)) is None
    assert reading.since(Offsets(4, 0, 0)) == []


def test_nobody_can_subscribe_before_reading_has_begun() -> None:
    results = Results("bus", "here", lambda _: 0)
    with pytest.raises(Unavailable, match="results are not read yet"):
        results.resume(CHANNEL, EVERYTHING, None)


def test_reading_is_warm_once_all_that_lay_there_has_been_read() -> None:
    reading = Reading(captions=2)
    reading.results.settle()
    assert reading.results.is_warm
    reading = Reading(captions=2)
    reading.read_back(caption(final=True), CAPTIONS, 0, START - 1)
    reading.results.settle()
    assert not reading.results.is_warm
    reading.read_back(caption("e-1", final=True), CAPTIONS, 1, START - 1)
    assert reading.results.is_warm


def test_what_comes_after_all_of_a_log_that_counted_as_read_is_not_promised() -> None:
    """The log seemed silent and was only slow: what lay before its end is known, not kept."""
    reading = Reading(captions=2)
    reading.results.settle()
    assert reading.read_back(caption(final=True), CAPTIONS, 1, START - 1) == []
    assert reading.since(Offsets(1, 0, 0)) is None
