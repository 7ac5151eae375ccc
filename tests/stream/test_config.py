"""Settings: where they come from, and that nothing unknown is passed over."""

from pathlib import Path

import pytest

from stream.config import BadSettings, Config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ontime.toml"
    path.write_text('port = 5000\nhttp_port = 5001\norigins = ["https://a.example"]\n')
    return path


def test_the_defaults_are_for_this_machine() -> None:
    config = Config.load()
    assert (config.host, config.port) == ("127.0.0.1", 8765)
    assert (config.http_host, config.http_port) == ("127.0.0.1", 8766)


def test_the_environment_stands_over_the_file_and_the_command_line_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONTIME_PORT", "6000")
    config = Config.load(file)
    assert (config.port, config.http_port) == (6000, 5001)
    assert config.origins == {"https://a.example"}
    assert Config.load(file, port=7000).port == 7000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "setting prot"),
        ("port = 70000", "setting port"),
        ('port = "many"', "setting port"),
        ("connections = 0", "setting connections: expected `int` >= 1"),
        ("token_secret = 5", "setting token_secret: expected secret, got int"),
        ("origins = 'https://a.example'", "setting origins: expected `array`, got `str`"),
        ("port = ", "invalid"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "ontime.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match=told):
        Config.load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="is no file"):
        Config.load(tmp_path / "nothing.toml")


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONTIME_PROT", "1")
    with pytest.raises(BadSettings, match="environment has ONTIME_PROT"):
        Config.load()


def test_the_environment_says_numbers_switches_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONTIME_HISTORY_S", "1.5")
    monkeypatch.setenv("ONTIME_SHARE_PORTS", "true")
    monkeypatch.setenv("ONTIME_ORIGINS", '["https://a.example"]')
    config = Config.load()
    assert (config.history_s, config.share_ports) == (1.5, True)
    assert config.origins == {"https://a.example"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("ONTIME_PORT", "many", "setting port: expected `int`, got `str`"),
        ("ONTIME_SHARE_PORTS", "perhaps", "setting share_ports: expected `bool`, got `str`"),
        ("ONTIME_ORIGINS", "https://a.example", "setting origins: .* is no list in JSON"),
    ],
)
def test_a_bad_variable_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, told: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(BadSettings, match=told):
        Config.load()


def test_variables_of_clients_and_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONTIME_TOKEN", "ONTIME_URL", "ONTIME_TEST_KAFKA"):
        monkeypatch.setenv(name, "x")
    Config.load()


def test_settings_stand_and_keep_the_secret() -> None:
    config = Config.load(token_secret="s" * 32)
    with pytest.raises(AttributeError):
        config.port = 1  # type: ignore[misc]
    assert "sss" not in repr(config)
