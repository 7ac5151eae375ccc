"""Hub models of random weights: from any draft to the text of their own greedy search."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stream.core.errors import EngineMissing
from stream.core.messages import Rung
from tests.support.seq2seq import convert, save_m2m, save_marian, save_nllb
from tests.support.translations import SENTENCES, TINY
from workers.engines.ctc_translation.engine import open_drafting
from workers.engines.sentences import Sentence
from workers.engines.verifying import Autoregressive, Verifying
from workers.ports import Render

pytestmark = [
    pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses"),
    pytest.mark.timeout(300),  # the libraries alone take long to import on a busy machine
    pytest.mark.slow,
]
TEXTS = [SENTENCES[0], "lazy dog", "one fox jumps over the sleeping dog"]
KINDS = ["marian", "m2m", "nllb", "marian-ct2", "m2m-ct2", "nllb-ct2"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("transformers")
    pytest.importorskip("ctranslate2")
    made = {}
    for kind, save in (("marian", save_marian), ("m2m", save_m2m), ("nllb", save_nllb)):
        folder = tmp_path_factory.mktemp("opus-mt-en-de" if kind == "marian" else kind)
        made[kind] = save(folder)
        made[f"{kind}-ct2"] = convert(folder, tmp_path_factory.mktemp(f"{kind}-en-de") / "ct2")
    return made


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Autoregressive:
    from workers.engines.ctranslate import CTranslate
    from workers.engines.seq2seq import load

    folder = folders[request.param]
    if request.param.endswith("ct2"):
        return CTranslate(folder, "opus-mt-en-de", compute="float32")
    return load(folder, "opus-mt-en-de")


def own_greedy(model: Any, text: str) -> list[Any]:
    """By the library's own search."""
    sentence = Sentence(text, "en", "de")
    if model.name == "ctranslate":
        source, forced = model._encode(sentence)
        found = model._translator.translate_batch(
            [source],
            target_prefix=[forced] if forced else None,
            beam_size=1,
            max_decoding_length=200,
        )
        return list(found[0].hypotheses[0][len(forced) :])
    forced = model._forced("de")
    options = {"forced_bos_token_id": forced[0]} if forced else {}
    found = model._network.generate(
        **model._inputs(sentence), num_beams=1, do_sample=False, **options
    )
    said: list[int] = found[0].tolist()[1 + len(forced) :]
    return said[:-1] if said[-1] == model._end else said


def drafts(right: list[Any]) -> list[list[Any]]:
    half = len(right) // 2
    return [
        [],
        right,
        right[:half],
        [*right[:half], right[0], *right[half:]],
        [*right[:half], *right[half + 1 :]],
        right[::-1],
        right * 2,
    ]


def test_any_draft_leads_to_the_librarys_own_greedy_text(model: Autoregressive) -> None:
    assert ("en" in model.sources, "de" in model.targets) == (True, True)
    varied = set()
    for text in TEXTS:
        right = own_greedy(model, text)
        varied.update(right)
        for draft in drafts(right):
            found = model.verify(Sentence(text, "en", "de"), draft, [], lambda: None)
            assert (found.tokens, found.done) == (right, True)
    assert len(varied) > 3  # a model that repeats one token would prove nothing


def test_nllb_and_m2m_are_told_the_language_by_the_first_token_said(
    folders: dict[str, Path],
) -> None:
    from workers.engines.ctranslate import CTranslate
    from workers.engines.seq2seq import load

    asked = Sentence(TEXTS[0], "en", "de")
    for kind, tags in (("m2m", ("__en__", "__de__")), ("nllb", ("eng_Latn", "deu_Latn"))):
        torch_model = load(folders[kind], kind)
        ids = [torch_model._inputs(asked)["input_ids"][0, 0].item(), *torch_model._forced("de")]
        assert tuple(torch_model._tokenizer.convert_ids_to_tokens(ids)) == tags
        source, forced = CTranslate(folders[f"{kind}-ct2"], kind)._encode(asked)
        assert (source[0], *forced) == tags


def test_a_right_draft_takes_fewer_passes_than_none(model: Autoregressive) -> None:
    sentence = Sentence(TEXTS[0], "en", "de")
    right = own_greedy(model, TEXTS[0])
    informed = model.verify(sentence, right, [], lambda: None)
    blind = model.verify(sentence, [], [], lambda: None)
    assert informed.accepted > 5
    if model.name == "ctranslate" and len(model.sources) == 1:
        return  # Marian there reads what stands step by step
    assert informed.passes < blind.passes


