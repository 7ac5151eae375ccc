"""Captions that grow, in other languages: each final once and in order, what is settled stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core import wire
from stream.core.errors import EngineError
from stream.core.messages import Caption, Rung, Translation
from stream.core.records import Claim, Log, Origin, Position, Record, Result, Settings, Topic
from tests.support.facts import CHANNEL, caption
from workers.core.jobs import Job
from workers.ports import Card, Render, Rendered
from workers.role import Outcome, Timing, Told
from workers.translation import Translating

CARD = Card(
    name="t",
    task="translation",
    rungs=(Rung.DRAFT, Rung.VERIFIED),
    languages=("de", "fr"),
    sources=("en",),
)
NOW = 1000.0
LONG = "one two three four five six seven eight"
"""Of a translation of it three words are shown while it grows."""
FINALS, PARTIALS = Log(Topic.CAPTIONS, 0), Log(Topic.PARTIALS, 0)


class House:
    """A role, and an engine that says a text's words behind their language."""

    def __init__(self, translate: tuple[str, ...] = ("de",), told: Iterable[Told] = ()) -> None:
        self.role = Translating(CARD, "m/1")
        self.role.adopt(FINALS, told)
        self.translate = translate
        self.said: list[Translation] = []
        self.closed: list[Position] = []
        self._offsets = itertools.count()

    def origin(self, arrived: float = NOW) -> Origin:
        return Origin(owner="c", arrived=arrived, budget_ms=200, translate=self.translate)

    def record(self, result: Result, origin: Origin | None = None) -> Record:
        final = isinstance(result, Caption) and result.final
        value, headers = wire.encode_result(result, origin or self.origin())
        log = FINALS if final else PARTIALS
        return Record(log, next(self._offsets), CHANNEL, value, headers, NOW)

    def hear(self, *captions: Caption, arrived: float = NOW) -> list[Job]:
        jobs: list[Job] = []
        for each in captions:
            record = self.record(each, self.origin(arrived))
            jobs += self.keep(self.role.receive(record, NOW))
        return jobs

    def keep(self, outcome: Outcome) -> tuple[Job, ...]:
        for publication in outcome.publications:
            if publication.topic is Topic.DEAD_LETTERS:
                continue
            record = Record(Log(publication.topic, 0), 0, CHANNEL, *publication.payload, 0.0)
            result, _ = wire.decode_result(record)
            assert isinstance(result, Translation)
            assert publication.durable is result.final
            self.said.append(result)
        self.closed += outcome.closed
        return outcome.jobs

    def ask(self, job: Job) -> Render:
        question = self.role.ask(job, NOW)
        assert isinstance(question, Render)
        return question

    def run(self, job: Job, rung: Rung = Rung.VERIFIED, text: str | None = None) -> tuple[Job, ...]:
        question = self.ask(job)
        answer = Rendered(text=f"{question.target} {question.text}" if text is None else text)
        return self.keep(self.role.answer(job, answer, rung, Timing(NOW, 0.01)))

    @property
    def finals(self) -> list[str]:
        return [each.text for each in self.said if each.final]


def final(segment: str = "e-0", text: str = "Hello there.") -> Caption:
    return caption(segment, 9, text, final=True)


def test_a_translation_follows_its_caption_and_is_tied_to_it() -> None:
    house = House()
    (job,) = house.hear(caption("e-0", 3, LONG))
    house.run(job)
    (shown,) = house.said
    assert (shown.source_segment, shown.source_revision, shown.language) == ("e-0", 3, "de")
    assert (shown.text, shown.final, shown.rung) == ("de one two", False, Rung.VERIFIED)
    assert (shown.start, shown.end, shown.audio_end, shown.budget_ms) == (0.0, 1.0, 1.0, 300)
    (job,) = house.hear(final())
    house.run(job)
    assert house.said[-1].final
    assert (house.said[-1].text, house.said[-1].degraded) == ("de Hello there.", False)


def test_before_the_first_word_there_is_nothing_to_translate() -> None:
    house = House()
    assert house.hear(caption("e-0", 1, "")) == []
    assert house.said == []


def test_a_newer_caption_takes_the_place_of_one_that_waits() -> None:
    house = House()
    older, newer = house.hear(caption("e-0", 1, "one"), caption("e-0", 2, "one two"))
    assert older.supersedes == newer.supersedes
    assert not older.final
    assert house.ask(newer).text == "one two"


