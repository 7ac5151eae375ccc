"""The review queue from a terminal: what waits on a running server, and a moderator's word."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from stream.client import Client, Server, connected
from stream.core import wire
from stream.core.errors import NotAllowed
from stream.core.messages import Action, Decision, Message, Pong, Retract, Review, Subscribed
from stream.core.requests import Decide, Ping, Subscribe
from stream.running import printable

Show = Callable[[Message], str]


class Word(NamedTuple):
    """What is to become of a post."""

    post: str
    action: Literal["allow", "block"]


async def review(
    channel: str, server: Server, words: Iterable[Word], show: Show, *, follow: bool = False
) -> None:
    """Decide, or, without a word, list what waits and what was blocked; then, to `follow`, go on.

    Raises NotAllowed where the token is no moderator's, ServerRefused for what cannot be decided.
    """
    async with connected(server) as client:
        await client.send(Subscribe(id="review", channel=channel, kinds=("reviews",)))
        if not (await client.expect(Subscribed, "review")).moderator:
            raise NotAllowed(f"token does not allow moderate on channel {channel}")
        given = list(words)
        for number, word in enumerate(given):
            request = Decide(
                id=f"decide-{number}", channel=channel, post=word.post, action=word.action
            )
            await client.send(request)
            _write(show(await client.expect(Decision, request.id)))
        if not given:
            await _list(client, show)
        while follow:
            message = await client.receive()
            if isinstance(message, Review | Decision | Retract):
                _write(show(message))


async def _list(client: Client, show: Show) -> None:
    """The queue comes before the answer to a ping that was sent after the subscription."""
    await client.send(Ping(id="listed"))
    for _ in itertools.count():
        message = await client.receive()
        if isinstance(message, Pong):
            return
        if isinstance(message, Review):
            _write(show(message))


def as_json(message: Message) -> str:
    """The protocol's object on one line."""
    return wire.encode_message(message).decode()


def as_words(message: Message) -> str:
    """For a person; one line, whatever a stranger has written."""
    match message:
        case Review():
            state = "blocked" if message.action is Action.BLOCK else "waits  "
            why = f" ({'; '.join(message.reasons)})" if message.reasons else ""
            told = f"{state} {message.post}  {message.author or 'anonymous'}: {message.text}{why}"
        case Decision():
            told = f"{message.action:<7} {message.post}  by {message.by or 'nobody'}"
        case Retract():
            told = f"gone    {message.post}  {message.reason}"
        case _:
            told = ""
    return printable(told)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
