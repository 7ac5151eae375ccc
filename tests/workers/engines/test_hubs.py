"""Models of others are found on this machine, fetched on demand only, else said to be missing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

from stream.core.errors import EngineMissing
from workers import catalogue
from workers.engines.hubs import cached_models, ctc_source, fetch_model, find_model, whisper_source

COMMIT = "c" * 40
WHISPER = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json")
FILES = {**dict.fromkeys(WHISPER, b"{}"), "pytorch_model.bin": b"a pickle", "README.md": b"about"}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download asks for: one repository with a Whisper in it."""

    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.asked.append(self.path)
        name = self.path.partition("?")[0].rpartition("/")[2]
        if not self.path.startswith(("/api/models/mine/whisper", "/mine/whisper/resolve")):
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"}, body=body)
        elif "/tree/" in self.path:
            files = [
                {"type": "file", "path": each, "size": len(content), "oid": each}
                for each, content in FILES.items()
            ]
            self.reply(200, json.dumps(files).encode(), {}, body=body)
        elif self.path.startswith("/api/"):
            siblings = [{"rfilename": each} for each in FILES]
            info = {"id": "mine/whisper", "sha": COMMIT, "siblings": siblings}
            self.reply(200, json.dumps(info).encode(), {}, body=body)
        else:
            headers = {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT}
            self.reply(200, FILES[name], headers, body=body)

    def reply(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *told: object) -> None:
        """Nothing."""


def point_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that nobody answers for."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    point_at("http://127.0.0.1:9", monkeypatch)
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on loopback; the paths that were asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        point_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
        Hub.asked.clear()
        yield Hub.asked
        server.shutdown()
        serving.join()


def test_a_missing_model_says_what_would_be_fetched_from_where_and_what_to_do() -> None:
    with pytest.raises(EngineMissing) as caught:
        find_model(whisper_source("small.en"))
    told = str(caught.value)
    assert "fetched from http://127.0.0.1:9/Systran/faster-whisper-small.en, about 484 MB" in told
    assert "--allow-download" in told
    assert "use the engine conformer" in told


def test_the_size_of_an_unknown_model_is_not_made_up() -> None:
    with pytest.raises(EngineMissing, match="some/one, of a size not known here"):
        find_model(ctc_source("some/one"))


def test_a_name_that_can_be_none_is_told() -> None:
    with pytest.raises(EngineMissing, match="expected a folder or OWNER/NAME"):
        find_model(ctc_source("no//where"))


def test_a_folder_is_a_model_where_it_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in WHISPER[:3]:
        (folder / name).touch()
    with pytest.raises(EngineMissing, match=r"has no vocabulary.\*"):
        find_model(whisper_source(str(folder)))
    (folder / "vocabulary.txt").touch()
    assert find_model(whisper_source(str(folder))) == folder
    assert list(catalogue.fetch([f"whisper:{folder}"])) == [f"whisper:{folder} is in {folder}"]


def test_nothing_is_asked_for_unless_it_is_allowed(hub: list[str]) -> None:
    with pytest.raises(EngineMissing):
        find_model(whisper_source("mine/whisper"))
    assert "would be fetched from" in catalogue.describe("whisper:mine/whisper")
    assert hub == []


def test_a_model_is_fetched_once_and_found_from_then_on(hub: list[str]) -> None:
    folder = fetch_model(whisper_source("mine/whisper"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(WHISPER)
    asked = len(hub)
    assert find_model(whisper_source("mine/whisper")) == folder
    assert fetch_model(whisper_source("mine/whisper")) == folder
    assert len(hub) == asked
    assert cached_models() == [("whisper", "mine/whisper")]
    assert any(line.endswith("whisper:mine/whisper  in the cache") for line in catalogue.lines())


def test_pickled_weights_are_not_even_fetched(hub: list[str]) -> None:
    with pytest.raises(EngineMissing, match=r"has no \*.safetensors \(pickled"):
        fetch_model(ctc_source("mine/whisper"))
    assert not [path for path in hub if path.endswith("pytorch_model.bin")]


def test_a_repository_that_is_not_there_is_told(hub: list[str]) -> None:
    with pytest.raises(EngineMissing, match="there is no nobody/nothing on http:"):
        fetch_model(whisper_source("nobody/nothing"))
    assert hub


def test_a_hub_that_does_not_answer_is_told() -> None:
    with pytest.raises(EngineMissing, match="cannot be fetched from http:"):
        fetch_model(whisper_source("tiny"))


def test_engines_that_bring_their_own_model_have_nothing_to_fetch() -> None:
    assert catalogue.describe("rules") == "rules brings its own model"
    assert list(catalogue.fetch(["conformer", "rules"])) == []
    assert list(catalogue.fetch(["tests.support.scripted:make_engine"])) == []
    with pytest.raises(EngineMissing, match="no captions engine 'nobody'"):
        catalogue.describe("nobody")