def test_what_is_settled_opens_the_text(model: Autoregressive) -> None:
    right = own_greedy(model, TEXTS[0])
    prefix = right[3:5]
    found = model.verify(Sentence(TEXTS[0], "en", "de"), [*prefix, *right], prefix, lambda: None)
    assert found.tokens[:2] == prefix


def test_where_time_runs_out_there_is_a_text_all_the_same(model: Autoregressive) -> None:
    right = own_greedy(model, TEXTS[0])
    draft = [*right[:2], *right[::-1]]
    for looks in range(5):
        left = itertools.chain([1e3] * looks, itertools.repeat(-1.0))
        found = model.verify(Sentence(TEXTS[0], "en", "de"), draft, [], left.__next__)
        assert found.done or len(found.tokens) >= len(draft) - 12
        if found.done:
            assert found.tokens == right
    assert model.refine(Sentence(TEXTS[0], "en", "de"), lambda: 0.0) is None


def test_a_beam_is_a_rung_above(model: Autoregressive) -> None:
    engine = Verifying(model, None)
    assert engine.card.rungs == (Rung.VERIFIED, Rung.REFINED)
    said = engine.translate(Rung.REFINED, [Sentence(text, "en", "de") for text in TEXTS])
    assert {each.rung for each in said} == {Rung.REFINED}


def waiting_after(looks: int) -> Callable[[], bool]:
    seen = itertools.count()
    return lambda: next(seen) >= looks


def test_whoever_else_waits_breaks_a_verification_and_a_beam_off(model: Autoregressive) -> None:
    engine = Verifying(model, None)
    asked = Sentence(TEXTS[0], "en", "de", draft="der fuchs springt", answered=True)
    (whole,) = engine.translate(Rung.VERIFIED, [asked])
    reached = []
    for looks in range(12):
        hurried = replace(asked, hurried=waiting_after(looks))
        (said,) = engine.translate(Rung.REFINED, [hurried])
        assert said.text.strip()
        assert said.rung is not Rung.VERIFIED or said.text == whole.text
        reached.append(said.rung)
    assert reached[0] is Rung.DRAFT


def test_the_shipped_models_draft_is_verified(model: Autoregressive) -> None:
    alone = Verifying(model, None)
    engine = Verifying(model, open_drafting(str(TINY)))
    assert engine.card.rungs == (Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
    sentences = [Sentence(text, "en", "de") for text in TEXTS]
    (draft, *_) = engine.translate(Rung.DRAFT, sentences)
    assert draft.rung is Rung.DRAFT
    verified = engine.translate(Rung.VERIFIED, sentences)
    assert verified[0].drafted > 0
    assert [each.text for each in verified] == [
        each.text for each in alone.translate(Rung.VERIFIED, sentences)
    ]


def test_texts_of_any_shape_pass_through(folders: dict[str, Path]) -> None:
    from workers.engines import ctranslate, seq2seq

    for engine in (
        seq2seq.make_engine(model=str(folders["m2m"])),
        ctranslate.make_engine(model=str(folders["m2m-ct2"])),
    ):
        question = Render(text="3 dogs.\nSee https://a.org 🙂", source="en", target="de")
        (answer,) = engine.run(Rung.VERIFIED, [question])
        for kept in ("3", "\n", "https://a.org", "🙂"):
            assert kept in answer.text


def test_what_is_missing_is_named(tmp_path: Path, folders: dict[str, Path]) -> None:
    from workers.engines import ctranslate, seq2seq

    with pytest.raises(EngineMissing, match=r"has no \*\.safetensors"):
        seq2seq.make_engine(model=str(tmp_path))
    with pytest.raises(EngineMissing, match=r"has no model\.bin"):
        ctranslate.make_engine(model=str(tmp_path))
    for name in ("model.bin", "config.json", "shared_vocabulary.json"):
        (tmp_path / name).write_bytes((folders["marian-ct2"] / name).read_bytes())
    with pytest.raises(EngineMissing, match="no SentencePiece file"):
        ctranslate.make_engine(model=str(tmp_path))
    for name in ("source.spm", "target.spm"):
        (tmp_path / name).write_bytes((folders["marian-ct2"] / name).read_bytes())
    with pytest.raises(EngineMissing, match="does not say its languages"):
        ctranslate.make_engine(model=str(tmp_path))
