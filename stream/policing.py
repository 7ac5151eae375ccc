"""The policy file: read at the start, watched, and laid down for all in the `policies` log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import structlog

from stream.configuring import Configurator
from stream.core.errors import BusError, OntimeError
from stream.core.policies import Book, Policy
from stream.core.policyfile import BadPolicy, read_book
from stream.core.settings import ChannelSettings

LOOK_S = 1.0
RETRY_S = 0.5

logger = structlog.get_logger(__name__)


class BadFile(OntimeError):
    """The policy file cannot be read, or has a mistake; the reason names file and line."""

    code = "bad_policy"
    status = 400


class _Stamp(NamedTuple):
    """By which a changed file is known, also one that was put in another's place."""

    modified_ns: int
    size: int
    inode: int


class PolicyFile:
    """A mistake in a changed file is refused with its line, and the old rules stay.

    Raises BadFile where the file has a mistake at the start: then there are no old rules.
    """

    def __init__(self, path: Path, configurator: Configurator) -> None:
        self.loaded = 0
        self.refused = 0
        self.laid_down = asyncio.Event()
        self._path = path
        self._configurator = configurator
        self._stamp: _Stamp | None = _stamp_of(path)
        self._waiting: Book | None = read_policy(path)

    async def run(self) -> None:
        """Until cancelled; looks once a second, as editors and mounts tell of changes in too many
        different ways.
        """
        while True:
            done = await self.lay_down()
            await asyncio.sleep(LOOK_S if done else RETRY_S)
            await self.look()

    async def lay_down(self) -> bool:
        """Write the newest rules if there are any to write; False where the bus is away."""
        if self._waiting is None:
            return True
        book = self._waiting
        try:
            await self._configurator.lay_down(book)
        except BusError as error:
            logger.warning("policy waits for the bus", error=str(error))
            return False
        self.loaded += 1
        self._waiting = None
        self.laid_down.set()
        logger.info("policy holds", path=str(self._path), channels=len(book.entries))
        return True

    async def look(self) -> bool:
        """Read the file again if it has changed; True where there are new rules to lay down."""
        stamp = _stamp_of(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._waiting = await asyncio.to_thread(read_policy, self._path)
        except BadFile as error:
            self.refused += 1
            logger.error("policy refused, the old one stays", error=str(error))
            return False
        return True

    def statistics(self) -> dict[str, float]:
        return {"loaded": self.loaded, "refused": self.refused}


def read_policy(path: Path) -> Book:
    """Raises BadFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"policy file {path} cannot be read: {_reason(error)}") from error
    try:
        return read_book(text)
    except BadPolicy as error:
        raise BadFile(f"{path}, {error}") from error


def policy_of(path: str, channel: str) -> Policy:
    """What a policy file ("": none) says of a channel. Raises BadFile."""
    settings = ChannelSettings()
    if path:
        settings.put(read_policy(Path(path)))
    return settings.of(channel).policy


def _stamp_of(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unknown").lower() if isinstance(error, OSError) else str(error)
