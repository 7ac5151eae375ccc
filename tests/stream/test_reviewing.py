"""The review queue from a terminal, against a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import orjson
import pytest
import pytest_asyncio

from stream.adapters.tokens import Tokens
from stream.client import Server, ServerRefused
from stream.core.errors import NotAllowed
from stream.core.messages import Action, Decision, Retract, Rung, Verdict
from stream.core.records import PostJob
from stream.reviewing import Word, as_json, as_words, review
from tests.support.served import SECRET, Served, moderating, served

GATE = {"type": "gate", "channel": "chat", "budget_ms": 5_000, "author": "ann"}


def judge(job: PostJob) -> Verdict:
    action = Action.BLOCK if "bad" in job.text else Action.REVIEW
    return Verdict(
        id=job.id, channel=job.channel, action=action, reasons=("so",), rung=Rung.VERIFIED
    )


@pytest_asyncio.fixture
async def house() -> AsyncIterator[Served]:
    """One post waits, one was blocked."""
    async with served() as house, moderating(house, judge), house.speaker() as speaker:
        await speaker.ask("verdict", **GATE, id="1", text="hm\x1b[2J", post="p")
        await speaker.ask("verdict", **GATE, id="2", text="bad", post="q")
        await house.gateway.wait_written()
        yield house


def server(house: Served, token: str = "") -> Server:
    return Server(f"ws://127.0.0.1:{house.port}", token)


async def test_it_lists_what_waits_and_what_was_blocked(
    house: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    await review("chat", server(house), [], as_words)
    assert capsys.readouterr().out.splitlines() == [
        "blocked q  ann: bad (so)",
        "waits   p  ann: hm [2J (so)",
    ]
    await review("chat", server(house), [], as_json)
    found = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["type"], each["post"]) for each in found] == [("review", "q"), ("review", "p")]


async def test_it_decides_and_what_is_decided_waits_no_more(
    house: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    await review("chat", server(house), [Word("p", "allow"), Word("q", "block")], as_words)
    assert capsys.readouterr().out.splitlines() == [
        "allow   p  by anonymous",
        "block   q  by anonymous",
    ]
    await review("chat", server(house), [], as_words)
    assert capsys.readouterr().out == ""
    with pytest.raises(ServerRefused, match="decided already"):
        await review("chat", server(house), [Word("q", "allow")], as_words)


async def test_it_follows_what_others_decide(
    house: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    following = asyncio.create_task(
        review("chat", server(house), [Word("p", "allow")], as_words, follow=True)
    )
    shown = ""
    async with asyncio.timeout(20), house.speaker() as moderator:
        while "allow" not in shown:
            shown += capsys.readouterr().out
            await moderator.ask("pong", type="ping")
        decide = {"type": "decide", "channel": "chat", "post": "q", "action": "block"}
        await moderator.ask("decision", **decide)
        while "block   q" not in shown:
            shown += capsys.readouterr().out
            await moderator.ask("pong", type="ping")
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_who_is_no_moderator_is_told_so() -> None:
    token = Tokens(SECRET).make({"sub": "ann", "channels": {"chat": ["subscribe"]}})
    async with served(token_secret=SECRET) as house:
        with pytest.raises(NotAllowed, match="does not allow moderate on channel chat"):
            await review("chat", server(house, token), [], as_words)


def test_each_message_has_its_line() -> None:
    decision = Decision(channel="c", post="p", action=Action.ALLOW, by="mia\n")
    assert as_words(decision) == "allow   p  by mia "
    assert as_words(Retract(channel="c", post="p", reason="so")) == "gone    p  so"
