"""A gateway on real sockets: what clients say, hear, and how it ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.adapters.tokens import Tokens
from stream.config import BadSettings, Config
from stream.core import wire
from stream.core.errors import NotAllowed
from stream.core.messages import Action, Caption, Rung, Translation, Verdict
from stream.core.records import Failure, Log, PostJob, Progress, Settings, Topic
from stream.serving import serving
from tests.support.served import PARTITIONS, SECRET, Served, moderating, served


@pytest.fixture
async def house() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


def caption(text: str, *, final: bool = False, revision: int = 1) -> Caption:
    return Caption(
        channel="demo",
        segment="e-0",
        revision=revision,
        text=text,
        stable=0,
        final=final,
        start=0.0,
        end=1.0,
        audio_end=1.0,
        budget_ms=200,
    )


def judge(job: PostJob) -> Verdict:
    action = Action.BLOCK if "bad" in job.text else Action.ALLOW
    labels = {"toxic": 0.95 if "bad" in job.text else 0.05}
    return Verdict(id=job.id, channel=job.channel, action=action, labels=labels, rung=Rung.VERIFIED)


def hold(job: PostJob) -> Verdict:
    return Verdict(id=job.id, channel=job.channel, action=Action.REVIEW, rung=Rung.DRAFT)


def token(**channels: list[str]) -> str:
    return Tokens(SECRET).make({"sub": "tester", "channels": channels})


async def test_captions_reach_a_subscriber(house: Served) -> None:
    async with house.speaker() as speaker:
        answer = await speaker.ask("subscribed", type="subscribe", channel="demo", id="s")
        assert (answer["id"], answer["recovered"]) == ("s", True)
        await house.write(Topic.PARTIALS, "demo", caption("hel"))
        assert (await speaker.hear("caption"))["text"] == "hel"
        await house.write(Topic.CAPTIONS, "demo", caption("hello", final=True, revision=2))
        final = await speaker.hear("caption")
        assert final["final"]
        assert final["cursor"]
    async with house.speaker() as again:
        since = answer["cursor"]
        await again.ask("subscribed", type="subscribe", channel="demo", since=since)
        assert (await again.hear("caption"))["text"] == "hello"


async def test_who_resumes_after_a_restart_misses_nothing() -> None:
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    async with served(bus) as house, house.speaker() as speaker:
        answer = await speaker.ask("subscribed", type="subscribe", channel="demo")
        await house.write(Topic.CAPTIONS, "demo", caption("hello", final=True))
    async with served(bus) as house, house.speaker() as speaker:
        since = answer["cursor"]
        again = await speaker.ask("subscribed", type="subscribe", channel="demo", since=since)
        assert again["recovered"]
        assert (await speaker.hear("caption"))["text"] == "hello"
    await bus.close()


async def test_unsubscribed_means_silence(house: Served) -> None:
    async with house.speaker() as speaker:
        await speaker.ask("subscribed", type="subscribe", channel="demo")
        await speaker.ask("unsubscribed", type="unsubscribe", channel="demo", id="u")
        await house.write(Topic.CAPTIONS, "demo", caption("hello", final=True))
        await speaker.ask("pong", type="ping")
        assert speaker.heard == []


async def test_audio_of_any_rate_becomes_records_of_16_khz(house: Served) -> None:
    async with house.speaker() as speaker:
        opened = await speaker.ask(
            "opened", type="open", channel="demo", sample_rate=48_000, budget_ms=150, id="o"
        )
        for _ in range(10):
            await speaker.connection.send(bytes(4_800))
        await speaker.say(type="close", channel="demo", id="c")
        chunks = [wire.decode_audio(record) for record in await house.read(Topic.AUDIO, 11)]
        assert {chunk.epoch for chunk in chunks} == {opened["epoch"]}
        assert chunks[-1].last
        assert abs(sum(len(chunk.pcm) // 2 for chunk in chunks) - 8_000) < 100
        assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)
        assert all(chunk.budget_ms == 150 for chunk in chunks)


async def test_closed_comes_after_the_last_final(house: Served) -> None:
    async with house.speaker() as speaker:
        await speaker.ask("subscribed", type="subscribe", channel="demo")
        opened = await speaker.ask("opened", type="open", channel="demo")
        await speaker.connection.send(bytes(3_200))
        await speaker.say(type="close", channel="demo", id="c")
        await house.read(Topic.AUDIO, 2)
        over = Progress(channel="demo", epoch=opened["epoch"], audio_end=0.1, over=True)
        await house.write(Topic.CAPTIONS, "demo", caption("bye", final=True))
        await house.write(Topic.PARTIALS, "demo", over)
        assert (await speaker.hear("closed"))["id"] == "c"
        assert [message["type"] for message in speaker.heard] == ["caption"]


async def test_without_a_worker_closed_says_what_is_missing() -> None:
    async with served(closing_s=0.1) as house, house.speaker() as speaker:
        await speaker.ask("opened", type="open", channel="demo")
        await speaker.ask("closed", type="close", channel="demo", id="c")
        (error,) = speaker.heard
        assert (error["id"], error["code"]) == ("c", "unavailable")
        assert "no captions worker" in error["message"]


async def test_a_publisher_that_vanishes_ends_its_audio(house: Served) -> None:
    async with house.speaker() as speaker:
        await speaker.ask("opened", type="open", channel="demo")
        await speaker.connection.send(bytes(3_200))
        await house.read(Topic.AUDIO, 1)
        speaker.connection.transport.abort()
        last = wire.decode_audio((await house.read(Topic.AUDIO, 2))[-1])
        assert last.last


async def test_a_publisher_is_held_to_the_pace_of_speech() -> None:
    async with served(publish_ahead_s=0.5) as house, house.speaker() as speaker:
        await speaker.ask("opened", type="open", channel="demo")
        began = time.monotonic()
        for _ in range(10):
            await speaker.connection.send(bytes(3_200))
        await speaker.ask("pong", type="ping")
        assert time.monotonic() - began >= 0.4
        assert len(await house.read(Topic.AUDIO, 10)) == 10


async def test_a_post_is_judged_and_shown(house: Served) -> None:
    async with moderating(house, judge), house.speaker() as speaker:
        await speaker.ask("subscribed", type="subscribe", channel="chat")
        gate = {"type": "gate", "channel": "chat", "publish": True, "budget_ms": 5_000}
        good = await speaker.ask("verdict", **gate, id="1", text="hello", author="ann", post="p")
        assert (good["id"], good["action"], good["degraded"]) == ("1", "allow", False)
        post = await speaker.hear("post")
        assert (post["post"], post["author"], post["text"]) == ("p", "ann", "hello")
        bad = await speaker.ask("verdict", **gate, id="2", text="bad")
        assert (bad["action"], bad["labels"]) == ("block", {"toxic": 0.95})
        told = await speaker.hear("review")
        assert (told["action"], told["text"]) == ("block", "bad")
        again = await speaker.ask("verdict", **gate, id="3", text="hello", post="p")
        assert again["action"] == "allow"
        error = await speaker.ask("error", **gate, id="4", text="other", post="p")
        assert (error["id"], error["code"]) == ("4", "refused")
        await speaker.ask("pong", type="ping")
        assert speaker.heard == []


async def test_without_workers_the_channels_policy_answers(house: Served) -> None:
    async with house.speaker() as speaker:
        policy = {"late": "block"}
        await speaker.ask("configured", type="configure", channel="chat", policy=policy, id="c")
        verdict = await speaker.ask(
            "verdict", type="gate", channel="chat", id="1", text="hello", budget_ms=50
        )
        assert (verdict["action"], verdict["degraded"]) == ("block", True)
        assert verdict["rung"] == "repeat"
        (record,) = await house.read(Topic.POLICIES, 1)
        stands = wire.decode_settings(record)
        assert isinstance(stands, Settings)
        assert stands.policy.late == "block"


async def test_a_moderator_decides_on_another_gateway() -> None:
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    async with (
        served(bus) as here,
        served(bus) as there,
        here.speaker() as asker,
        there.speaker() as moderator,
        moderating(here, hold),
    ):
        await moderator.ask("subscribed", type="subscribe", channel="chat")
        gate = {"type": "gate", "channel": "chat", "publish": True, "budget_ms": 5_000}
        held = await asker.ask("verdict", **gate, id="g", text="hm", author="ann", post="p")
        assert held["action"] == "review"
        review = await moderator.hear("review")
        assert (review["post"], review["text"]) == ("p", "hm")
        decide = {"type": "decide", "channel": "chat", "post": "p", "action": "allow"}
        decision = await moderator.ask("decision", **decide, id="d")
        assert (decision["action"], decision["by"]) == ("allow", "anonymous")
        assert (await asker.hear("decision"))["id"] == "g"
        assert (await moderator.hear("post"))["text"] == "hm"
        error = await moderator.ask("error", **decide, id="e")
        assert "decided already" in error["message"]
    await bus.close()


async def test_a_moderator_who_comes_later_is_told_what_waits_and_what_was_blocked(
    house: Served,
) -> None:
    def grave(job: PostJob) -> Verdict | None:
        return judge(job) if job.text == "bad" else hold(job)

    gate = {"type": "gate", "channel": "chat", "budget_ms": 5_000}
    async with moderating(house, grave), house.speaker() as speaker:
        await speaker.ask("verdict", **gate, id="1", text="hm", post="p")
        await speaker.ask("verdict", **gate, id="2", text="bad", post="q")
        await house.gateway.wait_written()
    async with house.speaker() as moderator:
        answer = await moderator.ask("subscribed", type="subscribe", channel="chat")
        assert answer["moderator"]
        await moderator.ask("pong", type="ping")
        told = [(each["post"], each["action"]) for each in moderator.heard]
        assert told == [("q", "block"), ("p", "review")]


async def test_a_block_takes_back_what_was_shown(house: Served) -> None:
    decide = {"type": "decide", "channel": "chat", "post": "p", "action": "block"}
    async with moderating(house, judge), house.speaker() as reader, house.speaker() as moderator:
        await reader.ask("subscribed", type="subscribe", channel="chat", kinds=["posts"])
        gate = {"type": "gate", "channel": "chat", "publish": True, "budget_ms": 5_000}
        await reader.ask("verdict", **gate, id="1", text="hello", post="p")
        assert (await reader.hear("post"))["post"] == "p"
        decision = await moderator.ask("decision", **decide, id="d")
        assert (decision["id"], decision["action"]) == ("d", "block")
        assert (await reader.hear("retract"))["post"] == "p"


async def test_a_translation_without_a_worker_names_what_is_missing(house: Served) -> None:
    async with house.speaker() as speaker:
        error = await speaker.ask(
            "error", type="translate", id="t", text="hi", target="de", budget_ms=50
        )
        assert (error["id"], error["code"]) == ("t", "unavailable")
        assert "no translation worker answered within 50 ms" in error["message"]


async def test_a_translation_worker_answers_or_says_why_not(house: Served) -> None:
    async with house.speaker() as speaker:
        ask = {"type": "translate", "text": "hi", "target": "de", "budget_ms": 10_000}
        await speaker.say(**ask, id="1")
        await speaker.say(**ask, id="2")
        jobs = [wire.decode_text(record) for record in await house.read(Topic.TEXTS, 2)]
        done = Translation(
            id=jobs[0].id, text="hallo", language="de", rung=Rung.DRAFT, budget_ms=10_000
        )
        missing = Failure(id=jobs[1].id, code="engine_missing", message="no engine for de")
        await house.write(Topic.TRANSLATIONS, jobs[0].channel, done, to=jobs[0].gateway)
        await house.write(Topic.TRANSLATIONS, jobs[1].channel, missing, to=jobs[1].gateway)
        assert {(await speaker.hear("translation"))["text"]} == {"hallo"}
        error = await speaker.hear("error")
        assert (error["code"], error["message"]) == ("engine_missing", "no engine for de")


@pytest.mark.parametrize(
    ("frame", "told", "code"),
    [
        ("{", "unreadable", 1008),
        ("[1]", "unreadable", 1008),
        (b"\0\0", "unreadable", 1008),
        ("x" * 70_000, "too_big", 1009),
        ('{"type": "ping", "id": "' + "x" * 129 + '"}', "malformed", None),
        ('{"type": "sing"}', "malformed", None),
        ('{"type": "subscribe", "channel": "demo", "since": "nonsense"}', "malformed", None),
        ('{"type": "close", "channel": "demo"}', "refused", None),
        ('{"type": "open", "channel": "d", "encoding": "mp3"}', "malformed", None),
    ],
)
async def test_bad_input_is_told_and_harms_nobody(
    house: Served, frame: str | bytes, told: str, code: int | None
) -> None:
    async with house.speaker() as bystander, house.speaker() as speaker:
        await bystander.ask("subscribed", type="subscribe", channel="demo")
        await speaker.connection.send(frame)
        assert (await speaker.hear("error"))["code"] == told
        if code is None:
            await speaker.ask("pong", type="ping")
        else:
            assert await speaker.close_code() == code
        await house.write(Topic.CAPTIONS, "demo", caption("hello", final=True))
        assert (await bystander.hear("caption"))["text"] == "hello"


async def test_nothing_accepted_before_bad_input_is_lost(house: Served) -> None:
    async with house.speaker() as speaker:
        await speaker.ask("opened", type="open", channel="demo")
        await speaker.connection.send(bytes(3_200))
        await speaker.connection.send(bytes(3))
        error = await speaker.hear("error")
        assert error["message"] == "chunk is 3 bytes, expected an even number above 0"
        await speaker.connection.send(bytes(3_200))
        await speaker.connection.send("{")
        assert await speaker.close_code() == 1008
        chunks = [wire.decode_audio(record) for record in await house.read(Topic.AUDIO, 3)]
        assert sum(len(chunk.pcm) for chunk in chunks) == 6_400
        assert chunks[-1].last


async def test_a_token_comes_in_three_ways() -> None:
    async with served(token_secret=SECRET) as house:
        bearer = token(demo=["subscribe"])
        ways: list[dict[str, Any]] = [
            {"additional_headers": {"Authorization": f"Bearer {bearer}"}},
            {"subprotocols": ["ontime.v1", f"bearer.{bearer}"]},
            {"token": bearer},
        ]
        for way in ways:
            async with house.speaker(**way) as speaker:
                await speaker.ask("subscribed", type="subscribe", channel="demo")
                error = await speaker.ask("error", type="subscribe", channel="secret")
                assert error["code"] == "not_allowed"
                if "subprotocols" in way:
                    assert speaker.connection.subprotocol == "ontime.v1"


@pytest.mark.parametrize("bearer", ["", "nonsense", Tokens("x" * 32).make({"sub": "other"})])
async def test_no_valid_token_no_conversation(bearer: str) -> None:
    async with served(token_secret=SECRET) as house, house.speaker(bearer) as speaker:
        assert await speaker.close_code() == 4001
        assert speaker.connection.close_reason is not None
        assert not bearer or bearer not in speaker.connection.close_reason


async def test_a_token_that_expires_ends_a_live_connection() -> None:
    claims = {"exp": int(time.time()) + 2, "channels": {"*": ["subscribe"]}}
    bearer = Tokens(SECRET).make(claims)
    async with served(token_secret=SECRET) as house, house.speaker(bearer) as speaker:
        await speaker.ask("subscribed", type="subscribe", channel="demo")
        assert await speaker.close_code() == 4001
        assert speaker.connection.close_reason == "token has expired"


async def test_without_a_secret_only_loopback_is_served() -> None:
    bus, clock = MemoryBus(AnchoredClock(), "here"), AnchoredClock()
    for name in ("host", "http_host"):
        given: dict[str, Any] = {"port": 0, "http_port": 0, name: "0.0.0.0"}
        config = Config.load(**given)
        with pytest.raises(NotAllowed, match=r"no secret .* expected a loopback address"):
            async with serving(config, bus, clock):
                pass
    await bus.close()


async def test_a_taken_port_is_told_and_the_other_given_back() -> None:
    async with served() as house:
        bus, clock = MemoryBus(AnchoredClock(), "there"), AnchoredClock()
        config = Config.load(port=house.port, http_port=0)
        with pytest.raises(BadSettings, match=r"port .* cannot be used: .*address already in use"):
            async with serving(config, bus, clock):
                pass
        await bus.close()


async def test_a_start_that_is_broken_off_ends_at_once() -> None:
    """While the bus does not tell where its logs end, a gateway is not ready."""
    bus = EndlessBus(AnchoredClock(), "here", partitions=PARTITIONS)
    starting = asyncio.create_task(start_and_stop(bus))
    await bus.asked.wait()
    starting.cancel()
    async with asyncio.timeout(4):  # less than the time to drain, which nobody needs
        with pytest.raises(asyncio.CancelledError):
            await starting
    await bus.close()


class EndlessBus(MemoryBus):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = asyncio.Event()

    async def ends(self, logs: Iterable[Log]) -> dict[Log, int]:
        self.asked.set()
        await asyncio.Event().wait()
        return {}


async def start_and_stop(bus: MemoryBus) -> None:
    async with served(bus):
        pass


async def test_gateways_may_share_their_ports() -> None:
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    async with served(bus, share_ports=True) as one:
        ports = {"port": one.port, "http_port": one.http_port}
        config = Config.load(share_ports=True, **ports)  # type: ignore[arg-type]
        async with serving(config, bus, AnchoredClock()) as other:
            assert (other.port, other.http_port) == (one.port, one.http_port)
    await bus.close()


async def test_a_certificate_that_cannot_be_read_is_named() -> None:
    bus, clock = MemoryBus(AnchoredClock(), "there"), AnchoredClock()
    config = Config.load(port=0, http_port=0, tls_cert="nothing.pem")
    with pytest.raises(BadSettings, match=r"certificate nothing.pem cannot be used: no such file"):
        async with serving(config, bus, clock):
            pass
    await bus.close()


async def test_stopping_tells_peers_and_keeps_what_was_accepted() -> None:
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    async with served(bus) as house:
        speaker_context = house.speaker()
        speaker = await speaker_context.__aenter__()
        await speaker.ask("opened", type="open", channel="demo")
        await speaker.connection.send(bytes(3_200))
        await speaker.ask("pong", type="ping")
        listener = asyncio.create_task(speaker.close_code())
    assert await listener == 1012
    chunks = [wire.decode_audio(record) for record in await house.read(Topic.AUDIO, 2)]
    assert chunks[-1].last
    await bus.close()


async def test_a_cancelled_server_stops_in_order() -> None:
    """Ctrl-C cancels the main task: peers are told all the same."""
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    up: asyncio.Future[Served] = asyncio.get_running_loop().create_future()

    async def main() -> None:
        async with served(bus) as house:
            up.set_result(house)
            await asyncio.Event().wait()

    running = asyncio.create_task(main())
    async with (await up).speaker() as speaker:
        await speaker.ask("pong", type="ping")
        running.cancel()
        assert await speaker.close_code() == 1012
    with pytest.raises(asyncio.CancelledError):
        await running
    await bus.close()
