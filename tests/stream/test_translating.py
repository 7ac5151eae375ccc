"""Translations: one answer each, by the deadline, or what is missing."""

import asyncio

import pytest

from stream.core import wire
from stream.core.errors import BusGone, Unavailable
from stream.core.messages import Error, Rung, Translation
from stream.core.records import Failure, Log, Offer, TextJob, Topic
from stream.core.requests import Open, Translate
from stream.translating import Translator
from tests.support import virtual
from tests.support.askers import FailingBus, KeptAsker


class House:
    def __init__(self) -> None:
        clock = virtual.VirtualClock()
        self.bus = FailingBus(clock, "here", partitions=1)
        self.translator = Translator(self.bus, clock, "gw")
        self.asker = KeptAsker()
        self.request = Translate(id="t", text="hi", target="de", budget_ms=200)

    async def job(self) -> TextJob:
        reader = await self.bus.tail([Log(Topic.TEXTS, 0)], 1e9)
        (record,) = (await reader.read(10, 1.0)).records
        return wire.decode_text(record)


def answer(job: TextJob) -> Translation:
    return Translation(
        id=job.id, channel=job.channel, text="hallo", language="de", rung=Rung.DRAFT, budget_ms=200
    )


def test_a_workers_answer_is_told_once() -> None:
    async def main() -> None:
        house = House()
        house.translator.ask(house.request, house.asker)
        job = await house.job()
        assert (job.text, job.source, job.target, job.gateway) == ("hi", "en", "de", "gw")
        await asyncio.sleep(0.1)
        for _ in range(2):
            house.translator.answer(answer(job))
        await asyncio.sleep(1.0)
        (told,) = house.asker.messages
        assert isinstance(told, Translation)
        assert (told.id, told.channel, told.text, told.late) == ("t", "", "hallo", False)
        assert told.latency.total_ms == pytest.approx(100.0)

    virtual.run(main())


def test_a_failure_is_told_as_it_is() -> None:
    async def main() -> None:
        house = House()
        house.translator.ask(house.request, house.asker)
        job = await house.job()
        house.translator.answer(Failure(id=job.id, code="engine_missing", message="no engine"))
        assert house.asker.messages == [Error(code="engine_missing", message="no engine", id="t")]

    virtual.run(main())


@pytest.mark.parametrize("fault", ["", "silent"])
def test_silence_says_what_is_missing_at_the_deadline(fault: str) -> None:
    async def main() -> None:
        house = House()
        house.bus.fault = fault
        house.translator.ask(house.request, house.asker)
        await house.asker.told.wait()
        (error,) = house.asker.messages
        assert isinstance(error, Error)
        assert (error.code, error.id) == ("unavailable", "t")
        assert "engine for en to de" in error.message
        assert house.asker.times[0] == pytest.approx(0.2)
        assert house.translator.statistics() == {"pending": 0, "asked": 1, "expired": 1}

    virtual.run(main())


def test_a_bus_that_takes_nothing_is_told_at_once() -> None:
    async def main() -> None:
        house = House()
        house.bus.fault = "gone"
        with pytest.raises(BusGone):
            house.translator.ask(house.request, house.asker)
        assert house.translator.statistics()["pending"] == 0

    virtual.run(main())


def test_questions_about_languages_are_answered_by_a_worker() -> None:
    async def main() -> None:
        house = House()
        asked = asyncio.create_task(house.translator.languages())
        job = await house.job()
        assert (job.asks, job.gateway) == ("languages", "gw")
        offer = Offer(id=job.id, sources=("en",), targets=("de",))
        house.translator.answer(offer)
        assert await asked == offer

    virtual.run(main())


@pytest.mark.parametrize(
    ("translate", "told"),
    [
        (("de",), []),
        (("de", "nl"), ["translate has nl, expected languages offered from en: de, fr"]),
    ],
)
def test_a_publisher_is_told_which_subtitles_will_not_come(
    translate: tuple[str, ...], told: list[str]
) -> None:
    async def main() -> None:
        house = House()
        house.translator.check(Open(id="o", channel="c", translate=translate), house.asker)
        job = await house.job()
        assert job.asks == "languages"
        house.translator.answer(Offer(id=job.id, sources=("en",), targets=("de", "fr")))
        assert house.asker.messages == [
            Error(code="unavailable", message=each, id="o") for each in told
        ]

    virtual.run(main())


def test_without_a_worker_a_publisher_is_told_that_nobody_translates() -> None:
    async def main() -> None:
        house = House()
        house.translator.check(Open(id="o", channel="c", translate=("de",)), house.asker)
        await house.asker.told.wait()
        (error,) = house.asker.messages
        assert isinstance(error, Error)
        assert error.message == (
            "no translation worker answered within 2 s, expected subtitles: de"
        )

    virtual.run(main())


@pytest.mark.parametrize("translate", [(), ("*",)])
def test_who_wishes_for_nothing_or_for_what_there_is_needs_no_answer(
    translate: tuple[str, ...],
) -> None:
    async def main() -> None:
        house = House()
        house.translator.check(Open(id="o", channel="c", translate=translate), house.asker)
        assert house.translator.statistics()["pending"] == 0

    virtual.run(main())


def test_the_language_of_a_text_is_asked_for_and_a_failure_is_raised() -> None:
    async def main() -> None:
        house = House()
        asked = asyncio.create_task(house.translator.detect("hallo"))
        job = await house.job()
        assert (job.asks, job.text) == ("detection", "hallo")
        house.translator.answer(Failure(id=job.id, code="unavailable", message="no engine"))
        with pytest.raises(Unavailable, match="no engine"):
            await asked

    virtual.run(main())


def test_without_a_worker_a_question_about_languages_ends_in_two_seconds() -> None:
    async def main() -> None:
        house = House()
        with pytest.raises(Unavailable, match="no translation worker answered within 2 s"):
            await house.translator.languages()
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)

    virtual.run(main())
