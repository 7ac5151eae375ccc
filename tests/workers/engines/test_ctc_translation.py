"""Our own model's rungs on random weights: the same text by every way, and always in time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.core.errors import EngineError, EngineMissing
from stream.core.messages import Rung
from tests.support.translations import SENTENCES, TINY
from workers.core.beam import Beam
from workers.core.speculative import RELAXED, STRICT, Best
from workers.engines.ctc_translation.engine import Drafting, limit_of, make_engine
from workers.engines.ctc_translation.graphs import BEGIN, END, Graphs, Vocabulary
from workers.engines.process import EngineProcess
from workers.engines.sentences import Sentence
from workers.ports import Render, Rendered

TEXTS = [SENTENCES[0], "lazy dog", "one fox jumps over the sleeping dog", "quick quick quick"]


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return Graphs(TINY)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(TINY / "pieces.model")


@pytest.fixture
def model(graphs: Graphs, vocabulary: Vocabulary) -> Drafting:
    return Drafting(graphs, vocabulary, STRICT)


def sentence(text: str, target: str = "de", **options: Any) -> Sentence:
    return Sentence(text, "en", target, **options)


def greedy(graphs: Graphs, vocabulary: Vocabulary, text: str, target: str = "de") -> list[int]:
    """One piece a step, by the plainest loop there is."""
    memory = graphs.encode([vocabulary.source(text, target, 100)])
    past = np.zeros((graphs.layers, 1, 0, graphs.cache_width), np.float32)
    said = [BEGIN]
    while len(said) <= limit_of(int(memory.length[0])):
        length = np.array([past.shape[2]])
        best, new = graphs.read(np.array([said[-1:]]), memory, past, length)
        past = np.concatenate([past, new], 2)
        if best.tokens[0, 0, 0] == END:
            break
        said.append(int(best.tokens[0, 0, 0]))
    return said[1:]


def test_the_vocabulary_knows_the_targets_and_brings_text_back(vocabulary: Vocabulary) -> None:
    assert list(vocabulary.tags) == ["de", "fr", "es"]
    for text in (*SENTENCES, "Ünïcode 🙂 <2de> and bytes"):
        assert vocabulary.text(vocabulary.pieces(text)) == text


@pytest.mark.parametrize("target", ["de", "fr", "es"])
def test_what_is_verified_is_what_greedy_decoding_gives(
    model: Drafting, graphs: Graphs, vocabulary: Vocabulary, target: str
) -> None:
    said = model.translate(Rung.VERIFIED, [sentence(text, target) for text in TEXTS])
    plain = [vocabulary.text(greedy(graphs, vocabulary, text, target)) for text in TEXTS]
    assert [each.text for each in said] == plain
    assert {each.rung for each in said} == {Rung.VERIFIED}


def test_a_text_on_screen_serves_as_the_draft_and_a_right_one_takes_a_single_pass(
    model: Drafting, graphs: Graphs, vocabulary: Vocabulary
) -> None:
    for text in TEXTS:
        pieces = greedy(graphs, vocabulary, text)
        plain = vocabulary.text(pieces)
        (again,) = model.translate(Rung.VERIFIED, [sentence(text, draft=plain)])
        (wrong,) = model.translate(Rung.VERIFIED, [sentence(text, draft="x" * 200)])
        assert again.text == wrong.text == plain
        if vocabulary.pieces(plain) == pieces and len(plain) >= len(text):
            assert (again.passes, again.accepted) == (1, len(pieces))


def test_neighbours_change_nothing(model: Drafting) -> None:
    for rung in model.card.rungs:
        alone = [model.translate(rung, [sentence(text)])[0].text for text in TEXTS]
        together = model.translate(rung, [sentence(text) for text in TEXTS])
        assert [said.text for said in together] == alone
        assert len(set(alone)) > 1


def test_a_beam_of_one_is_greedy_and_a_wider_one_finds_nothing_worse(
    model: Drafting, graphs: Graphs, vocabulary: Vocabulary
) -> None:
    one = Drafting(graphs, vocabulary, STRICT, beam=1)
    for text in TEXTS:
        (said,) = one.translate(Rung.REFINED, [sentence(text)])
        assert said.rung is Rung.REFINED
        assert said.text == vocabulary.text(greedy(graphs, vocabulary, text))
    assert model.translate(Rung.REFINED, [sentence(TEXTS[0])])[0].rung is Rung.REFINED


def clock_of(step_s: float) -> Callable[[], float]:
    """A clock that goes on by so much at each look."""
    times: Iterator[float] = (step_s * n for n in itertools.count())
    return lambda: next(times)


def test_where_time_runs_out_what_was_verified_is_spliced_with_the_draft(
    graphs: Graphs, vocabulary: Vocabulary
) -> None:
    model = Drafting(graphs, vocabulary, STRICT, clock=clock_of(0.01))
    whole = greedy(graphs, vocabulary, TEXTS[0])
    for looks in range(8):
        left = iter([*([1.0] * looks), *([0.0] * 100)])
        hurried = sentence(TEXTS[0], draft="fox " * 15, left=lambda left=left: next(left))
        (said,) = model.translate(Rung.VERIFIED, [hurried])
        assert said.passes <= looks
        if said.rung is Rung.SKETCH:
            assert vocabulary.text(whole[: said.tokens]).strip() in said.text
            assert said.text.endswith("fox")
        else:
            assert said.text == vocabulary.text(whole)


def test_a_beam_that_does_not_end_in_time_leaves_what_was_verified(
    graphs: Graphs, vocabulary: Vocabulary, model: Drafting
) -> None:
    (verified,) = model.translate(Rung.VERIFIED, [sentence(TEXTS[0])])
    left = itertools.chain([None] * (verified.passes + 2), itertools.repeat(0.0))
    (said,) = model.translate(Rung.REFINED, [sentence(TEXTS[0], left=lambda: next(left))])
    assert (said.text, said.rung) == (verified.text, Rung.VERIFIED)


def waiting_after(looks: int) -> Callable[[], bool]:
    """Somebody else waits from the look after so many on."""
    seen = itertools.count()
    return lambda: next(seen) >= looks


@pytest.mark.parametrize("rung", [Rung.VERIFIED, Rung.REFINED])
@pytest.mark.parametrize("looks", range(0, 60, 4))
def test_who_was_answered_gives_way_between_two_steps_and_keeps_a_whole_text(
    model: Drafting, graphs: Graphs, vocabulary: Vocabulary, looks: int, rung: Rung
) -> None:
    """Whenever it is: what was on screen stands, but for what the decoder has put in its place."""
    whole = vocabulary.text(greedy(graphs, vocabulary, TEXTS[0]))
    shown = "fox " * 15
    asked = sentence(TEXTS[0], draft=shown, answered=True, hurried=waiting_after(looks))
    (said,) = model.translate(rung, [asked])
    if said.rung is Rung.SKETCH:
        assert said.text.rstrip().endswith("fox")
    elif said.rung is Rung.VERIFIED:
        assert said.text == whole
    assert looks or (said.text, said.passes) == (shown, 0)


def test_a_beam_gives_way_between_two_steps_and_leaves_what_was_verified(
    graphs: Graphs, vocabulary: Vocabulary, model: Drafting
) -> None:
    whole = vocabulary.text(greedy(graphs, vocabulary, TEXTS[0]))
    reached = set()
    for looks in range(0, 120, 4):
        asked = sentence(TEXTS[0], draft=whole, answered=True, hurried=waiting_after(looks))
        (said,) = model.translate(Rung.REFINED, [asked])
        reached.add(said.rung)
        assert said.rung is not Rung.VERIFIED or said.text == whole
    assert reached == {Rung.SKETCH, Rung.VERIFIED, Rung.REFINED}


def tuned(graphs: Graphs, vocabulary: Vocabulary, draft_s: float, step_s: float) -> Drafting:
    """An engine that has learned what drafts and steps take it a token, and drafts by that."""
    model = Drafting(graphs, vocabulary, STRICT)
    model._shortcut.drafted(1, draft_s)
    model._shortcut.stepped(1, step_s)
    model._shortcut.stood(0.0)
    return model


@pytest.mark.parametrize("looks", range(3, 30, 3))
def test_who_waits_for_a_first_answer_without_a_draft_gets_one_where_that_is_sooner(
    graphs: Graphs, vocabulary: Vocabulary, model: Drafting, looks: int
) -> None:
    """Never a text that ends in the middle, of which nobody would be told."""
    (draft,) = model.translate(Rung.SKETCH, [sentence(TEXTS[0])])
    whole = vocabulary.text(greedy(graphs, vocabulary, TEXTS[0]))
    slow_steps = tuned(graphs, vocabulary, draft_s=1e-9, step_s=10.0)
    slow_steps._shortcut.wants_draft = lambda *_: False  # type: ignore[method-assign]
    (said,) = slow_steps.translate(
        Rung.VERIFIED, [sentence(TEXTS[0], hurried=waiting_after(looks))]
    )
    assert (said.text, said.rung) in [(draft.text, Rung.SKETCH), (whole, Rung.VERIFIED)]
    assert looks > 3 or said.rung is Rung.SKETCH
    slow_drafts = tuned(graphs, vocabulary, draft_s=10.0, step_s=1e-9)
    (said,) = slow_drafts.translate(
        Rung.VERIFIED, [sentence(TEXTS[0], hurried=waiting_after(looks))]
    )
    assert (said.text, said.rung) == (whole, Rung.VERIFIED)


def test_a_draft_that_nobody_has_read_says_nothing_about_drafts(
    graphs: Graphs, vocabulary: Vocabulary
) -> None:
    model = tuned(graphs, vocabulary, draft_s=1e-9, step_s=1.0)
    model._shortcut.stood(1.0)
    known = model._shortcut._stood.value
    (said,) = model.translate(Rung.VERIFIED, [sentence(TEXTS[0], hurried=lambda: True)])
    assert (said.rung, said.passes) == (Rung.SKETCH, 0)
    assert model._shortcut._stood.value == known


def test_what_is_on_screen_of_a_shorter_text_is_no_answer_to_break_off_with(
    model: Drafting, graphs: Graphs, vocabulary: Vocabulary
) -> None:
    whole = vocabulary.text(greedy(graphs, vocabulary, TEXTS[0]))
    asked = sentence(TEXTS[0], draft="fox " * 15, hurried=lambda: True)
    (said,) = model.translate(Rung.VERIFIED, [asked])
    assert (said.text, said.rung) == (whole, Rung.VERIFIED)


def test_who_is_not_answered_yet_is_translated_beside_those_who_give_way(
    model: Drafting,
) -> None:
    first, better = (
        sentence(text, hurried=lambda: True, draft=shown, answered=bool(shown))
        for text, shown in ((TEXTS[0], ""), (TEXTS[2], "fox " * 15))
    )
    said = model.translate(Rung.VERIFIED, [first, better])
    assert [each.rung for each in said] == [Rung.SKETCH, Rung.SKETCH]
    assert (said[0].passes, said[0].drafted > 0) == (0, True)
    assert said[1].text.rstrip().endswith("fox")


def test_what_is_settled_opens_the_text(model: Drafting) -> None:
    for rung in (Rung.VERIFIED, Rung.REFINED):
        settled = sentence(TEXTS[0], draft="der schnelle Hund springt", prefix="der schnelle")
        (said,) = model.translate(rung, [settled])
        assert said.text.startswith("der schnelle")


def test_relaxed_acceptance_takes_fewer_passes_and_says_so(
    graphs: Graphs, vocabulary: Vocabulary, model: Drafting
) -> None:
    relaxed = Drafting(graphs, vocabulary, RELAXED)
    fast = relaxed.translate(Rung.VERIFIED, [sentence(text) for text in TEXTS])
    exact = model.translate(Rung.VERIFIED, [sentence(text) for text in TEXTS])
    assert sum(each.passes for each in fast) <= sum(each.passes for each in exact)
    assert not any(each.relaxed for each in exact)


def test_the_engine_is_made_of_a_folder_and_one_that_lacks_a_file_is_told(tmp_path: Path) -> None:
    engine = make_engine(str(TINY))
    assert (engine.card.sources, engine.card.languages) == (("en",), ("de", "fr", "es"))
    question = Render(text="One fox.\n2 dogs!", source="en", target="fr")
    (answer,) = engine.run(Rung.VERIFIED, [question])
    assert "\n" in answer.text
    assert "2" in answer.text
    with pytest.raises(EngineMissing, match="lacks encoder"):
        make_engine(str(tmp_path))


def copied(folder: Path, settings: str | None) -> str:
    """The tiny model in a folder of its own, beside settings."""
    for each in TINY.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    if settings is not None:
        (folder / "translation.json").write_text(settings)
    return str(folder)


def test_what_an_answer_is_worth_belongs_to_the_weights(tmp_path: Path) -> None:
    assert make_engine(copied(tmp_path, None)).card.worth == {}
    told = '{"worth": {"draft": 0.5, "verified": 1}}'
    assert make_engine(copied(tmp_path, told)).card.worth == {Rung.DRAFT: 0.5, Rung.VERIFIED: 1.0}
    assert 0.5 < make_engine().card.worth[Rung.DRAFT] < 1.0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("{", "truncated"),
        ('{"worth": {"best": 1}}', "best"),
        ('{"worth": {"draft": 0}}', "> 0.0"),
        ('{"worth": {"draft": NaN}}', "malformed"),
        ('{"worth": {"draft": 3}}', "<= 2.0"),
        ('{"wort": {}}', "wort"),
    ],
)
def test_a_worth_that_makes_no_sense_is_told(tmp_path: Path, settings: str, told: str) -> None:
    with pytest.raises(EngineMissing, match=rf"translation\.json makes no sense.*{told}"):
        make_engine(copied(tmp_path, settings))


async def test_it_is_named_with_its_folder_and_answers_from_its_own_process() -> None:
    async with EngineProcess(f"ctc:{TINY}", "translation") as engine:
        assert engine.card.rungs == (Rung.SKETCH, Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
        questions = [Render(text=text, source="en", target="de", left_s=10.0) for text in TEXTS]
        for rung in engine.card.rungs:
            answers = await engine.run(rung, questions, 60.0)
            assert [type(answer) for answer in answers] == [Rendered] * len(TEXTS)
        with pytest.raises(EngineError, match="was asked en to xx, expected en to de, fr, es"):
            await engine.run(Rung.DRAFT, [Render(text="x", source="en", target="xx")], 60.0)


async def test_its_runs_are_broken_off_in_its_own_process() -> None:
    async with EngineProcess(f"ctc:{TINY}", "translation") as engine:
        assert engine.card.interruptible
        text = " ".join(SENTENCES * 20)
        draft = text.upper()
        asked = Render(text=text, source="en", target="de", draft=draft, answered=True)
        run = asyncio.create_task(engine.run(Rung.REFINED, [asked] * 20, 60.0))
        await asyncio.sleep(0)
        engine.hurry()
        answers = await run
        assert {each.rung for each in answers if isinstance(each, Rendered)} == {Rung.SKETCH}


def best(*tokens: list[int], shares: list[list[float]]) -> Best:
    return Best(np.array(tokens), np.log(np.array(shares, np.float32)))


def test_a_beam_keeps_what_ends_best() -> None:
    beam = Beam(start=1, end=0, limit=3, width=2)
    beam.take(best([5, 6, 0], shares=[[0.5, 0.3, 0.2]]))
    assert beam.feed() == [5, 6]
    parents = beam.take(best([0, 7, 8], [9, 0, 8], shares=[[0.4, 0.3, 0.3], [0.9, 0.05, 0.05]]))
    assert parents.tolist() == [1, 0]
    assert beam.feed() == [9, 7]
    beam.take(best([0, 2, 3], [0, 2, 3], shares=[[0.9, 0.05, 0.05]] * 2))
    assert beam.done
    assert beam.best() == [6, 9]
