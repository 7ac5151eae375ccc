"""Who may come in, and that nobody listens: tokens and TLS on a running `ontime up`."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from stream.adapters.tokens import Tokens
from stream.client import trust_only
from tests.end_to_end.commands import Command, ontime, ports_of, run, up
from tests.end_to_end.speaking import hear_finals, publish, speaker
from tests.support.served import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", names]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(certificate: tuple[Path, Path]) -> AsyncIterator[Command]:
    """With a secret for tokens and with TLS; the demo finds its own way in."""
    cert, key = certificate
    tls = ("--tls-cert", str(cert), "--tls-key", str(key))
    async with up("--demo", *tls, ONTIME_TOKEN_SECRET=SECRET) as command:
        yield command


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return trust_only(str(certificate[0]))


def token_of(*rights: str, channel: str = "studio-*", seconds: float = 600) -> str:
    claims = {"sub": "ann", "exp": int(time.time() + seconds), "channels": {channel: list(rights)}}
    return Tokens(SECRET).make(claims)


async def test_both_ports_speak_tls(guarded: Command, trust: ssl.SSLContext) -> None:
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        for port in await ports_of(guarded):
            answer = await http.get(f"https://localhost:{port}/healthz")
            assert answer.status_code == 200
    assert "https://" in guarded.words


async def test_the_demo_comes_in_by_its_own_token_and_certificate(
    guarded: Command, trust: ssl.SSLContext
) -> None:
    port, _ = await ports_of(guarded)
    async with speaker(port, token_of("subscribe", channel="demo"), trust) as peer:
        await peer.ask("subscribed", type="subscribe", channel="demo")
        assert (await peer.hear("caption"))["channel"] == "demo"
        assert (await peer.hear("post"))["author"]


async def test_a_publisher_publishes_on_its_channels_only(
    guarded: Command, trust: ssl.SSLContext
) -> None:
    port, _ = await ports_of(guarded)
    async with speaker(port, token_of("publish", "subscribe"), trust) as peer:
        error = await peer.ask("error", type="open", channel="news", id="o")
        assert (error["id"], error["code"]) == ("o", "not_allowed")
        assert error["message"] == "token does not allow publish on channel news"
        error = await peer.ask("error", type="gate", channel="studio-1", text="hello", id="g")
        assert error["code"] == "not_allowed"
        await peer.ask("subscribed", type="subscribe", channel="studio-1")
        await peer.ask("opened", type="open", channel="studio-1", budget_ms=60_000)
        await publish(peer, 3.4)  # a segment, and enough behind it for another run
        (final,) = await hear_finals(peer, 1)
        assert final["channel"] == "studio-1"


@pytest.mark.parametrize("token", ["", "nonsense", Tokens("x" * 32).make({"sub": "other"})])
async def test_without_a_valid_token_nobody_comes_in(
    guarded: Command, trust: ssl.SSLContext, token: str
) -> None:
    port, _ = await ports_of(guarded)
    async with speaker(port, token, trust) as peer:
        assert await peer.close_code() == 4001
    assert not token or token not in guarded.words


async def test_a_token_that_expires_ends_the_connection(
    guarded: Command, trust: ssl.SSLContext
) -> None:
    port, _ = await ports_of(guarded)
    async with speaker(port, token_of("subscribe", seconds=2), trust) as peer:
        await peer.ask("subscribed", type="subscribe", channel="studio-1")
        assert await peer.close_code() == 4001
        assert peer.connection.close_reason == "token has expired"


async def test_the_commands_come_in_as_everybody_else(
    guarded: Command, certificate: tuple[Path, Path]
) -> None:
    """`ontime token` makes it, ONTIME_TOKEN carries it, the system's trust is asked."""
    port, _ = await ports_of(guarded)
    making = ("token", "--subject", "ann", "--right", "subscribe", "--channel", "demo")
    status, token, _ = await run(*making, ONTIME_TOKEN_SECRET=SECRET)
    assert status == 0
    trusted = str(certificate[0])
    watching = ("watch", "demo", "--url", f"wss://localhost:{port}")
    async with ontime(*watching, ONTIME_TOKEN=token.strip(), SSL_CERT_FILE=trusted) as command:
        assert command.process.stdout is not None
        line = (await command.process.stdout.readline()).decode()
        assert line.strip()
    status, _, told = await run(*watching, SSL_CERT_FILE=trusted)
    assert (status, told.count("\n")) == (1, 1)
    assert "4001 no token came" in told