def test_the_engine_is_told_what_is_on_screen_and_what_of_it_is_settled() -> None:
    house = House()
    for revision, text in ((1, LONG), (2, f"{LONG} nine")):
        (job,) = house.hear(caption("e-0", revision, text))
        house.run(job)
    (job,) = house.hear(caption("e-0", 3, f"{LONG} nine ten"))
    asked = house.ask(job)
    assert asked.draft == f"de {LONG} nine"
    assert asked.draft[: asked.stable] == "de one two three"
    assert asked.left_s == pytest.approx(0.295)
    (job,) = house.hear(final())
    assert house.ask(job).stable == 0  # only the final may still correct


def test_the_glossary_of_the_channel_goes_along() -> None:
    house = House()
    house.role.catalogue.put(Settings(channel=CHANNEL, glossary={"team": "Mannschaft"}))
    (job,) = house.hear(final())
    assert house.ask(job).glossary == {"team": "Mannschaft"}


def test_a_partial_is_finished_when_read_and_a_final_when_all_its_languages_stand() -> None:
    house = House(("de", "fr", "xx", "en"))
    jobs = house.hear(caption("e-0", 1, "one"))
    assert (len(jobs), house.closed) == (2, [Position(PARTIALS, 0)])
    german, french = house.hear(final())
    house.run(german)
    assert len(house.closed) == 1
    house.run(french)
    assert house.closed[1:] == [Position(FINALS, 1)]
    assert house.finals == ["de Hello there.", "fr Hello there."]


def test_who_asks_for_all_languages_gets_those_that_are_offered() -> None:
    house = House(("*",))
    for job in house.hear(final()):
        house.run(job)
    assert house.finals == ["de Hello there.", "fr Hello there."]


def test_finals_come_in_the_order_of_their_captions() -> None:
    house = House()
    first, second, third = house.hear(final("a", "One."), final("b", "Two."), final("c", "Three."))
    house.run(third)
    house.run(first)
    assert house.finals == ["de One."]
    house.run(second)
    assert house.finals == ["de One.", "de Two.", "de Three."]
    assert len(house.closed) == 3


def test_a_final_drafted_in_time_is_shown_and_corrected_by_the_better_rung() -> None:
    house = House()
    (job,) = house.hear(final())
    (better,) = house.run(job, Rung.DRAFT, "Halo da.")
    assert (better.done, better.rungs, better.deadline) == (
        Rung.DRAFT,
        (Rung.VERIFIED,),
        job.deadline,
    )
    assert (house.said[0].text, house.said[0].final, house.said[0].degraded) == (
        "Halo da.",
        False,
        True,
    )
    assert house.ask(better).draft == "Halo da."
    house.run(better, Rung.VERIFIED, "Hallo da.")
    assert [(each.text, each.final) for each in house.said[1:]] == [("Hallo da.", True)]


def test_a_better_rung_that_the_engine_cannot_reach_is_asked_for_once() -> None:
    house = House()
    (job,) = house.hear(final())
    (better,) = house.run(job, Rung.DRAFT)
    house.ask(better)
    answer = Rendered(text="de again", rung=Rung.DRAFT)
    assert house.keep(house.role.answer(better, answer, Rung.VERIFIED, Timing(NOW, 0.01))) == ()
    assert house.finals == ["de again"]


def test_a_final_below_what_is_ready_leaves_that_as_it_is() -> None:
    house = House()
    (job,) = house.hear(final())
    (better,) = house.run(job, Rung.DRAFT, "Hallo da.")
    house.ask(better)
    answer = Rendered(text="Hallo", rung=Rung.SKETCH)
    assert house.keep(house.role.answer(better, answer, Rung.VERIFIED, Timing(NOW, 0.01))) == ()
    assert house.finals == ["Hallo da."]


def test_a_better_rung_that_others_broke_off_is_asked_for_again() -> None:
    house = House()
    (job,) = house.hear(final())
    (better,) = house.run(job, Rung.DRAFT, "Halo da.")
    assert house.ask(better).answered
    cut = Rendered(text="Hallo", rung=Rung.DRAFT)
    broken_off = house.role.answer(better, cut, Rung.VERIFIED, Timing(NOW, 0.01, True))
    (again,) = house.keep(broken_off)
    assert (again.done, again.rungs, again.deadline) == (
        better.done,
        better.rungs,
        better.deadline,
    )
    assert house.ask(again).draft == "Halo da."
    house.run(again, Rung.VERIFIED, "Hallo da.")
    assert [(each.text, each.final) for each in house.said] == [
        ("Halo da.", False),
        ("Hallo da.", True),
    ]


def test_where_the_better_rung_does_not_come_the_draft_is_final_at_the_deadline() -> None:
    house = House()
    (job,) = house.hear(final())
    (better,) = house.run(job, Rung.DRAFT, "Halo da.")
    house.ask(better)  # it is in the engine's hands
    house.keep(house.role.expire(better, NOW + 0.3))
    assert [(each.text, each.final) for each in house.said] == [
        ("Halo da.", False),
        ("Halo da.", True),
    ]
    late = house.role.answer(better, Rendered(text="x"), Rung.VERIFIED, Timing(NOW, 1.0))
    assert late == Outcome()


