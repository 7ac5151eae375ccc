"""What a user types: help with examples, answers for scripts, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from stream.core import wire
from stream.core.messages import Action, Translation, Verdict
from stream.demo import bundled
from tests.end_to_end import engines
from workers.cli import app

COMMANDS = [
    *("up", "gateway", "worker", "models", "token", "ingest", "watch"),
    *("transcribe", "gate", "translate", "topics create", "topics check"),
]
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
        (["--captions", "nosuch"], {}, "no captions engine 'nosuch'; there is: pocketsphinx"),
        (["--captions", "rules"], {}, "no captions engine 'rules'; there is: pocketsphinx"),
        (["--host", "0.0.0.0"], {}, "host is 0.0.0.0 and no secret for tokens is set, expected"),
        ([], {"ONTIME_PORTS": "1"}, "environment has ONTIME_PORTS, expected a setting's name"),
        ([], {"ONTIME_DRAIN_S": "soon"}, "setting drain_s: input should be a valid number"),
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


def test_translation_without_an_engine_says_what_is_missing() -> None:
    message = told(run("translate", "hello", "--to", "de"))
    assert message.startswith("no translation engine was named; there is: none is installed")


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
    assert ["captions", "pocketsphinx", "installed", "default"] in lines
