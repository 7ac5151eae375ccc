"""Answers for scripts, as a script asks for them."""

from __future__ import annotations

from signal import SIGINT

import orjson
import pytest

from tests.end_to_end import engines
from tests.end_to_end.commands import ontime

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_an_answer_comes_as_soon_as_its_line_is_there() -> None:
    async with ontime("gate", "--json", "-", "--engine", engines.MODERATION) as command:
        pipe, output = command.process.stdin, command.process.stdout
        assert pipe is not None
        assert output is not None
        for text, action in [(b"hello\n", "allow"), (b"bad\n", "block")]:
            pipe.write(text)
            assert orjson.loads(await output.readline())["action"] == action
        assert await command.end(SIGINT) == 130
        assert command.words == ""
