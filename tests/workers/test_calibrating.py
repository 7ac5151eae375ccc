"""An engine is measured before the first post that somebody waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream.core.errors import EngineLost
from stream.core.messages import Rung
from workers.calibrating import LIMIT_S, ROUNDS, calibrate
from workers.core.profile import LatencyProfile
from workers.moderation import length_of_post
from workers.ports import Answer, Card, Judge, Question, Render, Rendered, Scored

CARD = Card(name="test", task="moderation", rungs=(Rung.DRAFT, Rung.VERIFIED))


class Engine:
    """Takes 2 ms a text on a clock of its own, at first `stall_s` more; fails on run `fails`."""

    def __init__(self, stall_s: float = 0.0, each_s: float = 0.002, fails: int = 0) -> None:
        self.time, self.runs = 100.0, 0
        self.lengths: list[int] = []
        self._answer: Answer = Scored(labels={})
        self._stall_s, self._each_s, self._fails = stall_s, each_s, fails

    def now(self) -> float:
        return self.time

    async def wait_up(self) -> None:
        return None

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        self.runs += 1
        if self.runs == self._fails:
            raise EngineLost("died")
        self.time += self._stall_s + self._each_s * len(questions)
        self._stall_s = 0.0
        self.lengths += [len(each.text) for each in questions if isinstance(each, Judge | Render)]
        return [self._answer for _ in questions]

    def forget(self, stream: str) -> None:
        return None

    def hurry(self) -> None:
        return None

    def statistics(self) -> Mapping[str, float]:
        return {}


async def predicted(engine: Engine, rung: Rung = Rung.DRAFT, characters: int = 40) -> float:
    profile = LatencyProfile()
    await calibrate(engine, CARD, profile, engine, length_of_post)
    return profile.predict(rung, length_of_post(characters), 1)


async def test_a_first_run_that_stalls_silences_no_post() -> None:
    assert await predicted(Engine(stall_s=0.3)) < 0.02


async def test_every_rung_and_long_texts_are_known() -> None:
    for rung in CARD.rungs:
        assert await predicted(Engine(), rung) < 0.01
        assert await predicted(Engine(), rung, 4_000) < 0.01


async def test_a_slow_engine_is_measured_for_a_bounded_time() -> None:
    engine = Engine(each_s=0.5)
    assert await predicted(engine) >= 0.5
    assert engine.time - 100.0 < LIMIT_S + 4.1
    assert engine.runs < ROUNDS


async def test_an_engine_that_fails_is_left_to_its_worker() -> None:
    assert await predicted(Engine(fails=5)) > 0


async def test_a_translation_engine_is_measured_at_each_of_its_rungs() -> None:
    rungs = (Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
    card = Card(name="t", task="translation", rungs=rungs, languages=("de",), sources=("en",))
    engine, profile = Engine(), LatencyProfile()
    engine._answer = Rendered(text="x")
    await calibrate(engine, card, profile, engine, int)
    assert set(engine.lengths) == {40, 80, 160}
    assert all(profile.seen(rung, batch=8) for rung in rungs)


async def test_captions_are_not_measured() -> None:
    engine, profile = Engine(), LatencyProfile()
    card = Card(name="c", task="captions", rungs=(Rung.DRAFT,))
    await calibrate(engine, card, profile, engine, int)
    assert engine.runs == 0
