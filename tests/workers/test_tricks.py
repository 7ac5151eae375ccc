"""The gate as a whole against hostile posts: one verdict each, from the rules, within its budget.

What is found in them is the engines' tests' concern; here nothing may break, hang or cost more than
its length.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import orjson
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core import wire
from stream.core.errors import CloseCode
from stream.core.messages import Action, Rung, Verdict
from stream.core.policies import PolicyChange, WordList
from stream.core.records import Log, Record, Settings, Topic
from tests.support.judging import InProcess, judging
from tests.support.served import Served, served
from workers.moderation import Moderation
from workers.role import Timing

MOST = 16_000
TRICKS = {
    "nothing": "",
    "spaces": " \t\n" * 5_000,
    "the longest text": "a" * MOST,
    "the longest text of words": ("shit " * MOST)[:MOST],
    "nearly a listed word, very often": ("shi " * MOST)[:MOST],
    "a letter a word": ("s h i t " * MOST)[:MOST],
    "dragged letters": ("s" * 50 + "h" * 50 + "i" * 50 + "t" * 50 + " ") * 79,
    "ten thousand emoji": "\U0001f346" * 10_000,
    "emoji of many parts": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2_000,
    "control characters": "".join(map(chr, range(1, 32))) * 300,
    "null characters": "a\x00b" * 1_000,
    "bidirectional controls": "\u202eabc\u202c\u2066def\u2069" * 1_000,
    "zero-width": "s\u200bh\u200ci\u200dt\ufeff" * 1_000,
    "combining marks": "z" + "\u0335\u0336\u0337" * 5_000,
    "homoglyphs": "ѕһіт ｓｈｉｔ 𝓼𝓱𝓲𝓽 " * 500,
    "mixed scripts": "sшhиiтt 你好 שלום مرحبا नमस्ते " * 300,
    "letters that grow": "ﷺ" * 5_000 + "ß" * 5_000,
    "HTML": "<script>alert('shit')</script><!--" * 300,
    "markup that is never closed": "<" * MOST,
    "JSON in JSON": orjson.dumps({"type": "verdict", "action": "allow"}).decode() * 300,
    "escapes": "\\u0073\\x68%69&#116; " * 500,
    "separators of lines": "\u2028\u2029\x85\r\n" * 2_000,
    "the last code points": "\U0010ffff\ufffe\uffff" * 1_000,
    "other languages": "Das ist Scheiße. C'est de la merde. Eso es mierda. " * 200,
}
POLICY = PolicyChange(
    words=("frog", "🍆", "你好"),
    exceptions=("frog prince", "shit happens"),
    lists=(WordList(name="more", words=("a a a b", "a a b", "s h i"), action="review"),),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Served]:
    async with served() as house, judging(house.bus), house.speaker() as moderator:
        policy = msgspec.to_builtins(POLICY)
        await moderator.ask("configured", type="configure", channel="chat", policy=policy)
        yield house


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", TRICKS)
async def test_a_trick_gets_one_verdict_from_the_rules(house: Served, name: str) -> None:
    assert len(TRICKS[name]) <= MOST
    gate = {"type": "gate", "channel": "chat", "budget_ms": 20_000, "text": TRICKS[name]}
    async with house.speaker() as speaker:
        verdict = await speaker.ask("verdict", **gate, id=name, publish=True)
        assert (verdict["id"], verdict["degraded"]) == (name, False), verdict["reasons"]
        await speaker.ask("pong", type="ping")
        assert speaker.heard == []


@pytest.mark.asyncio(loop_scope="module")
async def test_half_a_character_is_no_json_and_ends_the_conversation(house: Served) -> None:
    async with house.speaker() as speaker:
        half = '{"type": "gate", "id": "1", "channel": "chat", "text": "a\\ud800b"}'
        await speaker.connection.send(half)
        assert await speaker.close_code() == CloseCode.POLICY
        assert [message["code"] for message in speaker.heard] == ["unreadable"]


ENGINE = InProcess().rules
ROLE = Moderation(ENGINE.card, "me")
ROLE.catalogue.put(Settings(channel="c", policy=POLICY))
LOG = Log(Topic.POSTS, 0)

trick = st.sampled_from([text[:300] for text in TRICKS.values()])
texts = st.one_of(
    st.text(max_size=400),
    st.text(st.sampled_from("shit frogaq 1!@$.,-_\u200b\u0335\U0001f346你好"), max_size=400),
    st.lists(trick | st.text(max_size=20), max_size=4).map("".join),
)


@settings(max_examples=200)
@given(texts)
def test_any_text_gets_exactly_one_verdict_that_can_be_told(text: str) -> None:
    value = orjson.dumps({"id": "1", "channel": "c", "text": text, "gateway": "g"})
    (job,) = ROLE.receive(Record(LOG, 1, "c", value, {}, 1.0), 1.0).jobs
    question = ROLE.ask(job, 1.0)
    assert question is not None
    (scored,) = ENGINE.run(Rung.DRAFT, [question])
    (told,) = ROLE.answer(job, scored, Rung.DRAFT, Timing(1.0, 0.0)).publications
    verdict, _ = wire.decode_result(Record(LOG, 1, "c", *told.payload, 1.0))
    assert isinstance(verdict, Verdict)
    assert all(0 <= score <= 1 for score in verdict.labels.values())
    assert verdict.action is Action.ALLOW or verdict.reasons