def test_a_late_final_is_translated_all_the_same_and_a_late_partial_stands() -> None:
    house = House()
    (partial,) = house.hear(caption("e-0", 1, "one"))
    assert house.role.expire(partial, NOW + 1) == Outcome()
    (job,) = house.hear(final())
    (again,) = house.keep(house.role.expire(job, NOW + 1))
    assert again.deadline > NOW + 30
    assert house.ask(again).left_s is None
    house.run(again)
    assert house.finals == ["de Hello there."]


def test_what_the_engine_cannot_translate_ends_with_what_is_on_screen() -> None:
    house = House()
    (job,) = house.hear(caption("e-0", 1, LONG))
    house.run(job)
    (job,) = house.hear(final())
    house.ask(job)
    (again,) = house.keep(house.role.retry(job, NOW))
    house.ask(again)
    outcome = house.role.abandon(again, EngineError("no"), NOW)
    house.keep(outcome)
    assert outcome.publications[-1].topic is Topic.DEAD_LETTERS
    assert (house.finals, house.said[-1].rung) == (["de one two"], Rung.REPEAT)
    assert house.closed[-1] == Position(FINALS, 1)


def test_words_that_are_taken_back_are_taken_back() -> None:
    house = House()
    (job,) = house.hear(caption("e-0", 1, "one two three"))
    house.run(job)
    assert house.hear(final(text="")) == []
    assert house.finals == [""]


def test_a_zombies_captions_and_repeated_finals_are_not_translated() -> None:
    house = House()
    claim = house.record(Claim(owner="new"))
    house.keep(house.role.receive(claim, NOW))
    assert house.hear(caption("e-0", 1, "one")) == []
    other = House()
    assert len(other.hear(final(), final())) == 1
    assert len(other.closed) == 1


def test_what_an_earlier_owner_has_finished_is_not_said_again() -> None:
    first = House(("de", "fr"))
    german, _ = first.hear(final())
    first.run(german)
    told = [Told(each, Origin(owner="m/0", arrived=NOW, budget_ms=300)) for each in first.said]
    second = House(("de", "fr"), told)
    (french,) = second.hear(final())
    second.run(french)
    assert second.finals == ["fr Hello there."]
    assert len(second.closed) == 1


def test_captions_in_a_language_that_is_not_offered_or_long_ago_are_left() -> None:
    house = House(("xx",))
    assert house.hear(final()) == []
    assert House().hear(final(), arrived=NOW - 200) == []
    assert len(house.closed) == 1


def test_logs_that_others_own_are_forgotten() -> None:
    house = House()
    (job,) = house.hear(final())
    house.role.drop([FINALS, PARTIALS])
    assert house.role.ask(job, NOW) is None
    assert house.role.statistics()["lines"] == 0


@settings(max_examples=60)
@given(st.lists(st.integers(0, 6), max_size=30))
def test_whatever_fails_and_in_whatever_order_each_final_is_said_once_and_in_order(
    moves: list[int],
) -> None:
    """Moves: 0-1 answer well, 2 at the lowest rung, 6 too, broken off; 3 expire, 4 fail, 5 hear the
    next caption.
    """
    house = House(("de", "fr"))
    waiting = [final(f"s{number}", f"Text {number}.") for number in range(5)]
    jobs: list[Job] = []
    failed: set[str | None] = set()
    for move in [*moves, *(5,) * 5, *(0,) * 60]:
        if move == 5 and waiting:
            jobs += house.hear(waiting.pop(0))
        elif jobs:
            job = jobs.pop(len(jobs) * 7 // 11)
            if house.role.ask(job, NOW) is None:
                continue
            if move == 3:
                jobs += house.keep(house.role.expire(job, NOW + 1))
            if move == 4 and job.supersedes not in failed:
                failed.add(job.supersedes)
                jobs += house.keep(house.role.retry(job, NOW))
            else:
                rung = Rung.DRAFT if move == 2 and job.done is None else Rung.VERIFIED
                reached = Rung.DRAFT if move == 6 else rung
                timing = Timing(NOW, 0.01, broken_off=move == 6)
                text = f"{job.supersedes}"
                answer = house.role.answer(job, Rendered(text=text, rung=reached), rung, timing)
                jobs += house.keep(answer)
    for language in ("de", "fr"):
        said = [each for each in house.said if each.final and each.language == language]
        assert [each.segment for each in said] == [f"s{number}" for number in range(5)]
    assert len(house.closed) == 5
