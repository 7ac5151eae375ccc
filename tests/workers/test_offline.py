"""`ontime transcribe`: what it writes, where to, and what it refuses."""

from __future__ import annotations

import io
import shutil
import wave
from pathlib import Path

import orjson
import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tests.end_to_end import engines
from tests.support.scripted import SPOKEN
from tests.support.writing import WRITING
from workers.cli import app
from workers.offline import stems_of

CAPTIONS = ("--engine", engines.CAPTIONS)
SENTENCE = " ".join(SPOKEN)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Seven seconds: two segments of the scripted engine, and a third that the end cuts."""
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 7))
    return path


def transcribe(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["transcribe", *arguments])


def test_words_are_written_unless_they_are_wanted_as_spoken(talk: Path) -> None:
    written = transcribe(str(talk), "--engine", WRITING)
    verbatim = transcribe(str(talk), "--verbatim", "--engine", WRITING)
    assert (written.exit_code, verbatim.exit_code) == (0, 0)
    assert verbatim.stdout.splitlines()[0] == SENTENCE
    assert written.stdout == verbatim.stdout.upper()


def test_an_engine_that_cannot_leave_words_as_spoken_is_told_apart(talk: Path) -> None:
    result = transcribe(str(talk), "--verbatim", *CAPTIONS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "was given the options verbatim" in result.stderr


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_several_recordings_are_several_files_of_subtitles(talk: Path, form: str) -> None:
    other = talk.with_name("other.wav")
    shutil.copyfile(talk, other)
    refused = transcribe(str(talk), str(other), "--format", form, *CAPTIONS)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--out" in refused.stderr
    out = talk.with_name("subtitles")
    told = transcribe(str(talk), str(other), "--format", form, "--out", str(out), *CAPTIONS)
    assert (told.exit_code, told.stdout) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [f"other.{form}", f"talk.{form}"]
    texts = [subtitles(path) for path in out.iterdir()]
    assert texts[0] == texts[1]
    assert texts[0].startswith(f"{SENTENCE} {SENTENCE}")


def subtitles(path: Path) -> str:
    """All that a parser of others finds in the file."""
    text = path.read_text("utf-8")
    if path.suffix == ".srt":
        found = [subtitle.content for subtitle in srt.parse(text)]
    else:
        found = [cue.text for cue in webvtt.from_buffer(io.StringIO(text)).captions]
    return " ".join(found).replace("\n", " ")


def test_a_recording_comes_from_standard_input(talk: Path) -> None:
    result = CliRunner().invoke(
        app, ["transcribe", "-", "--format", "json", *CAPTIONS], input=talk.read_bytes()
    )
    (told,) = map(orjson.loads, result.stdout.splitlines())
    assert (told["file"], told["seconds"]) == ("-", 7.0)
    assert told["text"].startswith(SENTENCE)


def test_files_are_named_like_their_recordings() -> None:
    sources = ["a/talk.mp3", "b/talk.wav", "talk-2.ogg", "-", "http://host/live.m3u8?token=secret"]
    assert stems_of(sources) == ["talk", "talk-2", "talk-2-2", "recording", "live"]


@given(st.lists(st.text(st.sampled_from("ab/-.2"), max_size=6)))
def test_no_recording_takes_anothers_file(sources: list[str]) -> None:
    stems = stems_of(sources)
    assert len(set(stems)) == len(stems) == len(sources)
    assert not any("/" in stem for stem in stems)
