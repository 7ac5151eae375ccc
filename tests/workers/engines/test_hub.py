"""CTC models of others: chunks with overlap, the tokenizer's own collapse, nothing but weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.core.errors import EngineMissing
from stream.core.messages import Rung
from tests.support.speech import read_speech
from workers.ports import Audio, Hypothesis

SPEECH = np.frombuffer(read_speech(), "<i2")
FAMILIES = ("wav2vec2", "hubert", "parakeet")


@pytest.fixture(scope="module", params=FAMILIES)
def engine(request: pytest.FixtureRequest, tiny_models: dict[str, Path]) -> Any:
    from workers.engines.hub import make_engine

    return make_engine(model=str(tiny_models[request.param]), chunk_s=1.0, before_s=1.0)


def hear(engine: Any, chunk: int, seconds: int = 9) -> list[Hypothesis]:
    said: list[Hypothesis] = []
    for begin in range(0, seconds * 16_000, chunk):
        end = min(begin + chunk, seconds * 16_000)
        pcm, last = SPEECH[begin:end].tobytes(), end == seconds * 16_000
        audio = Audio(stream="s", start=begin, pcm=pcm, fresh=not begin, last=last)
        said += engine.run(Rung.DRAFT, [audio])[0].hypotheses
    return said


def finals(said: list[Hypothesis]) -> list[Hypothesis]:
    return [each for each in said if each.final]


def test_the_words_do_not_depend_on_chunks(engine: Any) -> None:
    (said,) = finals(hear(engine, 5_120))
    assert finals(hear(engine, 40_001)) == [said]
    assert len(said.words) > 3


def test_words_have_times_and_confidence(engine: Any) -> None:
    (said,) = finals(hear(engine, 32_000))
    times = [time for word in said.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert said.start / 16_000 <= times[0] < times[-1] <= said.ended / 16_000
    assert all(0.0 < word.confidence <= 1.0 for word in said.words)
    assert said.text == " ".join(word.word for word in said.words)


def test_words_are_the_tokenizers_own(engine: Any) -> None:
    """The whole recording in one look, collapsed by the library: the same text as by our spans."""
    decoder = engine._decoder
    network = decoder._network
    frames = network.hear(SPEECH[20_000:52_000])
    words = decoder._words(decoder.begin(0), [frames])
    expected = network.tokenizer.decode(frames.tokens, skip_special_tokens=True)
    said = expected if network.writes else expected.lower()
    assert [word.word for word in words] == said.split()


def test_a_model_of_one_case_is_written_by_our_own_rules(tiny_models: dict[str, Path]) -> None:
    from workers.engines.hub import make_engine

    as_spoken = make_engine(model=str(tiny_models["wav2vec2"]), verbatim=True)
    written = make_engine(model=str(tiny_models["wav2vec2"]))
    (spoken,), (shown,) = finals(hear(as_spoken, 48_000)), finals(hear(written, 48_000))
    assert spoken.text == spoken.text.lower()
    assert shown.text != shown.text.lower()


def test_chunks_join_without_a_seam(engine: Any) -> None:
    """As many frames as one look gives, but for the end of the audio."""
    decoder = engine._decoder
    state = decoder.begin(0)
    decoder.step([state], [SPEECH[20_000:84_000]])
    chunk, _, behind = decoder._window
    assert len(state.read) == (64_000 - behind) // chunk
    assert {len(part.tokens) for part in state.read} == {chunk // decoder._network.stride}


def test_a_moment_of_audio_is_heard_without_complaint(engine: Any) -> None:
    decoder = engine._decoder
    state = decoder.begin(160)
    decoder.step([state], [SPEECH[20_000:20_100]])
    assert all(word.end <= 260 / 16_000 for word in decoder.end(state))
    decoder.drop(decoder.begin(0))


def test_pickled_weights_are_not_loaded(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    from workers.engines.hub import make_engine

    folder = tmp_path / "pickled"
    shutil.copytree(tiny_models["wav2vec2"], folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineMissing, match=r"has no \*.safetensors \(pickled"):
        make_engine(model=str(folder))


def test_another_kind_of_model_is_named(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    from workers.engines.hub import make_engine

    folder = tmp_path / "other"
    shutil.copytree(tiny_models["wav2vec2"], folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EngineMissing, match="is of type bert, expected Wav2Vec2, HuBERT, Parakeet"):
        make_engine(model=str(folder))


def test_code_that_comes_with_a_model_is_not_run(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    from workers.engines.hub import make_engine

    folder = tmp_path / "active"
    shutil.copytree(tiny_models["wav2vec2"], folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(EngineMissing, match="cannot be loaded"):
        make_engine(model=str(folder))
