"""Requests for translations: one answer each, the best that its deadline allows."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from stream.core import wire
from stream.core.errors import EngineError
from stream.core.messages import Detected, Rung, Translation
from stream.core.records import (
    Detection,
    Failure,
    Log,
    Offer,
    Position,
    Record,
    Result,
    TextJob,
    Topic,
)
from workers.core.jobs import Job
from workers.languages import load_detector
from workers.ports import Card, Render, Rendered
from workers.role import Outcome, Timing
from workers.translation import Translating

CARD = Card(
    name="t",
    task="translation",
    rungs=(Rung.DRAFT, Rung.VERIFIED),
    languages=("de", "fr"),
    sources=("en", "de"),
)
TEXTS = Log(Topic.TEXTS, 0)
NOW = 1000.0


def role() -> Translating:
    return Translating(CARD, "m/1", detector=load_detector())


def record(**fields: object) -> Record:
    told: dict[str, object] = {"text": "Hello.", "source": "en", "target": "de", **fields}
    job = TextJob(id="q", channel="q", gateway="g", arrived=NOW, budget_ms=200, **told)  # type: ignore[arg-type]
    return Record(TEXTS, 0, "q", *wire.encode_job(job), 0.0)


def result_of(outcome: Outcome) -> Result:
    publication = outcome.publications[0]
    assert outcome.closed == (Position(TEXTS, 0),)
    written = Record(Log(publication.topic, 0), 0, "q", *publication.payload, 0.0)
    result, origin = wire.decode_result(written)
    assert origin.to == "g"
    return result


def admitted(translating: Translating, **fields: object) -> tuple[Job, Render]:
    (job,) = translating.receive(record(**fields), NOW).jobs
    question = translating.ask(job, NOW)
    assert isinstance(question, Render)
    return job, question


def answered(translating: Translating, job: Job, rung: Rung, **said: object) -> Outcome:
    answer = Rendered(text="Hallo.", **said)  # type: ignore[arg-type]
    return translating.answer(job, answer, rung, Timing(NOW, 0.01))


def test_the_best_rung_answers_at_once() -> None:
    translating = role()
    job, question = admitted(translating)
    assert (question.source, question.target) == ("en", "de")
    assert question.left_s == pytest.approx(0.18)
    told = result_of(answered(translating, job, Rung.VERIFIED))
    assert isinstance(told, Translation)
    assert (told.id, told.text, told.rung, told.degraded) == ("q", "Hallo.", Rung.VERIFIED, False)
    assert told.acceptance is told.detected is UNSET
    assert translating.statistics()["rung_verified"] == 1


def test_a_draft_is_kept_while_a_better_rung_may_come() -> None:
    translating = role()
    job, _ = admitted(translating)
    outcome = answered(translating, job, Rung.DRAFT)
    (better,) = outcome.jobs
    assert (outcome.publications, better.done, better.rungs) == ((), Rung.DRAFT, (Rung.VERIFIED,))
    question = translating.ask(better, NOW)
    assert isinstance(question, Render)
    assert question.draft == "Hallo."
    told = result_of(answered(translating, better, Rung.VERIFIED, relaxed=True))
    assert isinstance(told, Translation)
    assert (told.rung, told.acceptance) == (Rung.VERIFIED, "relaxed")


def test_a_better_rung_that_the_engine_cannot_reach_is_asked_for_once() -> None:
    translating = role()
    job, _ = admitted(translating)
    (better,) = answered(translating, job, Rung.DRAFT).jobs
    assert isinstance(translating.ask(better, NOW), Render)
    answer = Rendered(text="Hallo.", rung=Rung.DRAFT)
    told = result_of(translating.answer(better, answer, Rung.VERIFIED, Timing(NOW, 0.01)))
    assert isinstance(told, Translation)
    assert (told.rung, told.degraded) == (Rung.DRAFT, True)


def test_an_answer_below_what_is_kept_leaves_that_as_it_is() -> None:
    translating = role()
    job, _ = admitted(translating)
    (better,) = answered(translating, job, Rung.DRAFT).jobs
    assert isinstance(translating.ask(better, NOW), Render)
    answer = Rendered(text="Hal", rung=Rung.SKETCH)
    told = result_of(translating.answer(better, answer, Rung.VERIFIED, Timing(NOW, 0.01)))
    assert isinstance(told, Translation)
    assert (told.text, told.rung) == ("Hallo.", Rung.DRAFT)


def test_a_better_rung_that_others_broke_off_is_asked_for_again_and_what_was_kept_stands() -> None:
    translating = role()
    job, _ = admitted(translating)
    (better,) = answered(translating, job, Rung.DRAFT).jobs
    question = translating.ask(better, NOW)
    assert isinstance(question, Render)
    assert (question.draft, question.answered) == ("Hallo.", True)
    spliced = Rendered(text="Hal", rung=Rung.DRAFT)
    counted = translating.statistics()
    outcome = translating.answer(better, spliced, Rung.VERIFIED, Timing(NOW, 0.01, True))
    assert outcome == Outcome(jobs=(better,))
    assert translating.statistics() == counted
    told = result_of(translating.expire(better, better.deadline))
    assert isinstance(told, Translation)
    assert (told.text, told.rung) == ("Hallo.", Rung.DRAFT)


def test_a_first_answer_that_others_broke_off_is_made_better_after() -> None:
    translating = role()
    job, question = admitted(translating)
    assert not question.answered
    answer = Rendered(text="Hallo.", rung=Rung.DRAFT)
    (better,) = translating.answer(job, answer, Rung.VERIFIED, Timing(NOW, 0.01, True)).jobs
    assert (better.done, better.rungs) == (Rung.DRAFT, (Rung.VERIFIED,))


@pytest.mark.parametrize("ending", ["expire", "abandon"])
def test_a_kept_draft_is_the_answer_where_no_better_one_comes_in_time(ending: str) -> None:
    translating = role()
    job, _ = admitted(translating)
    (better,) = answered(translating, job, Rung.DRAFT).jobs
    translating.ask(better, NOW)
    if ending == "expire":
        outcome = translating.expire(better, better.deadline)
    else:
        outcome = translating.abandon(better, EngineError("no"), NOW)
    told = result_of(outcome)
    assert isinstance(told, Translation)
    assert (told.text, told.rung, told.degraded) == ("Hallo.", Rung.DRAFT, True)
    assert answered(translating, better, Rung.VERIFIED) == Outcome()


def test_a_rung_that_was_interrupted_is_named_by_what_it_reached() -> None:
    translating = role()
    job, _ = admitted(translating)
    answer = Rendered(text="Hallo.", rung=Rung.DRAFT)
    told = result_of(translating.answer(job, answer, Rung.VERIFIED, Timing(NOW, 0.19)))
    assert isinstance(told, Translation)
    assert (told.rung, told.degraded) == (Rung.DRAFT, True)


def test_without_any_answer_the_deadline_brings_an_error() -> None:
    translating = role()
    job, _ = admitted(translating)
    told = result_of(translating.expire(job, job.deadline))
    assert isinstance(told, Failure)
    assert told.message == "no translation was ready within 200 ms"


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("en", "xx", "target is xx, expected one of de, fr, en"),
        ("xx", "de", "source is xx, expected one of en, de"),
        ("de", "en", "target is en, expected one of de, fr"),
    ],
)
def test_a_language_that_is_not_offered_is_named_with_those_that_are(
    source: str, target: str, told: str
) -> None:
    failure = result_of(role().receive(record(source=source, target=target), NOW))
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message) == ("unavailable", told)


def test_a_text_in_the_wanted_language_stays_as_it_is() -> None:
    told = result_of(role().receive(record(source="de", text="Guten Tag"), NOW))
    assert isinstance(told, Translation)
    assert told.text == "Guten Tag"


def test_the_source_is_recognised_where_none_is_given() -> None:
    translating = role()
    job, question = admitted(translating, source="auto", text="What a lovely day it is!")
    assert question.source == "en"
    told = result_of(answered(translating, job, Rung.VERIFIED))
    assert isinstance(told, Translation)
    assert isinstance(told.detected, Detected)
    assert told.detected.language == "en"
    german = result_of(translating.receive(record(source="auto", text="Was für ein Tag"), NOW))
    assert isinstance(german, Translation)
    assert german.text == "Was für ein Tag"


def english_only() -> Translating:
    return Translating(replace(CARD, sources=("en",)), "m/1", detector=load_detector())


def test_a_text_that_is_surely_in_a_language_that_is_not_offered_is_refused() -> None:
    asked = record(source="auto", target="fr", text="Ich habe heute leider keine Zeit.")
    told = result_of(english_only().receive(asked, NOW))
    assert isinstance(told, Failure)
    assert told.code == "unavailable"
    assert told.message == "recognised source is de, expected one of en"


@pytest.mark.parametrize("text", ["Berlin", "San Francisco", "Angela Merkel", "Hallo", "ok :)"])
def test_a_name_or_a_word_alone_is_read_as_the_offered_language(text: str) -> None:
    translating = english_only()
    job, question = admitted(translating, source="auto", text=text)
    assert question.source == "en"
    told = result_of(answered(translating, job, Rung.VERIFIED))
    assert isinstance(told, Translation)
    assert isinstance(told.detected, Detected)
    assert told.detected.language == "en"


@pytest.mark.parametrize("source", ["auto", "de"])
def test_what_is_in_the_wanted_language_stays_also_where_nothing_is_translated_from_it(
    source: str,
) -> None:
    text = "Ich habe heute leider keine Zeit."
    told = result_of(english_only().receive(record(source=source, text=text), NOW))
    assert isinstance(told, Translation)
    assert told.text == text


def test_languages_are_named_and_recognised() -> None:
    offer = result_of(role().receive(record(asks="languages"), NOW))
    assert offer == Offer(id="q", sources=("en", "de"), targets=("de", "fr"))
    found = result_of(role().receive(record(asks="detection", text="Wie geht es dir?"), NOW))
    assert isinstance(found, Detection)
    assert {each.language for each in found.candidates} == {"de", "en", "fr", "es"}
    assert found.candidates[0].language == "de"
    assert found.candidates[0].confidence > 0.9


def test_an_engine_whose_languages_nobody_can_recognise_wants_the_source_named() -> None:
    card = Card(
        name="t", task="translation", rungs=(Rung.DRAFT,), languages=("eo",), sources=("la",)
    )
    translating = Translating(card, "m/1", detector=load_detector())
    told = result_of(translating.receive(record(source="auto", target="eo"), NOW))
    assert isinstance(told, Failure)
    assert told.message.endswith("expected source to be one of la")
