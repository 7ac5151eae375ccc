"""What a user types: help with examples, answers for scripts, and one line for what is wrong."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from typer.main import get_command
from typer.testing import CliRunner, Result

from stream.core import wire
from stream.core.messages import Action, Translation, Verdict
from stream.demo import bundled
from tests.end_to_end import engines
from workers.cli import app, main


@dataclass
class Piped:
    """What a command wrote that read from a pipe."""

    output: str
    told: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.output.splitlines()]


COMMANDS = [
    *("up", "gateway", "worker", "models", "bench", "token", "ingest", "watch", "review"),
    *("transcribe", "gate", "translate", "topics create", "topics check"),
]
Pipe = Callable[..., Piped]
MODERATION = ("--engine", engines.MODERATION)
TRANSLATION = ("--engine", engines.TRANSLATION)
CAPTIONS = ("--engine", engines.CAPTIONS)
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
SCRIPTED = (
    *("--captions", engines.CAPTIONS),
    *("--moderation", engines.MODERATION),
    *("--translation", engines.TRANSLATION),
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Pipe]:
    """The command with a real pipe as its standard input; its exit status must be 0."""
    monkeypatch.setattr(logging.root, "handlers", [])

    def run_piped(given: bytes, *arguments: str) -> Piped:
        reading, writing = os.pipe()
        os.write(writing, given)
        os.close(writing)
        with io.TextIOWrapper(os.fdopen(reading, "rb")) as source:
            monkeypatch.setattr(sys, "stdin", source)
            monkeypatch.setattr(sys, "argv", ["ontime", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        assert not ended.value.code
        written = capfd.readouterr()
        return Piped(written.out, written.err)

    yield run_piped
    structlog.reset_defaults()


def told(result: Result) -> str:
    """The one line that says what is wrong."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert (result.stderr.startswith("error: "), result.stderr.count("\n")) == (True, 1)
    return result.stderr.removeprefix("error: ").strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_parses(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    (example,) = [line for line in result.stdout.splitlines() if "Example:" in line]
    assert f"ontime {command} " in f"{example} "


def test_every_command_is_known_here() -> None:
    group = get_command(app)
    names = {name.split()[0] for name in COMMANDS}
    assert set(group.commands) == names  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["--captions", "nosuch"], {}, "no captions engine 'nosuch'; there is: conformer"),
        (["--captions", "rules"], {}, "no captions engine 'rules'; there is: conformer"),
        (["--host", "0.0.0.0"], {}, "host is 0.0.0.0 and no secret for tokens is set, expected"),
        ([], {"ONTIME_PORTS": "1"}, "environment has ONTIME_PORTS, expected a setting's name"),
        ([], {"ONTIME_DRAIN_S": "soon"}, "setting drain_s: expected `float`, got `str`"),
        ([], {"ONTIME_TOKEN_SECRET": "short"}, "secret has 5 bytes, expected at least 32"),
        (["--tls-cert", "nowhere.pem", "--tls-key", "key.pem"], {}, "nowhere.pem"),
        (["--config", "nowhere.toml"], {}, "nowhere.toml is no file, expected settings in TOML"),
    ],
)
def test_up_says_what_keeps_it_from_serving(
    arguments: list[str], settings: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ports = ("--port", "0", "--http-port", "0")
    assert message in told(run("up", *ports, *SCRIPTED, *arguments))


def test_a_file_of_settings_stands_below_the_command_line(tmp_path: Path) -> None:
    settings = tmp_path / "ontime.toml"
    settings.write_text('host = "0.0.0.0"\nport = 70000\n')
    assert "setting port" in told(run("up", "--config", str(settings)))
    result = run("up", "--config", str(settings), "--port", "0")
    assert "host is 0.0.0.0" in told(result)
    settings.write_text("hots = 1\n")
    assert "setting hots" in told(run("up", "--config", str(settings)))


@pytest.mark.parametrize("role", ["gateway", "worker captions", "topics create", "topics check"])
def test_a_role_alone_needs_a_broker(role: str) -> None:
    assert "kafka is empty, expected --kafka HOST:PORT" in told(run(*role.split()))


def test_a_post_is_judged_in_words_or_as_the_protocols_object() -> None:
    words = run("gate", "you are bad", "--engine", engines.MODERATION)
    assert (words.exit_code, words.stdout.split()[0]) == (0, "block")
    json = run("gate", "hello", "--json", "--engine", engines.MODERATION)
    verdict = wire.decode_message(json.stdout.strip())
    assert isinstance(verdict, Verdict)
    assert (verdict.action, verdict.labels) == (Action.ALLOW, {"toxic": 0.05})
    assert (json.exit_code, json.stderr) == (0, "")


def test_a_text_is_translated_in_words_or_as_the_protocols_object() -> None:
    arguments = ("translate", "hello", "--to", "de", "--engine", engines.TRANSLATION)
    assert run(*arguments).stdout == "[de] hello\n"
    translation = wire.decode_message(run(*arguments, "--json").stdout.strip())
    assert isinstance(translation, Translation)
    assert (translation.text, translation.language) == ("[de] hello", "de")


def test_posts_from_a_pipe_are_judged_in_order(pipe: Pipe) -> None:
    posts = ["hello", "you are bad", "", "naïve 😀", "bad\tbad", "last"]
    piped = pipe("\n".join(posts).encode(), "gate", "--json", "-", *MODERATION)
    actions = [each["action"] for each in piped.objects]
    assert actions == ["allow", "block", "allow", "allow", "block", "allow"]
    assert [each["id"] for each in piped.objects] == [str(number) for number in range(len(posts))]
    assert all(set(each["labels"]) == {"toxic"} for each in piped.objects)
    assert piped.told == ""


def test_translations_from_a_pipe_come_in_order(pipe: Pipe) -> None:
    arguments = ("translate", "-", "--to", "de", "--json", *TRANSLATION)
    texts = [each["text"] for each in pipe(b"one\r\ntwo\n\nfour", *arguments).objects]
    assert texts == ["[de] one", "[de] two", "[de] ", "[de] four"]


def test_with_a_budget_what_hangs_gets_the_policys_answer_and_the_rest_follows(pipe: Pipe) -> None:
    arguments = ("gate", "--json", "-", "--budget-ms", "2000", *MODERATION)
    verdicts = pipe(b"one\n!hang\ntwo\n", *arguments).objects
    found = [(each["action"], each["degraded"]) for each in verdicts]
    assert found == [("allow", False), ("review", True), ("allow", False)]


def test_without_a_budget_an_engine_that_fails_ends_the_command() -> None:
    assert told(run("gate", "!error", *MODERATION)) == "as the script says"


def test_hostile_text_steers_no_terminal(pipe: Pipe) -> None:
    text = f"bad {ESCAPE}"
    for form in ((), ("--json",)):
        assert "\x1b" not in pipe(text.encode(), "gate", "-", *form, *MODERATION).output
    piped = pipe(text.encode(), "translate", "-", "--to", "de", *TRANSLATION)
    assert piped.output == "[de] bad  ]0;owned  [2J\n"
    assert "\x1b" not in told(run("transcribe", f"no{ESCAPE}file", *CAPTIONS))


def test_recordings_are_transcribed_one_after_the_other() -> None:
    recordings = [str(path) for path in bundled().recordings[:2]]
    result = run("transcribe", *recordings, "--format", "json", *CAPTIONS)
    objects = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [each["file"] for each in objects] == recordings
    for each in objects:
        assert each["text"] == " ".join(caption["text"] for caption in each["captions"])
        assert each["captions"][-1]["end"] == pytest.approx(each["seconds"])


def test_a_text_is_translated_by_the_shipped_model() -> None:
    result = run("translate", "The cat is sleeping.", "--to", "de")
    assert result.exit_code == 0
    assert "Katze" in result.stdout


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", "the quick brown"),
        ("srt", "1\n00:00:00,000 --> "),
        ("vtt", "WEBVTT\n"),
        ("json", '{"file":'),
    ],
)
def test_a_recording_is_transcribed_in_each_format(form: str, begins: str) -> None:
    recording = str(min(bundled().recordings, key=lambda path: path.stat().st_size))
    result = run("transcribe", recording, "--format", form, "--engine", engines.CAPTIONS)
    assert result.exit_code == 0
    assert result.stdout.lower().startswith(begins.lower())
    assert "quick" in result.stdout.lower()


def test_a_recording_that_is_none_is_said_after_those_before_it(tmp_path: Path) -> None:
    recording = str(min(bundled().recordings, key=lambda path: path.stat().st_size))
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(b"this is not sound")
    result = run("transcribe", recording, str(noise), "--engine", engines.CAPTIONS)
    assert result.exit_code == 1
    assert "quick" in result.stdout.lower()
    assert "noise.mp3 cannot be opened" in result.stderr


def test_models_lists_every_task() -> None:
    result = run("models")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert {line[0] for line in lines} == {"captions", "moderation", "translation"}
    assert ["captions", "conformer", "installed", "default"] in lines
