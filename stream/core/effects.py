"""What answering a question leads to, as values for a shell to carry out."""

from __future__ import annotations

from typing import NamedTuple

from stream.core.messages import Decision, Message, Post, Retract, Review
from stream.core.records import PostJob

Asker = object
"""Whoever waits for an answer; only the shell knows how to tell it."""


class Tell(NamedTuple):
    """Answer whoever asked."""

    asker: Asker
    message: Message


class Judge(NamedTuple):
    """Ask the moderation workers."""

    job: PostJob


class Announce(NamedTuple):
    """Write an event to its channel's log.

    It stems from input that arrived at `arrived` with a budget; `publish` of a review says that the
    post is to be shown once it is allowed.
    """

    event: Post | Review | Retract | Decision
    arrived: float
    budget_ms: int
    publish: bool = False


class Await(NamedTuple):
    """Whoever asked under `id` is to be told what a moderator decides on the post."""

    asker: Asker
    channel: str
    post: str
    id: str


Effect = Tell | Judge | Announce | Await
