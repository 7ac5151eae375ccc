"""The cascade: disguises change nothing, cost is bounded, and the encoder reads what is unsure."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.errors import EngineError, EngineMissing
from stream.core.messages import Rung
from stream.core.policies import Label
from tests.support.disguises import DISGUISES
from workers.engines.cascade import Cascade, Settings, make_engine
from workers.engines.cascade_draft import Floats
from workers.engines.cascade_drafter import MODEL, MOST_PIECES, MOST_WINDOWS, Drafted, worst_windows
from workers.engines.cascade_encoder import Encoder
from workers.engines.cascade_windows import Window
from workers.ports import Judge, Render, Scored

LONGEST = 16_000
INSULT = "these women are stupid and disgusting"


@pytest.fixture(scope="module")
def engine() -> Cascade:
    return make_engine()


@pytest.fixture(scope="module")
def thorough() -> Cascade:
    return make_engine(early_exit=False)


def score(
    engine: Cascade, text: str, rung: Rung = Rung.VERIFIED, words: Sequence[str] = ()
) -> Scored:
    (scored,) = engine.run(rung, [Judge(text=text, words=tuple(words))])
    return scored


def test_both_rungs_know_the_same_labels(engine: Cascade) -> None:
    labels = score(engine, "hello").labels
    assert set(labels) == set(engine._models.settings.labels)
    assert set(score(engine, "hello", Rung.DRAFT).labels) == set(labels)


def test_the_model_claims_what_a_policy_may_name_and_its_card_has_figures_for() -> None:
    settings = msgspec.json.decode((MODEL / "moderation.json").read_bytes(), type=Settings)
    assert settings.labels == get_args(Label)
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \w+, (\w+) \| [\d,]+ \([\d,]+\) \| 0\.\d+", card, re.MULTILINE)
    assert set(rows) == set(settings.labels)


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 12 * 2**20


@pytest.mark.parametrize("rung", [Rung.DRAFT, Rung.VERIFIED])
def test_an_insult_scores_above_a_kindness(thorough: Cascade, rung: Rung) -> None:
    rude = score(thorough, INSULT, rung).labels
    assert rude["sexist"] > score(thorough, "what lovely people", rung).labels["sexist"] + 0.1


def test_a_listed_word_is_a_reason(engine: Cascade) -> None:
    scored = score(engine, "you sh1t")
    assert scored.reasons[0] == "offensive: listed 'shit'"
    assert scored.labels["offensive"] >= 0.66


def test_the_channels_own_words_have_their_label(engine: Cascade) -> None:
    scored = score(engine, "buy s-p-a-m here", words=["spam"])
    assert scored.labels["words"] == 1.0
    assert scored.found == ("spam",)


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_text_scores_as_plain(thorough: Cascade, name: str) -> None:
    plain = score(thorough, INSULT).labels
    rng = random.Random(3)
    written = "  ".join(DISGUISES[name](word, rng) for word in INSULT.split())
    disguised = score(thorough, written).labels
    worst = max(plain, key=lambda label: plain[label])
    assert disguised[worst] >= plain[worst] - 0.02


def test_an_insult_is_found_anywhere_in_a_long_text(thorough: Cascade) -> None:
    padding = "the weather was fine and we went to the market to buy some bread. " * 100
    least = score(thorough, padding).labels["sexist"] + 0.1
    for text in (f"{INSULT}. {padding}", f"{padding}{INSULT}", f"{padding}{INSULT}. {padding}"):
        assert score(thorough, text).labels["sexist"] > least


TRICKS = {
    "emoji": "😀" * LONGEST,
    "flags and joiners": "👩‍👩‍👧‍👦🏳️‍🌈" * 1_500,
    "control characters": "\x00\x07\x1b[31m" * 2_000,
    "nothing but zero width": "\u200b" * LONGEST,
    "combining marks": "a" + "\u0301" * (LONGEST - 1),
    "html": "<div><p><script>" * 1_000,
    "open tags": "<a " * 5_000,
    "entities": "&#x110000;&amp;" * 1_000,
    "one word": "x" * LONGEST,
    "leet": "1!a" * 5_000,
    "chinese": "你好世界" * 4_000,
    "arabic": "مرحبا بالعالم " * 1_100,
    "russian": "привет мир " * 1_400,
    "mixed scripts": "hеllо ωorld ｗｉｄｅ 𝖋𝖗𝖆𝖐 " * 600,
    "lone surrogate": "\ud800 hello",
    "addresses": "https://a.b/c " * 1_100,
    "spelled": "s h i t " * 2_000,
    "plain": "the quick brown fox jumps over the lazy dog " * 360,
}


@pytest.mark.parametrize("name", TRICKS)
def test_any_trick_has_scores_and_costs_a_bounded_number_of_windows(
    engine: Cascade, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read: list[int] = []
    whole = Encoder.score

    def counting(self: Encoder, windows: Sequence[Sequence[int]]) -> Floats:
        read.extend(map(len, windows))
        return whole(self, windows)

    monkeypatch.setattr(Encoder, "score", counting)
    scored = score(engine, TRICKS[name])
    assert all(0.0 <= value <= 1.0 for value in scored.labels.values())
    assert len(read) <= MOST_WINDOWS
    assert all(length <= MOST_PIECES for length in read)


@given(st.text(max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_text_has_scores(text: str) -> None:
    scored = score(SHARED, text)
    assert all(0.0 <= value <= 1.0 for value in scored.labels.values())


SHARED = make_engine()


def test_neighbours_do_not_matter(thorough: Cascade) -> None:
    texts = ["hello", INSULT, "see you tomorrow at the station, and bring the big umbrella"]
    together = thorough.run(Rung.VERIFIED, [Judge(text=text) for text in texts])
    assert [score(thorough, text) for text in texts] == list(together)


def test_only_what_is_unsure_is_read_by_the_encoder(engine: Cascade) -> None:
    before = engine.verified
    sure = score(engine, "thank you, see you tomorrow at the station")
    assert engine.verified == before
    assert sure == score(engine, "thank you, see you tomorrow at the station", Rung.DRAFT)
    score(engine, INSULT)
    assert engine.verified == before + 1


def test_an_answer_names_the_rung_that_was_reached(engine: Cascade, thorough: Cascade) -> None:
    assert score(engine, "thank you, see you tomorrow", Rung.DRAFT).rung is Rung.VERIFIED
    assert score(thorough, "thank you, see you tomorrow", Rung.DRAFT).rung is Rung.DRAFT
    assert score(engine, INSULT, Rung.DRAFT).rung is Rung.DRAFT
    assert score(engine, INSULT).rung is Rung.VERIFIED


def test_of_a_long_text_the_first_and_the_worst_windows_are_read() -> None:
    scores = np.array([[0.1], [0.2], [0.9], [0.3], [0.8], [0.4]], np.float32)
    windows = [Window("", ())] * len(scores)
    assert worst_windows(Drafted(windows, scores)) == [0, 2, 4, 5]
    assert worst_windows(Drafted(windows[:2], scores[:2])) == [0, 1]


def test_only_texts_to_judge_are_taken(engine: Cascade) -> None:
    with pytest.raises(EngineError, match="Render"):
        engine.run(Rung.DRAFT, [Render(text="a", source="en", target="de")])


def test_nothing_asked_is_nothing_answered(engine: Cascade) -> None:
    assert list(engine.run(Rung.VERIFIED, [])) == []


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match=r"moderation\.json"):
        make_engine(str(tmp_path))
